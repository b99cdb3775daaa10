"""What a third level needs of the second comes along to the first."""

import dwarfless
from dwarfless.formats.btf import Kind
from dwarfless.graph.tree import rebase


def three_levels() -> tuple[dwarfless.TypeGraph, dwarfless.TypeGraph]:
    """Return a kernel's graph, and an extra over a module over it."""
    builder = dwarfless.GraphBuilder()
    number = builder.add_int("int", 4)
    kernel = dwarfless.decode(dwarfless.encode(builder.freeze()))
    builder = dwarfless.GraphBuilder(kernel)
    builder.add_composite(Kind.STRUCT, "unneeded", 4, [("x", number, 0)])
    node = builder.add_composite(Kind.STRUCT, "node", 16, [("next", 4, 0), ("value", number, 64)])
    assert builder.add_reference(Kind.PTR, node) == 4
    builder.add_func("function", builder.add_func_proto(0))
    module = dwarfless.decode(dwarfless.encode(builder.freeze()), base=kernel)
    builder = dwarfless.GraphBuilder(module)
    variables = [builder.add_var("head", node), builder.add_var("count", number)]
    builder.add_datasec(".data", 24, [(variables[0], 0, 16), (variables[1], 16, 4)])
    return kernel, builder.freeze()


def test_needed_types_come_along():
    """The circle of node and its pointer; not the module's function and other struct."""
    kernel, extra = three_levels()
    moved = rebase(extra)
    assert moved.base is kernel
    kinds = [found.kind_name for found in moved]
    assert kinds == ["STRUCT", "PTR", "VAR", "VAR", "DATASEC"]
    node = moved.find("head").type
    assert (node.name, node.size) == ("node", 16)
    assert node.members[0].type.type == node
    assert moved.find("count").type_id == kernel.find_ids("int")[0]
    entries = [(e.offset, e.size, moved[e.type_id].name) for e in moved.find(".data").entries]
    assert entries == [(0, 16, "head"), (16, 4, "count")]
    assert not dwarfless.check(moved)
    assert len(dwarfless.decode(dwarfless.encode(moved), base=kernel)) == len(moved)


def test_two_levels_stay():
    """Nothing to do, nothing done."""
    kernel, extra = three_levels()
    module = extra.base
    assert module is not None
    assert rebase(module) is module
    assert rebase(kernel) is kernel
