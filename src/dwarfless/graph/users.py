"""Who uses a type: embeds it, points to it, takes it, returns it, is one.

In:  a TypeGraph, the ids of a type.
Out: Users: the users of each sort, as ids and members.

Typedefs, modifiers and arrays of the type are taken for the type, and what is in a struct or union
without a name is taken to be in the one that has it. All steps are over columns.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dwarfless.formats.btf import KINDS, Kind
from dwarfless.graph.layout import follow
from dwarfless.graph.match import flat_records
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Array, Struct
from dwarfless.graph.views import Union as UnionType

__all__ = ["UserIndex", "Users"]

Words: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]

#: What passes on what it refers to, by value.
ALIASES: Final = (
    *(Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG, Kind.ARRAY),
)
REFERENCES: Final = tuple(row.kind for row in KINDS if row.third == "type")
#: Members in members that a path names; more is a circle.
MAX_PATH: Final = 64


@dataclass(frozen=True)
class Users:
    """The users of a type; ids ascend.

    Attributes:
        embeds: Named structs and unions that hold it by value.
        points: Those that hold a pointer to it.
        callbacks: Those that hold a pointer to a function that takes or returns it.
        takes: Functions that take it, or a pointer to it.
        returns: Functions that return it, or a pointer to it.
        variables: Variables of it, or of pointers to it.
        within: bool[num_types], what holds it by value; pointing and calling likewise.
        pointing: bool[num_types], pointers to it, and what holds one.
        calling: bool[num_types], pointers to such functions, and what holds one.
    """

    embeds: Words
    points: Words
    callbacks: Words
    takes: Words
    returns: Words
    variables: Words
    within: Mask
    pointing: Mask
    calling: Mask


class UserIndex:
    """Columns of a graph that tell who refers to what; made once.

    Args:
        graph: A graph, with its bases.

    Cost: 20 ms for a kernel.
    """

    def __init__(self, graph: TypeGraph) -> None:
        self.graph: Final = graph
        words, starts, _ = flat_records(graph)
        self._words = words
        self._starts = starts[:-1]
        heads = np.minimum(self._starts, max(len(words) - 3, 0))
        if not len(words):
            words = np.zeros(3, np.uint32)
        infos = words[heads + np.uint32(1)]
        self._kinds = (infos >> 24 & 0x7F).astype(np.uint8)
        self._kinds[0] = Kind.VOID
        self._vlens = infos & np.uint32(0xFFFFFF)
        #: What a type refers to by its third word; of those that have a size there, void.
        self._thirds = np.where(self._are(*REFERENCES), words[heads + np.uint32(2)], 0)
        self._named = words[heads] != 0

    def _are(self, *kinds: Kind) -> Mask:
        found: Mask = np.isin(self._kinds, kinds)
        return found

    @cached_property
    def _edges(self) -> tuple[Words, Words]:
        """Return which type passes which on by value."""
        sources = np.flatnonzero(self._are(*ALIASES)).astype(np.uint32)
        arrays = self._kinds[sources] == Kind.ARRAY
        targets = self._thirds[sources].copy()
        targets[arrays] = self._words[self._starts[sources[arrays]] + np.uint32(3)]
        return sources, targets

    @cached_property
    def _pointers(self) -> tuple[Words, Words]:
        """Return pointers and what they point to."""
        sources = np.flatnonzero(self._are(Kind.PTR)).astype(np.uint32)
        return sources, self._thirds[sources]

    @cached_property
    def _members(self) -> tuple[Words, Words]:
        """Return, a row a member, what it is in and its type."""
        return self._elements(3, Kind.STRUCT, Kind.UNION)

    @cached_property
    def _params(self) -> tuple[Words, Words]:
        """Return, a row a parameter, its prototype and its type."""
        return self._elements(2, Kind.FUNC_PROTO)

    def _elements(self, step: int, *kinds: Kind) -> tuple[Words, Words]:
        owners = np.flatnonzero(self._are(*kinds)).astype(np.uint32)
        counts = self._vlens[owners].astype(np.int64)
        rows = np.repeat(owners, counts)
        firsts = np.cumsum(counts) - counts
        places = np.arange(len(rows)) - np.repeat(firsts, counts)
        return rows, self._words[self._starts[rows] + 4 + step * places]

    def _spread(self, found: Mask, *edges: tuple[Words, Words]) -> None:
        """Mark what refers to what is marked, through any number of steps."""
        while True:
            before = np.count_nonzero(found)
            for sources, targets in edges:
                found[sources[found[targets]]] = True
            if np.count_nonzero(found) == before:
                return

    def _hold(self, found: Mask, *edges: tuple[Words, Words], all_: bool = False) -> Words:
        """Return what named composites hold something marked; mark nameless ones that do.

        Args:
            found: The mark; it spreads.
            edges: What passes it on.
            all_: Mark named ones, too, and what holds those.
        """
        owners, types = self._members
        self._spread(found, *edges)
        while True:
            holders = np.unique(owners[found[types]])
            passes = holders if all_ else holders[~self._named[holders]]
            if found[passes].all():
                named: Words = holders[self._named[holders]]
                return named
            found[passes] = True
            self._spread(found, *edges)

    def find(self, type_ids: Iterable[int], *, transitive: bool = False) -> Users:
        """Return who uses a type.

        Args:
            type_ids: The type, and others that are to count as the same, such as its forward
                declaration.
            transitive: Whether what embeds something that embeds it embeds it, too.
        """
        found = np.zeros(len(self.graph), bool)
        found[list(type_ids)] = True
        found[0] = False
        # Its own: not what nameless structs hold it.
        self._spread(found, self._edges)
        pointing = np.zeros_like(found)
        sources, targets = self._pointers
        pointing[sources[found[targets]]] = True
        self._spread(pointing, self._edges, self._pointers)
        protos, params = self._params
        given = np.unique(protos[found[params] | pointing[params]])
        returning = self._are(Kind.FUNC_PROTO) & (found[self._thirds] | pointing[self._thirds])
        taking = np.zeros_like(found)
        taking[given] = True
        calling = taking | returning
        functions, variables = self._are(Kind.FUNC), self._are(Kind.VAR)
        self._spread(calling, self._edges, self._pointers)
        of_it = variables & (found[self._thirds] | pointing[self._thirds])
        return Users(
            takes=_ids(functions & taking[self._thirds]),
            returns=_ids(functions & returning[self._thirds]),
            variables=_ids(of_it),
            embeds=self._hold(found, self._edges, all_=transitive),
            points=self._hold(pointing, self._edges),
            callbacks=self._hold(calling, self._edges),
            within=found,
            pointing=pointing,
            calling=calling,
        )

    def paths(self, owner: int, mask: Mask) -> list[str]:
        """Return which members of a struct or union a mask marks, through nameless ones.

        Args:
            owner: Its id.
            mask: One of a Users': within, pointing or calling.
        """
        found: list[str] = []
        self._add_paths(owner, mask, "", 0, found)
        return found

    def _add_paths(self, owner: int, mask: Mask, path: str, depth: int, found: list[str]) -> None:
        view = self.graph[owner]
        for member in getattr(view, "members", ()):
            if not mask[member.type_id] or len(found) >= MAX_PATH:
                continue
            inside, suffix = follow(member.type), ""
            while isinstance(inside, Array) and len(suffix) < MAX_PATH:
                inside, suffix = follow(inside.element), f"{suffix}[]"
            if isinstance(inside, Struct | UnionType) and not inside.name and mask[inside.id]:
                if depth < MAX_PATH:
                    prefix = f"{path}{member.name}{suffix}." if member.name else path
                    self._add_paths(inside.id, mask, prefix, depth + 1, found)
            else:
                found.append(f"{path}{member.name}")


def _ids(mask: Mask) -> Words:
    return np.flatnonzero(mask).astype(np.uint32)
