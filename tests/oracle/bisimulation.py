"""Tell which types of two BTFs mean the same, cycles and all.

In:  two Btf as oracle.btf_reader gives them.
Out: a class number for each type of both; equal numbers mean equal meaning.

A type is a node: a label (kind, name, size, members' names and offsets, …: all that is no type
id) and a list of edges (its type ids, in order). Two types mean the same iff they are bisimilar:
equal labels, and edges that lead, one by one, to types that mean the same. Cycles make a
recursive comparison guess, so the partition is refined instead, over both files at once: in
round 0 a class is a label, and in each later round it is the label with the classes its edges
led to in the round before. Classes only ever split; when their number stays, they are stable.

Classes are 64-bit hashes while this goes on. Bisimilar types hash alike, so no class can split
by mistake; that none is merged by mistake is checked at the end, node against node.

*Leaves* cut meaning short: an edge to a leaf sees its kind and name alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from oracle.btf_reader import KINDS, Btf, Type

__all__ = ["Classes", "JointGraph", "edge_names", "parts"]

Label = tuple[Any, ...]
Hashes = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def parts(type_: Type) -> tuple[Label, Sequence[int]]:
    """Split a type into what it says itself and the ids it refers to."""
    match type_:
        case ("STRUCT" | "UNION", *_, members):
            return (*type_[:4], tuple((m[0], m[2], m[3]) for m in members)), [
                m[1] for m in members
            ]
        case ("FUNC_PROTO", name, returned, parameters):
            names = tuple(parameter[0] for parameter in parameters)
            return ("FUNC_PROTO", name, names), [returned, *(p[1] for p in parameters)]
        case ("DATASEC", name, size, entries):
            places = tuple(entry[1:] for entry in entries)
            return ("DATASEC", name, size, places), [entry[0] for entry in entries]
        case ("ARRAY", name, element, index, count):
            return ("ARRAY", name, count), (element, index)
        case (
            "PTR" | "VOLATILE" | "CONST" | "RESTRICT" | "TYPEDEF" | "TYPE_TAG" | "FUNC" | "VAR"
            | "DECL_TAG",
            name,
            target,
            *rest,
        ):  # fmt: skip
            return (type_[0], name, *rest), (target,)
        case _:
            return type_, ()


def edge_names(type_: Type) -> list[str]:
    """Name the edges of a type, in the order of parts()."""
    match type_:
        case ("STRUCT" | "UNION", *_, members):
            return [f"member {m[0] or f'#{i}'}" for i, m in enumerate(members)]
        case ("FUNC_PROTO", _, _, parameters):
            return ["return", *(f"parameter {p[0] or f'#{i}'}" for i, p in enumerate(parameters))]
        case ("ARRAY", *_):
            return ["element", "index"]
        case _:
            return [type_[0].lower()] * len(parts(type_)[1])


def _mix(values: Hashes) -> Hashes:
    """Spread every bit over all of a word (the finisher of splitmix64)."""
    values = values + np.uint64(0x9E3779B97F4A7C15)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _count(hashes: Hashes) -> int:
    """Count distinct values; numpy's unique() takes three times as long."""
    ordered = np.sort(hashes)
    return 1 + int(np.count_nonzero(ordered[1:] != ordered[:-1]))


