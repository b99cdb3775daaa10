"""Functions that no symbol is named like are passed by their name; what they hold still counts.

The same units are written twice: with names in a form by which functions are passed, and in one by
which each is read. Both must give the same types and functions, ids included.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from build.dwarf import Attr, Die, Encoding, Label, Unit, assemble
from build.program import TEXT, program
from dwarfless.consumers.listing import listing
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import EncodeOptions

ENCODING = Encoding(5)
PASSED = ("strp", "string")
#: Names in this form are never read the short way.
READ = "line_strp"
#: Below which function: the program has a symbol for `f` alone.
NAMES = ("nowhere", "ow", "f", "f_too")


def named(form: str, name: str) -> Attr:
    """Return a DW_AT_name."""
    return Attr("name", form, name)


def number(at: str, value: int) -> Attr:
    """Return a constant in one byte."""
    return Attr(at, "data1", value)


def body(form: str, at: str) -> list[Die]:
    """Return what a function may hold, types among it."""
    member = [named(form, "inside"), Attr("type", "ref4", Label(f"{at}.int")),
              number("data_member_location", 0)]  # fmt: skip
    inner = Die("structure_type", [named(form, f"in_{at}"), number("byte_size", 4)],
                [Die("member", member)])  # fmt: skip
    return [
        Die("variable", [named(form, "count"), Attr("type", "ref4", Label(f"{at}.int"))]),
        Die("lexical_block", [number("decl_line", 1)], [
            Die("label", [named(form, "out")]),
            inner,
            Die("lexical_block", [], [Die("variable", [named(form, "deep")])]),
        ]),
        Die("lexical_block", [Attr("low_pc", "addr", TEXT), Attr("high_pc", "udata", 4)],
            [Die("variable", [named(form, "other"), Attr("location", "exprloc", b"\x91\x00")])]),
    ]  # fmt: skip


def function(kind: str, name: str, form: str, at: str) -> list[Die]:
    """Return a function: inline, declared, declared and then defined, or defined."""
    typed = [Attr("type", "ref4", Label(f"{at}.int"))]
    wrong = [Attr("type", "ref4", Label(f"{at}.long"))]
    head = [named(form, name), number("decl_line", 3), *typed]
    param = Die("formal_parameter",
                [named(form, "count"), *typed, Attr("location", "exprloc", b"\x55")])  # fmt: skip
    place = [Attr("low_pc", "addr", TEXT), Attr("external", "flag_present")]
    declared = Die(
        "subprogram",
        [*head, Attr("declaration", "flag_present")],
        [Die("formal_parameter", wrong), Die("unspecified_parameters")],
        f"{at}.declared",
    )
    if kind == "inline":
        given = [Die("formal_parameter", [named(form, "count"), *typed])]
        variadic = [Die("unspecified_parameters")]
        return [
            Die("subprogram", [*head, number("inline", 1)], [*given, *variadic, *body(form, at)])
        ]
    if kind == "childless":
        return [Die("subprogram", [*head, Attr("declaration", "flag_present")])]
    if kind == "declared":
        return [declared]
    if kind == "specified":
        attrs = [Attr("specification", "ref4", Label(f"{at}.declared")), *place]
        return [declared, Die("subprogram", attrs, [param, *body(form, at)])]
    return [Die("subprogram", [*head, *place], [param, *body(form, at)])]


KINDS = ("inline", "childless", "declared", "specified", "defined")
CHOICES = [(kind, name) for kind in KINDS for name in NAMES]


def unit(index: int, functions: Sequence[tuple[str, str]], form: str) -> Unit:
    """Return a unit of such functions, a type after each."""
    prefix = f"u{index}"
    dies: list[Die] = []
    for i, (kind, name) in enumerate(functions):
        at = f"{prefix}_{i}"
        for text, size in (("int", 4), ("long", 8)):
            attrs = [named(form, text), number("byte_size", size), number("encoding", 5)]
            dies.append(Die("base_type", attrs, (), f"{at}.{text}"))
        dies += function(kind, name, form, at)
        dies.append(Die("typedef", [named(form, f"{at}_t"),
                                    Attr("type", "ref4", Label(f"{at}.int"))]))  # fmt: skip
    root = [named(form, f"{index}.c"), number("language", 12)]
    # Short DIEs need room behind them.
    rest = [Die("label", [Attr("data_location", "data16", 0)])] * 8
    return Unit(Die("compile_unit", root, [*dies, *rest]))


def check(units: Sequence[Sequence[tuple[str, str]]], folder: Path) -> None:
    """Compare passing with reading."""

    def encoded(form: str) -> tuple[bytes, object]:
        debug = assemble([unit(i, names, form) for i, names in enumerate(units)], ENCODING)
        path = folder / form
        path.write_bytes(program(debug, ENCODING))
        graph, report = encode_elf(path, options=EncodeOptions(), jobs=1, progress=None)
        return listing(graph), (report.counts, report.figures["dies"])

    expected = encoded(READ)
    assert {form: encoded(form) for form in PASSED} == dict.fromkeys(PASSED, expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_an_earlier_unit_told_of(kind: str, name: str, tmp_path: Path):
    """By the second unit it is known which names are nowhere."""
    told = [("inline", "nowhere"), ("defined", "f")]
    check([told, [(kind, name), *told], told], tmp_path)


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.lists(st.lists(st.sampled_from(CHOICES), min_size=1, max_size=4),
                min_size=2, max_size=4))  # fmt: skip
def test_any_functions(tmp_path: Path, units: list[list[tuple[str, str]]]):
    """Whatever follows what."""
    check(units, tmp_path)
