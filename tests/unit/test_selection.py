"""Which functions are kept, rule by rule (encoding rules, sections 4.1 and 4.3)."""

import numpy as np
import pytest

from dwarfless.formats.btf import Kind
from dwarfless.graph.functions import (
    REASONS,
    STATE,
    FunctionTable,
    select_functions,
)
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

UNEXPECTED, UNCERTAIN, REORDERED, OPTIMIZED, CHANGED = 1, 2, 4, 8, 16


def table(*symbols: tuple[str, int]) -> FunctionTable:
    """Return a table of (name, address), and of a last name that is left alone."""
    strings, offsets = b"\0", []
    for name, _ in (*symbols, ("~", 1)):
        offsets.append(len(strings))
        strings += name.encode() + b"\0"
    values = [value for _, value in (*symbols, ("~", 1))]
    return FunctionTable(strings, np.array(offsets, np.uint32), np.array(values, np.uint64))


def test_names_end_at_the_first_dot():
    """Cold halves and parts are no functions."""
    functions = table(("b.isra.0", 1), ("a", 2), ("c.cold", 3), ("d.part.0.isra.1", 4), ("a.x", 5))
    assert [functions.name(i) for i in range(len(functions))] == [b"b", b"a", b"~"]
    assert functions.key(b"a") == 1
    assert functions.key(b"b.isra.0") == functions.key(b"c") == functions.key(b"") == -1
    with pytest.raises(IndexError):
        functions.name(3)


def test_a_table_is_found_again_whatever_its_size():
    """Every name of many is found."""
    names = [f"function_{i}" for i in range(5000)]
    functions = table(*((name, i) for i, name in enumerate(names)))
    keys = [functions.key(name.encode()) for name in names]
    assert sorted(keys) == list(range(5000))
    assert [functions.name(key).decode() for key in keys] == names


# ---- selection


def protos() -> tuple[TypeGraph, dict[str, int]]:
    """Return a graph with prototypes, by name."""
    build = GraphBuilder()
    number = build.add_int("int", 4, signed=True)
    ids = {}
    for name, target in (
        ("int", number),
        ("long", build.add_int("long", 8, signed=True)),
        ("const int", build.add_reference(Kind.CONST, number)),
        ("s", build.add_composite(Kind.STRUCT, "s", 4, [("a", number, 0)])),
        ("s with b", build.add_composite(Kind.STRUCT, "s", 4, [("b", number, 0)])),
        ("s ahead", build.add_forward("s")),
        ("union s", build.add_forward("s", union=True)),
        ("int[3]", build.add_array(number, number, 3)),
        ("int[4]", build.add_array(number, number, 4)),
        ("typedef", build.add_reference(Kind.TYPEDEF, number, "s")),
        ("float", build.add_float("float", 4)),
        ("double", build.add_float("float", 8)),
        ("volatile", build.add_reference(Kind.VOLATILE, number)),
    ):
        pointer = build.add_reference(Kind.PTR, target)
        callback = build.add_reference(Kind.PTR, build.add_func_proto(number, [("", pointer)]))
        ids[name] = build.add_func_proto(number, [("p", pointer), ("q", callback)])
    ids["int, named x"] = build.add_func_proto(number, [("x", number)])
    ids["int, named y"] = build.add_func_proto(number, [("y", number)])
    ids["void"] = build.add_func_proto(0, [("y", number)])
    ids["two"] = build.add_func_proto(number, [("y", number), ("z", number)])
    ids["const value"] = build.add_func_proto(number, [("y", build.add_reference(10, number))])
    return build.freeze(), ids


GRAPH, PROTOS = protos()


def select(
    functions: FunctionTable, *states: tuple[str, int, str, int], consistent: bool = True
) -> tuple[list[int], dict[str, str]]:
    """Select from (name, address, prototype, verdicts); return indices and dropped names."""
    rows = np.zeros(len(states), STATE)
    for row, (name, addr, proto, verdicts) in zip(rows, states, strict=True):
        row["key"] = functions.key(name.encode())
        row["addr"], row["proto"], row["verdicts"] = addr, PROTOS[proto], verdicts
    report = Report()
    by_name = functions.by_name(np.ascontiguousarray(rows["key"]))
    kept = select_functions(functions, rows, by_name, GRAPH, consistent=consistent, report=report)
    return kept.tolist(), {item.name: item.reason for item in report.items}


