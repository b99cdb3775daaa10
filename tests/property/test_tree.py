"""Laws of levels, on graphs that make sense or not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import dwarfless
from build.btf import assemble
from build.graphs import Types, graphs
from dwarfless.graph.dedup import deduplicate
from dwarfless.graph.tree import Parts, flatten, merge, partition
from dwarfless.graph.type_graph import TypeGraph
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf, parse

#: Random sections place what is no variable, so they are left to tests by hand.
GRAPHS = graphs(variables=False)


def graph_of(types: Types) -> TypeGraph:
    """Return types as a graph."""
    return dwarfless.decode(assemble(types))


def read(graph: TypeGraph) -> Btf:
    """Return a graph as an independent reader sees it."""
    below = read(graph.base) if graph.base is not None else None
    return parse(dwarfless.encode(graph), below)


def mean_the_same(one: TypeGraph, other: TypeGraph, ids: list[int]) -> bool:
    """Tell whether each type of one means what the type of that id in the other means."""
    joint = JointGraph(read(one), read(other))
    of = joint.refine().of
    return all(of[old] == of[joint.second + new] for old, new in enumerate(ids))


def take_apart(graph: TypeGraph, data: st.DataObject) -> Parts:
    """Divide a graph at will."""
    chosen = data.draw(st.lists(st.booleans(), min_size=graph.num_own, max_size=graph.num_own))
    return partition(graph, np.array(chosen, bool), with_types=data.draw(st.booleans()))


@given(types=GRAPHS, data=st.data())
@settings(deadline=None)
def test_taking_apart_changes_no_meaning(types, data):
    """Nor does joining again: each type is there once, and means what it meant."""
    graph = graph_of(types)
    parts = take_apart(graph, data)
    assert len(parts.moved) == len(graph)
    assert sorted(parts.ids.tolist()) == list(range(len(graph)))
    assert mean_the_same(graph, parts.moved, parts.ids.tolist())
    assert mean_the_same(graph, flatten(parts.moved), parts.ids.tolist())


@given(types=GRAPHS, data=st.data())
@settings(deadline=None)
def test_level_upon_level(types, data):
    """What moved can be taken apart again; flat, all of it is there."""
    graph = graph_of(types)
    first = take_apart(graph, data)
    second = take_apart(first.moved, data)
    flat = flatten(second.moved)
    assert mean_the_same(graph, flat, second.ids[first.ids].tolist())


@given(types=GRAPHS, data=st.data())
@settings(deadline=None)
def test_a_graph_merged_with_itself(types, data):
    """Twice is once; what it repeats of its base is the base's."""
    graph = deduplicate(graph_of(types))[0]
    split = take_apart(graph, data).moved
    merged, (one, two) = merge([split, split])
    assert merged.num_own <= split.num_own
    assert one.tolist() == two.tolist()
    assert mean_the_same(split, merged, one.tolist())
