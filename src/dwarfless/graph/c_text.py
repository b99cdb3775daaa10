"""Types of a graph as text in C.

In:  a TypeGraph.
Out: bytes; what can't be said in C is an error that names the type.
"""

from array import array
from collections.abc import Sequence
from typing import Final

from dwarfless._core.c_sort import sorted_ids
from dwarfless._core.c_source import CSource, NotInC
from dwarfless.errors import BtfError, UnsupportedError
from dwarfless.formats.btf import KINDS, Kind
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["CText", "pointer_size"]

#: How compilers spell long, whose size is a pointer's on every machine that runs Linux.
LONGS: Final = (
    "long", "long int", "int long", "unsigned long", "long unsigned", "unsigned long int",
    "unsigned int long", "long unsigned int", "long int unsigned", "int unsigned long",
    "int long unsigned",
)  # fmt: skip
#: A text may have so many bytes a byte of BTF, and as many more as a small file needs; a kernel's
#: has half of one.
MAX_GROWTH: Final = 32
FREE_GROWTH: Final = 1 << 20
#: Looks at types and members, a word of BTF; a kernel takes 6.
MAX_STEPS: Final = 200


def pointer_size(graph: TypeGraph) -> int:
    """Return the bytes of a pointer: those of long, or 8 if there is none.

    Source: determine_ptr_size in libbpf's btf.c, which also looks for the first one.
    """
    level: TypeGraph | None = graph
    size = 8
    while level is not None:
        # A base's ids come first, so what is found there counts.
        numbers = (graph[i] for i in level.arrays.find_kind(Kind.INT))
        size = next((number.word(2) for number in numbers if number.name in LONGS), size)
        level = level.base
    return size if size in (4, 8) else 8


class CText:
    """Text in C that grows; every type is written once, after what it needs.

    Args:
        graph: Its types, those of its bases included, can be written.
        seen_from: One of its levels; an anonymous enum that nothing up to there refers to is
            written for its enumerators. None for the graph itself.
        repair: Whether to write what compilers lay out right; else what bpftool writes.

    Raises:
        UnsupportedError: The graph has types of an unknown kind.
    """

    def __init__(
        self, graph: TypeGraph, seen_from: TypeGraph | None = None, *, repair: bool = True
    ) -> None:
        self.graph: Final = graph
        size, level = 0, graph
        while True:
            if (newest := level.arrays.largest_kind()) >= len(KINDS):
                raise UnsupportedError(
                    f"kind {newest}, which is newer than this program,", place=level.source
                )
            size += 4 * len(level.record_words) + len(level.strings)
            if level.base is None:
                break
            level = level.base
        self._source = CSource(
            graph.arrays,
            pointer_size(graph),
            MAX_GROWTH * size + FREE_GROWTH,
            MAX_STEPS * size // 4 + FREE_GROWTH,
            len(seen_from or graph),
            repair,
        )

    def write(self, ids: Sequence[int]) -> None:
        """Write types, each after what it needs and is not written yet.

        Raises:
            BtfError: A type can't be written: it holds itself, or is out of all proportion.
        """
        self._write(array("I", ids))

    def write_sorted(self, level: TypeGraph | None = None) -> None:
        """Write all types of the graph, or of one of its levels, in bpftool's order.

        Raises:
            BtfError: A type can't be written.

        Cost: 250 ms for 125,000 types, a third of it for the order.
        """
        self._write(sorted_ids((level or self.graph).arrays))

    def _write(self, ids: "array[int]") -> None:
        try:
            self._source.write(ids)
        except NotInC as error:
            raise self._error(error) from None

    def prepare(self, type_id: int) -> None:
        """Write what must stand before a declaration with a type, and is not written yet.

        Raises:
            BtfError: A type can't be written.
        """
        try:
            self._source.prepare(type_id)
        except NotInC as error:
            raise self._error(error) from None

    def declare(self, type_id: int, name: int) -> None:
        """Write the declaration of a thing, such as `int (*f)(void)`, without a semicolon.

        Args:
            type_id: Its type.
            name: String offset of its name.

        Raises:
            BtfError: Its type can't be written.
        """
        try:
            self._source.declare(type_id, name)
        except NotInC as error:
            raise self._error(error) from None

    def put(self, text: str) -> None:
        """Add text."""
        self._source.put(text.encode())

    def name(self, type_id: int) -> str:
        """Return what a type is called in C, without struct, union or enum; "" if nameless."""
        number, name = self._source.number(type_id), self.graph[type_id].name
        return f"{name}___{number}" if number > 1 else name

    def is_taken(self, name: int) -> bool:
        """Tell whether a typedef or an enumerator that is written has a name (string offset)."""
        return self._source.taken(name)

    def take(self) -> bytes:
        """Return the text since the last call."""
        return self._source.take()

    def _error(self, error: NotInC) -> BtfError:
        type_id, problem = error.args
        owner = self.graph.owner(type_id)
        at = 4 * owner.record_starts[type_id - owner.first_id] if type_id else 0
        return BtfError(
            f"type {type_id} can't be written in C: {problem}",
            source=owner.source,
            section=".BTF types",
            offset=at,
        )
