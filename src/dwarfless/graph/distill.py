"""Distilled bases: what split BTF needs of its base, small enough to travel with it.

In:  split BTF and its base, or split BTF over a distilled base and another kernel's BTF.
Out: split BTF over a distilled base, or over that other kernel's.

A distilled base has the named numbers and forwards that are needed, and of named structs, unions
and enums their names and sizes. Everything else comes along in the split part. Whoever loads it
finds those names in the BTF at hand and moves the references there.

libbpf looks for a struct's name among unions, too, and refuses a forward whose definition the new
base has; here kinds agree, and a definition will do for a forward.

Source: Documentation/bpf/btf.rst of Linux, section .BTF.base; observed in libbpf 1.7.
"""

from collections.abc import Iterator
from typing import Final, TypeAlias

import numpy as np

from dwarfless._core import equivalence
from dwarfless._core.records import id_positions
from dwarfless.errors import BaseMismatchError, UnsupportedError
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import Kind
from dwarfless.graph.records import Records
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Enum, Enum64, Float, Fwd, Int, Struct, Type, Union

__all__ = ["distill", "relocate"]

Words: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]

_COPIED: Final = (Kind.INT, Kind.FLOAT, Kind.FWD)
_COMPOSITES: Final = (Kind.STRUCT, Kind.UNION)
_ENUMS: Final = (Kind.ENUM, Kind.ENUM64)
_ENTITIES: Final = (Kind.FUNC, Kind.VAR, Kind.DATASEC, Kind.DECL_TAG)
#: What a by-value member may hide its type behind.
_WRAPPERS: Final = (
    Kind.TYPEDEF,
    Kind.CONST,
    Kind.VOLATILE,
    Kind.RESTRICT,
    Kind.TYPE_TAG,
    Kind.ARRAY,
)
#: Types that an error names; there may be hundreds.
_SHOWN: Final = 5


def distill(graph: TypeGraph) -> TypeGraph:
    """Return a split graph over a base of only what it needs.

    Args:
        graph: Split over any number of levels.

    Raises:
        ValueError: It has no base.
        UnsupportedError: It refers to a function, variable, section or tag of its base.

    Cost: 20 ms for a module over a kernel.
    """
    if graph.base is None:
        raise ValueError("only split BTF has a base to distill")
    records, first, num = Records.of(graph), graph.first_id, len(graph)
    kinds, named = _kinds(records, num), _named(records, num)
    shells = named & np.isin(kinds, (*_COMPOSITES, *_ENUMS))
    below = np.arange(num) < first
    needed = _needed(records, first, below & shells)
    if (wrong := np.flatnonzero(needed & below & np.isin(kinds, _ENTITIES))).size:
        view = graph[int(wrong[0])]
        raise UnsupportedError(
            f"a reference to {view.kind_name} {view.name} of the base", place=graph.source
        )
    basic = needed & below & (shells | (named & np.isin(kinds, _COPIED)))
    basic[0] = False
    rows = np.arange(num, dtype=np.uint32)
    hollow = np.flatnonzero(basic & shells)
    rows[hollow] = records.add_all(_shells(records, kinds, hollow))
    base_ids = np.flatnonzero(basic)
    along = np.flatnonzero(needed & below & ~basic)
    order = np.concatenate((np.arange(first, num), along[along > 0])).astype(np.uint32)
    ids = np.zeros(len(records.starts) - 1, np.uint32)
    ids[base_ids] = np.arange(1, len(base_ids) + 1, dtype=np.uint32)
    at = len(base_ids) + 1
    ids[order] = np.arange(at, at + len(order), dtype=np.uint32)
    places = records.places
    source = f"{graph.source}(.BTF.base)"
    base = records.write(rows[base_ids], ids, places, None, source)
    return records.write(order, ids, places, base, graph.source)


def _kinds(records: Records, num: int) -> Words:
    kinds = np.zeros(num, np.uint32)
    kinds[1:] = records.words[records.starts[1:num] + 1] >> np.uint32(24) & np.uint32(0x7F)
    return kinds


def _named(records: Records, num: int) -> Mask:
    named = np.zeros(num, bool)
    named[1:] = records.words[records.starts[1:num]] != 0
    return named


def _needed(records: Records, first: int, leaves: Mask) -> Mask:
    """Return what own types lead to; what lies behind leaves isn't asked."""
    words = records.words.copy()
    positions = id_positions(words, records.starts[1:])
    sources = np.searchsorted(records.starts[:-1], positions, side="right") - 1
    words[positions[leaves[sources]]] = 0
    marks = np.zeros(len(leaves), np.uint8)
    marks[first:] = 1
    equivalence.live_closure(words, records.starts, marks)
    found: Mask = marks != 0
    return found


