"""What is still in, and why the rest is not.

In:  states of functions or variables, and masks of what is to go, one reason after the other.
Out: the rows that remain; a Report line for the others; on request, each row's own reason.
"""

from typing import TypeAlias

import numpy as np

from dwarfless._core.rows import first_equal
from dwarfless.formats.arrays import NDArray
from dwarfless.graph.names import Names, Texts
from dwarfless.graph.report import Report

__all__ = ["Sieve"]

Words: TypeAlias = NDArray[np.uint32]
Rows: TypeAlias = NDArray[np.int64]


class Sieve:
    """The rows still in, and a Report line for each name that drops out.

    Args:
        what: What the report calls them: "function" or "variable".
        names: uint32[num_states], offsets into strings.
        strings: NUL-terminated strings.
        report: Takes what is left out.

    Attributes:
        rows: int64[...], the states still in, ascending.
    """

    def __init__(self, what: str, names: Words, strings: bytes, report: Report) -> None:
        self.what, self.report = what, report
        self.names = Names(names, strings)
        self.offsets = names
        self.rows: Rows = np.arange(len(names))
        self._reasons = [""]
        self._reason_of = np.zeros(len(names), np.uint16)

    def drop(
        self, bad: NDArray[np.bool_], reason: str, place: str = "", *, listed: bool = True
    ) -> None:
        """Leave out the rows that `bad` marks among those still in; list each name once.

        A header's constant is defined anew by every unit that includes it.
        """
        if not bad.any():
            return
        dropped = self.rows[bad]
        if listed:
            first = first_equal(self.offsets[dropped])
            texts = Texts(self.names, dropped[first == np.arange(len(dropped))])
            self.report.add_all(self.what, texts, reason, place)
        else:
            self.report.count(self.what, reason, len(dropped))
        self.pass_over(bad, reason)

    def pass_over(self, bad: NDArray[np.bool_], reason: str) -> None:
        """Do the same with rows that were not asked for: they are not left out, but not meant."""
        self._reason_of[self.rows[bad]] = len(self._reasons)
        self._reasons.append(reason)
        self.rows = self.rows[~bad]

    def reason(self, row: int) -> str:
        """Return why a row is out; "" if it is in."""
        return self._reasons[int(self._reason_of[row])]