class JointGraph:
    """Two BTFs as one graph; the node of a type id is the id, plus `second` in the second.

    Attributes:
        second: First node of the second BTF.
        types: Type of a node.
        labels: int64[num_nodes], equal for equal labels.
        names: int64[num_nodes], equal for equal kinds and names.
        kinds: int64[num_nodes], indices into KINDS.
        edges: int64[num_edges], nodes led to; those of node n start at edge_start[n].
        edge_start: int64[num_nodes + 1].
        own: bool[num_nodes], true where the type isn't a base's.
    """

    def __init__(self, first: Btf, second: Btf) -> None:
        self.btfs = (first, second)
        self.second = len(first.types)
        self.types = [*first.types, *second.types]
        label_ids: dict[Label, int] = {}
        name_ids: dict[tuple[str, str], int] = {}
        labels, names, edges, edge_start = [], [], [], [0]
        for node, type_ in enumerate(self.types):
            shift = self.second if node >= self.second else 0
            label, references = parts(type_)
            labels.append(label_ids.setdefault(label, len(label_ids)))
            names.append(name_ids.setdefault(type_[:2], len(name_ids)))
            edges.extend(reference + shift for reference in references)
            edge_start.append(len(edges))
        self.labels = np.array(labels, np.int64)
        self.names = np.array(names, np.int64)
        self.edges = np.array(edges, np.int64)
        self.edge_start = np.array(edge_start, np.int64)
        numbers = {kind: number for number, kind in enumerate(KINDS)}
        self.kinds = np.array([numbers[type_[0]] for type_ in self.types], np.int64)
        self.source = np.repeat(np.arange(len(self.types)), np.diff(self.edge_start))
        self.position = np.arange(len(self.edges)) - self.edge_start[self.source]
        ids = np.arange(len(self.types))
        self.in_second = ids >= self.second
        self.own = np.where(
            self.in_second, ids >= self.second + second.first, ids >= first.first
        ) & (self.kinds != 0)
        past = np.where(self.in_second, len(self.types), self.second)[self.source]
        if bool((self.edges >= past).any()):
            node = int(self.source[np.argmax(self.edges >= past)])
            raise ValueError(f"[{self.id_of(node)}] refers past the last type")

    def __len__(self) -> int:
        return len(self.types)

    def id_of(self, node: int) -> int:
        """Return the type id of a node."""
        return node - self.second if node >= self.second else node

    def targets(self, node: int) -> list[int]:
        """Return the nodes that one leads to."""
        return [int(n) for n in self.edges[self.edge_start[node] : self.edge_start[node + 1]]]

    def is_kind(self, *kinds: str) -> Mask:
        """Return bool[num_nodes], true where a node is of one of these kinds."""
        return np.isin(self.kinds, [KINDS.index(kind) for kind in kinds])

    def named(self) -> Mask:
        """Return bool[num_nodes], true where a node has a name."""
        return np.array([bool(type_[1]) for type_ in self.types])

    def refine(self, leaves: Mask | None = None) -> "Classes":
        """Return the coarsest classes in which equals lead to equals."""
        if leaves is None:
            leaves = np.zeros(len(self), bool)
        label_hash = _mix(self.labels.astype(np.uint64))
        name_hash = _mix(self.names.astype(np.uint64) + np.uint64(1 << 40))
        place_hash = _mix(self.position.astype(np.uint64) + np.uint64(1 << 41))
        hashes, count, rounds = label_hash, _count(label_hash), 0
        while True:
            seen = np.where(leaves, name_hash, hashes)
            spread = _mix(seen[self.edges] ^ place_hash)
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(spread, dtype=np.uint64)])
            gained = sums[self.edge_start[1:]] - sums[self.edge_start[:-1]]
            hashes = _mix(label_hash ^ _mix(gained))
            rounds += 1
            now = _count(hashes)
            if now <= count:
                break
            count = now
        return Classes(self, hashes, np.where(leaves, name_hash, hashes), rounds)


class Classes:
    """A partition of a JointGraph's nodes.

    Attributes:
        of: int64[num_nodes], the class of a node.
        seen: int64[num_nodes], what an edge to the node sees: its class, or a leaf's name.
        rounds: Rounds until the classes were stable.
        in_both: bool[num_nodes], true where the class has types of both BTFs.
    """

    def __init__(self, graph: JointGraph, hashes: Hashes, seen: Hashes, rounds: int) -> None:
        self.rounds = rounds
        _, self.of = np.unique(hashes, return_inverse=True)
        _, self.seen = np.unique(seen, return_inverse=True)
        self._check(graph)
        in_first = np.zeros(len(graph), bool)
        in_second = np.zeros(len(graph), bool)
        in_first[self.of[: graph.second]] = True
        in_second[self.of[graph.second :]] = True
        self.in_both: Mask = (in_first & in_second)[self.of]

    def _check(self, graph: JointGraph) -> None:
        """Compare each node with the first of its class: a hash must not have merged two."""
        _, first = np.unique(self.of, return_index=True)
        model = first[self.of]
        degrees = np.diff(graph.edge_start)
        equal = (graph.labels == graph.labels[model]) & (degrees == degrees[model])
        if bool(equal.all()):
            twins = graph.edges[graph.edge_start[model][graph.source] + graph.position]
            equal = self.seen[graph.edges] == self.seen[twins]
        if not bool(equal.all()):
            raise AssertionError("classes are not stable: two hashes collided")
