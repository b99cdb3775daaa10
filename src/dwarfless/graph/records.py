"""All levels of a graph as one list of records, from which others are made.

In:  a TypeGraph; records that are added.
Out: chosen records as a level of their own.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from dwarfless._core import arrange
from dwarfless.errors import UnsupportedError
from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.dedup import IdMap
from dwarfless.graph.levels import levels
from dwarfless.graph.match import flat_records
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Records"]

Words: TypeAlias = NDArray[np.uint32]

#: Words of a DATASEC before its entries.
_HEAD: Final = 3


@dataclass
class Records:
    """All levels of a graph as one, open for additions.

    Attributes:
        words: uint32[num_words], records in wide form.
        starts: uint32[num_records + 1]; record 0 is void and empty.
        strings: The string section names are offsets into.
    """

    words: Words
    starts: Words
    strings: bytes

    @classmethod
    def of(cls, graph: TypeGraph) -> "Records":
        """Return a graph's records.

        Raises:
            UnsupportedError: A kind nobody knows may refer to types.
        """
        for level in levels(graph):
            if level.unknown_kinds:
                raise UnsupportedError(
                    "a kind nobody knows, which may refer to types", place=level.source
                )
        words, starts, strings = flat_records(graph)
        return cls(words, starts, strings)

    @property
    def places(self) -> Words:
        """uint32[len(strings) + 1], for write(): no string has a place yet."""
        return np.zeros(len(self.strings) + 1, np.uint32)

    def add(self, record: Words) -> int:
        """Add a record; return its id."""
        self.words = np.concatenate((self.words, record))
        self.starts = np.append(self.starts, np.uint32(len(self.words)))
        return len(self.starts) - 2

    def add_all(self, rows: Words) -> Words:
        """Add records of one length, uint32[num, length]; return their ids."""
        num, length = rows.shape
        ids = np.arange(len(self.starts) - 1, len(self.starts) - 1 + num, dtype=np.uint32)
        ends = len(self.words) + length * np.arange(1, num + 1, dtype=np.uint32)
        self.words = np.concatenate((self.words, rows.reshape(-1)))
        self.starts = np.concatenate((self.starts, ends.astype(np.uint32)))
        return ids

    def add_section(self, name: int, size: int, entries: Words) -> int:
        """Add a DATASEC; return its id.

        Args:
            name: Its name's offset.
            size: In bytes.
            entries: uint32[num, 3] of VAR id, offset and size, as the kernel orders them.
        """
        entries = entries[np.argsort(entries[:, 1], kind="stable")]
        head = np.array([name, Kind.DATASEC << 24 | len(entries), size], np.uint32)
        return self.add(np.concatenate((head, entries.reshape(-1))))

    def entries(self, section_id: int) -> Words:
        """Return uint32[num, 3] of a DATASEC."""
        return self.words[self.starts[section_id] + _HEAD : self.starts[section_id + 1]].reshape(
            -1, 3
        )

    def write(
        self, order: Words, ids: IdMap, places: Words, base: TypeGraph | None, source: str
    ) -> TypeGraph:
        """Return a level of chosen records.

        Args:
            order: uint32[num], records in their new order.
            ids: uint32[num_records], the new id of each record that may be referred to.
            places: The new offset of each string that has one; filled in.
            base: What the level is split over.
            source: Its name, for errors.
        """
        words, text = arrange.write_level(
            self.words,
            self.starts,
            order,
            ids,
            np.frombuffer(self.strings, np.uint8),
            places,
            base.end_string if base is not None else 0,
        )
        return TypeGraph.from_words(words, text, base=base, source=source)
