"""A graph as lists, for one pass in Python over every member.

In:  a TypeGraph with all its levels.
Out: Table: kinds, words, names as JSON strings.
"""

import json
import re
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dwarfless.formats.btf import Kind
from dwarfless.graph.records import Records
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["COMPOSITES", "ENUMS", "Table", "quote"]

COMPOSITES: Final = frozenset({Kind.STRUCT, Kind.UNION})
ENUMS: Final = frozenset({Kind.ENUM, Kind.ENUM64})
#: Kinds that a use of a type goes through to reach what has a name.
CHAINS: Final = (
    Kind.PTR,
    Kind.ARRAY,
    Kind.TYPEDEF,
    Kind.VOLATILE,
    Kind.CONST,
    Kind.RESTRICT,
    Kind.TYPE_TAG,
)
#: What stands in JSON as it is.
PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")
#: A chain of 2**6 types is followed to its end; the kernel allows 32.
DOUBLINGS: Final = 6


def quote(text: str) -> str:
    """Return a string as JSON spells it."""
    return f'"{text}"' if PLAIN.fullmatch(text) else json.dumps(text)


class Table:
    """All levels of a graph; every column is indexed by type id.

    Attributes:
        words: All records' words.
        starts: Where each record starts; one more for the end.
        kinds: Kind numbers.
        flags: Kind flags.

    Raises:
        UnsupportedError: A kind nobody knows may refer to types.

    Cost: 0.1 s for 139,000 types.
    """

    def __init__(self, graph: TypeGraph) -> None:
        records = Records.of(graph)
        self._words, self._starts = records.words, records.starts
        self._strings = records.strings
        # Void's record is empty; it has the first type's words and is never asked for them.
        infos = np.zeros(len(records.starts) - 1, np.uint32)
        infos[1:] = records.words[records.starts[1:-1] + 1]
        self._kinds: NDArray[np.uint8] = (infos >> 24 & 0x7F).astype(np.uint8)
        self.words: list[int] = records.words.tolist()
        self.starts: list[int] = records.starts.tolist()
        self.kinds: list[int] = self._kinds.tolist()
        self.flags: list[bool] = (infos >> 31 != 0).tolist()
        self._quoted: dict[int, str] = {0: '""'}

    def __len__(self) -> int:
        return len(self.kinds)

    def string(self, offset: int) -> str:
        """Return the string at an offset."""
        end = self._strings.find(b"\0", offset)
        return self._strings[offset:end].decode(errors="surrogateescape")

    def name(self, type_id: int) -> str:
        """Return a type's name, "" if it has none."""
        offset = self.words[self.starts[type_id]] if type_id else 0
        return self.string(offset) if offset else ""

    def quoted(self, offset: int) -> str:
        """Return the string at an offset as JSON spells it."""
        found = self._quoted.get(offset)
        if found is None:
            found = self._quoted[offset] = quote(self.string(offset))
        return found

    def third(self, type_id: int) -> int:
        """Return a record's third word: size or target."""
        return self.words[self.starts[type_id] + 2]

    def ids(self, *kinds: Kind) -> list[int]:
        """Return the ids of all types of some kinds."""
        chosen: list[int] = np.flatnonzero(np.isin(self._kinds, kinds)).tolist()
        return chosen

    @cached_property
    def weights(self) -> list[int]:
        """How many members, parameters, results and variables end at each type.

        A typedef of a struct that has no name of its own is such an end.
        """
        words, starts = self.words, self.starts
        used: list[int] = []
        for i in self.ids(Kind.STRUCT, Kind.UNION):
            used += words[starts[i] + 4 : starts[i + 1] : 3]
        for i in self.ids(Kind.FUNC_PROTO):
            used += words[starts[i] + 4 : starts[i + 1] : 2]
        for i in self.ids(Kind.FUNC_PROTO, Kind.VAR):
            used.append(words[starts[i] + 2])
        ends = self._ends()[np.array(used, np.int64)]
        counts: list[int] = np.bincount(ends, minlength=len(self)).tolist()
        return counts

    def _ends(self) -> NDArray[np.int64]:
        """Return where the chain that starts at each type ends, int64[num_types]."""
        ends = np.arange(len(self))
        links = np.isin(self._kinds, CHAINS)
        at = np.where(self._kinds == Kind.ARRAY, 3, 2)[links]
        ends[links] = self._words[self._starts[:-1][links] + at]
        aliases = [i for i in self.ids(Kind.TYPEDEF) if self.is_alias(i)]
        ends[aliases] = aliases
        for _ in range(DOUBLINGS):
            ends = ends[ends]
        return ends

    def is_alias(self, typedef_id: int) -> bool:
        """Tell whether a typedef names a struct or union that has no name of its own."""
        target = self.third(typedef_id)
        return self.kinds[target] in COMPOSITES and not self.words[self.starts[target]]
