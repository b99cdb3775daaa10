"""Decoding undoes encoding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dwarfless
from dwarfless.consumers.listing import listing
from dwarfless.formats.btf import Kind

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=0x24F), max_size=6)
WORD = st.integers(0, 0xFFFFFFFF)
REFERENCES = [Kind.PTR, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPEDEF, Kind.TYPE_TAG]


@st.composite
def graphs(draw):
    """Graphs of records that hold together, whether they make sense or not."""
    builder = dwarfless.GraphBuilder()
    num = draw(st.integers(0, 12))
    ids = st.integers(0, num)
    for _ in range(num):
        name = draw(NAMES)
        match draw(st.integers(0, 9)):
            case 0:
                builder.add_int(name, draw(st.integers(1, 16)), signed=draw(st.booleans()))
            case 1:
                builder.add_reference(draw(st.sampled_from(REFERENCES)), draw(ids), name)
            case 2:
                builder.add_array(draw(ids), draw(ids), draw(WORD))
            case 3:
                bits = st.integers(0, 255)
                members = st.tuples(NAMES, ids, st.integers(0, 0xFFFFFF), bits)
                kind = draw(st.sampled_from([Kind.STRUCT, Kind.UNION]))
                builder.add_composite(kind, name, draw(WORD), draw(st.lists(members, max_size=4)))
            case 4:
                values = st.tuples(NAMES, st.integers(-1 << 63, (1 << 63) - 1))
                builder.add_enum(name, 8, draw(st.lists(values, max_size=4)), signed=True)
            case 5:
                params = st.lists(st.tuples(NAMES, ids), max_size=4)
                builder.add_func_proto(draw(ids), draw(params))
            case 6:
                builder.add_func(name, draw(ids), draw(st.integers(0, 2)))
            case 7:
                builder.add_var(name, draw(ids), draw(st.integers(0, 2)))
            case 8:
                entries = st.lists(st.tuples(ids, WORD, WORD), max_size=4)
                builder.add_datasec(name, draw(WORD), draw(entries))
            case 9:
                builder.add_decl_tag(name, draw(ids), draw(st.integers(-1, 5)))
    return builder.freeze()


@pytest.mark.parametrize("byte_order", ["little", "big"])
@pytest.mark.parametrize("layout", [False, True])
@given(graph=graphs())
@settings(deadline=None)
def test_decode_undoes_encode(byte_order, layout, graph):
    """In both byte orders, with and without a layout section."""
    btf = dwarfless.encode(graph, byte_order=byte_order, layout=layout)
    again = dwarfless.decode(btf)
    assert np.array_equal(again.words, graph.words)
    assert again.strings == graph.strings
    assert dwarfless.encode(again, byte_order=byte_order, layout=layout) == btf
    assert listing(again) == listing(graph)


@given(graph=graphs(), target=st.sampled_from(["5.1", "5.2", "5.10", "5.15", "5.16", "6.1"]))
@settings(deadline=None)
def test_lowering_leaves_nothing_new(graph, target):
    """A target meets no kind and no flag it does not know; lowering twice changes nothing."""
    btf = dwarfless.encode(graph, target=target)
    lowered = dwarfless.decode(btf)
    assert "kind" not in {violation.rule for violation in dwarfless.check(lowered, target)}
    assert dwarfless.encode(lowered, target=target) == btf


@given(graph=graphs(), data=st.data())
@settings(deadline=None)
def test_split_continues_its_base(graph, data):
    """Split BTF decodes on its base alone."""
    builder = dwarfless.GraphBuilder(graph)
    builder.add_reference(Kind.PTR, data.draw(st.integers(0, len(graph) - 1)))
    builder.add_composite(Kind.STRUCT, "added", 8, [("m", len(graph), 0)])
    split = builder.freeze()
    again = dwarfless.decode(dwarfless.encode(split), base=graph)
    assert listing(again) == listing(split)
    assert again.find("added").id == len(graph) + 1
