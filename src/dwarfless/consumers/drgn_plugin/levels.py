"""Variables and functions of a graph by name, and where variables are.

In:  a graph split over others; its own types only.
Out: type ids; the section and offset of each VAR; the start of each section.
"""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from dwarfless.consumers.drgn_plugin.types import Types
from dwarfless.formats.btf import Kind
from dwarfless.graph import views
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["PERCPU_SECTION", "Constant", "Level", "Place"]

#: Each CPU has a copy of what is in it, not where it was linked or where a module was loaded.
PERCPU_SECTION: Final = ".data..percpu"
#: Variables by which a section is found, when only symbols tell where it is.
MAX_WITNESSES: Final = 16
ENUMS: Final = 1 << Kind.ENUM | 1 << Kind.ENUM64


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

    def sections(self) -> Iterator[tuple[str, list[tuple[int, int, int]]]]:
        """Yield each section's name, with VAR, offset and size of what is in it."""
        for section_id in self._section_ids:
            view = self.graph[section_id]
            yield view.name, [self._entry(section_id, index) for index in range(view.vlen)]

    def place(self, var_id: int) -> Place | None:
        """Return where a VAR is in its section; None if no section holds it."""
        for section_id in self._section_ids:
            index = self.graph.arrays.find_entry(section_id, var_id)
            if index >= 0:
                _, offset, size = self._entry(section_id, index)
                return Place(self.graph[section_id].name, offset, size)
        return None

    def written_in(self, var_id: int) -> tuple[str, str]:
        """Return the function and the file that a static variable is written in, else ("", "").

        Source: the decl tags that graph/emission.py gives what is inside functions.
        """
        function = file = ""
        for text in self._tags.get(var_id, ()):
            key, _, value = text.partition(":")
            function = value if key == "function" else function
            file = value if key == "file" else file
        return function, file

    @cached_property
    def _tags(self) -> dict[int, list[str]]:
        """The texts of decl tags by the type they are on."""
        found: dict[int, list[str]] = {}
        for tag_id in self.graph.arrays.find_kind(Kind.DECL_TAG):
            tag = self.graph[tag_id]
            assert isinstance(tag, views.DeclTag)
            if tag.component < 0:
                found.setdefault(tag.type_id, []).append(tag.name)
        return found

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

    def find_constants(self, name: str) -> list[Constant]:
        """Return its own enumerators of a name.

        Cost: 0.5 ms on a kernel's graph.
        """
        raw = name.encode(errors="surrogateescape")
        found = []
        for enum_id, index in self.graph.arrays.find_enumerators(raw, ENUMS):
            enum = self.graph[enum_id]
            assert isinstance(enum, views.Enum)
            found.append(Constant(enum_id, enum.values[index].value))
        return found
