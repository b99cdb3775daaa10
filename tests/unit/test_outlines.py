"""An extra over a program's own BTF: types that it has once are known by name and size.

Whatever a program's types are like, the extra is the same as one for which every definition was
read and compared; but of what a base has once, nothing more than name and size is looked at.
"""

import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import dwarfless
from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble
from build.program import DATA, program
from dwarfless import TypeGraph
from dwarfless.encoder import encode_elf
from dwarfless.graph.match import OUTLINED
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.report import Report
from dwarfless.graph.rules import parse_only
from oracle.bisimulation import JointGraph
from oracle.btf_reader import parse
from peers.alike import variables

OUTLINES = EncodeOptions(only=parse_only("vars"), same_dwarf=True)
COMPARE = EncodeOptions(only=parse_only("vars"))

HEADER = """
struct list { struct list *next, *prev; };
struct open;
enum state { IDLE, BUSY };
enum wide { WIDE = 1l << 40 };
union any { int i; void *p; };
typedef struct { int counter; } atomic;
typedef int (*handler)(struct list *, enum state, union any);
struct task { struct list list; enum state state; atomic users; union any any[2]; handler run; };
struct only_declared;
extern struct task idle;
extern int declared_here;
"""
FIRST = """
struct own { char name[8]; };
struct task idle;
static struct own mine[3];
struct open { int defined_in_one; };
struct open opened;
enum state now = BUSY;
const volatile struct task *const volatile watched;
int declared_here = 1;
void *nothing;
int use(void) { static struct { short hidden; } local; return local.hidden + mine[0].name[0]; }
"""
SECOND = """
struct own { long number; };
static struct own mine;
struct open *pointer;
struct only_declared *never;
handler table[2][3] = { 0 };
static handler *const rows[4];
enum wide wide = WIDE;
atomic counter;
struct { struct task *task; union any any; struct { int deep; }; } nameless;
int (*returns)(struct open *, ...);
int use2(void) {
    struct own { char inner; }; static struct own inner; static struct list head;
    return inner.inner + mine.number + (head.next != 0) + (rows[0] != 0);
}
"""
SOURCES = {"one.c": HEADER + FIRST, "two.c": HEADER + SECOND}


def linked(sources: dict[str, str], path: Path, *options: str) -> Path:
    """Return a program of these sources, with DWARF."""
    names = []
    for name, text in sources.items():
        (path.parent / name).write_text(text)
        names.append(path.parent / name)
    command = ["gcc", "-g", "-O0", "-shared", "-fPIC", "-nostdlib", *options, *names, "-o", path]
    subprocess.run(command, check=True)
    return path


def own_btf(path: Path) -> TypeGraph:
    """Return the BTF that a program would bring: its types, functions and no variables."""
    return encode_elf(path, options=EncodeOptions())[0]


def extra(path: Path, base: TypeGraph, options: EncodeOptions, jobs: int = 1) -> "Extra":
    """Return what a program adds to a base."""
    graph, report = encode_elf(path, options=options, base=base, jobs=jobs)
    return Extra(base, graph, report)


class Extra:
    """An extra, read by other means."""

    def __init__(self, base: TypeGraph, graph: TypeGraph, report: Report) -> None:
        self.graph, self.report = graph, report
        self.base = parse(dwarfless.encode(base))
        self.all = parse(dwarfless.encode(graph), self.base)

    @property
    def outlined(self) -> int:
        """How many types were known by name and size."""
        return self.report.counts.get(("match", OUTLINED), 0)

    @property
    def new(self) -> list[tuple[str, str]]:
        """Kinds and names of types that the base lacks."""
        others = [type_[:2] for type_ in self.all.types[self.all.first :]]
        return sorted(key for key in others if key[0] not in ("VAR", "DATASEC"))

    def differences(self, other: "Extra") -> Counter[tuple[object, ...]]:
        """Return variables that only one of two has, their types told by meaning."""
        of = (joint := JointGraph(self.all, other.all)).refine().of
        ours = Counter((*v[:5], of[v.type_id]) for v in variables(self.all))
        theirs = Counter((*v[:5], of[joint.second + v.type_id]) for v in variables(other.all))
        assert len(ours) > 0
        return (ours - theirs) + (theirs - ours)


CLASSES = ("vars", "vars,local", "vars,local,declarations")


@pytest.mark.parametrize(
    "options", [("-gdwarf-5",), ("-gdwarf-4",), ("-gdwarf-5", "-O2")], ids=str
)
@pytest.mark.parametrize("classes", CLASSES)
def test_the_extra_is_the_same(classes: str, options: Sequence[str], tmp_path: Path) -> None:
    """Whether types are read or known, with any number of threads; ids are, too."""
    path = linked(SOURCES, tmp_path / "program", *options)
    base, only = own_btf(path), parse_only(classes)
    compared = extra(path, base, replace(COMPARE, only=only))
    known = extra(path, base, replace(OUTLINES, only=only))
    threads = extra(path, base, replace(OUTLINES, only=only), jobs=3)

    assert not known.differences(compared)
    assert known.new == compared.new
    assert dwarfless.encode(threads.graph) == dwarfless.encode(known.graph)
    assert known.outlined >= 4
    assert compared.outlined == 0
    assert len(base.find_ids("own", "struct")) >= 2


