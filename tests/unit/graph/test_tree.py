"""Levels: joined, taken apart, merged; by hand-made graphs."""

from collections import Counter

import numpy as np
import pytest

import dwarfless
from build.btf import assemble
from build.records import Type
from build.records import assemble as assemble_records
from dwarfless.errors import BaseMismatchError, UnsupportedError
from dwarfless.graph.parts import choose
from dwarfless.graph.tree import flatten, merge, partition
from dwarfless.graph.type_graph import TypeGraph
from oracle.btf_reader import Btf, parse

INT = ("INT", "int", 4, 1, 0, 32)
WHOLE = [
    INT,
    ("PTR", "", 3),
    ("STRUCT", "task", 8, 0, (("next", 2, 0, 0),)),
    ("ARRAY", "", 1, 1, 4),
    ("FUNC_PROTO", "", 1, (("t", 2),)),
    ("FUNC", "schedule", 5, 0),
    ("FUNC", "kfunc", 5, 0),
    ("DECL_TAG", "bpf_kfunc", 7, -1, 0),
    ("VAR", "board", 4, 0),
    ("VAR", "init_task", 3, 1),
    ("VAR", "cpu", 1, 0),
    ("DATASEC", ".data", 24, ((9, 0, 16), (10, 16, 8))),
    ("DATASEC", ".data..percpu", 4, ((11, 0, 4),)),
    ("STRUCT", "unused", 4, 0, (("i", 1, 0, 0),)),
]


def graph_of(types: list[tuple]) -> TypeGraph:
    """Return types as a graph."""
    return dwarfless.decode(assemble(types), source="whole")


def read(graph: TypeGraph) -> Btf:
    """Return a graph as an independent reader sees it."""
    below = read(graph.base) if graph.base is not None else None
    return parse(dwarfless.encode(graph), below)


def own(graph: TypeGraph) -> list[tuple]:
    """Return a graph's own types."""
    btf = read(graph)
    return btf.types[btf.first :]


def split(*classes: str, with_types: bool = False, **how: object) -> tuple[TypeGraph, TypeGraph]:
    """Take WHOLE apart by class."""
    graph = graph_of(WHOLE)
    parts = partition(graph, choose(graph, classes, **how), with_types=with_types)
    return parts.kept, parts.moved


def test_variables_move_with_what_only_they_need():
    """An array that nothing else has goes along; sections go whole."""
    kept, moved = split("vars")
    assert own(kept) == [
        *WHOLE[:3],
        ("FUNC_PROTO", "", 1, (("t", 2),)),
        *(("FUNC", name, 4, 0) for name in ("schedule", "kfunc")),
        ("DECL_TAG", "bpf_kfunc", 6, -1, 0),
        ("STRUCT", "unused", 4, 0, (("i", 1, 0, 0),)),
    ]
    assert own(moved) == [
        ("ARRAY", "", 1, 1, 4),
        ("VAR", "board", 9, 0),
        ("VAR", "init_task", 3, 1),
        ("VAR", "cpu", 1, 0),
        ("DATASEC", ".data", 24, ((10, 0, 16), (11, 16, 8))),
        ("DATASEC", ".data..percpu", 4, ((12, 0, 4),)),
    ]


@pytest.mark.parametrize(
    ("classes", "how", "names"),
    [
        (("percpu",), {}, ["cpu", ".data..percpu"]),
        (("static",), {}, ["", "board", ".data"]),
        (("global",), {}, ["init_task", ".data"]),
        (("vars",), {"names": ["init_*"]}, ["init_task", ".data"]),
        (("vars",), {"sections": [".data"]}, ["", "board", "init_task", ".data"]),
        (("functions",), {}, ["", "schedule", "kfunc", "bpf_kfunc"]),
        (("unattachable",), {"attachable": ["nothing"]}, ["schedule"]),
        (("unattachable",), {"attachable": ["schedule"]}, []),
        (("decl_tags",), {}, ["bpf_kfunc"]),
        (("types",), {}, ["unused"]),
        (("types", "percpu"), {}, ["cpu", ".data..percpu", "unused"]),
        ((), {}, []),
    ],
)
def test_what_moves(classes, how, names):
    """Each class, with what it takes along; a section is divided."""
    kept, moved = split(*classes, **how)
    assert [t[1] for t in own(moved)] == names
    everything = Counter(t[1] for t in own(kept)) + Counter(names)
    everything[".data"] -= everything[".data"] == 2
    assert everything == Counter(t[1] for t in WHOLE)


def test_a_divided_section_places_each_variable_once():
    """Both parts keep the section's size."""
    kept, moved = split("static")
    sections = [
        next(t for t in own(part) if t[:2] == ("DATASEC", ".data")) for part in (kept, moved)
    ]
    assert [(s[2], [e[1:] for e in s[3]]) for s in sections] == [(24, [(16, 8)]), (24, [(0, 16)])]


def test_types_go_with_what_alone_needs_them():
    """`task` is reached by functions only, so it goes with them; `unused` by nothing: it stays."""
    graph = graph_of([t for t in WHOLE if t[1] != "init_task" and t[1] != ".data"][:8])
    chosen = choose(graph, ["functions"])
    assert "task" in [t[1] for t in own(partition(graph, chosen).kept)]
    parts = partition(graph, chosen, with_types=True)
    assert "task" in [t[1] for t in own(parts.moved)]


