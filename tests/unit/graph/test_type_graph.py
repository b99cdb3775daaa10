"""TypeGraph: columns, lookups, views, split graphs; GraphBuilder."""

import hashlib

import pytest

import dwarfless
from dwarfless import GraphBuilder, TypeLookupError
from dwarfless.formats.btf import Kind
from dwarfless.graph import views
from dwarfless.graph.elements import Enumerator, Param, SectionEntry


@pytest.fixture
def graph():
    """A list node, and two more types called "node"."""
    builder = GraphBuilder()
    integer = builder.add_int("int", 4, signed=True)
    node = builder.next_id
    members = [("next", node + 1, 0), ("a", integer, 64, 3), ("b", integer, 67, 29)]
    builder.add_composite(Kind.STRUCT, "node", 16, members)
    builder.add_reference(Kind.PTR, node)
    builder.add_reference(Kind.TYPEDEF, node, "node")
    proto = builder.add_func_proto(0, [("n", node + 1), ("", 0)])
    builder.add_func("node", proto, 1)
    return builder.freeze()


def test_length_counts_void(graph):
    """Ids run from void to the last own type."""
    assert len(graph) == 7
    assert graph.num_own == 6
    assert [view.id for view in graph] == [1, 2, 3, 4, 5, 6]
    assert isinstance(graph[0], views.Void)
    with pytest.raises(IndexError):
        graph[7]


def test_columns(graph):
    """Columns have a row for each own type."""
    assert graph.kinds.tolist() == [1, 4, 2, 8, 13, 12]
    assert graph.vlens.tolist() == [0, 3, 0, 0, 2, 1]
    assert graph.kind_flags.tolist() == [False, True, False, False, False, False]
    assert graph.thirds.tolist() == [4, 16, 2, 2, 0, 5]
    assert [graph.string(offset) for offset in graph.name_offsets.tolist()] == [
        "int", "node", "", "node", "", "node",
    ]  # fmt: skip


def test_arrays_are_frozen(graph):
    """Nobody changes a graph by accident."""
    with pytest.raises(ValueError, match="read-only"):
        graph.words[0] = 1


def test_members(graph):
    """Bitfields are told apart by the kind flag's offsets."""
    node = graph[2]
    assert isinstance(node, views.Struct)
    assert [m[:4] for m in node.members] == [("next", 3, 0, 0), ("a", 1, 64, 3), ("b", 1, 67, 29)]
    assert node.members[0].type == graph[3]
    assert node.size == 16


def test_params(graph):
    """A last parameter of nothing means more arguments."""
    proto = graph[6].type
    assert proto.params == [Param("n", 3), Param("", 0)]


def test_find(graph):
    """By name, or by name and kind."""
    assert graph.find("node", "struct").id == 2
    assert graph.find("node", Kind.FUNC).id == 6
    assert [view.id for view in graph.find_all("node")] == [2, 4, 6]


@pytest.mark.parametrize("lookups", [0, 20])
def test_find_by_table_is_find_by_scan(graph, lookups):
    """The table that many lookups bring about gives the same answers."""
    for _ in range(lookups):
        graph.find_ids("x")
    assert graph.find_ids("node") == [2, 4, 6]
    assert graph.find_ids("nod") == graph.find_ids("ode") == graph.find_ids("") == []
    assert graph.find_ids("node", "typedef") == [4]


def test_find_says_what_is_wrong(graph):
    """None, several, or no such kind."""
    with pytest.raises(TypeLookupError, match="no type struct 'mode'"):
        graph.find("mode", "struct")
    with pytest.raises(TypeLookupError, match="names 3 types: 2, 4, 6") as caught:
        graph.find("node")
    assert caught.value.ids == (2, 4, 6)
    with pytest.raises(ValueError, match="no BTF kind"):
        graph.find("node", "class")


def test_split(graph):
    """Ids and strings go on where the base ends."""
    builder = GraphBuilder(graph)
    builder.add_composite(Kind.STRUCT, "extra", 16, [("node", 2, 0)])
    split = builder.freeze()
    assert split.first_id == len(graph)
    assert split.first_string == len(graph.strings)
    assert split.find("extra").members[0].type.name == "node"
    assert split.find_ids("int") == [1]
    assert [view.id for view in split] == [7]
    deeper = GraphBuilder(split)
    deeper.add_reference(Kind.PTR, 7)
    assert deeper.freeze()[8].type.name == "extra"


def test_builder_refuses_a_reference_to_nothing():
    """Freezing checks ids."""
    builder = GraphBuilder()
    builder.add_reference(Kind.PTR, 2)
    with pytest.raises(dwarfless.BtfError, match="refers to type 2"):
        builder.freeze()


def test_values():
    """Signs and 64 bits."""
    builder = GraphBuilder()
    builder.add_enum("small", 4, [("A", -1), ("B", 7)], signed=True)
    builder.add_enum("large", 8, [("C", 1 << 40), ("D", (1 << 64) - 1)])
    builder.add_enum("negative", 8, [("E", -1 << 40)], signed=True)
    small, large, negative = builder.freeze()
    assert small.values == [Enumerator("A", -1), Enumerator("B", 7)]
    assert large.values == [Enumerator("C", 1 << 40), Enumerator("D", (1 << 64) - 1)]
    assert negative.values == [Enumerator("E", -1 << 40)]
    assert isinstance(small, views.Enum)
    assert isinstance(large, views.Enum64)


def test_sections_and_tags():
    """VAR, DATASEC and DECL_TAG."""
    builder = GraphBuilder()
    builder.add_var("v", builder.add_int("int", 4))
    builder.add_datasec(".data", 8, [(2, 4, 4)])
    builder.add_decl_tag("tag", 2)
    graph = builder.freeze()
    assert graph[3].entries == [SectionEntry(2, 4, 4)]
    assert graph[4].component == -1
    assert graph[2].linkage == 1


@pytest.mark.parametrize("order", ["little", "big"])
def test_digest_is_that_of_the_bytes(order):
    """Read from bytes, those; just made, what encode gives; of its own level alone."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4)
    base = builder.freeze()
    encoded = dwarfless.encode(base)
    assert base.digest == hashlib.sha256(encoded).hexdigest()

    other = dwarfless.encode(base, byte_order=order, layout=True)
    again = dwarfless.decode(other)
    assert again.digest == hashlib.sha256(other).hexdigest() != base.digest

    builder = dwarfless.GraphBuilder(again)
    builder.add_reference(Kind.PTR, 1)
    split = builder.freeze()
    assert split.digest == hashlib.sha256(dwarfless.encode(split)).hexdigest()
    assert split.base is not None
    assert split.base.digest == again.digest
