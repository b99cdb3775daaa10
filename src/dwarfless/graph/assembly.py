"""Records being put together, and the graph they become.

In:  the records that all units came to, with what equals what; records added to them.
Out: a TypeGraph of those that are to be written, ids and strings compacted.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from dwarfless._core import arrange, equivalence
from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Assembly", "freeze", "reached_types"]

Words: TypeAlias = NDArray[np.uint32]


@dataclass
class Assembly:
    """Records being put together: those of the resolved graph, then what is added.

    Attributes:
        words: Parts of the record words; the first is the resolved graph's.
        ends: Where each record ends.
        strings: String section the names refer to.
    """

    words: list[Words]
    ends: list[Words]
    strings: bytearray
    num_words: int = field(init=False)
    num_records: int = field(init=False)

    def __post_init__(self) -> None:
        self.num_words = sum(len(part) for part in self.words)
        self.num_records = sum(len(part) for part in self.ends) - 1

    def add_string(self, text: bytes) -> int:
        """Return the offset of a string put at the end."""
        self.strings += text + b"\0"
        return len(self.strings) - len(text) - 1

    def add_rows(self, rows: Words) -> Words:
        """Add records of one length, a row each; return their ids."""
        count, width = rows.shape
        first = self.num_records
        self.words.append(np.ascontiguousarray(rows, np.uint32).reshape(-1))
        self.ends.append(
            (self.num_words + width * np.arange(1, count + 1, dtype=np.int64)).astype(np.uint32)
        )
        self.num_words += count * width
        self.num_records += count
        return np.arange(first, first + count, dtype=np.uint32)


def reached_types(
    words: Words, starts: Words, types: Words, canonical: Words, roots: Words
) -> Words:
    """Return those types that are reached, and the decl tags on them.

    Args:
        words: uint32[num_words], records.
        starts: uint32[num_records + 1], where each begins.
        types: uint32[num_types], canonical records in the order they would be written.
        canonical: uint32[num_records], which record stands for each.
        roots: Records to start from.
    """
    marks = np.zeros(len(starts) - 1, np.uint8)
    marks[canonical[roots]] = 1
    before = -1
    # A record refers to any of its equals; the one that stands for them may refer to others.
    while before != (before := int(marks.sum())):
        equivalence.live_closure(words, starts, marks)
        marks[canonical[np.flatnonzero(marks)]] = 1
    marks[0] = 0
    is_tag = words[starts[types] + 1] >> 24 & 0x7F == int(Kind.DECL_TAG)
    tagged = canonical[words[starts[types[is_tag]] + 2]]
    marks[types[is_tag]] = marks[tagged]
    reached: Words = types[marks[types] != 0]
    return reached


def freeze(assembly: Assembly, emitted: Words, canonical: Words, source: str) -> TypeGraph:
    """Return the graph of the records to write, ids and strings compacted."""
    words = np.concatenate(assembly.words)
    starts = np.concatenate(assembly.ends)
    emitted = emitted.astype(np.uint32)
    new_ids = np.zeros(assembly.num_records, np.uint32)
    new_ids[emitted] = np.arange(1, len(emitted) + 1, dtype=np.uint32)
    new_ids[: len(canonical)] = new_ids[canonical]
    out, strings = arrange.write_level(
        words, starts, emitted, new_ids, np.frombuffer(assembly.strings, np.uint8)
    )
    return TypeGraph.from_words(out, strings, source=source)
