"""Each rule of the verifier, broken once."""

import pytest

import dwarfless
from build.records import Type, assemble, strings

TEXT, NAMES = strings("a", "b", "x y", "n" * 128, "n" * 129, "d d")
A, B = NAMES["a"], NAMES["b"]
INT = Type(1, A, 4, (32,))

BROKEN = {
    "kind flag": [INT, Type(2, 0, 1, (), 0, 1)],
    "vlen": [INT, Type(2, 0, 1, (), 1)],
    "name": [Type(7)],
    "zero word": [Type(7, A, 1)],
    "int encoding": [Type(1, A, 4, (3 << 24 | 32,))],
    "int bits": [Type(1, A, 4, (33,))],
    "enum size": [Type(6, 0, 3)],
    "float size": [Type(16, A, 3)],
    "array void": [INT, Type(3, 0, 0, (0, 1, 1))],
    "element name": [Type(6, 0, 4, (0, 1), 1)],
    "element void": [Type(4, 0, 4, (A, 0, 0), 1)],
    "member order": [INT, Type(4, 0, 8, (A, 1, 32, B, 1, 0), 2)],
    "union offset": [INT, Type(5, 0, 8, (A, 1, 32), 1)],
    "member outside": [INT, Type(4, 0, 4, (A, 1, 64), 1)],
    "var void": [Type(14, A, 0, (1,))],
    "linkage": [INT, Type(14, A, 1, (2,))],
    "section size": [Type(15, A, 0)],
    "entry offset": [INT, Type(14, A, 1, (1,)), Type(15, A, 4, (2, 4, 4), 1)],
    "entry size": [INT, Type(14, A, 1, (1,)), Type(15, A, 4, (2, 0, 0), 1)],
    "entry outside": [INT, Type(14, A, 1, (1,)), Type(15, A, 4, (2, 2, 4), 1)],
    "component": [Type(4, A, 0), Type(17, A, 1, (-2,))],
    "type tag order": [INT, Type(18, A, 1), Type(10, 0, 2)],
    "chain length": [INT, *(Type(10, 0, i + 2) for i in range(1, 34)), Type(10, 0, 1)],
    "loop": [Type(10, 0, 1)],
    "depth": [INT, *(Type(2, 0, i + 2) for i in range(1, 34)), Type(2, 0, 1)],
    "target": [INT, Type(14, A, 1, (1,)), Type(2, 0, 2)],
    "array index": [INT, Type(2, 0, 1), Type(3, 0, 0, (1, 2, 1))],
    "array element": [INT, Type(7, A), Type(3, 0, 0, (2, 1, 1))],
    "array size": [INT, Type(3, 0, 0, (1, 1, 1 << 30))],
    "member type": [Type(7, A), Type(4, 0, 4, (A, 1, 0), 1)],
    "member fit": [INT, Type(4, 0, 4, (A, 1, 8), 1)],
    "member alignment": [INT, Type(2, 0, 1), Type(4, 0, 16, (A, 2, 4), 1)],
    "bitfield": [INT, Type(4, 0, 16, (A, 1, 33 << 24), 1, 1)],
    "entry type": [INT, Type(15, A, 4, (1, 0, 4), 1)],
    "entry short": [INT, Type(14, A, 1, (1,)), Type(15, A, 4, (2, 0, 2), 1)],
    "function type": [INT, Type(12, A, 1)],
    "parameter name": [INT, Type(13, 0, 0, (0, 1), 1), Type(12, A, 2)],
    "return type": [Type(7, A), Type(13, 0, 1)],
    "parameter type": [Type(7, A), Type(13, 0, 0, (A, 1), 1)],
    "parameter void": [INT, Type(13, 0, 0, (0, 0, A, 1), 2)],
    "tag target": [INT, Type(17, A, 1, (-1,))],
    "tag component": [Type(4, A, 0), Type(17, A, 1, (0,))],
}  # fmt: skip


@pytest.mark.parametrize("rule", BROKEN)
def test_broken_rule_is_found(rule):
    """It is among those found, with the id of a type."""
    graph = dwarfless.decode(assemble(BROKEN[rule], TEXT))
    found = dwarfless.check(graph)
    assert rule in {violation.rule for violation in found}
    assert all(0 < violation.type_id < len(graph) for violation in found)
    assert found == sorted(found, key=lambda violation: violation.type_id)


def test_explanation_is_a_sentence():
    """With id, kind, name, rule and what is wrong."""
    graph = dwarfless.decode(assemble([INT, Type(4, B, 4, (A, 1, 8), 1)], TEXT))
    (found,) = dwarfless.check(graph)
    assert str(found) == "[2] STRUCT 'b': member fit: member 0 ends past the end (offset word 0x8)"


@pytest.mark.parametrize(
    ("record", "before", "since"),
    [
        (Type(19, A, 8), "5.19", "6.0"),
        (Type(6, A, 4, (), 0, 1), "5.19", "6.0"),
        (Type(16, A, 8), "5.12", "5.13"),
        (Type(18, A, 0), "5.16", "5.17"),
        (Type(18, A, 0, (), 0, 1), "6.14", "6.15"),
        (Type(7, NAMES["n" * 129]), "6.0", "6.1"),
        (Type(15, NAMES["d d"], 4), "6.11", "6.12"),
    ],
)
def test_kernels_differ(record, before, since):
    """What is new breaks a rule of older kernels."""
    graph = dwarfless.decode(assemble([record], TEXT))
    assert dwarfless.check(graph, before)
    assert not dwarfless.check(graph, since)
    assert not dwarfless.check(graph)


def test_split_graph_checks_its_own_types():
    """The base's faults are the base's."""
    base = dwarfless.decode(assemble([INT, Type(4, B, 4, (A, 1, 8), 1)], TEXT))
    builder = dwarfless.GraphBuilder(base)
    builder.add_composite(4, "c", 4, [("m", 1, 8)])
    assert [violation.type_id for violation in dwarfless.check(builder.freeze())] == [3]
