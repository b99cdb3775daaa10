"""Which record refers to which, both ways.

In:  references, one row each.
Out: what spreads along them.

Each step looks only at what the last one reached, so a chain costs no more than a heap.
"""

from typing import TypeAlias

import numpy as np

from dwarfless.formats.arrays import NDArray, distinct

__all__ = ["Links"]

Words: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]
Places: TypeAlias = NDArray[np.int64]


class Links:
    """References between records.

    Args:
        sources: uint32[num_links], which record refers.
        targets: uint32[num_links], to which.
        num: Number of records.
    """

    def __init__(self, sources: Words, targets: Words, num: int) -> None:
        self._sources, self._targets, self._num = sources, targets, num
        self._users = _Rows(targets, sources, num)
        self._uses = _Rows(sources, targets, num)

    def add_users(self, chosen: Mask) -> None:
        """Choose all that refers to what is chosen, whatever the number of steps."""
        rows = np.flatnonzero(chosen)
        while rows.size:
            users = distinct(self._users.of(rows))
            rows = users[~chosen[users]].astype(np.int64)
            chosen[rows] = True

    def add_unneeded(self, chosen: Mask, free: Mask) -> None:
        """Choose those of `free` that chosen records refer to, and no others do."""
        others = self._targets[~chosen[self._sources]]
        needs = np.bincount(others, minlength=self._num)
        used = np.bincount(self._targets, minlength=self._num) > 0
        rows = np.flatnonzero(free & used & ~chosen & (needs == 0))
        while rows.size:
            chosen[rows] = True
            targets = self._uses.of(rows)
            np.subtract.at(needs, targets, 1)
            targets = distinct(targets)
            open_ = free[targets] & ~chosen[targets] & (needs[targets] == 0)
            rows = targets[open_].astype(np.int64)


class _Rows:
    """The values of each key, by key."""

    def __init__(self, keys: Words, values: Words, num: int) -> None:
        self._values = values[np.argsort(keys, kind="stable")]
        self._starts: Places = np.zeros(num + 1, np.int64)
        np.cumsum(np.bincount(keys, minlength=num), out=self._starts[1:])

    def of(self, keys: Places) -> Words:
        """Return the values of some keys."""
        starts = self._starts[keys]
        sizes = self._starts[keys + 1] - starts
        ends = np.cumsum(sizes)
        at = np.arange(ends[-1]) + np.repeat(starts - ends + sizes, sizes)
        found: Words = self._values[at]
        return found
