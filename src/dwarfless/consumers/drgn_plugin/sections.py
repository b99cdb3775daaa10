"""Where the sections of a kernel and of its modules are in memory.

In:  a kernel's memory; what the extra's note says, if it has one.
Out: the start of a section, by the note or by symbols; an error where the two disagree.

A note says where a section was linked, VMCOREINFO how far the kernel was moved: that is enough
without any symbol. Without a note the symbols of some variables tell where their section starts.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from dwarfless.consumers.drgn_plugin.levels import Level
from dwarfless.consumers.drgn_plugin.memory import KernelMemory
from dwarfless.errors import BaseMismatchError
from dwarfless.formats.btf import Kind

if TYPE_CHECKING:
    from dwarfless.containers.binding import Binding

__all__ = ["Sections"]

#: Variables that agree, or disagree, on where a section starts.
ENOUGH_WITNESSES: Final = 3
#: VMCOREINFO tells their values, not their addresses.
VALUES_TOLD: Final = ("mem_section", "vmemmap")


class Sections:
    """Where sections are.

    Args:
        memory: The kernel's.
        binding: What its extra says of it; None if it does not.
    """

    def __init__(self, memory: KernelMemory, binding: "Binding | None") -> None:
        self.memory: Final = memory
        self.binding: Final = binding

    def bound(self, section: str) -> tuple[int, int] | None:
        """Return start and end of a section of the kernel by the note; None if it does not say."""
        binding, slide = self.binding, self.memory.slide
        if binding is None or slide is None:
            return None
        start, row = binding.address(section, 0, slide=slide), binding.find_section(section)
        return None if start is None or row is None else (start, start + row.size)

    def of_kernel(self, section: str, level: Level) -> int | None:
        """Return the start of a section of the kernel, or None.

        Raises:
            BaseMismatchError: The note says one place, symbols another.
        """
        bound = self.bound(section)
        if bound is None:
            return self._witnessed(section, level)
        self._check_witnesses(section, bound[0], level)
        return bound[0]

    def check_told(self, levels: list[Level]) -> None:
        """Make sure that variables are where VMCOREINFO says, as far as the note tells.

        Raises:
            BaseMismatchError: One is not.
        """
        for name, told in self.memory.symbols_told.items():
            for level in levels:
                for var_id in level.find_ids(name, Kind.VAR):
                    place = level.place(var_id)
                    bound = None if place is None else self.bound(place.section)
                    if place is None or bound is None or name in VALUES_TOLD:
                        continue
                    if bound[0] + place.offset != told:
                        raise BaseMismatchError(
                            f"{level.graph.source}: has {name} at {bound[0] + place.offset:#x}, "
                            f"the kernel at {told:#x}"
                        )

    def _single_witnesses(self, section: str, level: Level) -> Iterator[tuple[str, int, int]]:
        """Yield (name, offset, symbol) of variables that alone have a name that one symbol has."""
        for name, offset in level.witnesses(section):
            symbols = self.memory.find_symbol(name, quick=True)
            if len(symbols) == 1 and len(level.find_ids(name, Kind.VAR)) == 1:
                yield name, offset, symbols[0]

    def _check_witnesses(self, section: str, start: int, level: Level) -> None:
        """Make sure that some variable of a section is at its symbol.

        A single one may have a symbol that is something else's, such as a function's.
        """
        wrong = []
        for name, offset, symbol in self._single_witnesses(section, level):
            if start + offset == symbol:
                return
            wrong.append(f"{name} at {start + offset:#x}, the kernel at {symbol:#x}")
            if len(wrong) == ENOUGH_WITNESSES:
                raise BaseMismatchError(f"{level.graph.source}: has {wrong[0]}")

    def _witnessed(self, section: str, level: Level) -> int | None:
        """Return where a section starts by the symbols of some of its variables.

        A symbol that a variable of that name in another section has does not count. A name with
        several symbols votes for each; what no other start equals wins.
        """
        starts: Counter[int] = Counter()
        for name, offset in level.witnesses(section):
            symbols = set(self.memory.find_symbol(name, quick=True))
            if len(symbols) > 1:
                symbols -= self._taken(name, section, level)
            starts.update(symbol - offset for symbol in symbols)
            if len(symbols) == 1:
                (symbol,) = symbols
                if starts[symbol - offset] == ENOUGH_WITNESSES:
                    return symbol - offset
        ranked = starts.most_common(2)
        if not ranked or (len(ranked) == 2 and ranked[0][1] == ranked[1][1]):
            return None
        return ranked[0][0]

    def _taken(self, name: str, section: str, level: Level) -> set[int]:
        """Return where variables of a name are in other sections."""
        places = [level.place(var_id) for var_id in level.find_ids(name, Kind.VAR)]
        found = set()
        for place in places:
            if place is not None and place.section != section:
                start = level.start_of(place.section)
                if start is not None:
                    found.add(start + place.offset)
        return found
