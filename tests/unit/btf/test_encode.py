"""Encoding: layout, limits, and older kernels."""

import struct

import numpy as np
import pytest

import dwarfless
from build.records import Type, assemble, strings
from dwarfless import GraphBuilder, LimitError, Report, UnsupportedError
from dwarfless.formats.btf import KINDS, Kind
from dwarfless.graph import views

LAYOUT = [(4 * len(row.fixed), 4 * len(row.element)) for row in KINDS]


def lowered(builder, target):
    """Encode for a target, decode, and return the graph and the report."""
    report = Report()
    graph = dwarfless.decode(dwarfless.encode(builder.freeze(), target=target, report=report))
    return graph, report


def test_header_is_classic():
    """24 bytes, unless there is a layout section."""
    builder = GraphBuilder()
    builder.add_int("int", 4)
    graph = builder.freeze()
    assert struct.unpack_from("<HBB5I", dwarfless.encode(graph)) == (
        0xEB9F,
        1,
        0,
        24,
        0,
        16,
        16,
        5,
    )
    with_layout = dwarfless.encode(graph, layout=True)
    assert struct.unpack_from("<I", with_layout, 4) == (32,)
    assert struct.unpack_from("<II", with_layout, 24) == (16, 80)
    assert dwarfless.encode(graph, layout=True, target="6.12") == dwarfless.encode(graph)


@pytest.mark.parametrize("order", ["<", ">"])
def test_unknown_kinds_are_kept(order):
    """A layout section says how long they are."""
    text, names = strings("int", "new")
    types = [
        Type(20, names["new"], 7, (1, 2, 3, 4, 5), 2),
        Type(1, names["int"], 4, (32,)),
        Type(21, 0, 0),
    ]
    content = assemble(types, text, order=order, layout=[*LAYOUT, (4, 8), (0, 0)])
    graph = dwarfless.decode(content)
    assert isinstance(graph[1], views.Unknown)
    assert graph[1].rest == (1, 2, 3, 4, 5)
    assert graph[1].name == "new"
    assert graph[2].name == "int"
    assert {violation.type_id for violation in dwarfless.check(graph)} == {1, 3}
    byte_order = "little" if order == "<" else "big"
    assert dwarfless.encode(graph, byte_order=byte_order) == content
    with pytest.raises(UnsupportedError, match="kind 21"):
        dwarfless.encode(graph, target="6.12")


def test_layout_that_contradicts_is_refused():
    """Nobody may say that an INT is longer."""
    text, _ = strings("int")
    layout = [*LAYOUT]
    layout[1] = (8, 0)
    with pytest.raises(dwarfless.BtfError, match="layout of INT"):
        dwarfless.decode(assemble([], text, layout=layout))


def test_wide_vlen():
    """More than 65,535 elements need 7.2."""
    builder = GraphBuilder()
    builder.add_enum("large", 4, [("v", 0)] * 65536)
    graph = builder.freeze()
    with pytest.raises(LimitError, match="0x10000 breaks vlen <= 0xffff"):
        dwarfless.encode(graph)
    with pytest.raises(LimitError):
        dwarfless.encode(graph, target="7.1")
    again = dwarfless.decode(dwarfless.encode(graph, target="7.2"))
    assert again[1].vlen == 65536


def test_too_many_types():
    """Ids have 20 bits."""
    one = np.array([0, Kind.CONST << 24, 0], np.uint32)
    graph = dwarfless.TypeGraph.from_words(np.tile(one, 1 << 20), b"\0")
    with pytest.raises(LimitError, match="type id <= 0xfffff"):
        dwarfless.encode(graph)


def test_type_tags_before_5_17():
    """What refers to a tag refers to its target, through several and through a loop of them."""
    builder = GraphBuilder()
    builder.add_int("int", 4)
    builder.add_reference(Kind.PTR, 3)
    builder.add_reference(Kind.TYPE_TAG, 4, "user")
    builder.add_reference(Kind.TYPE_TAG, 1, "rcu")
    builder.add_reference(Kind.CONST, 2)
    builder.add_reference(Kind.TYPE_TAG, 6, "loop")
    builder.add_reference(Kind.PTR, 6)
    graph, report = lowered(builder, "5.16")
    assert [(view.kind_name, view.word(2)) for view in graph] == [
        ("INT", 4), ("PTR", 1), ("CONST", 2), ("PTR", 0),
    ]  # fmt: skip
    assert report.counts["type", "TYPE_TAG dropped for the target kernel"] == 3


