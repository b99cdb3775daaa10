"""Layouts: offsets, holes, padding, alignment, packing."""

import pytest

import dwarfless
from dwarfless.formats.btf import Kind
from dwarfless.graph.layout import Layouts, pointer_size


def layout_of(size, members, kind=Kind.STRUCT, **options):
    """Return the layout of a struct of (type, bit offset[, bits]); types are "char" and so on."""
    builder = dwarfless.GraphBuilder()
    ids = {name: builder.add_int(name, n) for name, n in (("char", 1), ("int", 4), ("long", 8))}
    ids["char[]"] = builder.add_array(ids["char"], ids["int"], 0)
    ids["void *"] = builder.add_reference(Kind.PTR, 0)
    ids["pair"] = builder.add_composite(
        Kind.STRUCT, "pair", 8, [("a", ids["char"], 0), ("b", ids["int"], 32)]
    )
    made = builder.add_composite(kind, "s", size, [(n, ids[n], *rest) for n, *rest in members])
    return Layouts(builder.freeze(), **options)[made]


def test_holes_and_padding():
    """What no member has is a hole, or padding at the end."""
    got = layout_of(12, [("char", 0), ("int", 32), ("char", 64)])
    assert [m.hole for m in got.members] == [3, 0, 0]
    assert (got.num_holes, got.sum_holes, got.padding, got.wasted) == (1, 3, 3, 6)
    assert (got.natural, got.alignment, got.packed) == (4, 0, False)


def test_hole_before():
    """A first member need not be at 0."""
    got = layout_of(8, [("int", 32)])
    assert (got.hole_before, got.num_holes, got.sum_holes) == (4, 1, 4)


def test_bit_holes():
    """Bits left over in a unit, between bitfields and after the last."""
    got = layout_of(12, [("int", 0, 3), ("int", 32, 5), ("char", 64)])
    assert [(m.offset, m.bit_offset, m.bits) for m in got.members] == [
        (0, 0, 3),
        (4, 0, 5),
        (8, 0, 0),
    ]
    assert [m.bit_hole for m in got.members] == [29, 27, 0]
    assert (got.num_bit_holes, got.sum_bit_holes, got.padding) == (2, 56, 3)
    got = layout_of(4, [("int", 0, 3)])
    assert (got.bit_padding, got.padding, got.sum_bit_holes) == (29, 0, 0)


def test_forced_alignment():
    """A member that starts later than it must was told to."""
    got = layout_of(128, [("char", 0), ("int", 512)])
    assert [m.alignment for m in got.members] == [0, 64]
    assert got.alignment == 64
    assert layout_of(128, [("char", 0), ("int", 512)], line=128).num_lines == 1


def test_packed():
    """No hole, and a member or the size off its natural place."""
    assert layout_of(5, [("char", 0), ("int", 8)]).packed
    assert layout_of(5, [("int", 0), ("char", 32)]).packed
    assert not layout_of(8, [("int", 0), ("int", 32)]).packed


def test_embedded_where_only_packed_fits():
    """A struct at an odd place must be packed, though its own members don't tell."""
    got = layout_of(16, [("char", 0), ("pair", 8), ("char", 80)])
    inner = Layouts(got.type.graph)[got.members[1].inside]
    assert (inner.name, inner.packed) == ("pair", True)


def test_unions_have_no_holes():
    """Members of a union overlap."""
    got = layout_of(8, [("char", 0), ("long", 0)], Kind.UNION)
    assert (got.is_union, got.num_holes, got.padding) == (True, 0, 0)


def test_open_arrays():
    """An array without elements at the end, and inside a member."""
    got = layout_of(4, [("int", 0), ("char[]", 32)])
    assert (got.ends_open, got.open_inside) == (True, False)


def test_only_composites_have_a_layout():
    """An int has none."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4)
    with pytest.raises(TypeError, match="no struct or union"):
        Layouts(builder.freeze())[1]


def test_circles_end():
    """A struct that holds itself, and a typedef of itself, are odd and no more."""
    builder = dwarfless.GraphBuilder()
    builder.add_composite(Kind.STRUCT, "s", 8, [("s", 1, 0), ("t", 2, 32), ("u", 3, 0)])
    builder.add_reference(Kind.TYPEDEF, 2, "t")
    builder.add_array(3, 3, 7)
    layouts = Layouts(builder.freeze())
    assert layouts[1].size == 8
    assert (layouts.size(2), layouts.size(3)) == (0, 0)


def test_deep_nesting():
    """A hundred thousand structs in one another take no stack."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4)
    for number in range(1, 100_000):
        builder.add_composite(Kind.STRUCT, f"s{number}", 4, [("m", number + 2, 0)])
    builder.add_composite(Kind.STRUCT, "last", 4, [("m", 1, 0)])
    assert Layouts(builder.freeze()).shapes["natural"][2] == 4


@pytest.mark.parametrize(("name", "size"), [("long unsigned int", 4), ("long", 8), ("int", 8)])
def test_pointer_size(name, size):
    """As wide as a long; 8 if there is none."""
    builder = dwarfless.GraphBuilder()
    builder.add_int(name, 4 if size == 4 else 8)
    builder.add_reference(Kind.PTR, 0)
    graph = builder.freeze()
    assert pointer_size(graph) == size
    assert Layouts(graph).size(2) == size
