"""Say a whole graph on top of a base: only what the base lacks.

In:  a graph complete in itself, and the graph that a kernel has already.
Out: a split graph, where each type went, and why the base lacks what is new.

`_core/match` opens with how types are matched. A variable is the base's if the base places one of
that name and type at the same offset of the same section; functions are the base's if name and
prototype agree, as in libbpf's deduplication.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from dwarfless._core import equivalence
from dwarfless._core.base_index import BaseIndex
from dwarfless._core.match import Match
from dwarfless._core.records import id_positions
from dwarfless.errors import UnsupportedError
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import Kind
from dwarfless.graph.dedup import IdMap
from dwarfless.graph.levels import levels
from dwarfless.graph.report import Item, Report
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Datasec, FuncProto, Struct, Type, Union, Var

__all__ = ["Base", "Split", "split_over"]

Words: TypeAlias = NDArray[np.uint32]

#: Why the base has no such type, by the core's Reason.
REASONS: Final = (
    "",
    "the base has no type of this name",
    "the base only declares it",
    "the base's type of this name differs",
    "refers to a type the base lacks",
    "the base has none like it",
)
#: What made two types equal that differ a little, by the core's Tolerance.
TOLERANCES: Final = (
    "",
    "array of arrays inside, flattened in the base",
    "type tag inside, which one side lacks",
    "declared on one side, defined on the other",
    "enum with another sign or width",
    "float, an int in the base",
    "names of a prototype's parameters inside",
    "elements of an array inside counted by another type",
)
#: What was not compared at all.
OUTLINED: Final = "known by name and size, as the base has one such"


#: New types that a report lists; a module brings thousands, an extra some hundred.
MAX_LISTED: Final = 2000


class Base:
    """A graph to match others against; made once, used from any thread.

    Attributes:
        graph: The graph, with its own bases.
        sections: The entries of its DATASECs by name.
    """

    def __init__(self, graph: TypeGraph) -> None:
        self.graph: Final = graph
        if any(level.unknown_kinds for level in levels(graph)):
            raise UnsupportedError(
                "a kind nobody knows, which may refer to types", place=graph.source
            )
        self.index: Final = BaseIndex(*flat_records(graph))
        self.sections: Final = {
            name: [Entries(_rows(section)) for section in sections]
            for name, sections in _sections(graph).items()
        }


class Entries:
    """A DATASEC's entries, found by where they lie.

    Args:
        rows: uint32[vlen, 3]: VAR id, offset and size in bytes.
    """

    def __init__(self, rows: Words) -> None:
        places = _places(rows)
        order = np.argsort(places, kind="stable")
        self._rows, self._places = rows[order], places[order]

    def at(self, rows: Words) -> Iterator[list[int]]:
        """Yield those that lie where one of other rows does, by place."""
        wanted = distinct(_places(rows))
        first = np.searchsorted(self._places, wanted)
        end = np.searchsorted(self._places, wanted, side="right")
        hit = end > first
        for start, stop in zip(first[hit].tolist(), end[hit].tolist(), strict=True):
            yield from self._rows[start:stop].tolist()


class NewType(NamedTuple):
    """A type the base lacks.

    Attributes:
        type: Its view in the split graph.
        reason: Out of REASONS.
        detail: The member that differs, or the type it refers to; "" if there is none.
    """

    type: Type
    reason: str
    detail: str


@dataclass(frozen=True)
class Split:
    """A graph said on top of a base.

    Attributes:
        graph: What the base lacks.
        ids: uint32[len(whole)], the id in `graph` or its base of each type of the whole graph.
        emitted: uint32[num_own], the type of the whole graph that each new one was.
        reasons: uint8[num_own], index into REASONS: why the base has no such type.
        wheres: uint32[num_own], word of the record that differs or leads to what differs.
    """

    graph: TypeGraph
    ids: IdMap
    emitted: Words
    reasons: NDArray[np.uint8]
    wheres: Words

    def new_types(self) -> Iterator[NewType]:
        """Yield the types that are new, other than variables and their sections."""
        graph = self.graph
        for row in np.flatnonzero(self.reasons).tolist():
            view = graph[graph.first_id + row]
            where = int(self.wheres[row])
            yield NewType(view, REASONS[self.reasons[row]], _detail(view, where))

    def report(self, report: Report) -> None:
        """Count new types by reason; list them if they are few enough to be read."""
        numbers = np.bincount(self.reasons, minlength=len(REASONS)).tolist()[1:]
        listed = self._items if sum(numbers) <= MAX_LISTED else tuple
        report.add_later("new type", dict(zip(REASONS[1:], numbers, strict=True)), listed)

    def _items(self) -> Iterator[Item]:
        for new in self.new_types():
            name = f"{new.type.kind_name} {new.type.name}".rstrip()
            yield Item("new type", name, new.reason, new.detail)


def _detail(view: Type, where: int) -> str:
    """Say what a word of a record is about: a member, a parameter, or the type referred to."""
    if where == 0:
        return ""
    if where >= 3 and isinstance(view, Struct | Union):
        member = view.members[(where - 3) // 3]
        return f"member {member.name or (where - 3) // 3}"
    if where >= 3 and isinstance(view, FuncProto):
        return f"parameter {(where - 3) // 2}"
    words = {
        1: "number of elements or kind",
        2: "size" if isinstance(view, Struct | Union) else "",
    }
    return words.get(where, "")


def flat_records(graph: TypeGraph) -> tuple[Words, Words, bytes]:
    """Return all levels as one: words, starts (with an empty record 0), strings."""
    words: list[Words] = []
    starts: list[Words] = [np.zeros(1, np.uint32)]
    at = 0
    for level in levels(graph):
        words.append(level.words)
        starts.append(level.offsets[:-1] + np.uint32(at))
        at += len(level.words)
    starts.append(np.array([at], np.uint32))
    strings = b"".join(level.strings for level in levels(graph))
    return np.concatenate(words), np.concatenate(starts).astype(np.uint32), strings


def split_over(graph: TypeGraph, base: TypeGraph | Base, report: Report | None = None) -> Split:
    """Return what a graph adds to a base.

    Args:
        graph: Complete in itself; canonical, so that nothing new is said twice.
        base: What is there already.
        report: Takes what was matched loosely, and every new type with why the base lacks it.

    Raises:
        ValueError: The graph has a base of its own.
        UnsupportedError: A kind nobody knows may refer to types.

    Cost: 0.1 s for the 60,000 types that a kernel's variables reach; as much for the base.
    """
    if graph.base is not None:
        raise ValueError("flatten a split graph before saying it on another base")
    if graph.unknown_kinds:
        raise UnsupportedError("a kind nobody knows, which may refer to types", place=graph.source)
    if isinstance(base, TypeGraph):
        base = Base(base)
    match = Match(base.index, *flat_records(graph))
    if report is not None:
        for text, number in zip(TOLERANCES[1:], match.tolerances[1:], strict=True):
            report.count("match", text, number)
        report.count("match", OUTLINED, match.num_outlines)
    ids = match.ids
    first_id = len(base.graph)
    match_variables(graph, base, ids)
    emitted = np.flatnonzero(find_new(graph, ids)).astype(np.uint32)
    emitted = emitted[~_is_empty(graph, emitted, ids)]
    new_ids: IdMap = ids.copy()
    new_ids[emitted] = np.arange(first_id, first_id + len(emitted), dtype=np.uint32)
    words, strings = match.emit(emitted, new_ids, first_id, base.graph.end_string)
    split = Split(
        TypeGraph.from_words(words, strings, base=base.graph, source=graph.source),
        new_ids,
        emitted,
        match.reasons[emitted],
        match.wheres[emitted],
    )
    if report is not None:
        split.report(report)
    return split


def find_new(graph: TypeGraph, ids: IdMap) -> NDArray[np.bool_]:
    """Mark what has to be written: what the base lacks and something that is new needs.

    A nameless type that only matched types refer to (the dimensions of an array that the base has
    flattened) is of no use to anybody.
    """
    words, starts, _ = flat_records(graph)
    positions = id_positions(graph.words, graph.offsets)
    targets = words[positions]
    used = np.zeros(len(graph), bool)
    used[targets] = True
    live = (ids == 0) & (~used | np.concatenate(([False], graph.name_offsets != 0)))
    live[0] = False
    marks = live.astype(np.uint8)
    words[positions] = np.where(ids[targets] != 0, 0, targets)
    equivalence.live_closure(words, starts, marks)
    found: NDArray[np.bool_] = marks != 0
    return found


def match_variables(graph: TypeGraph, base: Base, ids: IdMap) -> None:
    """Fill in the ids of variables that the base places where the graph does.

    Of a kernel's 30,000 variables only those are looked at that lie where one of the graph's does.
    """
    for name, sections in _sections(graph).items():
        ours = np.concatenate([_rows(section) for section in sections])
        vars_of: dict[tuple[int, int, str, int], int] = {}
        for theirs in base.sections.get(name, ()):
            for var_id, offset, size in theirs.at(ours):
                var = base.graph[var_id]
                if isinstance(var, Var):
                    vars_of.setdefault((offset, size, var.name, var.word(2)), var_id)
        for var_id, offset, size in ours.tolist() if vars_of else ():
            view = graph[var_id]
            if not isinstance(view, Var):
                continue
            type_id = int(ids[view.word(2)])
            found = vars_of.get((offset, size, view.name, type_id))
            if found is not None:
                ids[var_id] = found


def _sections(graph: TypeGraph) -> dict[str, list[Type]]:
    """Return the DATASECs of all levels by name."""
    found: dict[str, list[Type]] = {}
    for level in levels(graph):
        for section_id in level.arrays.find_kind(Kind.DATASEC):
            section = graph[section_id]
            found.setdefault(section.name, []).append(section)
    return found


def _rows(section: Type) -> Words:
    """Return a DATASEC's entries as uint32[vlen, 3]: VAR id, offset and size in bytes."""
    owner = section.graph.owner(section.id)
    at = int(owner.offsets[section.id - owner.first_id])
    rows: Words = owner.words[at + 3 : at + 3 + 3 * section.vlen].reshape(-1, 3)
    return rows


def _places(rows: Words) -> NDArray[np.uint64]:
    """Return offset and size of a DATASEC's rows, in one number."""
    return rows[:, 1].astype(np.uint64) << np.uint64(32) | rows[:, 2]


def datasec_entries(section: Type) -> list[tuple[int, int, int]]:
    """Return (VAR id, offset, size) of a DATASEC."""
    assert isinstance(section, Datasec)
    return [(entry.type_id, entry.offset, entry.size) for entry in section.entries]


def _is_empty(graph: TypeGraph, emitted: Words, ids: IdMap) -> NDArray[np.bool_]:
    """Mark DATASECs all of whose variables the base has."""
    empty = np.zeros(len(emitted), bool)
    for row in np.flatnonzero(graph.kinds[emitted - 1] == Kind.DATASEC).tolist():
        rows = _rows(graph[int(emitted[row])])
        empty[row] = len(rows) > 0 and bool((ids[rows[:, 0]] != 0).all())
    return empty
