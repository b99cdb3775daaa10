"""Types that an earlier unit had, too, are compared with it; what differs in the least is read.

The same units are written twice: in forms that are compared, and in forms that are read one by
one. Both must give the same types, ids included, whatever differs between the units' types.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble
from build.program import program
from dwarfless.consumers.listing import listing
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import EncodeOptions

ENCODING = Encoding(5)
COMPARED = ("strp", "string")
#: Names in this form are never read the short way; nor are references beside them.
READ = "line_strp"
TYPES = ("int", "long", "p", "late", "inner", "f", "row", "void")


class Shape(NamedTuple):
    """What a unit's types are like; all have the same names, sizes and places."""

    first: str = "int"  # what a member's type is
    second: str = "p"
    inner: str = "int"  # of the nameless struct's member
    returned: str = "int"  # by `f`
    param: str = "long"
    count: int = 3  # of `row`
    bits: int = 0  # of the second member
    offset: int = 8  # of it, in bytes
    value: int = 1  # of an enumerator
    name: str = "second"
    is_union: bool = False
    again: bool = False  # a second struct of this name in the same unit
    order: bool = False  # what is referred to comes first


def number(at: str, value: int, *, implicit: bool = False) -> Attr:
    """Return a constant in the narrowest form, or in the declaration."""
    form = "implicit_const" if implicit else "data1" if 0 <= value < 256 else "data8"
    return Attr(at, form, value)


def typed(label: str, prefix: str) -> list[Attr]:
    """Return a reference; the letter before the unit's number says in which form."""
    form = "ref_udata" if prefix.startswith("r") else "ref4"
    return [] if label == "void" else [Attr("type", form, Label(prefix + label))]


def struct(shape: Shape, form: str, prefix: str, label: str) -> Die:
    """Return the struct all is about."""
    where = [number("data_member_location", shape.offset)]
    if shape.bits:
        where = [number("bit_size", shape.bits), number("data_bit_offset", 8 * shape.offset)]
    members = [
        Die("member", [Attr("name", form, "first"), *typed(shape.first, prefix),
                       number("data_member_location", 0)]),
        Die("member", [Attr("name", form, shape.name), *typed(shape.second, prefix), *where]),
        Die("member", [*typed("inner", prefix), number("data_member_location", 16)]),
    ]  # fmt: skip
    tag = "union_type" if shape.is_union else "structure_type"
    return Die(tag, [Attr("name", form, "same"), number("byte_size", 64)], members, prefix + label)


def unit(index: int, shape: Shape, form: str) -> Unit:
    """Return a unit of such types, in the forms asked for."""
    prefix = f"{'r' if form == READ else 'c'}{index}."
    late = [
        Die("pointer_type", [number("byte_size", 8), *typed("same", prefix)], (), prefix + "p"),
        Die("typedef", [Attr("name", form, "late_t"), *typed("p", prefix)], (), prefix + "late"),
        Die("structure_type", [number("byte_size", 8)], [
            Die("member", [Attr("name", form, "in"), *typed(shape.inner, prefix),
                           number("data_member_location", 0)]),
        ], prefix + "inner"),
        Die("subroutine_type", [number("prototyped", 1), *typed(shape.returned, prefix)], [
            Die("formal_parameter", typed(shape.param, prefix)),
            Die("formal_parameter", typed("p", prefix)),
        ], prefix + "f"),
        Die("array_type", typed("late", prefix), [
            Die("subrange_type", [*typed("long", prefix), number("upper_bound", shape.count)]),
        ], prefix + "row"),
    ]  # fmt: skip
    early = [
        Die("base_type", [Attr("name", form, name), number("byte_size", size),
                          number("encoding", 5)], (), prefix + name)
        for name, size in (("int", 4), ("long", 8))
    ]  # fmt: skip
    early.append(Die("enumeration_type", [Attr("name", form, "e"), number("byte_size", 4)], [
        Die("enumerator", [Attr("name", form, "E_ONE"), number("const_value", shape.value)]),
        Die("enumerator", [Attr("name", form, "E"), number("const_value", 3, implicit=True)]),
    ]))  # fmt: skip
    main = [struct(shape, form, prefix, "same")]
    if shape.again:
        main.append(struct(shape._replace(first="late"), form, prefix, "again"))
    room = Die("variable", [Attr("name", form, "room"), *typed("same", prefix)])
    kinds = [*late, *main] if shape.order else [*main, *late]
    root = [Attr("name", form, f"{index}.c"), Attr("language", "data1", 12)]
    # Tables differ from unit to unit, so codes do, too; and short DIEs need room behind them.
    first = [Die("const_type", [Attr("decl_line", "data1", 7)])] * (index % 3)
    rest = [Die("label", [Attr("data_location", "data16", 0)])] * 8
    return Unit(Die("compile_unit", root, [*first, *early, *kinds, room, *rest]))


def encoded(shapes: Sequence[Shape], form: str, folder: Path) -> bytes:
    """Return what the encoder makes of these units, with ids."""
    debug = assemble([unit(i, shape, form) for i, shape in enumerate(shapes)], ENCODING)
    path = folder / form
    path.write_bytes(program(debug, ENCODING))
    graph, _ = encode_elf(path, options=EncodeOptions(), jobs=1, progress=None)
    return listing(graph)


def check(shapes: Sequence[Shape], folder: Path) -> None:
    """Compare the short way with the long one."""
    expected = encoded(shapes, READ, folder)
    told = {form: encoded(shapes, form, folder) for form in COMPARED}
    assert told == dict.fromkeys(COMPARED, expected)


PLAIN = Shape()
DIFFERENT = [
    *(PLAIN._replace(**{at: label}) for at in ("first", "second", "inner") for label in TYPES),
    *(PLAIN._replace(**{at: label}) for at in ("returned", "param") for label in ("void", "late")),
    *(PLAIN._replace(bits=bits, second="int", offset=8) for bits in (1, 7)),
    *(PLAIN._replace(offset=offset) for offset in (0, 9, 200, 1 << 20, 1 << 29)),
    *(PLAIN._replace(value=value) for value in (0, -1, 0xFFFFFFFF, -(1 << 31))),
    *(PLAIN._replace(name=name) for name in ("other", "abc", "ab", "second_")),
    PLAIN._replace(is_union=True),
    PLAIN._replace(again=True),
    PLAIN._replace(order=True),
    PLAIN._replace(count=4),
]


@pytest.mark.parametrize("shape", DIFFERENT, ids=str)
def test_what_differs_is_read(shape: Shape, tmp_path: Path):
    """One unit among three has another struct; or the first one has."""
    check([PLAIN, PLAIN, shape, PLAIN], tmp_path)
    check([shape, PLAIN, shape, shape], tmp_path)


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(st.sampled_from(DIFFERENT), min_size=2, max_size=6))
def test_any_units(tmp_path: Path, shapes: list[Shape]):
    """Whatever follows what."""
    check(shapes, tmp_path)
