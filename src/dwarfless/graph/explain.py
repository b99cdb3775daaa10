"""Why the functions and variables of one name are in, or not.

In:  what the stages that select them saw.
Out: a Candidate for every DIE of the name.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from dwarfless.elf.image import ElfImage
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.graph.names import Names
from dwarfless.graph.places import function_addresses, place_addresses
from dwarfless.graph.report import Report
from dwarfless.graph.rules import VARIABLE_CLASSES
from dwarfless.graph.sieve import Sieve

if TYPE_CHECKING:
    from dwarfless._core import join

__all__ = ["Candidate", "Trace"]

Words: TypeAlias = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One DIE of the name.

    Attributes:
        what: "function" or "variable".
        unit: The unit's name.
        function: What a function-local static stands in, or "".
        section: Section that holds its address, or "".
        offset: Bytes from there.
        cls: A variable's class, out of VARIABLE_CLASSES, or "".
        reason: Why it is left out; "" if it is written.
    """

    what: str
    unit: str
    function: str = ""
    section: str = ""
    offset: int = 0
    cls: str = ""
    reason: str = ""

    def __str__(self) -> str:
        where = f"{self.section}+{self.offset:#x}" if self.section else "no section"
        parts = [self.cls, where, self.unit]
        if self.function:
            parts.append(f"in {self.function}()")
        verdict = f"out: {self.reason}" if self.reason else "in"
        return f"{self.what}, {', '.join(part for part in parts if part)}: {verdict}"


@dataclass
class Trace:
    """Collects the candidates of a name while a program is read.

    Attributes:
        name: What to look for.
        candidates: In file order, variables after functions.
    """

    name: str
    candidates: list[Candidate] = field(default_factory=list)

    def _rows(self, names: Words, strings: bytes) -> list[int]:
        offsets = distinct(names)
        texts = Names(offsets, strings)
        wanted = [
            int(offset) for row, offset in enumerate(offsets) if texts[row] == self.name.encode()
        ]
        return np.flatnonzero(np.isin(names, wanted)).tolist()

    def add_functions(
        self,
        resolved: "join.Resolved",
        selected: Words,
        kept: Words,
        image: ElfImage,
        report: Report,
        *,
        asked: bool,
    ) -> None:
        """Note the functions of the name.

        Args:
            resolved: What all units came to.
            selected: States that the analysis of functions let through, one a name.
            kept: Those that the rules let in.
            image: The ELF, for sections.
            report: Holds why names were left out.
            asked: Whether functions are.
        """
        met = resolved.functions
        files = Names(met["file"], resolved.strings)
        names = Names(met["name"], resolved.strings)
        addresses = function_addresses(met["address"], names, image)
        section, offset = place_addresses(addresses, image)
        said = [i.reason for i in report.items if (i.what, i.name) == ("function", self.name)]
        rows = self._rows(met["name"], resolved.strings)
        written = set(kept.tolist())
        chosen = set(selected.tolist()) & set(rows)
        for row in rows:
            reason = said[-1] if said else "no function symbol has this name"
            if not asked:
                reason = "functions is not asked for"
            elif row in written:
                reason = ""
            elif chosen and row not in chosen and not said:
                reason = "another of this name stands for all"
            self.candidates.append(
                Candidate(
                    what="function",
                    unit=files.text(row),
                    section=image.section_names[int(section[row])] if section[row] >= 0 else "",
                    offset=int(offset[row]),
                    reason=reason,
                )
            )

    def add_variables(
        self,
        resolved: "join.Resolved",
        sieve: Sieve,
        classes: NDArray[np.uint8],
        image: ElfImage,
    ) -> None:
        """Note the variables of the name.

        Args:
            resolved: What all units came to; declarations have their symbols' addresses.
            sieve: Knows why each is out.
            classes: uint8[num_states], indices into VARIABLE_CLASSES.
            image: The ELF, for sections.
        """
        met = resolved.variables
        files = Names(met["file"], resolved.strings)
        functions = Names(met["func"], resolved.strings)
        section, offset = place_addresses(met["address"], image)
        for row in self._rows(met["name"], resolved.strings):
            placed = met["address"][row] and section[row] >= 0
            self.candidates.append(
                Candidate(
                    what="variable",
                    unit=files.text(row),
                    function=functions.text(row),
                    section=image.section_names[int(section[row])] if placed else "",
                    offset=int(offset[row]),
                    cls=VARIABLE_CLASSES[int(classes[row])],
                    reason=sieve.reason(row),
                )
            )
