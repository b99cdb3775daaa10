"""Static variables of functions: a thousand of them by an independent walk, all by their symbols.

The walk is pyelftools'; it takes a minute for a kernel's worth of small units, so units are taken
in which many such variables lie in little DWARF.
"""

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from oracle.btf_reader import Btf, parse
from peers.alike import variables
from support import COMMAND, kernel

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SAMPLE = 1000
OP_ADDR = 0x03
WORDS = {"const": "const ", "volatile": "volatile ", "restrict": "restrict ", "pointer": "*"}
COMPOSITES = {"structure": "struct", "union": "union", "enumeration": "enum"}


class Local(NamedTuple):
    """A static variable of a function.

    Attributes:
        name: Its name.
        function: The function it is written in.
        type: In words: names, dimensions, sizes of what is not behind a pointer.
    """

    name: str
    function: str
    type: str


class Kernel:
    """What we say of a kernel's static variables in functions, and its ELF file."""

    def __init__(self, vmlinux: Path, btf: Btf) -> None:
        self.vmlinux, self.btf = vmlinux, btf
        tags: dict[int, dict[str, str]] = {}
        for type_ in btf.types:
            if type_[0] == "DECL_TAG":
                key, _, value = type_[1].partition(":")
                tags.setdefault(type_[2], {})[key] = value
        with open(vmlinux, "rb") as file:
            starts = {s.name: s["sh_addr"] for s in ELFFile(file).iter_sections()}
        ids = [entry[0] for type_ in btf.types if type_[0] == "DATASEC" for entry in type_[3]]
        self.locals: dict[int, Local] = {}
        self.sizes: dict[int, int] = {}
        self.files: dict[int, str] = {}
        for var_id, var in zip(ids, variables(btf), strict=True):
            address = starts[var.section] + var.offset
            words = say_btf(btf, var.type_id)
            self.locals[address] = Local(var.name, tags[var_id]["function"], words)
            self.sizes[address], self.files[address] = var.size, tags[var_id]["file"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """Return what we say of Debian's 6.12."""
    output = tmp_path_factory.mktemp("locals") / "local.btf"
    arguments = ["encode", kernel("trixie"), "--only", "local", "--no-progress", "-o", output]
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return Kernel(kernel("trixie"), parse(output.read_bytes()))


def test_symbols_agree(made):
    """Each lies where a symbol NAME.N lies, and is as large."""
    with open(made.vmlinux, "rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        found: dict[int, list[tuple[str, int]]] = {}
        for symbol in table.iter_symbols():
            if symbol["st_value"] in made.locals:
                found.setdefault(symbol["st_value"], []).append((symbol.name, symbol["st_size"]))
    wrong = [
        local
        for address, local in made.locals.items()
        if not any(
            name.partition(".")[0] == local.name and size == made.sizes[address]
            for name, size in found.get(address, [])
        )
    ]
    assert wrong == []
    assert len(made.locals) > 3000


def test_a_thousand_by_an_independent_walk(made):
    """Name, function and type of all in some units are what pyelftools reads there."""
    theirs: set[tuple[int, Local]] = set()
    sampled: set[str] = set()
    with open(made.vmlinux, "rb") as file:
        dwarf = ELFFile(file).get_dwarf_info(relocate_dwarf_sections=False)
        counts = Counter(made.files.values())
        units = [(unit, name_of(unit.get_top_DIE())) for unit in dwarf.iter_CUs()]
        units.sort(key=lambda each: each[0]["unit_length"] / (counts[each[1]] or 1e-9))
        for unit, name in units:
            if sum(counts[each] for each in sampled) >= SAMPLE:
                break
            sampled.add(name)
            theirs.update(walk(unit))
    ours = {(a, local) for a, local in made.locals.items() if made.files[a] in sampled}
    assert len(ours) >= SAMPLE
    # At the address of something empty lies something else, too.
    assert ours - theirs == set()


def name_of(die: DIE) -> str:
    """Return a DIE's name, "" if it has none."""
    name = die.attributes.get("DW_AT_name")
    return name.value.decode() if name else ""


def origin_of(die: DIE) -> DIE:
    """Return the DIE that says what this one is an instance of."""
    for attribute in ("DW_AT_abstract_origin", "DW_AT_specification"):
        if attribute in die.attributes:
            return origin_of(die.get_DIE_from_attribute(attribute))
    return die


def walk(unit: CompileUnit) -> Iterator[tuple[int, Local]]:
    """Yield the variables of a unit that lie at an address, inside functions."""
    for die in unit.iter_DIEs():
        location = die.attributes.get("DW_AT_location")
        if die.tag != "DW_TAG_variable" or location is None or type(location.value) is int:
            continue
        if location.value[:1] != [OP_ADDR] or len(location.value) != 9:
            continue
        whole = origin_of(die)
        around = whole.get_parent()
        while around is not None and around.tag != "DW_TAG_subprogram":
            around = around.get_parent()
        if around is not None:
            address = int.from_bytes(bytes(location.value[1:]), "little")
            words = say_dwarf(type_of(whole))
            yield address, Local(name_of(whole), name_of(origin_of(around)), words)


def type_of(die: DIE) -> DIE | None:
    """Return the DIE of a DIE's type; None is void."""
    return die.get_DIE_from_attribute("DW_AT_type") if "DW_AT_type" in die.attributes else None


def say_dwarf(die: DIE | None, *, behind: bool = False) -> str:
    """Return a type in words; behind a pointer sizes don't count, for a unit may not know them."""
    if die is None:
        return "void"
    sort = die.tag.removeprefix("DW_TAG_").removesuffix("_type")
    inside = [name_of(child) for child in die.iter_children() if name_of(child)]
    if sort in WORDS:
        return WORDS[sort] + say_dwarf(type_of(die), behind=behind or sort == "pointer")
    if sort == "array":
        bounds = [c for c in die.iter_children() if c.tag == "DW_TAG_subrange_type"]
        words = "".join(f"[{length_of(bound)}]" for bound in bounds)
        return words + say_dwarf(type_of(die), behind=behind)
    if sort in COMPOSITES:
        size = "" if behind else f":{die.attributes['DW_AT_byte_size'].value}"
        return f"{COMPOSITES[sort]} {name_of(die) or inside}{size}"
    if sort == "subroutine":
        return (
            f"function of {len([c for c in die.iter_children() if c.tag.endswith('_parameter')])}"
        )
    return name_of(die)


def length_of(bound: DIE) -> int:
    """Return an array's number of elements."""
    if "DW_AT_count" in bound.attributes:
        return int(bound.attributes["DW_AT_count"].value)
    upper = bound.attributes.get("DW_AT_upper_bound")
    return int(upper.value) + 1 if upper else 0


def say_btf(btf: Btf, type_id: int, *, behind: bool = False) -> str:
    """Return the same of a type of ours."""
    match btf.types[type_id]:
        case ("VOID", _):
            return "void"
        case ("TYPE_TAG", _, target, _):
            return say_btf(btf, target, behind=behind)
        case ("CONST" | "VOLATILE" | "RESTRICT" as kind, _, target):
            return f"{kind.lower()} {say_btf(btf, target, behind=behind)}"
        case ("PTR", _, target):
            return f"*{say_btf(btf, target, behind=True)}"
        case ("ARRAY", _, element, _, count):
            return f"[{count}]{say_btf(btf, element, behind=behind)}"
        case ("FWD", name, kind):
            return f"{kind} {name}"
        case ("STRUCT" | "UNION" | "ENUM" | "ENUM64" as kind, name, size, _, items):
            inside = [item[0] for item in items if item[0]]
            word = kind.lower().removesuffix("64")
            return f"{word} {name or inside}" + ("" if behind else f":{size}")
        case ("FUNC_PROTO", _, _, params):
            return f"function of {len(params)}"
        case (_, name, *_):
            return str(name)
    raise ValueError(type_id)
