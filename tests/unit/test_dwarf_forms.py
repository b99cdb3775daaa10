"""The same program gives the same types in whatever forms, version, format and byte order."""

import lzma
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble
from build.program import DATA, TEXT, program
from dwarfless.consumers.listing import listing
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import DEFAULT_FEATURES, EncodeOptions
from oracle.listing import Listing

OLD = [Encoding(*how) for how in product((2, 3, 4), (4, 8), (4, 8), (False, True))]
NEW = [Encoding(5, *how) for how in product((4, 8), (4, 8), (False, True))]
PACKED = ("strx", "strx1", "strx2", "strx3", "strx4", "line_strp")
NAMES = [(e, f) for e in OLD + NEW for f in ("string", "strp")] + list(product(NEW, PACKED))
NUMBERS = [
    (e, f) for e in OLD + NEW for f in ("data1", "data2", "data4", "data8", "udata", "sdata")
]
NUMBERS += product(NEW, ("implicit_const",))
REFERENCES = ("ref1", "ref2", "ref4", "ref8", "ref_udata", "ref_addr")
ADDRESSES = ("addrx", "addrx1", "addrx2", "addrx3", "addrx4")

EXPECTED = """\
INT int size=4 encoding=SIGNED
STRUCT s size=100
  0 int first
  32 struct s *second
FUNC static int f(struct s *p)
DATASEC .data
  100 global struct s v
"""


class Forms(NamedTuple):
    """The form of every value of a class."""

    name: str = "string"
    number: str = "data1"
    reference: str = "ref4"
    address: str = "addr"

    def die(self, tag: str, name: str, *attrs: Attr, inside: Sequence[Die] = ()) -> Die:
        """Return a Die with a name, labelled by it."""
        return Die(tag, [Attr("name", self.name, name), *attrs], inside, name)

    def typed(self, label: str) -> Attr:
        """Return a reference to a type."""
        return Attr("type", self.reference, Label(label))

    def member(self, name: str, label: str, offset: int, encoding: Encoding) -> Die:
        """Return a member; up to DWARF 3 data4 and data8 would mean a location list."""
        form = self.number if encoding.version > 3 else "udata"
        where = Attr("data_member_location", form, offset)
        return self.die("member", name, self.typed(label), where)


def units(encoding: Encoding, **forms: str) -> list[Unit]:
    """Return a struct, a function and a variable."""
    f = Forms(**forms)
    root = [Attr("language", "data1", 12)]
    if encoding.version >= 5:
        bases = ("str_offsets_base", "addr_base")
        root += [Attr(base, "sec_offset", encoding.table_base) for base in bases]
    place = b"\x03" + encoding.integer(DATA, encoding.address_size)
    if f.address != "addr":  # what is asked for isn't first in the table
        root += [Attr("low_pc", f.address, 0x9999), Attr("entry_pc", f.address, DATA)]
        place = b"\xa1\x01"  # DW_OP_addrx of entry_pc
    block = "exprloc" if encoding.version >= 4 else "block1"
    external, low = Attr("external", "flag", 1), Attr("low_pc", f.address, TEXT)
    pointer_size = Attr("byte_size", f.number, encoding.address_size)
    int_is = (Attr("byte_size", f.number, 4), Attr("encoding", f.number, 5))
    members = [f.member("first", "int", 0, encoding), f.member("second", "p", 4, encoding)]
    parameter = Die("formal_parameter", [Attr("name", f.name, "p"), f.typed("p")])
    children = [
        f.die("base_type", "int", *int_is),
        f.die("structure_type", "s", Attr("byte_size", f.number, 100), inside=members),
        Die("pointer_type", [f.typed("s"), pointer_size], label="p"),
        f.die("subprogram", "f", external, f.typed("int"), low, inside=[parameter]),
        f.die("variable", "v", external, f.typed("s"), Attr("location", block, place)),
    ]
    return [Unit(Die("compile_unit", root, children))]


def text(debug: dict[str, bytes], encoding: Encoding, folder: Path) -> str:
    """Return what the encoder makes of debug sections, without ids."""
    path = folder / "program"
    path.write_bytes(program(debug, encoding))
    options = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
    graph, _ = encode_elf(path, options=options, jobs=1, progress=None)
    return Listing(listing(graph).decode()).text()


@pytest.mark.parametrize(("encoding", "form"), NAMES, ids=str)
def test_names(encoding: Encoding, form: str, tmp_path: Path):
    """Every form of a string."""
    debug = assemble(units(encoding, name=form), encoding)
    assert text(debug, encoding, tmp_path) == EXPECTED