def test_attributes_before_6_15():
    """A tag with the kind flag would say something else without it."""
    builder = GraphBuilder()
    builder.add_reference(Kind.TYPE_TAG, 0, "plain")
    builder.add_reference(Kind.TYPE_TAG, 1, "noderef", kind_flag=True)
    builder.add_reference(Kind.PTR, 2)
    builder.add_composite(Kind.STRUCT, "s", 4)
    builder.add_decl_tag("packed", 4, attribute=True)
    graph, _ = lowered(builder, "6.14")
    assert [view.kind_name for view in graph] == ["TYPE_TAG", "PTR", "STRUCT"]
    assert graph[2].type_id == 1
    assert len(lowered(builder, "6.15")[0]) == 6


def test_enum64_before_6_0():
    """It becomes an ENUM; values that do not fit are listed."""
    builder = GraphBuilder()
    builder.add_enum("e", 8, [("A", 1), ("B", 1 << 40 | 2)])
    builder.add_enum("s", 4, [("C", -1)], signed=True)
    builder.add_reference(Kind.PTR, 1)
    graph, report = lowered(builder, "5.19")
    assert [view.kind_name for view in graph] == ["ENUM", "ENUM", "PTR"]
    assert graph[1].values == [("A", 1), ("B", 2)]
    assert graph[1].size == 8
    assert graph[2].kind_flag is False
    assert [(item.name, item.place) for item in report.items] == [("B", "e")]
    assert not dwarfless.check(graph, "5.19")


def test_float_before_5_13():
    """It becomes a nameless struct of its size."""
    builder = GraphBuilder()
    builder.add_float("double", 8)
    graph, _ = lowered(builder, "5.12")
    assert isinstance(graph[1], views.Struct)
    assert (graph[1].name, graph[1].size, graph[1].vlen) == ("", 8, 0)


def test_functions_and_variables():
    """Linkage before 5.6, variables before 5.2, functions before 5.0."""
    builder = GraphBuilder()
    builder.add_int("int", 4)
    builder.add_func_proto(1)
    builder.add_func("f", 2, 1)
    builder.add_var("v", 1)
    builder.add_datasec(".data", 4, [(4, 0, 4)])
    builder.add_reference(Kind.PTR, 2)
    assert lowered(builder, "5.6")[0][3].linkage == 1
    assert lowered(builder, "5.5")[0][3].linkage == 0
    assert [view.kind_name for view in lowered(builder, "5.1")[0]] == [
        "INT", "FUNC_PROTO", "FUNC", "PTR",
    ]  # fmt: skip
    graph, _ = lowered(builder, "4.20")
    assert [(view.kind_name, view.word(2)) for view in graph] == [("INT", 4), ("PTR", 0)]


def test_split_is_lowered_with_its_base():
    """Ids continue those of the lowered base."""
    builder = GraphBuilder()
    builder.add_int("int", 4)
    builder.add_reference(Kind.TYPE_TAG, 1, "user")
    builder.add_reference(Kind.PTR, 2)
    base = builder.freeze()
    builder = GraphBuilder(base)
    builder.add_reference(Kind.CONST, 3)
    builder.add_reference(Kind.PTR, 4)
    split = builder.freeze()
    low_base = dwarfless.decode(dwarfless.encode(base, target="5.10"))
    low = dwarfless.decode(dwarfless.encode(split, target="5.10"), base=low_base)
    assert [(view.id, view.type_id) for view in low] == [(3, 2), (4, 3)]


def test_nothing_to_lower_changes_nothing():
    """The same bytes come out."""
    builder = GraphBuilder()
    builder.add_int("int", 4)
    graph = builder.freeze()
    assert dwarfless.encode(graph, target="4.18") == dwarfless.encode(graph)
    with pytest.raises(UnsupportedError):
        dwarfless.encode(graph, target="4.17")
