"""Dies that hostile DWARF is made of, and the table of its cases.

In:  nothing; the modules rings, excess and lies fill the table.
Out: CASES, name -> function giving (Encoding, debug sections).
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble

__all__ = ["CASES", "HUGE", "INT", "Case", "case", "member"]
__all__ += ["named", "size", "typed", "unit", "variable"]

Case = Callable[[], tuple[Encoding, dict[str, bytes]]]
CASES: dict[str, Case] = {}
OP_ADDR = b"\x03"
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
