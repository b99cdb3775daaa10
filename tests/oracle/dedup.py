"""Say slowly and plainly which types deduplication merges.

In:  types as oracle.btf_reader gives them, without void.
Out: what stands for each: of types that mean the same, the first.

Forwards are pointed at the only definition of their name, enums without values at the first with
some, classes are found anew, and so on until nothing changes.
"""

from collections import defaultdict

from build.graphs import Types, move
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf

__all__ = ["as_btf", "classes", "representatives", "same_types"]

ENUMS = ("ENUM", "ENUM64")


def as_btf(types: Types) -> Btf:
    """Return types with void in front."""
    return Btf([("VOID", ""), *types], 1, b"\0", 0)


def classes(types: Types) -> list[int]:
    """Return a number for each id, equal for types that mean the same; no two VARs do."""
    marked = [
        (t[0], f"{t[1]}@{i}", *t[2:]) if t[0] in ("VAR", "DATASEC") else t
        for i, t in enumerate(types)
    ]
    found = JointGraph(as_btf(marked), as_btf([])).refine()
    return [int(number) for number in found.of[: len(types) + 1]]


def _sort(type_: tuple) -> tuple[str, str]:
    """Return the sort and name that a forward and its definition share."""
    kind = type_[2].upper() if type_[0] == "FWD" else type_[0]
    return ("ENUM" if kind in ENUMS else kind), type_[1]


def _is_forward(type_: tuple) -> bool:
    return bool(type_[1]) and (type_[0] == "FWD" or (type_[0] in ENUMS and not type_[-1]))


def representatives(types: Types) -> list[int]:
    """Return for each id, void's too, the id that stands for it."""
    goes_to = {i: i for i in range(len(types) + 1)}
    while True:
        numbers = classes([move(t, goes_to) for t in types])
        first = {number: i for i, number in reversed([*enumerate(numbers)])}
        definitions = defaultdict(set)
        for i, t in enumerate(types, 1):
            if t[0] in ("STRUCT", "UNION", *ENUMS) and t[1] and not _is_forward(t):
                definitions[_sort(t)].add(first[numbers[i]])
        changed = False
        for i, t in enumerate(types, 1):
            meant = definitions[_sort(t)] if _is_forward(t) and goes_to[i] == i else ()
            if len(meant) == 1 or (meant and _sort(t)[0] == "ENUM"):
                goes_to[i], changed = min(meant), True
        if not changed:
            return [first[numbers[goes_to[i]]] for i in range(len(types) + 1)]


def same_types(one: Types, other: Types) -> bool:
    """Say whether two lists without duplicates hold the same types."""
    joint = JointGraph(as_btf(one), as_btf(other)).refine()
    return len(one) == len(other) and bool(joint.in_both.all())
