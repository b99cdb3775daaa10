"""Pointers into a BPF arena, in the prototypes of kfuncs.

In:  prototypes, and the flags that kfuncs are registered with.
Out: prototypes whose pointers carry the attribute address_space(1), for the feature `attributes`.

A kfunc's flags say that it returns such a pointer, or takes one as its first or second argument;
DWARF doesn't. A function with such a flag gets a prototype of its own.

Source: include/linux/btf.h of Linux 6.15; btf__add_bpf_arena_type_tags in pahole's btf_encoder.c.
"""

from typing import Final, TypeAlias

import numpy as np

from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.assembly import Assembly
from dwarfless.graph.kfuncs import KF_ARENA_ARG1, KF_ARENA_ARG2, KF_ARENA_RET
from dwarfless.graph.report import Report

__all__ = ["ArenaPointers"]

Words: TypeAlias = NDArray[np.uint32]

ATTRIBUTE: Final = b"address_space(1)"
#: Flag of a kfunc -> the word of its FUNC_PROTO that holds the pointer's id.
PLACES: Final = {KF_ARENA_RET: 2, KF_ARENA_ARG1: 4, KF_ARENA_ARG2: 6}
TAG_INFO: Final = int(Kind.TYPE_TAG) << 24 | 1 << 31


class ArenaPointers:
    """Makes prototypes; equal ones are made once.

    Args:
        assembly: Takes the new records.
        canonical: uint32[num_records], which record stands for each.
        report: Takes what should be a pointer and is none.
    """

    def __init__(self, assembly: Assembly, canonical: Words, report: Report) -> None:
        self._assembly, self._canonical, self._report = assembly, canonical, report
        self._words, self._starts = assembly.words[0], assembly.ends[0]
        self._made: dict[tuple[int, ...], int] = {}
        self._roots: list[int] = []

    @property
    def made(self) -> Words:
        """New records, in the order in which they are to be written."""
        return np.array(list(self._made.values()), np.uint32)

    @property
    def roots(self) -> Words:
        """Types that they refer to."""
        return np.array(self._roots, np.uint32)

    def prototype(self, name: str, proto: int, flags: int) -> int:
        """Return the prototype of a kfunc with these flags: a new one, or as it was."""
        record = self._record(proto)
        tagged = False
        for place in (place for flag, place in PLACES.items() if flags & flag):
            pointer = self._record(record[place]) if place < len(record) else ()
            if len(pointer) < 3 or pointer[1] >> 24 != Kind.PTR:
                self._report.add("feature", "attributes", "arena pointer that is none", name)
                continue
            self._roots.append(pointer[2])
            tag = self._add((self._attribute(), TAG_INFO, pointer[2]))
            record = (*record[:place], self._add((0, Kind.PTR << 24, tag)), *record[place + 1 :])
            tagged = True
        if not tagged:
            return proto
        self._roots += [id_ for id_ in record[2::2] if id_ < len(self._canonical)]
        return self._add(record)

    def _record(self, type_id: int) -> tuple[int, ...]:
        """Return the words of a record, its types' ids those that stand for them."""
        if not type_id:
            return ()
        start, end = self._starts[type_id], self._starts[type_id + 1]
        words = self._words[start:end].tolist()
        # Ids of a FUNC_PROTO and a PTR are every second word from the third on.
        words[2::2] = self._canonical[words[2::2]].tolist()
        return tuple(words)

    def _attribute(self) -> int:
        if not self._made:
            self._offset = self._assembly.add_string(ATTRIBUTE)
        return self._offset

    def _add(self, record: tuple[int, ...]) -> int:
        if record not in self._made:
            (self._made[record],) = self._assembly.add_rows(np.array([record], np.uint32)).tolist()
        return self._made[record]
