"""What changed from one kernel's BTF to another's.

In:  two TypeGraphs.
Out: Changes: types, functions, variables and constants that were added, removed or changed.

Types are compared by name, and meaning is cut at names: a struct that only points to one that
changed has not changed. `_core/meaning` says what counts.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np

from dwarfless._core.equivalence import live_closure
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import Kind
from dwarfless.graph.difference import Difference, Side, explain
from dwarfless.graph.levels import levels
from dwarfless.graph.names import NameIndex
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Enum, Fwd

__all__ = ["KINDS", "Change", "Diff", "diff"]

Words: TypeAlias = NDArray[np.uint32]
Hashes: TypeAlias = NDArray[np.uint64]

#: What is compared, in the order of a report, and the kinds that it is in BTF.
KINDS: Final = {
    "struct": (Kind.STRUCT,),
    "union": (Kind.UNION,),
    "enum": (Kind.ENUM, Kind.ENUM64),
    "constant": (),
    "typedef": (Kind.TYPEDEF,),
    "number": (Kind.INT, Kind.FLOAT),
    "function": (Kind.FUNC,),
    "variable": (Kind.VAR,),
}
KIND_OF: Final = {kind: name for name, kinds in KINDS.items() for kind in kinds}
#: Spreads two hashes over one.
SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one name.

    Attributes:
        kind: Out of KINDS.
        name: Its name.
        status: "added", "removed" or "changed".
        a_id: Its id on the first side, 0 if there is none.
        b_id: Its id on the second side, 0 if there is none.
        differences: What differs, if it changed.
        breaks: Whether what was compiled for the first side goes wrong with the second.
        reached: Whether functions or variables that a module may use lead to it, on the first
            side.
    """

    kind: str
    name: str
    status: str
    a_id: int
    b_id: int
    differences: tuple[Difference, ...] = ()
    breaks: bool = False
    reached: bool = False


