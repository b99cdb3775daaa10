"""BTF's types are drgn's, made once and when asked for."""

import pytest

from dwarfless.errors import BtfError
from dwarfless.formats.btf import Kind
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

drgn = pytest.importorskip("drgn", reason="NOT TESTED, drgn is missing: pip install drgn")

from dwarfless.consumers.drgn_plugin.levels import Constant, Level, Place  # noqa: E402
from dwarfless.consumers.drgn_plugin.types import Types  # noqa: E402


@pytest.fixture
def prog():
    """Return a program that holds nothing."""
    return drgn.Program(drgn.Platform(drgn.Architecture.X86_64))


def types_of(prog, graph: TypeGraph, below: Types | None = None) -> Types:
    """Return a graph's types; forwards stay what they are."""
    return Types(prog, graph, below, lambda name, union: None)


def test_struct(prog):
    """Members, bitfields, what has no name, an open array at the end."""
    b = GraphBuilder()
    word = b.add_int("unsigned int", 4)
    array = b.add_array(word, word, 0)
    inner = b.add_composite(Kind.UNION, "", 4, [("x", word, 0), ("y", word, 0)])
    members = [
        ("zero", array, 0, 0),
        ("flag", word, 0, 3),
        ("", inner, 32, 0),
        ("end", array, 64, 0),
    ]
    struct = b.add_composite(Kind.STRUCT, "s", 8, members)
    made = types_of(prog, b.freeze()).type(struct)
    assert str(made) == (
        "struct s {\n\tunsigned int zero[0];\n\tunsigned int flag : 3;\n\tunion {\n"
        "\t\tunsigned int x;\n\t\tunsigned int y;\n\t};\n\tunsigned int end[];\n}"
    )
    assert [m.bit_offset for m in made.members] == [0, 0, 32, 64]
    assert made.members[1].bit_field_size == 3


def test_only_member_is_no_open_array(prog):
    """C has open arrays behind something only."""
    b = GraphBuilder()
    word = b.add_int("int", 4, signed=True)
    array = b.add_array(word, word, 0)
    struct = b.add_composite(Kind.STRUCT, "s", 0, [("a", array, 0)])
    made = types_of(prog, b.freeze()).type(struct)
    assert made.members[0].type.length == 0


def test_integers_have_drgns_names(prog):
    """The shortest, whatever the compiler said."""
    b = GraphBuilder()
    ids = [b.add_int("long unsigned int", 8), b.add_int("_Bool", 1, boolean=True)]
    types = types_of(prog, b.freeze())
    assert [str(types.type(i)) for i in ids] == ["unsigned long", "_Bool"]


def test_enums(prog):
    """Of 32 and 64 bits, with the sign their values need."""
    b = GraphBuilder()
    small = b.add_enum("e", 4, [("A", 0), ("B", 7)])
    signed = b.add_enum("f", 4, [("C", -1)], signed=True)
    large = b.add_enum("g", 8, [("D", 1 << 63)])
    types = types_of(prog, b.freeze())
    made = [types.type(i) for i in (small, signed, large)]
    assert [[e.value for e in each.enumerators] for each in made] == [[0, 7], [-1], [1 << 63]]
    assert [each.type.name for each in made] == ["unsigned int", "int", "unsigned long"]


def test_functions_and_qualifiers(prog):
    """Parameters have names; the last may be any number."""
    b = GraphBuilder()
    byte = b.add_int("char", 1)
    const = b.add_reference(Kind.CONST, byte)
    tag = b.add_reference(Kind.TYPE_TAG, const, "user")
    pointer = b.add_reference(Kind.PTR, tag)
    proto = b.add_func_proto(0, [("format", pointer), ("", 0)])
    func = b.add_func("printk", proto)
    made = types_of(prog, b.freeze()).type(func)
    assert str(made) == "void (const char *format, ...)"


def test_a_type_is_made_once(prog):
    """Also through another level; members are looked at when they are asked for."""
    b = GraphBuilder()
    struct = b.next_id
    pointer = b.add_composite(Kind.STRUCT, "list", 8, [("next", struct + 1, 0)]) + 1
    b.add_reference(Kind.PTR, struct)
    base = b.freeze()
    lower = types_of(prog, base)
    over = GraphBuilder(base)
    over.add_var("head", struct)
    upper = types_of(prog, over.freeze(), lower)
    assert upper.type(struct) is lower.type(struct)
    member = lower.type(struct).members[0]
    assert str(member.type) == str(lower.type(pointer)) == "struct list *"
    assert lower.type(pointer, flexible=False) is lower.type(pointer)


def test_forwards_are_completed(prog):
    """By what is found, else they stay incomplete."""
    b = GraphBuilder()
    forward = b.add_forward("s")
    union = b.add_forward("u", union=True)
    whole = prog.struct_type("s", 4, [])
    asked = []

    def complete(name, is_union):
        asked.append((name, is_union))
        return None if is_union else whole

    types = Types(prog, b.freeze(), None, complete)
    assert types.type(forward) == whole
    assert not types.type(union).is_complete()
    assert asked == [("s", False), ("u", True)]


def test_a_type_made_of_itself_is_an_error(prog):
    """No endless loop."""
    b = GraphBuilder()
    loop = b.next_id
    b.add_reference(Kind.PTR, loop + 1)
    b.add_reference(Kind.CONST, loop)
    with pytest.raises(BtfError, match="is made of itself"):
        types_of(prog, b.freeze()).type(loop)


def test_level(prog):
    """Variables by name and place, enumerators by name, also if only the base has the string."""
    b = GraphBuilder()
    word = b.add_int("int", 4, signed=True)
    first = b.add_enum("e", 4, [("A", 1), ("TWO", 2)])
    base = b.freeze()
    over = GraphBuilder(base)
    second = over.add_enum("", 8, [("B", -5), ("A", 1 << 40)], signed=True)
    var, other = over.add_var("state", word), over.add_var("state", word)
    over.add_datasec(".data", 64, [(var, 16, 4)])
    over.add_datasec(".bss", 8, [(other, 4, 4)])
    starts = {".data": 0x1000}
    lower = Level(types_of(prog, base), "", lambda name, level: None)
    types = types_of(prog, over.freeze(), lower.types)
    level = Level(types, "", lambda name, level: starts.get(name))
    assert level.find_ids("state", Kind.VAR) == [var, other]
    assert [level.place(i) for i in (var, other)] == [Place(".data", 16, 4), Place(".bss", 4, 4)]
    assert level.place(word) is None
    assert level.witnesses(".bss") == [("state", 4)]
    assert (level.start_of(".data"), level.start_of(".bss")) == (0x1000, None)
    assert level.find_constants("A") == [Constant(second, 1 << 40)]
    assert level.find_constants("B") == [Constant(second, -5)]
    assert lower.find_constants("TWO") == [Constant(first, 2)]
    assert level.find_constants("WO") == []
