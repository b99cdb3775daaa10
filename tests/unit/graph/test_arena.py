"""Arena pointers of kfuncs: what is tagged, once, and what is no pointer."""

import numpy as np
import pytest

from dwarfless.formats.btf import Kind
from dwarfless.graph.arena import ArenaPointers
from dwarfless.graph.assembly import Assembly, freeze
from dwarfless.graph.kfuncs import KF_ARENA_ARG1, KF_ARENA_ARG2, KF_ARENA_RET
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph


class Kfuncs:
    """A program with `void *alloc(void *map, void *place)` and `void show(int number)`."""

    def __init__(self) -> None:
        builder = GraphBuilder()
        builder.add_int("int", 4, signed=True)
        pointer = builder.add_reference(Kind.PTR, 0)
        self.alloc = builder.add_func_proto(pointer, [("map", pointer), ("place", pointer)])
        self.show = builder.add_func_proto(0, [("number", 1)])
        graph = builder.freeze()
        starts = np.concatenate((np.zeros(1, np.uint32), graph.offsets)).astype(np.uint32)
        self.report = Report()
        self.canonical = np.arange(len(graph), dtype=np.uint32)
        self.assembly = Assembly([graph.words], [starts], bytearray(graph.strings))
        self.arena = ArenaPointers(self.assembly, self.canonical, self.report)

    def graph(self) -> TypeGraph:
        """Return all that there is now."""
        emitted = np.concatenate((self.canonical[1:], self.arena.made))
        return freeze(self.assembly, emitted, self.canonical, "made up")


def described(graph: TypeGraph, type_id: int) -> str:
    """Return a pointer's chain in a word each."""
    words = []
    while type_id:
        view = graph[type_id]
        words.append("int" if view.name == "int" else f"{view.kind_name} {view.name}".strip())
        type_id = 0 if view.name == "int" else view.word(2)
    return " ".join([*words, "void"] if not words or words[-1] != "int" else words)


TAGGED, PLAIN = "PTR TYPE_TAG address_space(1) void", "PTR void"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (KF_ARENA_RET, [TAGGED, PLAIN, PLAIN]),
        (KF_ARENA_ARG1, [PLAIN, TAGGED, PLAIN]),
        (KF_ARENA_ARG2, [PLAIN, PLAIN, TAGGED]),
        (KF_ARENA_RET | KF_ARENA_ARG2, [TAGGED, PLAIN, TAGGED]),
    ],
)
def test_what_the_flags_say_is_tagged(flags, expected):
    """In a prototype of its own; the old one stays, names and all."""
    made = Kfuncs()
    proto = made.arena.prototype("alloc", made.alloc, flags)
    graph = made.graph()
    assert described(graph, graph[proto].word(2)) == expected[0]
    assert [described(graph, p.type_id) for p in graph[proto].params] == expected[1:]
    assert [p.name for p in graph[proto].params] == ["map", "place"]
    assert [described(graph, p.type_id) for p in graph[made.alloc].params] == [PLAIN, PLAIN]
    tags = np.flatnonzero(graph.kinds == Kind.TYPE_TAG)
    assert len(tags) == 1
    assert graph.kind_flags[tags].all()
    assert not made.report.items


def test_equal_ones_are_made_once():
    """Two kfuncs of one prototype and flags share all."""
    made = Kfuncs()
    first = made.arena.prototype("alloc", made.alloc, KF_ARENA_RET)
    count = len(made.arena.made)
    assert made.arena.prototype("other", made.alloc, KF_ARENA_RET) == first
    assert len(made.arena.made) == count == 3


def test_no_flag_no_change():
    """Nothing is made, no string is added."""
    made = Kfuncs()
    before = bytes(made.assembly.strings)
    assert made.arena.prototype("alloc", made.alloc, 1 << 12) == made.alloc
    assert not len(made.arena.made)
    assert made.assembly.strings == before


@pytest.mark.parametrize("flag", [KF_ARENA_RET, KF_ARENA_ARG1, KF_ARENA_ARG2])
def test_what_is_no_pointer_is_reported(flag):
    """void, an int, and an argument that isn't there: named, and left as it was."""
    made = Kfuncs()
    assert made.arena.prototype("show", made.show, flag) == made.show
    assert not len(made.arena.made)
    (item,) = made.report.items
    assert (item.reason, item.place) == ("arena pointer that is none", "show")