@dataclass(frozen=True)
class Diff:
    """What changed.

    Attributes:
        a: The first side.
        b: The second.
        changes: All of them, by kind, then name.
        totals: By kind, how many names each side has.
        exports: How many exported names count as what a module may use; None if all do.
        unknown_exports: How many of those are no function or variable of the first side.
    """

    a: TypeGraph
    b: TypeGraph
    changes: tuple[Change, ...]
    totals: dict[str, tuple[int, int]]
    exports: int | None = None
    unknown_exports: int = 0

    def abi(self) -> "Diff":
        """Return only what breaks a module compiled for the first side.

        That is what goes wrong for it and can be reached from a function or variable that it may
        use: itself, its prototype, the layout of what leads on from there through members and
        pointers, values of enums.
        """
        kept = tuple(c for c in self.changes if c.breaks and c.reached)
        return replace(self, changes=kept)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return how many of each kind have each status."""
        found = {kind: {"added": 0, "removed": 0, "changed": 0} for kind in KINDS}
        for change in self.changes:
            found[change.kind][change.status] += 1
        return found


@dataclass(frozen=True)
class _Names:
    """What one side says of its names.

    Attributes:
        ids: uint32[num], types with names, declarations left out.
        keys: uint64[num], their sorts and names.
        pairs: uint64[num], these with what they say.
        own: bool[num], whether they are of the file itself, and not of a base.
    """

    ids: Words
    keys: Hashes
    pairs: Hashes
    own: NDArray[np.bool_]

    @classmethod
    def of(cls, side: Side) -> "_Names":
        chosen = np.isin(side.kinds, list(KIND_OF)) & (side.keys != 0)
        ids = np.flatnonzero(chosen).astype(np.uint32)
        keys = side.keys[ids]
        pairs = keys * SPREAD + side.said[ids]
        return cls(ids, keys, pairs, ids >= side.graph.first_id)

    def lacking_in(self, other: "_Names") -> dict[int, list[int]]:
        """Return, by key, own types that say something no type of the other side says."""
        rows = np.flatnonzero(self.own & ~np.isin(self.pairs, other.pairs))
        _, first = np.unique(self.pairs[rows], return_index=True)
        found: defaultdict[int, list[int]] = defaultdict(list)
        for row in rows[np.sort(first)].tolist():
            found[int(self.keys[row])].append(int(self.ids[row]))
        return found


def diff(a: TypeGraph, b: TypeGraph, *, exports: Collection[bytes] | None = None) -> Diff:
    """Return what changed from one graph to another.

    Args:
        a: The first side; of a graph with a base only its own types are compared, with all types
            of the other side.
        b: The second side.
        exports: Names of what a module may use; None for all functions and variables.

    Cost: 0.1 s for two kernels, and 0.2 ms for each type that changed.
    """
    one, other = Side(a), Side(b)
    ours, theirs = _Names.of(one), _Names.of(other)
    reached, unknown = _reach(one, exports)
    gone, new = ours.lacking_in(theirs), theirs.lacking_in(ours)
    our_keys, their_keys = (set(n.keys.tolist()) for n in (ours, theirs))
    changes = []
    for key in gone.keys() | new.keys():
        a_ids, b_ids = gone.get(key, []), new.get(key, [])
        known = key in our_keys and key in their_keys
        changes.append(_judge(one, other, a_ids, b_ids, known, bool(reached[a_ids].any())))
    changes += _constants(one, other)
    order = list(KINDS)
    changes.sort(key=lambda change: (order.index(change.kind), change.name, change.status))
    return Diff(
        a,
        b,
        tuple(changes),
        _totals(one, other, ours, theirs),
        None if exports is None else len(exports),
        unknown,
    )


def _judge(
    a: Side, b: Side, a_ids: list[int], b_ids: list[int], known: bool, reached: bool
) -> Change:
    """Return what became of a name.

    Args:
        a: The first side.
        b: The second.
        a_ids: What only the first says of it.
        b_ids: What only the second says of it.
        known: Whether both have it, perhaps with a meaning that both agree on.
        reached: As the Change's.
    """
    view = a.graph[a_ids[0]] if a_ids else b.graph[b_ids[0]]
    name, kind = view.name, KIND_OF[Kind(view.kind_number)]
    status = "changed" if known else "removed" if a_ids else "added"
    found: tuple[Difference, ...]
    if a_ids and b_ids:
        found = tuple(explain(a, b, a_ids[0], b_ids[0]))
        if max(len(a_ids), len(b_ids)) > 1:
            numbers = str(len(a_ids)), str(len(b_ids))
            found += (Difference("definitions that differ", "changed", *numbers, False),)
    elif known:
        how, number = ("removed", len(a_ids)) if a_ids else ("added", len(b_ids))
        said = ("", str(number)) if b_ids else (str(number), "")
        found = (Difference("other definitions", how, *said, False),)
    else:
        found = _declared(b if a_ids else a, name, kind, bool(b_ids))
    breaks = status == "removed" or any(difference.breaks for difference in found)
    a_id, b_id = (ids[0] if ids else 0 for ids in (a_ids, b_ids))
    return Change(kind, name, status, a_id, b_id, found, breaks, reached)


def _declared(side: Side, name: str, kind: str, defined: bool) -> tuple[Difference, ...]:
    """Return whether a side that does not define a struct or union declares it.

    Args:
        side: The one that does not define it.
        name: Its name.
        kind: "struct" or "union"; others have no declarations.
        defined: Whether it is defined on the second side, not on the first.
    """
    said = ("declared", "defined") if defined else ("defined", "declared")
    if kind in ("struct", "union"):
        for view in side.graph.find_all(name, Kind.FWD):
            if isinstance(view, Fwd) and view.union == (kind == "union"):
                return (Difference("definition", "changed", *said, False),)
    return ()


def _reach(side: Side, exports: Collection[bytes] | None) -> tuple[NDArray[np.uint8], int]:
    """Mark what a module may use, and all types that it leads to.

    Returns:
        uint8[num_types], and how many of the exports are no function or variable.
    """
    roots = np.flatnonzero(np.isin(side.kinds, (Kind.FUNC, Kind.VAR)))
    unknown = 0
    if exports is not None:
        strings = b"".join(level.strings for level in levels(side.graph))
        usable = NameIndex(side.names[roots], strings).among(frozenset(exports))
        roots = roots[usable]
        unknown = len(exports) - len(distinct(side.keys[roots]))
    marks = np.zeros(len(side.graph), np.uint8)
    marks[roots] = 1
    if len(side.words):
        live_closure(side.words, side.starts, marks)
    return marks, unknown


def _totals(a: Side, b: Side, ours: _Names, theirs: _Names) -> dict[str, tuple[int, int]]:
    """Return how many names of each kind the files themselves have."""
    found = {}
    for name, kinds in KINDS.items():
        numbers = []
        for side, names in ((a, ours), (b, theirs)):
            chosen = names.own & np.isin(side.kinds[names.ids], kinds)
            numbers.append(len(distinct(names.keys[chosen])))
        found[name] = (numbers[0], numbers[1])
    found["constant"] = (len(_values(a)[0]), len(_values(b)[0]))
    return found


def _values(side: Side) -> tuple[dict[str, tuple[int, int]], dict[str, int]]:
    """Return the file's values of nameless enums with their enum, and those of all enums."""
    nameless: dict[str, tuple[int, int]] = {}
    everywhere: dict[str, int] = {}
    for type_id in np.flatnonzero(np.isin(side.kinds, (Kind.ENUM, Kind.ENUM64))).tolist():
        view = side.graph[type_id]
        assert isinstance(view, Enum)
        mask = (1 << 8 * min(view.size, 8)) - 1
        for value in view.values:
            everywhere.setdefault(value.name, value.value & mask)
            if not side.names[type_id] and type_id >= side.graph.first_id:
                nameless.setdefault(value.name, (value.value, type_id))
    return nameless, everywhere


def _constants(a: Side, b: Side) -> list[Change]:
    """Return what became of the values of nameless enums, which are constants of their own."""
    (ours, all_ours), (theirs, all_theirs) = _values(a), _values(b)
    changes = []
    for name, (value, a_id) in ours.items():
        if name not in all_theirs:
            changes.append(Change("constant", name, "removed", a_id, 0))
        elif all_ours[name] != all_theirs[name]:
            new, b_id = theirs.get(name, (all_theirs[name], 0))
            made = Difference("value", "changed", str(value), str(new), False)
            changes.append(Change("constant", name, "changed", a_id, b_id, (made,)))
    for name, (_, b_id) in theirs.items():
        if name not in all_ours:
            changes.append(Change("constant", name, "added", 0, b_id))
    return changes