@pytest.mark.parametrize(("encoding", "form"), NUMBERS, ids=str)
def test_numbers(encoding: Encoding, form: str, tmp_path: Path):
    """Every form of a constant."""
    debug = assemble(units(encoding, number=form), encoding)
    assert text(debug, encoding, tmp_path) == EXPECTED


@pytest.mark.parametrize("encoding", OLD + NEW, ids=str)
@pytest.mark.parametrize("form", REFERENCES)
def test_references(encoding: Encoding, form: str, tmp_path: Path):
    """Every form of a reference within a file."""
    debug = assemble(units(encoding, reference=form), encoding)
    assert text(debug, encoding, tmp_path) == EXPECTED


@pytest.mark.parametrize("encoding", NEW, ids=str)
@pytest.mark.parametrize("form", ADDRESSES)
def test_addresses(encoding: Encoding, form: str, tmp_path: Path):
    """Every form of an address in a table."""
    debug = assemble(units(encoding, address=form), encoding)
    assert text(debug, encoding, tmp_path) == EXPECTED


@pytest.mark.parametrize("encoding", [Encoding(5), Encoding(5, big=True)], ids=str)
def test_byte_order_of_a_compressed_file(encoding: Encoding, tmp_path: Path):
    """It is the program's, as the file that was given begins with other things."""
    path = tmp_path / "module.ko.xz"
    path.write_bytes(lzma.compress(program(assemble(units(encoding), encoding), encoding)))
    _, report = encode_elf(path, jobs=1)
    assert report.byte_order == ("big" if encoding.big else "little")


@pytest.mark.parametrize("encoding", [Encoding(4), Encoding(5), Encoding(5, 4, 8, True)], ids=str)
def test_type_units(encoding: Encoding, tmp_path: Path):
    """A type that a signature refers to is found in its type unit."""
    signature = 0x1122334455667788
    where = Attr("data_member_location", "data1", 0)
    number = Attr("type", "ref4", Label("int"))
    member = Die("member", [Attr("name", "string", "a"), number, where])
    base = [
        Attr("name", "string", "int"),
        Attr("byte_size", "data1", 4),
        Attr("encoding", "data1", 5),
    ]
    struct = Die(
        "structure_type",
        [Attr("name", "string", "s"), Attr("byte_size", "data1", 4)],
        [member],
        "s",
    )
    typed = Unit(
        Die("type_unit", [], [struct, Die("base_type", base, label="int")]), "type", signature, "s"
    )
    place = b"\x03" + encoding.integer(DATA, encoding.address_size)
    variable = [
        Attr("name", "string", "v"),
        Attr("type", "ref_sig8", signature),
        Attr("location", "exprloc", place),
    ]
    debug = assemble([Unit(Die("compile_unit", [], [Die("variable", variable)])), typed], encoding)

    expected = """\
INT int size=4 encoding=SIGNED
STRUCT s size=4
  0 int a
DATASEC .data
  4 static struct s v
"""
    assert text(debug, encoding, tmp_path) == expected


def test_more_types_than_are_found_by_place(tmp_path: Path) -> None:
    """A unit of 70,000 types is like any other."""
    number = 70_000
    names = [f"t{i:05}" for i in range(number)]
    types = [
        Die(
            "typedef", [Attr("name", "string", name), Attr("type", "ref4", Label(below))], (), name
        )
        for name, below in zip(names, ["int", *names], strict=False)
    ]
    base = [Attr("name", "string", "int"), Attr("byte_size", "data1", 4),
            Attr("encoding", "data1", 5)]  # fmt: skip
    inside = Die("member", [Attr("name", "string", "m"), Attr("type", "ref4", Label(names[-1])),
                            Attr("data_member_location", "data1", 0)])  # fmt: skip
    struct = Die("structure_type", [Attr("name", "string", "s"), Attr("byte_size", "data1", 4)],
                 [inside])  # fmt: skip
    root = Die("compile_unit", [], [Die("base_type", base, label="int"), *types, struct])
    path = tmp_path / "many"
    path.write_bytes(program(assemble([Unit(root)], Encoding(5)), Encoding(5)))

    graph, report = encode_elf(path, options=EncodeOptions(), jobs=2, progress=None)

    assert len(graph) == number + 3
    member = graph.find("s").members[0]
    assert member.type.name == names[-1]
    assert member.type.type.name == names[-2]
    assert graph.find(names[0]).type.name == "int"
    assert not report.counts