def test_functions_come_by_name():
    """Whatever the order of units."""
    functions = table(("b", 1), ("a", 2), ("a_", 3), ("B", 4))
    states = [(name, 0, "int", 0) for name in ("b", "a_", "a", "B")]
    assert select(functions, *states) == ([3, 2, 1, 0], {})
    assert select(functions) == ([], {})


def test_long_names_that_begin_alike_are_told_apart():
    """However far they share their beginning, and how many do."""
    begin = "shared_beginning_" * 10
    stems = [begin[:length] for length in (*range(7, 18), 63, 64, 65, 72, 73, 170)]
    names = sorted({stem + end for stem in stems for end in ("", "a", "\x7f", "_b", "é")})
    shuffled = [names[i * 37 % len(names)] for i in range(len(names))]
    functions = table(*((name, i) for i, name in enumerate(shuffled)))
    order, dropped = select(functions, *((name, 0, "int", 0) for name in shuffled))
    assert len(names) > 80
    assert [shuffled[i] for i in order] == sorted(names, key=str.encode)
    assert not dropped


def test_keys_of_names_by_the_hundred():
    """Names that are no function's, and a last one that has no end, have none."""
    names = [f"function_{i}" for i in range(1, 200)]
    functions = table(*((name, i) for i, name in enumerate(names) if i % 3))
    strings = b"\0" + "\0".join(names).encode()
    offsets = np.array([strings.index(name.encode() + b"\0") for name in names[:-1]], np.uint32)
    keys = functions.keys_at(strings, np.append(offsets, [len(strings) - 3, 0]).astype(np.uint32))
    expected = [functions.key(name.encode()) % (1 << 32) for name in names[:-1]]
    assert keys.tolist() == [*expected, 0xFFFFFFFF, 0xFFFFFFFF]
    assert functions.keys_at(b"", np.zeros(0, np.uint32)).tolist() == []
    with pytest.raises(IndexError):
        functions.keys_at(strings, np.array([len(strings)], np.uint32))


@pytest.mark.parametrize(
    ("verdict", "reason"), [(UNEXPECTED, 1), (UNCERTAIN, 3), (REORDERED, 4), (CHANGED, 0)]
)
def test_one_state_spoils_its_name(verdict: int, reason: int):
    """BTF has one FUNC a name."""
    kept, dropped = select(table(("f", 1)), ("f", 1, "int", 0), ("f", 0, "int", verdict))
    assert dropped == ({"f": REASONS[reason]} if reason else {})
    assert kept == ([] if reason else [0])


def test_optimized_parameters_alone_are_no_reason():
    """A caller may still pass them; unless the ABI changed with them."""
    functions = table(("f", 1), ("g.isra.0", 2), ("h.constprop.0", 3), ("i", 4), ("i.isra.0", 4))
    assert select(functions, ("f", 1, "int", OPTIMIZED))[0] == [0]
    for name, addr in (("g", 2), ("h", 3), ("i", 4)):
        _, dropped = select(functions, (name, addr, "int", OPTIMIZED))
        assert dropped == {name: REASONS[5]}
    assert select(functions, ("g", 0, "int", OPTIMIZED))[0] == [0]
    assert select(functions, ("g", 2, "int", 0))[0] == [0]
    assert select(functions, ("f", 1, "int", OPTIMIZED | CHANGED))[1] == {"f": REASONS[5]}


def test_only_the_chosen_state_must_not_be_optimized():
    """A state at the symbol that is whole beats an earlier one that isn't."""
    functions = table(("f", 9), ("f.isra.0", 9))
    assert select(functions, ("f", 9, "int", OPTIMIZED), ("f", 9, "int", 0))[0] == [1]


