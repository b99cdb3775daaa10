"""Levels of split BTF: join them, take one apart, join siblings.

In:  TypeGraphs.
Out: TypeGraphs on other levels; no type changes its meaning.

    flatten     all levels of a graph      -> one graph without a base
    partition   one graph, some chosen     -> two: what stays, and what was chosen on top of it
    merge       many graphs over one base  -> one over that base
    rebase      a graph over several levels -> one over the lowest of them
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from dwarfless._core import arrange, equivalence
from dwarfless._core.records import id_positions
from dwarfless.errors import BaseMismatchError, UnsupportedError
from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.dedup import IdMap
from dwarfless.graph.levels import levels
from dwarfless.graph.links import Links
from dwarfless.graph.match import flat_records
from dwarfless.graph.records import Records
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Parts", "flatten", "merge", "partition", "rebase"]

Words: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]


class Parts(NamedTuple):
    """A graph taken apart.

    Attributes:
        kept: What was not chosen.
        moved: What was chosen, split over `kept`.
        ids: uint32[len(graph)], the id in `moved` or its bases of each type of the whole.
    """

    kept: TypeGraph
    moved: TypeGraph
    ids: IdMap


def flatten(graph: TypeGraph) -> TypeGraph:
    """Return all levels of a graph as one without a base.

    Types keep their order, and their ids as long as no two levels have a DATASEC of one name:
    those become one, at the place of the first. A string is said once.

    Raises:
        UnsupportedError: A kind nobody knows may refer to types.

    Cost: 0.02 s for a kernel and its extra.
    """
    if graph.base is None:
        return graph
    records = Records.of(graph)
    num = len(graph)
    order = np.arange(1, num, dtype=np.uint32)
    first_of = np.arange(num, dtype=np.uint32)
    stands_for: dict[int, int] = {}
    for section_ids in _sections_by_name(graph).values():
        if len({id(graph.owner(section_id)) for section_id in section_ids}) == 1:
            # What one encoder wrote apart stays so.
            continue
        name = int(records.words[records.starts[section_ids[0]]])
        size = max(int(records.words[records.starts[i] + 2]) for i in section_ids)
        entries = np.concatenate([records.entries(i) for i in section_ids])
        stands_for[section_ids[0]] = records.add_section(name, size, entries)
        first_of[section_ids] = section_ids[0]
    order = order[first_of[order] == order]
    ids = np.zeros(len(records.starts) - 1, np.uint32)
    ids[order] = np.arange(1, len(order) + 1, dtype=np.uint32)
    ids[:num] = ids[first_of]
    for section_id, joined in stands_for.items():
        order[ids[section_id] - 1] = joined
    return records.write(order, ids, records.places, None, graph.source)


def _sections_by_name(graph: TypeGraph) -> dict[str, list[int]]:
    """Return the ids of the DATASECs of each name, on all levels."""
    found: dict[str, list[int]] = {}
    for level in levels(graph):
        for row in np.flatnonzero(level.kinds == Kind.DATASEC).tolist():
            found.setdefault(level[level.first_id + row].name, []).append(level.first_id + row)
    return found


def partition(
    graph: TypeGraph, chosen: Mask, *, with_types: bool = False, with_nameless: bool = True
) -> Parts:
    """Take a graph apart: what is chosen goes on top of what stays.

    Whatever refers to a chosen type goes with it. A DATASEC is divided: each part places the
    variables it has.

    Args:
        graph: Any; its bases stay below both parts.
        chosen: bool[graph.num_own], the types that go; DATASECs are not asked.
        with_types: Named types that no function, variable or tag which stays reaches, but one
            that goes does, go along, too.
        with_nameless: Nameless types that only types which go refer to go along.

    Raises:
        UnsupportedError: A kind nobody knows may refer to types.

    Cost: 0.06 s for a kernel with its variables.
    """
    records = Records.of(graph)
    num, first = len(graph), graph.first_id
    moved = np.zeros(num, bool)
    moved[first:] = chosen
    sections = first + np.flatnonzero(graph.kinds == Kind.DATASEC)
    sources, targets = _references(records, num)
    # Which VARs a DATASEC places is its own business.
    loose = np.isin(sources, sections)
    moved[sections] = False
    sources, targets = sources[~loose], targets[~loose]
    links = Links(sources, targets, num)
    links.add_users(moved)
    if with_types:
        _move_unreached(records, moved, first)
    if with_nameless:
        nameless = np.zeros(num, bool)
        nameless[first:] = records.words[records.starts[first:num]] == 0
        links.add_unneeded(moved, nameless)
    kept_rows, moved_rows = _divide(records, moved, first, sections)
    ids = np.zeros(len(records.starts) - 1, np.uint32)
    ids[:first] = np.arange(first)
    for rows, at in ((kept_rows, first), (moved_rows, first + len(kept_rows))):
        ids[rows] = np.arange(at, at + len(rows), dtype=np.uint32)
    places = records.places
    places[1 : graph.first_string] = np.arange(1, graph.first_string)
    kept = records.write(kept_rows, ids, places, graph.base, graph.source)
    extra = records.write(moved_rows, ids, places, kept, graph.source)
    return Parts(kept, extra, ids[:num])


def _references(records: Records, num: int) -> tuple[Words, Words]:
    """Return which record refers to which, one row a reference."""
    positions = id_positions(records.words, records.starts[1:])
    sources = np.searchsorted(records.starts[:num], positions, side="right") - 1
    return sources.astype(np.uint32), records.words[positions]


def _move_unreached(records: Records, moved: Mask, first: int) -> None:
    """Move types that what moves reaches, but no function, variable or tag that stays."""
    kinds = np.zeros(len(moved), np.uint32)
    kinds[1:] = records.words[records.starts[1:-1] + 1] >> np.uint32(24) & np.uint32(0x7F)
    entity = np.isin(kinds, (Kind.FUNC, Kind.VAR, Kind.DECL_TAG))
    reached = _reached(records, moved)
    # What nothing that moves reaches stays, and needs what it refers to. DATASECs are divided.
    stays = (entity | ~reached) & (kinds != Kind.DATASEC) & ~moved
    along = reached & ~_reached(records, stays)
    along[:first] = False
    moved |= along


def _reached(records: Records, roots: Mask) -> Mask:
    """Return the roots and all they lead to."""
    marks = roots.astype(np.uint8)
    equivalence.live_closure(records.words, records.starts, marks)
    found: Mask = marks != 0
    return found


def _divide(
    records: Records, moved: Mask, first: int, sections: NDArray[np.int64]
) -> tuple[Words, Words]:
    """Return the records of both parts in order, DATASECs divided by where their VARs are."""
    stays = ~moved
    stays[:first] = False
    kept = np.arange(len(moved), dtype=np.uint32)
    gone = kept.copy()
    for section_id in sections.tolist():
        entries = records.entries(section_id)
        goes = moved[entries[:, 0]]
        if not goes.any():
            continue
        moved[section_id], stays[section_id] = True, not goes.all()
        if not goes.all():
            name, _, size = records.words[records.starts[section_id] :][:3].tolist()
            kept[section_id] = records.add_section(name, size, entries[~goes])
            gone[section_id] = records.add_section(name, size, entries[goes])
    return kept[np.flatnonzero(stays)], gone[np.flatnonzero(moved)]


def merge(graphs: Sequence[TypeGraph]) -> tuple[TypeGraph, list[IdMap]]:
    """Join graphs over one base into one over that base; what means the same is said once.

    VARs and DATASECs are kept as they are: several modules have a `.data`.

    Args:
        graphs: At least one, all over the same base, or all without.

    Returns:
        The joined graph, and for each uint32[len(graph)] with the new id of each of its types.

    Raises:
        BaseMismatchError: The bases differ.
        UnsupportedError: A kind nobody knows may refer to types.

    Cost: 3 s for a kernel's 1,138 modules.
    """
    base = graphs[0].base
    first = graphs[0].first_id
    words, starts, strings = _side_by_side(graphs)
    text = np.frombuffer(strings, np.uint8)
    words = equivalence.unify_names(words, starts, text)
    order = np.arange(1, len(starts) - 1, dtype=np.uint32)
    canonical = equivalence.classes(
        words, starts, order, np.arange(len(starts) - 1, dtype=np.uint32)
    )
    written: Words = np.flatnonzero(canonical == np.arange(len(canonical))).astype(np.uint32)
    written = written[written >= first]
    ids = np.arange(len(canonical), dtype=np.uint32)
    ids[written] = np.arange(first, first + len(written), dtype=np.uint32)
    new_ids = ids[canonical]
    records = Records(words, starts, strings)
    places = records.places
    places[1 : graphs[0].first_string] = np.arange(1, graphs[0].first_string)
    merged = records.write(written, new_ids, places, base, graphs[0].source)
    maps, at = [], first
    for graph in graphs:
        maps.append(np.concatenate((new_ids[:first], new_ids[at : at + graph.num_own])))
        at += graph.num_own
    return merged, maps


def rebase(graph: TypeGraph) -> TypeGraph:
    """Return a graph over the lowest of its bases; what it needs of those between comes along.

    The kernel knows two levels only: so a module's extra becomes one that a module can hold.

    Raises:
        UnsupportedError: A kind nobody knows may refer to types.
    """
    lowest = levels(graph)[0]
    if graph.base is None or graph.base is lowest:
        return graph
    records = Records.of(graph)
    own = np.arange(len(graph)) >= graph.first_id
    wanted = _reached(records, own)
    wanted[: len(lowest)] = False
    order = np.flatnonzero(wanted).astype(np.uint32)
    ids = np.zeros(len(records.starts) - 1, np.uint32)
    ids[: len(lowest)] = np.arange(len(lowest))
    ids[order] = np.arange(len(lowest), len(lowest) + len(order), dtype=np.uint32)
    places = np.zeros(len(records.strings) + 1, np.uint32)
    places[1 : lowest.end_string] = np.arange(1, lowest.end_string)
    return records.write(order, ids, places, lowest, graph.source)


def _side_by_side(graphs: Sequence[TypeGraph]) -> tuple[Words, Words, bytes]:
    """Return the base's records and behind them each graph's own, ids and names shifted."""
    base, first, first_string = graphs[0].base, graphs[0].first_id, graphs[0].first_string
    empty = np.zeros(0, np.uint32), np.zeros(2, np.uint32), b""
    words, starts, strings = flat_records(base) if base is not None else empty
    parts, ends, texts = [words], [starts[:-1]], [strings]
    num_words, num_types, num_bytes = len(words), 0, 0
    for graph in graphs:
        if graph.unknown_kinds:
            raise UnsupportedError(
                "a kind nobody knows, which may refer to types", place=graph.source
            )
        if graph.base is not base and (
            graph.base is None or base is None or graph.base.digest != base.digest
        ):
            raise BaseMismatchError(f"{graph.source} is not over the base of {graphs[0].source}")
        own = np.array(graph.words)
        for positions, from_, by in (
            (id_positions(own, graph.offsets), first, num_types),
            (arrange.name_positions(own, graph.offsets), max(first_string, 1), num_bytes),
        ):
            own[positions] += np.where(own[positions] >= from_, by, 0).astype(np.uint32)
        parts.append(own)
        ends.append(graph.offsets[:-1] + np.uint32(num_words))
        texts.append(graph.strings)
        num_words += len(own)
        num_types += graph.num_own
        num_bytes += len(graph.strings)
    ends.append(np.array([num_words], np.uint32))
    return np.concatenate(parts), np.concatenate(ends).astype(np.uint32), b"".join(texts)
