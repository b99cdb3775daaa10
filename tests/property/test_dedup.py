"""Laws of deduplication, on graphs that make sense or not."""

import time

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dwarfless
from build.btf import assemble
from build.graphs import Types, graphs, move, permuted
from dwarfless.errors import UnsupportedError
from dwarfless.graph import dedup
from dwarfless.graph.dedup import deduplicate
from oracle.bisimulation import JointGraph
from oracle.btf_reader import parse
from oracle.dedup import as_btf, classes, representatives, same_types

GRAPHS = graphs()
#: A VAR is never merged, so a copy's would stay.
WITHOUT_VARIABLES = graphs(variables=False)


def merged(types: Types) -> tuple[Types, list[int]]:
    """Return the deduplicated types, read independently, and where each id went."""
    graph, ids = deduplicate(dwarfless.decode(assemble(types)))
    return parse(dwarfless.encode(graph)).types[1:], ids.tolist()


@given(types=GRAPHS)
@settings(deadline=None, max_examples=300)
def test_exactly_what_means_the_same_is_merged(types):
    """The id map says what a slow twin says, and new ids follow the first of each."""
    _, ids = merged(types)
    expected = representatives(types)
    kept = {old: new for new, old in enumerate(sorted(set(expected)))}
    assert ids == [kept[old] for old in expected]


@given(types=GRAPHS)
@settings(deadline=None)
def test_types_unfold_alike_through_the_id_map(types):
    """Every type means what it meant, once forwards are followed."""
    out, ids = merged(types)
    expected = representatives(types)
    followed = [move(t, dict(enumerate(expected))) for t in types]
    joint = JointGraph(as_btf(followed), as_btf(out))
    of = joint.refine().of
    for old in range(len(types) + 1):
        assert of[expected[old]] == of[joint.second + ids[old]], old


@given(types=GRAPHS)
@settings(deadline=None)
def test_twice_is_once(types):
    """The second time changes nothing, not even a string."""
    once, _ = deduplicate(dwarfless.decode(assemble(types)))
    twice, ids = deduplicate(once)
    assert np.array_equal(once.words, twice.words)
    assert once.strings == twice.strings
    assert ids.tolist() == list(range(len(once)))


@given(types=GRAPHS)
@settings(deadline=None)
def test_no_two_types_mean_the_same(types):
    """Each class of the output has one member."""
    out, _ = merged(types)
    assert len(set(classes(out))) == len(out) + 1


@given(types=GRAPHS)
@settings(deadline=None)
def test_forwards_with_one_definition_are_gone(types):
    """What forwards remain have no definition, or several."""
    out, _ = merged(types)
    for forward in [t for t in out if t[0] == "FWD"]:
        kind = forward[2].upper()
        assert len([t for t in out if t[:2] == (kind, forward[1])]) != 1, forward


@given(types=WITHOUT_VARIABLES)
@settings(deadline=None)
def test_a_copy_adds_nothing(types):
    """A graph joined to its copy dedups to what it alone does."""
    to = {0: 0} | {i: i + len(types) for i in range(1, len(types) + 1)}
    alone, ids = merged(types)
    both, joint_ids = merged([*types, *(move(t, to) for t in types)])
    assert both == alone
    assert joint_ids == [*ids, *ids[1:]]


@given(types=WITHOUT_VARIABLES, data=st.data())
@settings(deadline=None)
def test_order_changes_numbers_not_types(types, data):
    """Unless an empty enum could mean several: then the first one counts."""
    enums = [t for t in types if t[0] in ("ENUM", "ENUM64") and t[1] and t[-1]]
    assume(len({t[1] for t in enums}) == len(set(enums)))
    shuffled = data.draw(st.permutations(range(1, len(types) + 1)))
    out, ids = merged(types)
    other, other_ids = merged(permuted(types, shuffled))
    assert same_types(out, other)
    assert len({(ids[old], other_ids[new]) for new, old in enumerate(shuffled, 1)}) == len(out)


# ---- chains made to take long


def structs_that_differ_far_away(length: int, names: int = 1) -> Types:
    """Two chains of structs of few names; only the last ones differ."""
    types: Types = []
    for last in ("x", "y"):
        for i in range(length):
            target = len(types) + 3 if i < length - 1 else 0
            member = ("m" if target else last, len(types) + 2, 0, 0)
            types += [("STRUCT", f"s{i % names}", 8, 0, (member,)), ("PTR", "", target)]
    return types


def forwards_that_settle_one_another(length: int) -> Types:
    """Level n has a struct twice; they are one as soon as n - 1 is."""
    types: Types = [("STRUCT", "s0", 8, 0, ())]
    previous = 1
    for level in range(1, length):
        at = len(types)
        types += [
            ("PTR", "", previous),
            ("STRUCT", f"s{level}", 8, 0, (("m", at + 1, 0, 0),)),
            ("FWD", f"s{level - 1}", "struct"),
            ("PTR", "", at + 3),
            ("STRUCT", f"s{level}", 8, 0, (("m", at + 4, 0, 0),)),
        ]
        previous = at + 2
    return types


@pytest.mark.parametrize(
    ("types", "kept"),
    [
        (structs_that_differ_far_away(300), 1199),
        (structs_that_differ_far_away(300, names=300), 1199),
        (forwards_that_settle_one_another(100), 199),
        ([("PTR", "", (i + 1) % 50_000 + 1) for i in range(50_000)], 1),
        ([("CONST", "", i) for i in range(50_000)], 50_000),
        ([("TYPEDEF", "t", max(i - 1, 0)) for i in range(1, 50_001)], 50_000),
        ([("STRUCT", "s", 8, 0, (("m", i + 1, 0, 0),)) for i in range(50_000)], 1),
    ],
)
def test_chains(types, kept):
    """Long ones are right, and take their time at most."""
    start = time.monotonic()
    out, _ = deduplicate(dwarfless.decode(assemble(types)))
    assert out.num_own == kept
    assert time.monotonic() - start < 10


def test_structs_that_differ_beyond_reason_are_refused():
    """Each round tells two more apart: the work grows with the square."""
    graph = dwarfless.decode(assemble(structs_that_differ_far_away(100_000)))
    start = time.monotonic()
    with pytest.raises(UnsupportedError, match="dedup"):
        deduplicate(graph)
    assert time.monotonic() - start < 60


def test_forwards_that_settle_one_another_beyond_reason_are_refused(monkeypatch):
    """Here each turn settles one."""
    graph = dwarfless.decode(assemble(forwards_that_settle_one_another(200)))
    monkeypatch.setattr(dedup, "MAX_WORK", 100_000)
    with pytest.raises(UnsupportedError, match="settle one another"):
        deduplicate(graph)
