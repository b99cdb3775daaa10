"""A distilled base loses nothing that its own base still has."""

from collections import Counter

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dwarfless
from build.btf import assemble
from build.graphs import graphs
from dwarfless.errors import UnsupportedError
from dwarfless.graph.distill import distill, relocate
from dwarfless.graph.tree import partition
from dwarfless.graph.type_graph import TypeGraph
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf, parse


def read(graph: TypeGraph) -> Btf:
    """Return a graph as an independent reader sees it."""
    below = read(graph.base) if graph.base is not None else None
    return parse(dwarfless.encode(graph), below)


@given(types=graphs(variables=False), data=st.data())
@settings(deadline=None)
def test_moved_back(types, data):
    """Distilled and moved back onto its own base, a type means what it meant."""
    names = Counter(t[1] for t in types)
    # A name that several types have may be ambiguous; that is another test's business.
    types = [
        (t[0], f"{t[1]}{i}" if names[t[1]] > 1 and t[1] else t[1], *t[2:])
        for i, t in enumerate(types)
    ]
    graph = dwarfless.decode(assemble(types))
    chosen = data.draw(st.lists(st.booleans(), min_size=len(types), max_size=len(types)))
    split = partition(graph, np.array(chosen, bool)).moved
    assert split.base is not None
    try:
        small = distill(split)
    except UnsupportedError:
        assume(False)
    after = relocate(small, split.base)
    joint = JointGraph(read(split), read(after))
    of = joint.refine().of
    own = range(split.first_id, len(split))
    assert all(of[i] == of[joint.second + i] for i in own)
