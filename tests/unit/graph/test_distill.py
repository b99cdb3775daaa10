"""Distilled bases, by hand: what goes in, what is found again, and what is not."""

import pytest

import dwarfless
from build.btf import assemble
from dwarfless.errors import BaseMismatchError, UnsupportedError
from dwarfless.graph.distill import distill, relocate
from dwarfless.graph.type_graph import TypeGraph
from oracle.btf_reader import Btf, parse

INT = ("INT", "int", 4, 1, 0, 32)
LONG = ("INT", "long", 8, 1, 0, 64)
BASE = [
    INT,
    ("STRUCT", "task", 16, 0, (("pid", 1, 0, 0), ("next", 3, 64, 0))),
    ("PTR", "", 2),
    ("TYPEDEF", "pid_t", 1),
    ("ENUM", "state", 4, 0, (("RUNNING", 0),)),
    ("FWD", "hidden", "struct"),
    ("UNION", "both", 8, 0, (("i", 1, 0, 0),)),
    ("FLOAT", "double", 8),
    ("STRUCT", "", 4, 0, (("pid", 4, 0, 0),)),
    ("ENUM64", "wide", 8, 0, (("W", 1 << 40),)),
    ("FUNC_PROTO", "", 0, ()),
    ("FUNC", "schedule", 11, 0),
]
OWN = [
    ("CONST", "", 3),
    ("STRUCT", "own", 48, 0, (("t", 2, 0, 0), ("p", 4, 128, 0), ("n", 9, 160, 0))),
    ("STRUCT", "more", 32, 0, (("e", 5, 0, 0), ("h", 3, 64, 0), ("b", 7, 128, 0))),
    ("PTR", "", 6),
    ("PTR", "", 10),
    ("VAR", "d", 8, 0),
]


def graph_of(types: list[tuple], base: TypeGraph | None = None) -> TypeGraph:
    """Return types as a graph, over a base if one is given."""
    below = parse(dwarfless.encode(base)) if base is not None else None
    return dwarfless.decode(assemble(types, below), base=base, source="own" if base else "base")


def read(graph: TypeGraph) -> Btf:
    """Return a graph as an independent reader sees it."""
    below = read(graph.base) if graph.base is not None else None
    return parse(dwarfless.encode(graph), below)


def own(graph: TypeGraph) -> list[tuple]:
    """Return a graph's own types."""
    btf = read(graph)
    return btf.types[btf.first :]


def test_what_is_distilled():
    """Names and sizes of what is needed; unnamed types and typedefs come along behind."""
    small = distill(graph_of(OWN, graph_of(BASE)))
    assert small.base is not None
    assert own(small.base) == [
        INT,
        ("STRUCT", "task", 16, 0, ()),
        ("ENUM", "state", 4, 0, ()),
        ("FWD", "hidden", "struct"),
        ("UNION", "both", 8, 0, ()),
        ("FLOAT", "double", 8),
        ("ENUM", "wide", 8, 0, ()),
    ]
    assert own(small) == [
        ("CONST", "", 14),
        ("STRUCT", "own", 48, 0, (("t", 2, 0, 0), ("p", 15, 128, 0), ("n", 16, 160, 0))),
        ("STRUCT", "more", 32, 0, (("e", 3, 0, 0), ("h", 14, 64, 0), ("b", 5, 128, 0))),
        ("PTR", "", 4),
        ("PTR", "", 7),
        ("VAR", "d", 6, 0),
        ("PTR", "", 2),
        ("TYPEDEF", "pid_t", 1),
        ("STRUCT", "", 4, 0, (("pid", 15, 0, 0),)),
    ]


def test_moved_to_another_kernel():
    """Names are found wherever they are; a forward may have become a definition."""
    other = [
        LONG,
        ("STRUCT", "hidden", 8, 0, (("x", 1, 0, 0),)),
        ("ENUM64", "state", 4, 0, (("RUNNING", 0), ("NEW", 1))),
        ("UNION", "both", 8, 0, (("l", 1, 0, 0),)),
        ("ENUM", "wide", 8, 0, (("W", 1),)),
        ("FLOAT", "double", 8),
        INT,
        ("STRUCT", "task", 16, 0, (("other", 1, 0, 0), ("pid", 7, 64, 0))),
    ]
    after = relocate(distill(graph_of(OWN, graph_of(BASE))), graph_of(other))
    assert own(after) == [
        ("CONST", "", 15),
        ("STRUCT", "own", 48, 0, (("t", 8, 0, 0), ("p", 16, 128, 0), ("n", 17, 160, 0))),
        ("STRUCT", "more", 32, 0, (("e", 3, 0, 0), ("h", 15, 64, 0), ("b", 4, 128, 0))),
        ("PTR", "", 2),
        ("PTR", "", 5),
        ("VAR", "d", 6, 0),
        ("PTR", "", 8),
        ("TYPEDEF", "pid_t", 7),
        ("STRUCT", "", 4, 0, (("pid", 16, 0, 0),)),
    ]