def test_what_a_base_lacks_is_read(tmp_path: Path) -> None:
    """A base without some type, or with it in another size, gets it with the extra."""
    path = linked(SOURCES, tmp_path / "program")
    (tmp_path / "other").mkdir()
    changed = HEADER.replace("struct list list; ", "").replace("union any {", "union other {")
    sources = {"one.c": changed.replace("union any", "union other") + "struct task idle;"}
    base = own_btf(linked(sources, tmp_path / "other" / "program"))
    compared, known = extra(path, base, COMPARE), extra(path, base, OUTLINES)

    assert not known.differences(compared)
    assert {("STRUCT", "task"), ("UNION", "any"), ("STRUCT", "open")} <= set(known.new)
    assert known.new == compared.new


def test_name_and_size_are_enough(tmp_path: Path) -> None:
    """A base of other DWARF than `same_dwarf` promises stands for what it has, right or wrong."""
    text = "struct pair {{ int {}, {}; }}; struct pair pair; static int other[3];"
    path = linked({"a.c": text.format("left", "right")}, tmp_path / "program")
    (tmp_path / "other").mkdir()
    base = own_btf(linked({"a.c": text.format("x", "y")}, tmp_path / "other" / "program"))

    assert ("STRUCT", "pair") in extra(path, base, COMPARE).new
    known = extra(path, base, OUTLINES)
    assert ("STRUCT", "pair") not in known.new
    assert known.outlined == 1


def test_types_and_functions_need_everything(tmp_path: Path) -> None:
    """Outlines are for variables alone; with types or functions all is read."""
    path = linked(SOURCES, tmp_path / "program")
    base = own_btf(path)
    for classes in ("vars,types", "vars,functions"):
        made = extra(path, base, replace(OUTLINES, only=parse_only(classes)))
        assert made.outlined == 0


ENCODING = Encoding(5)


def number(at: str, value: int) -> Attr:
    """Return a constant in one byte."""
    return Attr(at, "data1", value)


def assembled(types: Sequence[Die], of: str, path: Path, language: int = 12) -> Path:
    """Return a program with one variable."""
    place = Attr("location", "exprloc", b"\x03" + DATA.to_bytes(8, "little"))
    room = Die(
        "variable",
        [Attr("name", "strp", "v"), Attr("type", "ref4", Label(of)), place],
        label="room",
    )
    base = Die("base_type", [Attr("name", "strp", "integer"), number("byte_size", 4),
                             number("encoding", 5)], (), "integer")  # fmt: skip
    root = [Attr("name", "strp", "a.c"), number("language", language)]
    # Short DIEs need room behind them.
    rest = [Die("label", [Attr("data_location", "data16", 0)])] * 8
    unit = Unit(Die("compile_unit", root, [base, *types, room, *rest]))
    path.write_bytes(program(assemble([unit], ENCODING), ENCODING))
    return path


def member(name: str, of: str) -> Die:
    """Return a struct's first member."""
    where = number("data_member_location", 0)
    return Die("member", [Attr("name", "strp", name), Attr("type", "ref4", Label(of)), where])


def struct(name: str, inside: Sequence[Die], *more: Attr) -> Die:
    """Return a struct of eight bytes, with its name as the label."""
    head = [Attr("name", "strp", name), number("byte_size", 8), *more]
    return Die("structure_type", head, inside, name)


@pytest.mark.parametrize("language", [12, 4], ids=["C", "C++"])
def test_types_inside_types(language: int, tmp_path: Path) -> None:
    """As C has none, such a unit is read whole; and so is one of another language."""
    inner = struct("inner", [member("deep", "integer")])
    outer = struct("outer", [inner, member("first", "inner")])
    path = assembled([outer], "inner", tmp_path / "a", language)
    base = own_btf(assembled([], "integer", tmp_path / "b"))
    compared, known = extra(path, base, COMPARE), extra(path, base, OUTLINES)

    assert ("STRUCT", "inner") in known.new
    assert not known.differences(compared)
    assert known.new == compared.new


@pytest.mark.parametrize("sibling", [True, False])
@pytest.mark.parametrize("codes", [0, 200])
def test_passing(sibling: bool, codes: int, tmp_path: Path) -> None:
    """Types that nothing needs are passed, whatever their codes are and how their end is told."""
    many = [
        Die("typedef", [Attr("name", "strp", f"t{i}"), Attr("type", "ref4", Label("integer")),
                        Attr("decl_line", "implicit_const", i)])
        for i in range(codes)
    ]  # fmt: skip
    end = [Attr("sibling", "ref4", Label("needed"))] if sibling else []
    unneeded = struct("unneeded", [member("of", "needed"), member("again", "integer")], *end)
    needed = struct("needed", [member("nothing", "integer")])
    path = assembled([*many, unneeded, needed], "needed", tmp_path / "a")
    base = own_btf(assembled([], "integer", tmp_path / "b"))
    known = extra(path, base, OUTLINES)

    assert known.new == [("STRUCT", "needed")]
    assert known.report.figures["dies"] >= codes + 5
    assert known.outlined == 0


@pytest.mark.parametrize("to", ["integer", "room", "middle"])
def test_siblings_that_lead_astray(to: str, tmp_path: Path) -> None:
    """Backwards, behind what is needed or into a DIE: an answer or a clear error, no hang."""
    end = Attr("sibling", "ref4", 1 if to == "middle" else Label(to))
    odd = struct("odd", [member("of", "integer")], end)
    needed = struct("needed", [member("nothing", "integer")])
    path = assembled([odd, needed], "needed", tmp_path / "a")
    base = own_btf(assembled([], "integer", tmp_path / "b"))

    assert extra(path, base, OUTLINES).new == [("STRUCT", "needed")]
