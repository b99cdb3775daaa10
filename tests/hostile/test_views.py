"""BTF that decodes and means nonsense: looked at and compared, it is at worst refused."""

import random

import pytest

import dwarfless
from dwarfless.consumers.diff.page import page
from dwarfless.consumers.diff.record import record
from dwarfless.consumers.diff.text import text
from dwarfless.consumers.layout.description import describe
from dwarfless.consumers.layout.text import layout_text
from dwarfless.errors import DwarflessError
from dwarfless.formats.btf import Kind
from dwarfless.graph.diff import diff
from dwarfless.graph.layout import Layouts
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph
from dwarfless.graph.users import UserIndex


def sample() -> TypeGraph:
    """Return one of each kind, leading to one another."""
    builder = GraphBuilder()
    builder.add_int("int", 4, signed=True)
    builder.add_reference(Kind.PTR, 5)
    builder.add_array(4, 1, 3)
    builder.add_composite(Kind.STRUCT, "", 8, [("a", 1, 0, 3), ("b", 1, 3, 7), ("c", 1, 32)])
    builder.add_composite(Kind.STRUCT, "s", 48, [("m", 3, 0), ("", 6, 192), ("p", 2, 256)])
    builder.add_composite(Kind.UNION, "", 8, [("x", 1, 0), ("y", 7, 0)])
    builder.add_reference(Kind.TYPEDEF, 8, "t")
    builder.add_reference(Kind.CONST, 4)
    builder.add_enum("e", 4, [("A", 1), ("B", -1)], signed=True)
    builder.add_enum("", 8, [("C", 1 << 40)])
    builder.add_func_proto(7, [("s", 2), ("e", 9), ("", 0)])
    builder.add_func("f", 11)
    builder.add_var("v", 5)
    builder.add_datasec(".data", 64, [(13, 0, 48)])
    builder.add_forward("s")
    builder.add_reference(Kind.TYPE_TAG, 5, "tag")
    builder.add_float("f4", 4)
    return builder.freeze()


def look_at(graph: TypeGraph, other: TypeGraph) -> int:
    """Do all that reads a graph; return how much of it was refused."""
    layouts, index, refused = Layouts(graph), UserIndex(graph), 0
    for type_id in range(1, len(graph)):
        users = index.find([type_id], transitive=bool(type_id % 2))
        for owner in users.embeds.tolist():
            index.paths(owner, users.within)
        for step in (
            lambda i=type_id: layout_text(layouts, i, expand=True),
            lambda i=type_id: describe(layouts, i, expand=True),
        ):
            try:
                step()
            except DwarflessError:
                refused += 1
    for pair in ((graph, other), (other, graph)):
        found = diff(*pair)
        assert text(found)
        assert record(found)
        assert page(found.abi())
    return refused


@pytest.mark.parametrize("seed", range(2))
def test_any_word(seed):
    """Words replaced by numbers that are ids, offsets, or too much."""
    whole = sample()
    sound = dwarfless.encode(whole)
    choose, looked_at = random.Random(seed), 0
    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(choose.randint(1, 3)):
            at = choose.randrange(6, (len(sound) - len(whole.strings)) // 4) * 4
            value = choose.choice([0, 1, 2, 8, choose.randrange(18), choose.getrandbits(32)])
            damaged[at : at + 4] = value.to_bytes(4, "little")
        try:
            graph = dwarfless.decode(bytes(damaged))
        except DwarflessError:
            continue
        look_at(graph, whole)
        looked_at += 1
    assert looked_at > 30


def test_sound_is_not_refused():
    """What is damaged above is sound."""
    assert look_at(sample(), GraphBuilder().freeze()) == 0