#: What the module has of its base, each in one way.
POINTER, VALUE = ("PTR", "", 2), ("STRUCT", "own", 16, 0, (("t", 2, 0, 0),))
ARRAY = [
    ("ARRAY", "", 2, 1, 2),
    ("TYPEDEF", "tasks", 3),
    ("STRUCT", "own", 32, 0, (("t", 4, 0, 0),)),
]
TASK = ("STRUCT", "task", 16, 0, (("pid", 1, 0, 0),))


@pytest.mark.parametrize(
    ("needs", "other", "why"),
    [
        ([POINTER], [INT], "no struct task"),
        ([POINTER], [INT, ("UNION", "task", 16, 0, ())], "no struct task"),
        ([VALUE], [INT, ("STRUCT", "task", 24, 0, ())], "struct task of 16 bytes has 24"),
        (ARRAY, [INT, ("STRUCT", "task", 24, 0, ())], "struct task of 16 bytes has 24"),
        ([POINTER], [INT, ("STRUCT", "task", 24, 0, ())], ""),
        ([POINTER], [INT, TASK, ("STRUCT", "task", 24, 0, ())], ""),
        ([POINTER], [INT, TASK, ("STRUCT", "task", 16, 0, ())], "2 of struct task"),
        (
            [POINTER],
            [INT, ("STRUCT", "task", 8, 0, ()), ("STRUCT", "task", 24, 0, ())],
            "struct task of 16 bytes has 24 or 8",
        ),
        ([("PTR", "", 1)], [("INT", "int", 4, 0, 0, 32)], "no int int"),
    ],
)
def test_what_fits(needs, other, why):
    """A size counts where it is part of ours; otherwise a name is enough if it is the only one."""
    small = distill(graph_of(needs, graph_of([INT, TASK])))
    if why:
        with pytest.raises(BaseMismatchError, match=f"own does not fit base: .*{why}"):
            relocate(small, graph_of(other))
    else:
        assert relocate(small, graph_of(other)).base is not None


def test_many_misfits_are_counted():
    """The message stays one line."""
    types = [("STRUCT", f"s{i}", 4, 0, ()) for i in range(9)]
    small = distill(graph_of([("PTR", "", i + 1) for i in range(9)], graph_of(types)))
    with pytest.raises(BaseMismatchError, match=r"no struct s4 \(and 4 more\)"):
        relocate(small, graph_of([INT]))


def test_functions_of_the_base_are_refused():
    """No name stands for them."""
    split = graph_of([("DECL_TAG", "x", 12, -1, 0)], graph_of(BASE))
    with pytest.raises(UnsupportedError, match="FUNC schedule"):
        distill(split)


def test_a_base_that_lies():
    """A distilled base holds names only; anything else has no place there."""
    odd = graph_of([("PTR", "", 1)], graph_of([INT, ("PTR", "", 1)]))
    with pytest.raises(BaseMismatchError, match="no place in a distilled base"):
        relocate(odd, graph_of([INT]))


def test_from_every_level():
    """What a third level needs of both below is in its one distilled base."""
    kernel = graph_of([INT])
    middle = graph_of([TASK], kernel)
    top = dwarfless.decode(
        assemble([VALUE, ("PTR", "", 1)], parse(dwarfless.encode(middle), read(kernel))),
        base=middle,
    )
    small = distill(top)
    assert small.base is not None
    assert small.base.base is None
    assert [t[1] for t in own(small.base)] == ["int", "task"]
    assert own(relocate(small, middle)) == own(top)


@pytest.mark.parametrize("work", [distill, lambda graph: relocate(graph, graph)])
def test_a_whole_graph_has_no_base(work):
    """Nothing to distill, nothing to move."""
    with pytest.raises(ValueError, match="split"):
        work(graph_of([INT]))
