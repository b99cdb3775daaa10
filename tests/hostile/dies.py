"""Dies that hostile DWARF is made of, and the table of its cases.

In:  nothing; the modules rings, excess and lies fill the table.
Out: CASES, name -> function giving (Encoding, debug sections); everything(), units that use each
     form and each tag that means something to an encoder.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble

__all__ = ["CASES", "HUGE", "INT", "Case", "case", "everything", "member"]
__all__ += ["named", "size", "typed", "unit", "variable"]

Case = Callable[[], tuple[Encoding, dict[str, bytes]]]
CASES: dict[str, Case] = {}
OP_ADDR, OP_PLUS_UCONST = b"\x03", b"\x23"
HUGE = (1 << 64) - 1


def named(name: str, form: str = "string") -> Attr:
    """Return a name."""
    return Attr("name", form, name)


def typed(label: str, form: str = "ref4") -> Attr:
    """Return a reference to a type."""
    return Attr("type", form, Label(label))


def size(number: int, form: str = "udata") -> Attr:
    """Return a size in bytes."""
    return Attr("byte_size", form, number)


def member(name: str, label: str, *attrs: Attr) -> Die:
    """Return a member at 0, unless attrs say where."""
    where = attrs or (Attr("data_member_location", "udata", 0),)
    return Die("member", [named(name), typed(label), *where])


def unit(*children: Die, **fields: Any) -> Unit:
    """Return a compile unit of C, with an int and a variable of each labelled child's type."""
    attrs = [named("a.c"), Attr("language", "data1", 12)]
    return Unit(Die("compile_unit", attrs, [INT, *children]), **fields)


INT = Die("base_type", [named("int"), size(4), Attr("encoding", "data1", 5)], label="int")


def case(make: Callable[[], Iterable[Die] | Unit | Sequence[Unit]]) -> Case:
    """Make the Dies of one unit, a unit, or units, a case by the function's name."""

    def assembled() -> tuple[Encoding, dict[str, bytes]]:
        made = make()
        units = [made] if isinstance(made, Unit) else list(made)
        if not units or isinstance(units[0], Die):
            units = [unit(*units)]
        return Encoding(), assemble(units)

    CASES[make.__name__] = assembled
    return assembled


def variable(label: str, encoding: Encoding | None = None, name: str = "v") -> Die:
    """Return a global variable at 0x2000."""
    encoding = encoding or Encoding()
    place = OP_ADDR + encoding.integer(0x2000, encoding.address_size)
    form = "exprloc" if encoding.version >= 4 else "block1"
    attrs = [named(name), typed(label), Attr("external", "flag", 1), Attr("location", form, place)]
    return Die("variable", attrs)


def everything(encoding: Encoding) -> list[Unit]:
    """Return units that use each form and each tag that the version has."""
    new, addr = encoding.version >= 5, encoding.address_size
    bases = [
        Attr(f"{name}_base", "sec_offset", base)
        for name, base in (
            ("str_offsets", encoding.table_base),
            ("addr", encoding.table_base),
            ("loclists", encoding.lists_base),
            ("rnglists", encoding.lists_base),
        )
        if new
    ]
    names = ["string", "strp"] + ["strx", "strx1", "strx2", "strx3", "strx4", "line_strp"] * new
    numbers = ["data1", "data2", "data4", "data8", "udata", "sdata"] + ["data16"] * new
    numbers += ["implicit_const"] * new
    references = ["ref1", "ref2", "ref4", "ref8", "ref_udata", "ref_addr"]
    members = [
        Die("member", [named(f"m{n}_{form}", form), typed("int"), where])
        for n, form in enumerate(names)
        for where in [Attr("data_member_location", numbers[n % len(numbers)], 4 * n)]
    ]
    sized = [
        Die("structure_type", [named(f"s_{form}"), size(64, form)], members) for form in numbers
    ]
    pointers = [
        Die("pointer_type", [typed("int", form), size(addr)], label=f"p_{form}")
        for form in references[1 if len(members) > 3 else 0 :]
    ]
    wrapped = Attr("name", "indirect", ("string", "indirect"))
    bits = [Attr("bit_size", "data1", 3), Attr("bit_offset", "data1", 2), size(4)]
    bitfield = Die(
        "member",
        [
            named("bit"),
            typed("int"),
            *bits,
            Attr("data_member_location", "block1", OP_PLUS_UCONST + b"\4"),
        ],
    )
    low = [Attr("low_pc", "addrx" if new else "addr", 0x1000), Attr("high_pc", "addr", 0x1010)]
    if new:
        low.append(
            Attr("ranges", "rnglistx", b"\x06" + encoding.integer(0x1000, addr) * 2 + b"\0")
        )
    register = Attr(
        "location", "loclistx" if new else "block1", b"\x05\x01\x55\x00" if new else b"\x55"
    )
    parameters = [
        Die("formal_parameter", [named("a"), typed("int"), register]),
        Die("unspecified_parameters"),
    ]
    rest = [
        Die("union_type", [wrapped, size(8)], [bitfield], "union"),
        Die("enumeration_type", [named("e"), size(4), typed("int")],
            [Die("enumerator", [named(f"E_{f}"), Attr("const_value", f, 1)]) for f in numbers]),
        Die("typedef", [named("t"), typed("union")], label="t"),
        Die("array_type", [typed("t")], [Die("subrange_type", [Attr("upper_bound", f, 2)])
                                         for f in numbers[:3]], "array"),
        Die("const_type", [typed("array")], label="const"),
        Die("volatile_type"), Die("restrict_type", [typed("p_ref4")]),
        Die("subroutine_type", [typed("int")], [Die("formal_parameter", [typed("int")])]),
        Die("subprogram", [named("f"), typed("int"), *low, Attr("external", "flag", 1)],
            [*parameters, Die("lexical_block", low, [variable("const", encoding, "local")])]),
        variable("const", encoding),
    ]  # fmt: skip
    root = [named("a.c"), Attr("language", "data1", 12), *bases]
    return [Unit(Die("compile_unit", root, [INT, *pointers, *sized, *rest]))]
