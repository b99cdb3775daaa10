"""Laws of saying a graph on top of a base, on graphs that make sense or not."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dwarfless
from build.btf import assemble
from build.graphs import Types, graphs, permuted
from dwarfless.graph.dedup import deduplicate
from dwarfless.graph.match import Split, split_over
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf, parse
from oracle.dedup import as_btf, classes

#: A VAR is the base's only where a section places it, and random sections make no sense.
GRAPHS = graphs(variables=False)


def canonical(types: Types) -> TypeGraph:
    """Return types as a graph in which nothing is said twice."""
    return deduplicate(dwarfless.decode(assemble(types)))[0]


def read(graph: TypeGraph) -> Btf:
    """Return a graph as an independent reader sees it."""
    below = read(graph.base) if graph.base is not None else None
    return parse(dwarfless.encode(graph), below)


def split(graph: TypeGraph, base: TypeGraph) -> tuple[Split, bool]:
    """Return the split and whether every match is exact."""
    report = Report()
    found = split_over(graph, base, report)
    return found, not any(n for (what, _), n in report.counts.items() if what == "match")


def nameless_circle(types: Types) -> bool:
    """Whether a circle of references meets no named struct or union; C can't write one."""
    joint = JointGraph(as_btf(types), as_btf([]))
    to: dict[int, list[int]] = {0: []}
    for i, t in enumerate(types, 1):
        named = t[0] in ("STRUCT", "UNION") and t[1]
        to[i] = [] if named else [target for target in joint.targets(i) if target]
    state: dict[int, int] = {}

    def circles(node: int) -> bool:
        if state.get(node) == 1:
            return True
        if state.get(node) == 2:
            return False
        state[node] = 1
        found = any(circles(other) for other in to[node])
        state[node] = 2
        return found

    return any(circles(node) for node in to)


@given(types=GRAPHS, below=GRAPHS)
@settings(deadline=None, max_examples=200)
def test_base_and_split_mean_what_the_graph_means(types, below):
    """Each type unfolds as before through the id map, unless a tolerance was needed."""
    graph, base = canonical(types), canonical(below)
    found, exact = split(graph, base)
    assume(exact)
    joint = JointGraph(read(graph), read(found.graph))
    of = joint.refine().of
    for old, to in enumerate(found.ids.tolist()):
        if old and not to:
            # A circle of nameless types that nobody refers to.
            assert nameless_circle(types)
            continue
        assert of[old] == of[joint.second + to], old


@given(types=GRAPHS, data=st.data())
@settings(deadline=None)
def test_over_itself_nothing_is_new(types, data):
    """In whatever order the base has its types."""
    assume(not nameless_circle(types))
    graph = canonical(types)
    plain = read(graph).types[1:]
    order = data.draw(st.permutations(range(1, len(plain) + 1)))
    found, _ = split(graph, dwarfless.decode(assemble(permuted(plain, order))))
    assert found.graph.num_own == 0


@given(types=GRAPHS, below=GRAPHS)
@settings(deadline=None)
def test_nothing_of_the_base_is_repeated(types, below):
    """No new type means what one of the base means."""
    assume(not nameless_circle(types))
    graph, base = canonical(types), canonical(below)
    found, _ = split(graph, base)
    numbers = classes(read(found.graph).types[1:])
    assert not set(numbers[len(base) :]) & set(numbers[: len(base)])


@given(types=GRAPHS, below=GRAPHS)
@settings(deadline=None)
def test_twice_adds_nothing(types, below):
    """What was added is found the second time, a level higher."""
    assume(not nameless_circle(types))
    graph, base = canonical(types), canonical(below)
    once, _ = split(graph, base)
    again, _ = split(graph, once.graph)
    assert again.graph.num_own == 0
