"""Units that use each form, and each tag that means something to an encoder.

In:  an Encoding.
Out: Units, sound ones; tests damage them.
"""

from build.dwarf import Attr, Die, Encoding, Unit
from hostile.dies import INT, named, size, typed, variable

__all__ = ["everything"]

REFERENCES = ("ref2", "ref4", "ref8", "ref_udata", "ref_addr")
PLUS_FOUR = b"\x23\4"  # DW_OP_plus_uconst 4
IN_RDI, RANGE_LIST_START_END = b"\x55", b"\x06"
DEFAULT_LOCATION_IN_RDI = b"\x05\x01\x55\x00"


def everything(encoding: Encoding) -> list[Unit]:
    """Return units that use each form and each tag that the version has."""
    new = encoding.version >= 5
    numbers = ["data1", "data2", "data4", "data8", "udata", "sdata"]
    numbers += ["data16", "implicit_const"] if new else []
    bases = (
        ("str_offsets", encoding.table_base),
        ("addr", encoding.table_base),
        ("loclists", encoding.lists_base),
        ("rnglists", encoding.lists_base),
    )
    root = [named("a.c"), Attr("language", "data1", 12)]
    root += [Attr(f"{name}_base", "sec_offset", base) for name, base in bases if new]
    pointers = [
        Die("pointer_type", [typed("int", form), size(encoding.address_size)], label=f"p_{form}")
        for form in REFERENCES
    ]
    types = [*pointers, *structs(numbers, new), *other_types(numbers)]
    code = [function(encoding, new), variable("const", encoding)]
    return [Unit(Die("compile_unit", root, [INT, *types, *code]))]


def structs(numbers: list[str], new: bool) -> list[Die]:
    """Return a struct for each form of a number, with a member for each form of a name."""
    names = ["string", "strp"]
    names += ["strx", "strx1", "strx2", "strx3", "strx4", "line_strp"] if new else []
    members = [
        Die("member", [named(f"m{n}_{form}", form), typed("int"), where])
        for n, form in enumerate(names)
        for where in [Attr("data_member_location", numbers[n % len(numbers)], 4 * n)]
    ]
    return [Die("structure_type", [named(f"s_{f}"), size(64, f)], members) for f in numbers]


def other_types(numbers: list[str]) -> list[Die]:
    """Return one type a tag; "const" is a const array of a typedef of a union."""
    bits = [Attr("bit_size", "data1", 3), Attr("bit_offset", "data1", 2), size(4)]
    where = Attr("data_member_location", "block1", PLUS_FOUR)
    bitfield = Die("member", [named("bit"), typed("int"), *bits, where])
    wrapped = Attr("name", "indirect", ("string", "indirect"))
    values = [Die("enumerator", [named(f"E_{f}"), Attr("const_value", f, 1)]) for f in numbers]
    counts = [Die("subrange_type", [Attr("upper_bound", f, 2)]) for f in numbers[:3]]
    return [
        Die("union_type", [wrapped, size(8)], [bitfield], "union"),
        Die("enumeration_type", [named("e"), size(4), typed("int")], values),
        Die("typedef", [named("t"), typed("union")], label="t"),
        Die("array_type", [typed("t")], counts, "array"),
        Die("const_type", [typed("array")], label="const"),
        Die("volatile_type"),
        Die("restrict_type", [typed("p_ref4")]),
        Die("subroutine_type", [typed("int")], [Die("formal_parameter", [typed("int")])]),
    ]


def function(encoding: Encoding, new: bool) -> Die:
    """Return a function with parameters, a block and a local variable."""
    place = [Attr("low_pc", "addr", 0x1000), Attr("high_pc", "addr", 0x1010)]
    register = Attr("location", "block1", IN_RDI)
    if new:
        ends = encoding.integer(0x1000, encoding.address_size) * 2
        place[0] = Attr("low_pc", "addrx", 0x1000)
        place.append(Attr("ranges", "rnglistx", RANGE_LIST_START_END + ends + b"\0"))
        register = Attr("location", "loclistx", DEFAULT_LOCATION_IN_RDI)
    children = [
        Die("formal_parameter", [named("a"), typed("int"), register]),
        Die("unspecified_parameters"),
        Die("lexical_block", place, [variable("const", encoding, "local")]),
    ]
    attrs = [named("f"), typed("int"), *place, Attr("external", "flag", 1)]
    return Die("subprogram", attrs, children)
