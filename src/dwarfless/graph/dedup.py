"""Merge types that mean the same.

In:  a TypeGraph, or records still on their way to be one.
Out: one of each, and the map from old type ids to new.

Two types are equivalent when walking them in step meets no difference; `_core/equivalence` opens
with how that is found. Here, forward declarations are pointed at the one definition of their name,
and the two steps take turns until neither finds anything.
"""

from typing import Final, TypeAlias

import numpy as np

from dwarfless._core import arrange, equivalence
from dwarfless.errors import UnsupportedError
from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["IdMap", "deduplicate", "merge_records"]

#: Old type id -> new type id; uint32[len(graph)], entry 0 is 0.
IdMap: TypeAlias = NDArray[np.uint32]
Words: TypeAlias = NDArray[np.uint32]

#: By kind.
_IS_ENUM = np.zeros(128, bool)
_IS_ENUM[[Kind.ENUM, Kind.ENUM64]] = True
_IS_COMPOSITE = np.zeros(128, bool)
_IS_COMPOSITE[[Kind.STRUCT, Kind.UNION]] = True
#: Turns times records: about ten seconds. A kernel takes three turns.
MAX_WORK: Final = 1 << 26


def merge_records(words: Words, starts: Words, order: Words) -> IdMap:
    """Say for each record which one stands for it.

    Args:
        words: uint32[num_words], records in wide form; equal names have equal offsets.
        starts: uint32[num_records + 1], where each begins; record 0 is void.
        order: uint32[num_live], the records that count, closed under reference. The first of
            those that mean the same stands for all.

    Returns:
        uint32[num_records]; 0 for records that don't count.
    """
    alias = np.arange(len(starts) - 1, dtype=np.uint32)
    forwards, keys, definitions = _names(words, starts, order)
    turns = 0
    while True:
        canonical: IdMap = equivalence.classes(words, starts, order, alias)
        pending = forwards[alias[forwards] == forwards]
        targets = _resolve(words, starts, pending, canonical, keys, definitions)
        found = targets != 0
        if not found.any():
            break
        alias[pending[found]] = targets[found]
        turns += 1
        if turns * len(order) > MAX_WORK:
            raise UnsupportedError(
                f"forward declarations that settle one another {turns} deep", place="dedup"
            )
    return canonical[alias]


def _names(words: Words, starts: Words, order: Words) -> tuple[Words, NDArray[np.uint64], Words]:
    """Return forward declarations, and the definitions they might mean with their names."""
    heads = starts[order]
    infos = words[heads + np.uint32(1)]
    kinds = infos >> np.uint32(24) & np.uint32(0x7F)
    empty_enum = _IS_ENUM[kinds] & (infos & np.uint32(0xFFFFFF) == 0)
    named = words[heads] != 0
    forwards = order[((kinds == Kind.FWD) | empty_enum) & named]
    defines = (_IS_ENUM | _IS_COMPOSITE)[kinds] & ~empty_enum & named
    definitions = order[defines]
    return forwards, _keys(words, starts, definitions), definitions


def _keys(words: Words, starts: Words, ids: Words) -> NDArray[np.uint64]:
    """Return name and sort of each record: a struct, a union and an enum may share a name."""
    infos = words[starts[ids] + np.uint32(1)]
    kinds = infos >> np.uint32(24) & np.uint32(0x7F)
    is_union = (kinds == Kind.UNION) | ((kinds == Kind.FWD) & (infos >> np.uint32(31) == 1))
    sorts = np.where(_IS_ENUM[kinds], 2, is_union.astype(np.int64)).astype(np.uint64)
    return words[starts[ids]].astype(np.uint64) << np.uint64(2) | sorts


def _resolve(
    words: Words,
    starts: Words,
    forwards: Words,
    canonical: IdMap,
    keys: NDArray[np.uint64],
    definitions: Words,
) -> Words:
    """Return what each forward declaration stands for, 0 where that is not clear.

    A struct or union must be the only one of its name; of several enums the first will do.
    """
    kept = canonical[definitions] == definitions
    unique, first, counts = np.unique(keys[kept], return_index=True, return_counts=True)
    wanted = _keys(words, starts, forwards)
    place = np.searchsorted(unique, wanted)
    place[place == len(unique)] = 0
    if not len(unique) or not len(forwards):
        return np.zeros(len(forwards), np.uint32)
    clear = (unique[place] == wanted) & ((counts[place] == 1) | (wanted & np.uint64(3) == 2))
    return np.where(clear, definitions[kept][first[place]], 0).astype(np.uint32)


def deduplicate(graph: TypeGraph) -> tuple[TypeGraph, IdMap]:
    """Return the graph with one of each type, and where each old type went.

    Args:
        graph: Any graph without a base. VARs and DATASECs are kept as they are.

    Returns:
        The canonical graph, in the order of the first of each, and uint32[len(graph)] with the
        new id of each old one.

    Raises:
        UnsupportedError: Some kind is unknown, or this would take more than some ten seconds.
    """
    if graph.base is not None:
        raise ValueError("flatten a split graph before deduplicating it")
    if graph.unknown_kinds:
        raise UnsupportedError("a kind nobody knows, which may refer to types", place=graph.source)
    strings = np.frombuffer(graph.strings, np.uint8)
    starts = np.concatenate((np.zeros(1, np.uint32), graph.offsets.astype(np.uint32)))
    words = equivalence.unify_names(graph.words, starts, strings)
    order = np.arange(1, len(graph), dtype=np.uint32)
    canonical = merge_records(words, starts, order)
    emitted = order[canonical[order] == order]
    new_ids = np.zeros(len(graph), np.uint32)
    new_ids[emitted] = np.arange(1, len(emitted) + 1, dtype=np.uint32)
    new_ids = new_ids[canonical]
    out, text = arrange.write_level(words, starts, emitted, new_ids, strings)
    return TypeGraph.from_words(out, text, source=graph.source), new_ids
