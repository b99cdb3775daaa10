"""Variables and functions of a graph by name, and where variables are.

In:  a graph split over others; its own types only.
Out: type ids; the section and offset of each VAR; the start of each section.
"""

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from dwarfless.consumers.drgn_plugin.types import Types
from dwarfless.formats.btf import Kind
from dwarfless.graph import views
from dwarfless.graph.type_graph import TypeGraph

if TYPE_CHECKING:
    import numpy as np

    from dwarfless.formats.arrays import NDArray

    Column = NDArray[np.uint32]

__all__ = ["Constant", "Level", "Place"]

#: Variables by which a section is found, when only symbols tell where it is.
MAX_WITNESSES: Final = 16
ENUMS: Final = (Kind.ENUM, Kind.ENUM64)


class Place(NamedTuple):
    """Where a variable is.

    Attributes:
        section: Name of its DATASEC.
        offset: In bytes.
        size: In bytes.
    """

    section: str
    offset: int
    size: int


class Constant(NamedTuple):
    """An enumerator.

    Attributes:
        enum_id: Type id of its enum.
        value: Its value.
    """

    enum_id: int
    value: int


class Level:
    """The own types of one graph.

    Args:
        types: They and those of its bases, for drgn.
        module: Whose variables and functions they are; "" for the kernel's own.
        section_start: Where a section starts in memory, by name; None if it is not known.
    """

    def __init__(
        self, types: Types, module: str, section_start: Callable[[str, "Level"], int | None]
    ) -> None:
        self.types: Final = types
        self.graph: Final[TypeGraph] = types.graph
        self.module: Final = module
        self._section_start = section_start
        self._starts: dict[str, int | None] = {}

    def find_ids(self, name: str, *kinds: Kind) -> list[int]:
        """Return its own types of a name, of any of these kinds."""
        raw = name.encode(errors="surrogateescape")
        if not raw or b"\0" in raw:
            return []
        return self.graph.arrays.find(raw, sum(1 << kind for kind in kinds))

    def start_of(self, section: str) -> int | None:
        """Return where a section starts in memory, or None."""
        if section not in self._starts:
            # Finding one section may ask for another that asks for this one.
            self._starts[section] = None
            self._starts[section] = self._section_start(section, self)
        return self._starts[section]

    @cached_property
    def _section_ids(self) -> list[int]:
        return self.graph.arrays.find_kind(Kind.DATASEC)

    def _entry(self, section_id: int, index: int) -> tuple[int, int, int]:
        """Return VAR, offset and size of an entry of a DATASEC."""
        words = self.graph.record_words
        at = self.graph.record_starts[section_id - self.graph.first_id] + 3 + 3 * index
        return words[at], words[at + 1], words[at + 2]

    def place(self, var_id: int) -> Place | None:
        """Return where a VAR is in its section; None if no section holds it."""
        for section_id in self._section_ids:
            index = self.graph.arrays.find_entry(section_id, var_id)
            if index >= 0:
                _, offset, size = self._entry(section_id, index)
                return Place(self.graph[section_id].name, offset, size)
        return None

    def witnesses(self, section: str) -> list[tuple[str, int]]:
        """Return (name, offset) of some variables of a section, spread over it."""
        found = []
        for section_id in self._section_ids:
            view = self.graph[section_id]
            if view.name == section:
                for index in range(0, view.vlen, max(1, view.vlen // MAX_WITNESSES)):
                    var_id, offset, _ = self._entry(section_id, index)
                    found.append((self.graph[var_id].name, offset))
        return found

    @cached_property
    def _values(self) -> "tuple[Column, Column, Column]":
        """String offset, enum's id and index in it of every enumerator, by string offset."""
        import numpy as np

        graph = self.graph
        names, owners, indexes = [], [], []
        for kind, step in zip(ENUMS, (2, 3), strict=True):
            rows = np.flatnonzero(graph.kinds == kind)
            counts = graph.vlens[rows].astype(np.int64)
            ends = np.cumsum(counts)
            index = np.arange(int(counts.sum())) - np.repeat(ends - counts, counts)
            starts = np.repeat(graph.offsets[rows].astype(np.int64) + 3, counts)
            names.append(graph.words[starts + step * index])
            owners.append(np.repeat(rows + graph.first_id, counts))
            indexes.append(index)
        name, owner, place = map(np.concatenate, (names, owners, indexes))
        order = np.argsort(name, kind="stable")
        return name[order], owner[order].astype(np.uint32), place[order].astype(np.uint32)

    def find_constants(self, name: str) -> list[Constant]:
        """Return its own enumerators of a name.

        Cost: 3 ms for the first; 1 ms for each further one, most of it the search for the name.
        """
        names, owners, indexes = self._values
        found = []
        for offset in self._string_offsets(name):
            first, end = names.searchsorted([offset, offset + 1]).tolist()
            for enum_id, index in zip(
                owners[first:end].tolist(), indexes[first:end].tolist(), strict=True
            ):
                enum = self.graph[enum_id]
                assert isinstance(enum, views.Enum)
                found.append(Constant(enum_id, enum.values[index].value))
        return found

    def _string_offsets(self, name: str) -> list[int]:
        """Return where a string is in this graph's strings and its bases'."""
        raw = name.encode(errors="surrogateescape") + b"\0"
        found = []
        graph: TypeGraph | None = self.graph
        while graph is not None:
            at = graph.strings.find(raw)
            while at >= 0:
                # A string may be the end of a longer one, and be referred to there.
                found.append(graph.first_string + at)
                at = graph.strings.find(raw, at + 1)
            graph = graph.base
        return found
