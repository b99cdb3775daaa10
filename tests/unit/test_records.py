"""The core's tables say what formats/btf.py says."""

import dwarfless
from build.records import Type, assemble, strings
from dwarfless._core.checks import num_rules
from dwarfless._core.records import id_positions, shapes
from dwarfless.formats.btf import KINDS, Kind
from dwarfless.graph.check import RULES


def bits(words, role):
    """Return a mask of the words that have a role."""
    return sum(1 << i for i, word in enumerate(words) if word.role == role)


def test_core_tables_equal_the_rows():
    """Words, ids and names of every kind stand alike in btf.pxd."""
    assert shapes() == [
        (
            len(row.fixed),
            len(row.element),
            row.third == "type",
            bits(row.fixed, "type"),
            bits(row.element, "type"),
            bits(row.element, "name"),
        )
        for row in KINDS
    ]


def test_rows_stand_at_their_numbers():
    """KINDS[kind] is the row of that kind, and none is missing."""
    assert [row.kind for row in KINDS] == list(Kind)


def test_every_rule_has_words():
    """findings.pxd and RULES go together."""
    assert num_rules() == len(RULES)


def test_id_positions():
    """Ids are found in the third word, fixed words and elements."""
    text, _ = strings("a")
    types = [
        Type(1, 1, 4, (32,)),
        Type(3, 0, 0, (1, 1, 7)),
        Type(4, 0, 8, (1, 1, 0, 1, 2, 0), 2),
        Type(13, 0, 1, (1, 2, 0, 0), 2),
        Type(15, 1, 9, (6, 0, 4), 1),
        Type(14, 1, 1, (1,)),
    ]
    graph = dwarfless.decode(assemble(types, text))
    found = graph.words[id_positions(graph.words, graph.offsets)]
    assert found.tolist() == [1, 1, 1, 2, 1, 2, 0, 6, 1]
