"""DWARF whose references go round, or to nowhere.

In:  nothing.
Out: cases of hostile.dies.
"""

from build.dwarf import Attr, Die, Label, Unit
from hostile.dies import HUGE, INT, case, member, named, size, typed, variable


@case
def typedef_of_itself() -> list[Die]:
    return [Die("typedef", [named("t"), typed("t")], label="t"), variable("t")]


@case
def typedefs_in_a_ring() -> list[Die]:
    ring = [
        Die("typedef", [named(f"t{i}"), typed(f"t{(i + 1) % 5}")], label=f"t{i}") for i in range(5)
    ]
    return [*ring, variable("t0")]


@case
def qualifiers_in_a_ring() -> list[Die]:
    return [
        Die("const_type", [typed("v")], label="c"),
        Die("volatile_type", [typed("c")], label="v"),
        variable("v"),
    ]


@case
def pointer_to_itself() -> list[Die]:
    return [Die("pointer_type", [typed("p")], label="p"), variable("p")]


@case
def struct_within_itself() -> list[Die]:
    return [Die("structure_type", [named("s"), size(8)], [member("m", "s")], "s"), variable("s")]


@case
def anonymous_structs_within_each_other() -> list[Die]:
    return [
        Die("structure_type", [size(8)], [member("m", "b")], "a"),
        Die("structure_type", [size(8)], [member("m", "a")], "b"),
        variable("a"),
    ]


@case
def array_of_itself() -> list[Die]:
    count = Die("subrange_type", [Attr("upper_bound", "data1", 2)])
    return [Die("array_type", [typed("a")], [count], "a"), variable("a")]


@case
def function_type_of_itself() -> list[Die]:
    parameter = Die("formal_parameter", [typed("f")])
    return [Die("subroutine_type", [typed("f")], [parameter], "f"), variable("f")]


@case
def enum_of_itself() -> list[Die]:
    value = Die("enumerator", [named("E"), Attr("const_value", "data1", 1)])
    return [
        Die("enumeration_type", [named("e"), size(8), typed("e")], [value], "e"),
        variable("e"),
    ]


@case
def specifications_in_a_ring() -> list[Die]:
    return [
        Die("variable", [Attr("specification", "ref4", Label("b"))], label="a"),
        Die("variable", [Attr("specification", "ref4", Label("a"))], label="b"),
        Die("structure_type", [Attr("specification", "ref4", Label("s")), size(1)], label="s"),
    ]


@case
def origins_in_a_ring() -> list[Die]:
    low = Attr("low_pc", "addr", 0x1000)
    a, b, p = (Attr("abstract_origin", "ref4", Label(name)) for name in "abp")
    return [
        Die("subprogram", [b, low], [Die("formal_parameter", [p], label="p")], "a"),
        Die("subprogram", [a, low], label="b"),
    ]


@case
def references_to_what_is_no_type() -> list[Die]:
    inner = Die("member", [named("m"), typed("int")], label="m")
    return [
        Die("structure_type", [named("s"), size(4)], [inner], "s"),
        Die("subprogram", [named("f"), typed("m")], label="f"),
        Die("pointer_type", [typed("f")], label="p"),
        Die("typedef", [named("t"), typed("m")], label="t"),
        Die("const_type", [Attr("type", "ref4", 11)], label="unit"),
        *(variable(label) for label in ("s", "f", "p", "t", "m", "unit")),
    ]


@case
def references_to_nowhere() -> list[Die]:
    forms = ("ref1", "ref2", "ref4", "ref8", "ref_udata", "ref_addr", "ref_sig8", "GNU_ref_alt")
    places = (0, 1, 13, 0xFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, HUGE)
    return [Die("typedef", [named("t"), Attr("type", f, p)]) for f in forms for p in places]


@case
def imports_in_a_ring() -> list[Unit]:
    a, b = (
        Die("imported_unit", [Attr("import", "ref_addr", Label(label))]) for label in ("a", "b")
    )
    return [
        Unit(Die("compile_unit", [named("a.c")], [INT, a, b])),
        Unit(Die("partial_unit", [], [b, a], "a"), "partial"),
        Unit(Die("partial_unit", [], [a, b], "b"), "partial"),
    ]


@case
def siblings_that_go_back() -> list[Die]:
    back = Attr("sibling", "ref4", Label("s"))
    far = Attr("sibling", "ref4", 0x7FFFFFFF)
    return [
        Die("structure_type", [named("s"), back, size(4)], [member("m", "int")], "s"),
        Die("subprogram", [named("f"), back], [Die("lexical_block", [far], [variable("s")])]),
        Die("subprogram", [named("g"), far], [Die("lexical_block", [back], [variable("s")])]),
    ]