def test_the_strong_body_is_chosen():
    """The one at the symbol's address; the first if none is."""
    functions = table(("f", 9))
    assert select(functions, ("f", 5, "int", 0), ("f", 9, "int", 0))[0] == [1]
    assert select(functions, ("f", 5, "int", 0), ("f", 6, "int", 0))[0] == [0]


def test_two_addresses_are_ambiguous():
    """Two names for one address are not, nor is an address of 0 before."""
    functions = table(("f", 1), ("f", 2), ("g", 3), ("g.isra.0", 3), ("h", 0), ("h", 7), ("i", 7),
                      ("i", 0))  # fmt: skip
    _, dropped = select(functions, *((name, 0, "int", 0) for name in "fghi"))
    assert dropped == {"f": REASONS[6], "i": REASONS[6]}


def test_the_last_name_is_never_ambiguous():
    """As in pahole, which forgets it; confirmed with a program of two functions zzz."""
    functions = FunctionTable(b"\0f\0", np.array([1, 1], np.uint32), np.array([1, 2], np.uint64))
    assert select(functions, ("f", 1, "int", 0)) == ([0], {})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("int", "int", True),
        ("int", "long", False),
        ("int", "const int", True),
        ("const int", "int", True),
        ("int", "volatile", False),
        ("s", "s with b", True),
        ("s", "s ahead", True),
        ("s", "union s", False),
        ("s", "typedef", False),
        ("s", "const int", False),
        ("int[3]", "int[4]", False),
        ("int[3]", "int[3]", True),
        ("float", "double", False),
        ("int, named x", "int, named y", True),
        ("int, named x", "const value", True),
        ("int, named x", "void", False),
        ("int, named x", "two", False),
    ],
)
def test_prototypes_are_compared_loosely(first: str, second: str, same: bool):
    """Names stand for structs, const and parameter names don't count, at any depth."""
    states = [("f", 1, first, 0), ("f", 1, second, 0)]
    kept, dropped = select(table(("f", 1)), *states)
    assert (kept, dropped) == (([0], {}) if same else ([], {"f": REASONS[2]}))
    assert select(table(("f", 1)), *states, consistent=False)[0] == [0]


def test_every_state_is_compared_with_the_first():
    """The third may be the one that differs."""
    states = [("f", 1, name, 0) for name in ("s", "s ahead", "s", "int")]
    assert select(table(("f", 1)), *states)[1] == {"f": REASONS[2]}


def test_the_last_of_several_reasons_is_given():
    """Ambiguity comes last; after an unexpected register prototypes aren't compared."""
    functions = table(("f", 1), ("g", 1), ("g", 2))
    both = [("f", 1, "int", UNEXPECTED), ("f", 1, "long", 0)]
    assert select(functions, *both)[1] == {"f": REASONS[1]}
    both = [("f", 1, "int", 0), ("f", 1, "long", 0), ("f", 1, "int", UNEXPECTED)]
    assert select(functions, *both)[1] == {"f": REASONS[2]}
    assert select(functions, ("g", 1, "int", 31))[1] == {"g": REASONS[6]}
    assert select(functions, ("f", 1, "int", UNCERTAIN | REORDERED))[1] == {"f": REASONS[4]}


def test_states_outside_table_or_graph_are_refused():
    """Nothing is read out of bounds."""
    rows, none = np.zeros(1, STATE), np.zeros(0, np.uint32)
    rows["key"] = 99
    with pytest.raises(IndexError, match="key"):
        select_functions(table(("f", 1)), rows, none, GRAPH, consistent=True, report=Report())
    with pytest.raises(IndexError, match="2"):
        table(("f", 1)).by_name(np.array([0, 2], np.uint32))
    rows["key"], rows["proto"], keys = 0, 1, np.array([2], np.uint32)
    with pytest.raises(IndexError, match="by name"):
        select_functions(table(("f", 1)), rows, keys, GRAPH, consistent=True, report=Report())
    rows["key"], rows["proto"] = 0, len(GRAPH)
    with pytest.raises(IndexError, match="prototype"):
        select_functions(table(("f", 1)), rows, none, GRAPH, consistent=True, report=Report())
