"""DWARF that no compiler writes is read as it says, or refused, whatever quick way there is.

The same DIEs with names in a form that has no quick way tell what is right.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from build import elf
from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble
from build.program import DATA, TEXT, program
from dwarfless.consumers.listing import listing
from dwarfless.encoder import encode_elf
from dwarfless.errors import DwarfError, ElfError
from dwarfless.graph.options import EncodeOptions

ENCODING = Encoding(5)
#: A name in this form is never read the quick way.
PLAIN = "line_strp"
FORMS = ("strp", "string")
MEMBERS = 12


def number(at: str, value: int) -> Attr:
    """Return a constant in one byte."""
    return Attr(at, "data1", value)


def name(form: str, text: str) -> Attr:
    """Return a DW_AT_name."""
    return Attr("name", form, text)


def of_int() -> Attr:
    """Return a DW_AT_type."""
    return Attr("type", "ref4", Label("int"))


def struct(members: Sequence[Sequence[Attr]], form: str) -> Die:
    """Return a struct; what a member has besides its names is the same for all."""
    rest = [
        [*names, of_int(), number("data_member_location", 4 * i)]
        for i, names in enumerate(members)
    ]
    head = [name(form, "s"), number("byte_size", 4 * len(members))]
    return Die("structure_type", head, [Die("member", attrs) for attrs in rest], "s")


def variable(form: str, of: str) -> Die:
    """Return the variable that the program has a symbol for."""
    place = Attr("location", "exprloc", b"\x03" + DATA.to_bytes(8, "little"))
    attrs = [name(form, "v"), Attr("type", "ref4", Label(of)), Attr("external", "flag_present")]
    return Die("variable", [*attrs, place])


def sections(form: str, dies: Sequence[Die]) -> dict[str, bytes]:
    """Return the debug sections of one unit."""
    number_die = Die(
        "base_type", [name(form, "int"), number("byte_size", 4), number("encoding", 5)], (), "int"
    )
    # Short DIEs need room behind them.
    rest = [Die("label", [Attr("data_location", "data16", 0)])] * 8
    root = [name(form, "one.c"), number("language", 12)]
    return assemble([Unit(Die("compile_unit", root, [number_die, *dies, *rest]))], ENCODING)


def written(folder: Path, debug: dict[str, bytes]) -> Path:
    """Write a program."""
    path = folder / "program"
    path.write_bytes(program(debug, ENCODING))
    return path


def encoded(folder: Path, debug: dict[str, bytes], **options: object) -> tuple[bytes, object]:
    """Return what becomes of it."""
    chosen = EncodeOptions(**options)  # type: ignore[arg-type]
    graph, report = encode_elf(written(folder, debug), options=chosen, jobs=1)
    return listing(graph), report.counts


def check(folder: Path, dies: Callable[[str], list[Die]]) -> bytes:
    """Make sure that the form of names does not matter; return what they all become."""
    expected = encoded(folder, sections(PLAIN, dies(PLAIN)))
    for form in FORMS:
        assert encoded(folder, sections(form, dies(form))) == expected
    return expected[0]


@pytest.mark.parametrize("forms", [("string", "strp"), ("strp", "string"), ("strp", "strp")])
def test_two_names_in_one_die(tmp_path, forms):
    """Whichever counts, it is the same for members and for what is read one by one."""

    def dies(pair: tuple[str, str]) -> list[Die]:
        members = [[name(pair[0], f"a{i}"), name(pair[1], f"b{i}")] for i in range(MEMBERS)]
        return [struct(members, PLAIN), variable(PLAIN, "s")]

    expected = encoded(tmp_path, sections(PLAIN, dies((PLAIN, PLAIN))))
    assert encoded(tmp_path, sections(PLAIN, dies(forms))) == expected
    assert (b"a3" in expected[0]) != (b"b3" in expected[0])


def test_names_of_members_in_no_section(tmp_path):
    """An error that says where, instead of whatever lies behind."""
    members = [[name("strp", f"m{i}")] for i in range(MEMBERS)]
    debug = sections(PLAIN, [struct(members, PLAIN), variable(PLAIN, "s")])
    for size in (0, 1):
        with pytest.raises(DwarfError, match=r"\.debug_info"):
            encoded(tmp_path, debug | {".debug_str": bytes(size)}, only=frozenset({"types"}))


@pytest.mark.parametrize("tag", ["inlined_subroutine", "lexical_block", "subprogram", "label"])
def test_a_name_before_the_sibling(tmp_path, tag):
    """In a body, what has children and says where it ends; its name, inline, comes first."""

    def dies(form: str) -> list[Die]:
        hidden = Die("structure_type", [name(form, "hidden"), number("byte_size", 1)], (), "h")
        attrs = [name(form, "a longer name"), Attr("sibling", "ref4", Label("after"))]
        after = Die("variable", [name(form, "x"), of_int()], (), "after")
        place = [Attr("low_pc", "addr", TEXT), Attr("external", "flag_present")]
        body = [Die(tag, attrs, [hidden]), after]
        function = [name(form, "f"), *place]
        passed = [name(form, "nowhere"), number("inline", 1)]
        again = Die("variable", [name(form, "x"), of_int()])
        return [
            Die("subprogram", function, body),
            Die("subprogram", passed, [Die("lexical_block", [name(form, "b")], [again])]),
            variable(form, "int"),
        ]

    check(tmp_path, dies)


def test_broken_where_variables_alone_are_read(tmp_path):
    """Types are read when a variable wants them; an error there is one, wherever it is."""
    members = [[name(PLAIN, f"m{i}")] for i in range(MEMBERS)]
    debug = sections(PLAIN, [struct(members, PLAIN), variable(PLAIN, "s")])
    only = {"only": frozenset({"global"}), "features": frozenset({"var", "global_var"})}
    sound, _ = encoded(tmp_path, debug, **only)
    assert b"m3" in sound
    info = debug[".debug_info"]
    # A member: code, name, type, place. From the second on abbreviation codes are of nothing.
    size = 1 + 4 + 4 + 1
    last = info.rindex(bytes([4 * (MEMBERS - 1)]), 0, info.rindex(DATA.to_bytes(8, "little")))
    first = last + 1 - size * (MEMBERS - 1)
    broken = info[:first] + b"\x7f" * size + info[first + size :]
    with pytest.raises(DwarfError):
        encoded(tmp_path, debug | {".debug_info": broken}, **only)


def test_sizes_beyond_the_address_space(tmp_path):
    """In section headers of an object, whose debug sections are laid out one after the other."""
    content = elf.Elf(
        [elf.Section(f".debug_{word}", b"\0" * 8) for word in ("info", "str")], type=elf.ET_REL
    ).assemble()
    changed = bytearray(content)
    table = int.from_bytes(content[40:48], "little")
    for row in (1, 2):
        at = table + 64 * row + 32
        changed[at : at + 8] = b"\xff" * 8
    path = tmp_path / "object.o"
    path.write_bytes(changed)
    with pytest.raises(ElfError):
        encode_elf(path)
