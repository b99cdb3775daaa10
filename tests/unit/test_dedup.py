"""Deduplication of graphs made by hand."""

import numpy as np
import pytest

import dwarfless
from build.btf import assemble
from dwarfless.errors import UnsupportedError
from dwarfless.formats.btf import Kind
from dwarfless.graph.dedup import deduplicate
from dwarfless.graph.type_graph import TypeGraph
from oracle.btf_reader import parse

INT = ("INT", "int", 4, 1, 0, 32)


def merged(*types: tuple) -> tuple[list[tuple], list[int]]:
    """Return what remains, and the new ids of the given types."""
    graph, ids = deduplicate(dwarfless.decode(assemble(types)))
    return parse(dwarfless.encode(graph)).types[1:], ids.tolist()[1:]


def struct(name: str, *targets: int, kind: str = "STRUCT", member: str = "m") -> tuple:
    """Return a struct of members of these types."""
    members = tuple((f"{member}{i}", t, 64 * i, 0) for i, t in enumerate(targets))
    return (kind, name, 8 * len(targets), 0, members)


def pointer(target: int) -> tuple:
    """Return a pointer."""
    return ("PTR", "", target)


def test_an_empty_graph_stays_empty():
    """Void is all there is."""
    assert merged() == ([], [])


def test_equal_types_are_merged_into_the_first():
    """Whatever hangs on them follows."""
    out, ids = merged(INT, pointer(1), INT, pointer(3), ("FUNC_PROTO", "", 3, (("x", 4),)))
    assert out == [INT, pointer(1), ("FUNC_PROTO", "", 1, (("x", 2),))]
    assert ids == [1, 2, 1, 2, 3]


@pytest.mark.parametrize(
    "other",
    [
        ("INT", "int", 8, 1, 0, 64),
        ("INT", "int", 4, 0, 0, 32),
        ("INT", "uint", 4, 1, 0, 32),
        ("FLOAT", "int", 4),
        ("TYPEDEF", "int", 0),
    ],
)
def test_what_differs_stays(other):
    """In size, encoding, name or kind."""
    assert merged(INT, other) == ([INT, other], [1, 2])


def test_ids_are_no_meaning():
    """A word that looks like an id of a merged type, but is a count or a value, stays."""
    array, enum = ("ARRAY", "", 1, 1, 2), ("ENUM", "e", 4, 0, (("E", 2),))
    assert merged(INT, INT, array, enum)[0] == [INT, array, enum]


# ---- circles


def test_circles_of_one_struct():
    """Two lists that point at themselves are one, however long their circles."""
    once = [struct("s", 2), pointer(1)]
    twice = [struct("s", 4), pointer(5), struct("s", 6), pointer(3)]
    out, ids = merged(*once, *twice)
    assert out == [struct("s", 2), pointer(1)]
    assert ids == [1, 2, 1, 2, 1, 2]


def test_circles_that_differ_far_away():
    """What differs behind two structs keeps all apart that lead there."""
    types = []
    for last in (INT, ("INT", "int", 8, 1, 0, 64)):
        at = len(types)
        types += [struct("a", at + 2), pointer(at + 3), struct("b", at + 4, at + 5),
                  pointer(at + 1), last]  # fmt: skip
    out, ids = merged(*types)
    assert out == types
    assert ids == list(range(1, 11))


@pytest.mark.parametrize("kind", ["PTR", "CONST", "TYPEDEF"])
def test_circles_without_a_struct(kind):
    """No compiler writes them, but a file may hold them."""
    name = "t" if kind == "TYPEDEF" else ""
    types = [(kind, name, 2), (kind, name, 3), (kind, name, 1), (kind, name, 4)]
    assert merged(*types) == ([(kind, name, 1)], [1, 1, 1, 1])


def test_circles_of_anonymous_structs():
    """Such a struct may close one too."""
    types = [struct("", 2), pointer(1), struct("", 4), pointer(3), struct("", 4, member="n")]
    out, ids = merged(*types)
    assert out == [struct("", 2), pointer(1), struct("", 2, member="n")]
    assert ids == [1, 2, 1, 2, 3]


# ---- forwards


@pytest.mark.parametrize("kind", ["STRUCT", "UNION"])
@pytest.mark.parametrize("ahead", [True, False])
def test_a_forward_finds_its_definition(kind, ahead):
    """Before it or behind it; the forward is gone."""
    forward, definition = ("FWD", "s", kind.lower()), struct("s", 3, kind=kind)
    first = [forward, definition] if ahead else [definition, forward]
    forward_id, definition_id = (1, 2) if ahead else (2, 1)
    out, ids = merged(*first, INT, pointer(forward_id), pointer(definition_id))
    assert out == [struct("s", 2, kind=kind), INT, pointer(1)]
    assert ids == [1, 1, 2, 3, 3]


def test_a_forward_of_a_union_is_no_struct():
    """Names of both are apart in a graph, if not in C."""
    types = [("FWD", "s", "union"), struct("s"), ("FWD", "t", "struct"), ("TYPEDEF", "t", 0)]
    assert merged(*types)[0] == types


def test_forwards_of_a_name_are_one():
    """Without a definition one stays."""
    forward = ("FWD", "s", "struct")
    assert merged(forward, forward, pointer(2)) == ([forward, pointer(1)], [1, 1, 2])


def test_an_ambiguous_name_is_not_guessed():
    """With two definitions the forward stays one."""
    types = [INT, struct("s", 1), struct("s", 1, 1), ("FWD", "s", "struct"), pointer(4)]
    assert merged(*types) == (types, [1, 2, 3, 4, 5])


