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

from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import KINDS, Kind
from dwarfless.graph.elements import Member
from dwarfless.graph.layout import follow
from dwarfless.graph.links import Links
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
#: Paths to a type in one struct, and members looked at for them; an array of arrays' dimensions.
MAX_PATHS: Final = 64
MAX_LOOKED_AT: Final = 1 << 14
MAX_DIMENSIONS: Final = 16


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

    def _links(self, *edges: tuple[Words, Words]) -> Links:
        sources, targets = (np.concatenate(column) for column in zip(*edges, strict=True))
        return Links(sources, targets, len(self._kinds))

    @cached_property
    def _by_value(self) -> Links:
        """What passes types on by value, other than members."""
        return self._links(self._edges)

    @cached_property
    def _through_pointers(self) -> Links:
        """What passes types on by value, and pointers."""
        return self._links(self._edges, self._pointers)

    @cached_property
    def _within_nameless(self) -> Links:
        """What passes types on by value, and members of what has no name."""
        owners, types = self._members
        nameless = ~self._named[owners]
        return self._links(self._edges, (owners[nameless], types[nameless]))

    @cached_property
    def _within_all(self) -> Links:
        """What passes types on by value, and members."""
        return self._links(self._edges, self._members)

    def _hold(self, found: Mask, links: Links) -> Words:
        """Return what named composites hold something marked; the mark spreads over links."""
        owners, types = self._members
        links.add_users(found)
        holders = distinct(owners[found[types]])
        named: Words = holders[self._named[holders]]
        return named

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
        # Not yet what is in nameless structs: a pointer to such a struct is none to the type.
        self._by_value.add_users(found)
        pointing = np.zeros_like(found)
        sources, targets = self._pointers
        pointing[sources[found[targets]]] = True
        self._through_pointers.add_users(pointing)
        protos, params = self._params
        given = distinct(protos[found[params] | pointing[params]])
        returning = self._are(Kind.FUNC_PROTO) & (found[self._thirds] | pointing[self._thirds])
        taking = np.zeros_like(found)
        taking[given] = True
        calling = taking | returning
        functions, variables = self._are(Kind.FUNC), self._are(Kind.VAR)
        self._through_pointers.add_users(calling)
        of_it = variables & (found[self._thirds] | pointing[self._thirds])
        return Users(
            takes=_ids(functions & taking[self._thirds]),
            returns=_ids(functions & returning[self._thirds]),
            variables=_ids(of_it),
            embeds=self._hold(found, self._within_all if transitive else self._within_nameless),
            points=self._hold(pointing, self._within_nameless),
            callbacks=self._hold(calling, self._within_nameless),
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
        # What is still to be looked at, the first last.
        waiting = [(member, "") for member in reversed(self._members_of(owner))]
        for _ in range(MAX_LOOKED_AT):
            if not waiting or len(found) == MAX_PATHS:
                break
            member, path = waiting.pop()
            if not mask[member.type_id]:
                continue
            inside, suffix = follow(member.type), ""
            while isinstance(inside, Array) and len(suffix) < 2 * MAX_DIMENSIONS:
                inside, suffix = follow(inside.element), f"{suffix}[]"
            if isinstance(inside, Struct | UnionType) and not inside.name and mask[inside.id]:
                prefix = f"{path}{member.name}{suffix}." if member.name else path
                waiting += [(inner, prefix) for inner in reversed(inside.members)]
            else:
                found.append(f"{path}{member.name}")
        return found

    def _members_of(self, owner: int) -> list[Member]:
        view = self.graph[owner]
        return view.members if isinstance(view, Struct | UnionType) else []


def _ids(mask: Mask) -> Words:
    return np.flatnonzero(mask).astype(np.uint32)