def _shells(records: Records, kinds: Words, ids: NDArray[np.int64]) -> Words:
    """Return composites and enums without members, uint32[num, 3]: name, kind, size."""
    shells: Words = records.words[records.starts[ids, None] + np.arange(3, dtype=np.uint32)]
    kind = np.where(np.isin(kinds[ids], _ENUMS), np.uint32(Kind.ENUM), kinds[ids])
    shells[:, 1] = kind << np.uint32(24)
    return shells


def relocate(graph: TypeGraph, base: TypeGraph) -> TypeGraph:
    """Return a graph that is split over a distilled base as split over a whole one.

    Args:
        graph: Over a distilled base, as distill() or libbpf makes it.
        base: Where the names are looked up: a kernel's BTF, with its own bases.

    Raises:
        BaseMismatchError: A type has no match, or several; the first few are named, with why.
        ValueError: The graph has no base.

    Cost: 20 ms for a module over a kernel.
    """
    if graph.base is None:
        raise ValueError("only split BTF can be moved to another base")
    records, first = Records.of(graph), graph.first_id
    embedded = _embedded(records, first)
    ids = np.zeros(len(graph), np.uint32)
    places = records.places
    problems = []
    for type_id in range(1, first):
        view = graph[type_id]
        found, problem = _find(view, base, by_value=bool(embedded[type_id]))
        if found is None:
            problems.append(problem)
            continue
        ids[type_id] = found.id
        places[view.word(0)] = found.word(0)
    if problems:
        more = f" (and {len(problems) - _SHOWN} more)" if len(problems) > _SHOWN else ""
        raise BaseMismatchError(
            f"{graph.source} does not fit {base.source}: {'; '.join(problems[:_SHOWN])}{more}"
        )
    ids[first:] = np.arange(len(base), len(base) + graph.num_own, dtype=np.uint32)
    order = np.arange(first, len(graph), dtype=np.uint32)
    return records.write(order, ids, places, base, graph.source)


def _embedded(records: Records, first: int) -> Mask:
    """Mark what own structs and unions hold by value: of those, sizes count."""
    num = len(records.starts) - 1
    kinds = _kinds(records, num)
    positions = id_positions(records.words, records.starts[1:])
    sources = np.searchsorted(records.starts[:-1], positions, side="right") - 1
    own = (sources >= first) & np.isin(kinds[sources], _COMPOSITES)
    seen = np.zeros(num, bool)
    held = distinct(records.words[positions[own]])
    while held.size:
        seen[held] = True
        wrapped = held[np.isin(kinds[held], _WRAPPERS)]
        # An array's element, and what a wrapper wraps.
        at = records.starts[wrapped] + np.where(kinds[wrapped] == Kind.ARRAY, 3, 2)
        held = distinct(records.words[at])
        held = held[~seen[held]]
    return seen


def _find(view: Type, base: TypeGraph, *, by_value: bool) -> tuple[Type | None, str]:
    """Return the base's type that a distilled one stands for, or None and why."""
    what = f"{view.kind_name.lower()} {view.name}".rstrip()
    if not view.name or not isinstance(view, Int | Float | Fwd | Struct | Union | Enum | Enum64):
        return None, f"{what} has no place in a distilled base"
    candidates = list(_candidates(view, base))
    if not candidates:
        return None, f"no {what}"
    if isinstance(view, Struct | Union):
        alike = [other for other in candidates if _size(other) == view.size]
        if by_value or len(candidates) > 1:
            if not alike:
                sizes = " or ".join(sorted({str(_size(other)) for other in candidates}))
                return None, f"{what} of {view.size} bytes has {sizes}"
            candidates = alike
    if len(candidates) > 1:
        return None, f"{len(candidates)} of {what}"
    return candidates[0], ""


def _candidates(view: Type, base: TypeGraph) -> Iterator[Type]:
    """Yield the base's types that a distilled one may stand for, sizes of composites aside."""
    for other in base.find_all(view.name):
        match view, other:
            case Int(), Int():
                if (view.size, view.word(3)) == (other.size, other.word(3)):
                    yield other
            case Float(), Float():
                if view.size == other.size:
                    yield other
            case ((Enum() | Enum64()), (Enum() | Enum64())):
                if view.size == other.size:
                    yield other
            case Fwd(), Fwd():
                if view.union == other.union:
                    yield other
            case Fwd(), (Struct() | Union()):
                if view.union == isinstance(other, Union):
                    yield other
            case (Struct(), Struct()) | (Union(), Union()):
                yield other


def _size(view: Type) -> int:
    assert isinstance(view, Struct | Union)
    return view.size