def test_structs_that_forwards_made_differ_become_one():
    """One file sees what another only declares; then their users mean the same too."""
    out, ids = merged(
        struct("user", 2), pointer(3), ("FWD", "s", "struct"),
        struct("user", 5), pointer(6), struct("s", 7), INT,
    )  # fmt: skip
    assert out == [struct("user", 2), pointer(3), struct("s", 4), INT]
    assert ids == [1, 2, 3, 1, 2, 3, 4]


def test_names_become_unique_one_by_one():
    """Once a's forward is settled, the two b are one, so b's forward is."""
    out, ids = merged(
        struct("a"), ("FWD", "a", "struct"), pointer(1), pointer(2),
        struct("b", 3), struct("b", 4), ("FWD", "b", "struct"), pointer(7),
    )  # fmt: skip
    assert out == [struct("a"), pointer(1), struct("b", 2), pointer(3)]
    assert ids == [1, 1, 2, 2, 3, 3, 3, 4]


def test_a_struct_without_members_is_a_definition():
    """An empty one is as good as any."""
    assert merged(struct("s"), ("FWD", "s", "struct"))[1] == [1, 1]


# ---- enums


def test_an_enum_without_values_means_the_first_with_some():
    """As libbpf has it; sizes don't matter."""
    empty, first = ("ENUM", "e", 4, 0, ()), ("ENUM", "e", 8, 0, (("A", 1),))
    second = ("ENUM", "e", 4, 0, (("B", 1),))
    assert merged(empty, first, second) == ([first, second], [1, 1, 2])


def test_an_enum64_is_an_enum():
    """A declaration doesn't know how large the values will be."""
    empty, wide = ("ENUM", "e", 4, 0, ()), ("ENUM64", "e", 8, 0, (("A", 1 << 40),))
    assert merged(empty, wide) == ([wide], [1, 1])


def test_anonymous_enums_without_values_stand_for_nothing():
    """Nor does one of another name."""
    types = [("ENUM", "", 4, 0, ()), ("ENUM", "", 4, 0, (("A", 1),)), ("ENUM", "f", 4, 0, ())]
    assert merged(*types) == (types, [1, 2, 3])


# ---- structs of one name, variables, names


def test_structs_of_one_name():
    """Only size, offset, bitfield or member names need differ."""
    base = ("STRUCT", "s", 8, 0, (("m", 1, 0, 0),))
    others = [
        ("STRUCT", "s", 16, 0, (("m", 1, 0, 0),)),
        ("STRUCT", "s", 8, 0, (("n", 1, 0, 0),)),
        ("STRUCT", "s", 8, 0, (("m", 1, 32, 0),)),
        ("STRUCT", "s", 8, 1, (("m", 1, 0, 3),)),
        ("UNION", "s", 8, 0, (("m", 1, 0, 0),)),
    ]
    types = [INT, base, *others, base]
    assert merged(*types) == (types[:-1], [1, 2, 3, 4, 5, 6, 7, 2])


def test_variables_and_sections_are_never_merged():
    """Two static variables of a name and type are two; their types are one."""
    var, section = ("VAR", "v", 1, 0), ("DATASEC", ".data", 16, ((3, 0, 4), (4, 8, 4)))
    out, ids = merged(INT, INT, var, ("VAR", "v", 2, 0), section, section)
    moved = ("DATASEC", ".data", 16, ((2, 0, 4), (3, 8, 4)))
    assert out == [INT, var, var, moved, moved]
    assert ids == [1, 1, 2, 3, 4, 5]


def test_names_are_compared_as_text():
    """A file may hold a name twice, or as the tail of another."""
    text = b"\0x\0x\0yx\0unused\0"
    words = [w for offset in (1, 3, 6, 5) for w in (offset, int(Kind.FWD) << 24, 0)]
    graph, ids = deduplicate(TypeGraph.from_words(np.array(words, np.uint32), text))
    assert ids.tolist() == [0, 1, 1, 1, 2]
    assert [t.name for t in graph] == ["x", "yx"]
    assert b"unused" not in graph.strings


def test_tails_of_one_long_name():
    """Written out, they take more room than they had."""
    text = b"\0" + b"a" * 2000 + b"\0"
    words = [w for offset in range(1, 2001) for w in (offset, int(Kind.FWD) << 24, 0)]
    graph, _ = deduplicate(TypeGraph.from_words(np.array(words, np.uint32), text))
    assert [len(t.name) for t in graph] == list(range(2000, 0, -1))


def test_too_many_tails_are_refused():
    """They would take a gigabyte."""
    text = b"\0" + b"a" * 50_000 + b"\0"
    words = [w for offset in range(1, 50_001) for w in (offset, int(Kind.FWD) << 24, 0)]
    graph = TypeGraph.from_words(np.array(words, np.uint32), text)
    with pytest.raises(UnsupportedError, match="tails"):
        deduplicate(graph)


def test_what_can_not_be_deduplicated():
    """A split graph, and one with kinds that may hide references."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4)
    base = builder.freeze()
    with pytest.raises(ValueError, match="flatten"):
        deduplicate(dwarfless.GraphBuilder(base).freeze())
    words = np.array([0, 40 << 24, 0], np.uint32)
    with pytest.raises(UnsupportedError, match="kind"):
        deduplicate(TypeGraph.from_words(words, b"\0", unknown_kinds={40: (0, 0)}))
