"""DWARF that has too much of everything.

In:  nothing.
Out: cases of hostile.dies.
"""

from collections.abc import Sequence
from itertools import pairwise

from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble
from hostile.dies import CASES, HUGE, case, member, named, size, typed, unit, variable

DEEP = 100_000


def nest(tag: str, depth: int, attrs: Sequence[Attr] = ()) -> Die:
    """Return Dies inside one another."""
    die = Die(tag, attrs, [variable("int")])
    for _ in range(depth):
        die = Die(tag, attrs, [die])
    return die


def chain(tag: str, length: int, *attrs: Attr) -> list[Die]:
    """Return Dies of which each refers to the next, the last one to int."""
    labels = [f"c{i}" for i in range(length)] + ["int"]
    return [Die(tag, [*attrs, typed(after)], label=label) for label, after in pairwise(labels)]


@case
def deep_blocks() -> list[Die]:
    low = [named("f"), Attr("low_pc", "addr", 0x1000)]
    return [Die("subprogram", low, [nest("lexical_block", DEEP)])]


@case
def deep_structs() -> list[Die]:
    return [nest("structure_type", DEEP, [named("s"), size(4)])]


@case
def deep_anonymous_structs() -> list[Die]:
    return [nest("structure_type", DEEP, [size(4)])]


@case
def deep_namespaces() -> list[Die]:
    return [nest("namespace", DEEP)]


@case
def unknown_tags_within_each_other() -> list[Die]:
    return [nest(0x7777, DEEP)]  # type: ignore[arg-type]


for _tag in ("pointer_type", "const_type", "typedef", "array_type", "subroutine_type"):
    CASES[f"long_chain_of_{_tag}"] = lambda tag=_tag: (  # type: ignore[misc]
        Encoding(),
        assemble([unit(*chain(tag, DEEP, named("t")), variable("c0"))]),
    )


@case
def long_chain_of_structs_by_value() -> list[Die]:
    labels = [f"s{i}" for i in range(DEEP)] + ["int"]
    pairs = pairwise(labels)
    return [
        Die("structure_type", [size(4)], [member("m", after)], label) for label, after in pairs
    ]


@case
def long_chain_of_origins() -> list[Die]:
    return [
        Die("subprogram", [Attr("abstract_origin", "ref4", Label(f"f{i + 1}"))], label=f"f{i}")
        for i in range(DEEP)
    ] + [Die("subprogram", [named("f"), Attr("low_pc", "addr", 0x1000)], label=f"f{DEEP}")]


@case
def many_members() -> list[Die]:
    members = [member(f"m{i}", "int") for i in range(70_000)]
    return [Die("structure_type", [named("s"), size(4)], members, "s"), variable("s")]


@case
def many_enumerators() -> list[Die]:
    values = [
        Die("enumerator", [named(f"E{i}"), Attr("const_value", "udata", i)]) for i in range(70_000)
    ]
    return [Die("enumeration_type", [named("e"), size(4)], values, "e"), variable("e")]


@case
def many_parameters() -> list[Die]:
    parameters = [Die("formal_parameter", [named(f"p{i}"), typed("int")]) for i in range(70_000)]
    low = [named("f"), typed("int"), Attr("low_pc", "addr", 0x1000)]
    return [Die("subprogram", low, parameters), Die("subroutine_type", [], parameters)]


@case
def many_dimensions() -> list[Die]:
    counts = [Die("subrange_type", [Attr("upper_bound", "udata", HUGE - 1)])] * 70_000
    return [Die("array_type", [typed("int")], counts, "a"), variable("a")]


@case
def many_variables_in_one_place() -> list[Die]:
    return [variable("int", name=f"v{i}") for i in range(70_000)]


@case
def many_structs_of_one_name() -> list[Unit]:
    return [
        unit(
            Die("structure_type", [named("s"), size(i)], [member("p", "p")], f"s{i}"),
            Die("pointer_type", [typed(f"s{i}")], label="p"),
        )
        for i in range(3000)
    ]


@case
def rings_that_differ_far_away() -> list[Die]:
    """Two rings of structs of the same names that differ in one member at the far end."""
    dies = []
    for ring in "ab":
        for i in range(2000):
            after = f"{ring}p{(i + 1) % 2000}"
            extra = [member("x", "int")] if ring == "b" and i == 1999 else []
            attrs = [named(f"s{i}"), size(8)]
            dies.append(Die("structure_type", attrs, [member("m", after), *extra], f"{ring}{i}"))
            dies.append(Die("pointer_type", [typed(f"{ring}{i}")], label=f"{ring}p{i}"))
    return dies


@case
def long_names() -> list[Die]:
    return [
        Die(
            "structure_type", [named("s" * (1 << 20)), size(4)], [member("m" * 70_000, "int")], "s"
        ),
        Die("typedef", [named(""), typed("int")]),
        Die("typedef", [Attr("name", "string", b"\xff\xfe not UTF-8")]),
        Die("base_type", [named(""), size(4), Attr("encoding", "data1", 5)]),
        Die("base_type", [size(4), Attr("encoding", "data1", 5)], label="unnamed"),
        variable("unnamed"),
    ]


@case
def absurd_numbers() -> list[Die]:
    numbers = (0, 3, 0xFF, 0x1FFFFFFF, 0x20000000, 0xFFFFFFFF, 1 << 32, 1 << 61, 1 << 63, HUGE)
    dies = []
    for i, n in enumerate(numbers):
        where, bits = Attr("data_member_location", "data8", n), Attr("bit_size", "data8", n)
        at = Attr("data_bit_offset", "data8", n)
        members = [
            member("a", "int", where),
            member("b", "int", bits, at),
            member("c", "int", bits, Attr("bit_offset", "data8", n), where),
        ]
        values = [Die("enumerator", [named(f"E{i}"), Attr("const_value", "data8", n)])]
        counts = [Die("subrange_type", [Attr(a, "data8", n)]) for a in ("count", "upper_bound")]
        sized = size(n, "data8")
        encoding = Attr("encoding", "udata", n)
        dies += [
            Die("structure_type", [named(f"s{i}"), sized], members, f"s{i}"),
            Die("enumeration_type", [named(f"e{i}"), sized], values, f"e{i}"),
            Die("array_type", [typed("int")], counts, f"a{i}"),
            Die("base_type", [named(f"b{i}"), sized, encoding], label=f"b{i}"),
            Die("base_type", [named(f"f{i}"), sized, Attr("encoding", "data1", 4)], label=f"f{i}"),
            *(variable(f"{letter}{i}", name=f"v{letter}{i}") for letter in "seabf"),
        ]
    return dies


@case
def locations_of_all_sorts() -> list[Die]:
    blocks = [
        b"",
        b"\x03",
        b"\x03\0\0",
        b"\x23",
        b"\x23\xff\xff",
        b"\xff" * 40,
        b"\x10" + b"\x80" * 30,
    ]
    blocks += [
        b"\x03" + bytes(8) + b"\x23" + b"\xff" * 9 + b"\x7f",
        b"\xa1\xff\xff\x7f",
        b"\x11\x80",
    ]
    return [
        Die("variable", [named(f"v{i}"), typed("int"), Attr("location", "exprloc", block)])
        for i, block in enumerate(blocks)
    ] + [
        Die("structure_type", [named(f"s{i}"), size(4)],
            [member("m", "int", Attr("data_member_location", "exprloc", block))])
        for i, block in enumerate(blocks)
    ]  # fmt: skip