def test_ids_say_where_each_type_went():
    """In the extra's numbering."""
    graph = graph_of(WHOLE)
    parts = partition(graph, choose(graph, ["decl_tags", "functions"]))
    for old, new in enumerate(parts.ids.tolist()):
        assert graph[old].name == parts.moved[new].name


@pytest.mark.parametrize("classes", [("vars",), ("static",), ("functions", "percpu"), ("types",)])
def test_flat_again(classes):
    """Joined again it is what it was, in another order."""
    _, moved = split(*classes)
    flat = flatten(moved)
    assert flat.base is None
    assert sorted(t[:2] for t in own(flat)) == sorted(t[:2] for t in WHOLE)
    (section,) = [t for t in own(flat) if t[:2] == ("DATASEC", ".data")]
    names = {flat[e[0]].name: e[1:] for e in section[3]}
    assert (section[2], names) == (24, {"board": (0, 16), "init_task": (16, 8)})
    assert flatten(flat) is flat


def test_four_levels():
    """Each over the one before; all flat in one step."""
    tower = graph_of(WHOLE)
    for classes in (["vars", "functions"], ["functions"]):
        tower = partition(tower, choose(tower, classes)).moved
    tower = partition(tower, choose(tower, ["decl_tags"])).moved
    assert [view.kind_name for view in tower] == ["DECL_TAG"]
    depth, at = 0, tower
    while at is not None:
        depth, at = depth + 1, at.base
    assert depth == 4
    assert sorted(t[:2] for t in own(flatten(tower))) == sorted(t[:2] for t in WHOLE)


def test_classes_are_checked():
    """A misspelt one would silently move nothing."""
    with pytest.raises(ValueError, match="did you mean functions"):
        choose(graph_of(WHOLE), ["function"])
    with pytest.raises(ValueError, match="attach"):
        choose(graph_of(WHOLE), ["unattachable"])


# ---- merging


def over(base: TypeGraph, *own_types: tuple) -> TypeGraph:
    """Return split BTF."""
    return dwarfless.decode(assemble(own_types, parse(dwarfless.encode(base))), base=base)


def test_siblings_share_what_means_the_same():
    """A struct that two modules define alike is one; their variables stay two."""
    base = graph_of([INT])
    shared = ("STRUCT", "s", 4, 0, (("m", 1, 0, 0),))
    one = over(
        base, shared, ("PTR", "", 2), ("VAR", "x", 3, 0), ("DATASEC", ".data", 8, ((4, 0, 8),))
    )
    two = over(
        base, ("CONST", "", 3), shared, ("VAR", "x", 2, 0), ("DATASEC", ".data", 4, ((4, 0, 4),))
    )
    merged, maps = merge([one, two])
    assert own(merged) == [
        shared,
        ("PTR", "", 2),
        ("VAR", "x", 3, 0),
        ("DATASEC", ".data", 8, ((4, 0, 8),)),
        ("CONST", "", 2),
        ("VAR", "x", 6, 0),
        ("DATASEC", ".data", 4, ((7, 0, 4),)),
    ]
    assert [ids.tolist() for ids in maps] == [[0, 1, 2, 3, 4, 5], [0, 1, 6, 2, 7, 8]]


def test_what_the_base_has_is_the_bases():
    """A sibling that repeats the base says it no more."""
    base = graph_of([INT, ("TYPEDEF", "u", 1)])
    merged, maps = merge([over(base, ("TYPEDEF", "u", 1), ("PTR", "", 3))])
    assert own(merged) == [("PTR", "", 2)]
    assert maps[0].tolist() == [0, 1, 2, 2, 3]


def test_merging_without_a_base():
    """Whole BTFs are joined, too."""
    merged, _ = merge([graph_of([INT, ("PTR", "", 1)]), graph_of([("CONST", "", 2), INT])])
    assert own(merged) == [INT, ("PTR", "", 1), ("CONST", "", 1)]


def test_another_base_is_refused():
    """Ids would mean other types."""
    one, two = (over(graph_of([INT, t]), ("PTR", "", 2)) for t in (INT, ("PTR", "", 1)))
    with pytest.raises(BaseMismatchError):
        merge([one, two])
    with pytest.raises(BaseMismatchError):
        merge([one, graph_of([INT])])


def test_unknown_kinds_are_refused():
    """What they refer to can't be followed."""
    layout = [(0, 0), (4, 0), (0, 0), (12, 0), *[(0, 12)] * 2, (0, 8), *[(0, 0)] * 6, (0, 8)]
    layout += [(4, 0), (0, 12), (0, 0), (4, 0), (0, 0), (0, 12), (4, 0)]
    odd = dwarfless.decode(assemble_records([Type(20, 0, 0, (1,))], b"\0", layout=layout))
    for work in (lambda g: merge([g]), lambda g: partition(g, np.zeros(1, bool))):
        with pytest.raises(UnsupportedError):
            work(odd)
