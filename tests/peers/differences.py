"""List what one BTF has and another has not.

In:  a Meaning.
Out: Differences, one for each root cause; figures about each file.

A type that differs only because one it refers to differs isn't listed: it is counted with its
cause. Types without a name are listed only if nothing named that differs leads to them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from oracle.btf_reader import KINDS
from peers.meaning import COMPOSITES, NAMED_KINDS, Meaning

__all__ = ["SIDES", "Difference", "all_differences", "figures"]

SIDES = ("only a", "only b", "differs")
#: Kinds that stand for nothing but their content.
PLAIN_KINDS = (
    *COMPOSITES,
    "PTR",
    "VOLATILE",
    "CONST",
    "RESTRICT",
    "ARRAY",
    "FUNC_PROTO",
    "TYPE_TAG",
)
Row = tuple[Any, ...]
Key = tuple[str, ...]


@dataclass
class Difference:
    """One thing that isn't the same.

    Attributes:
        kind: Kind as in btf_reader.KINDS.
        name: Name; words for a type without one; "SECTION NAME" of a variable; "VALUE on KIND
            NAME" of a declaration tag.
        side: One of SIDES.
        detail: Where the two part.
        followers: Names of what differs for this reason only.
        reason: Why it is allowed, if it is.
    """

    kind: str
    name: str
    side: str
    detail: str = ""
    followers: list[str] = field(default_factory=list)
    reason: str | None = None


def all_differences(meaning: Meaning) -> list[Difference]:
    """Return every difference, in a fixed order."""
    found = [
        *_named(meaning),
        *_unnamed(meaning),
        *_variables(meaning),
        *_sections(meaning),
        *_tags(meaning),
    ]
    return sorted(found, key=lambda d: (KINDS.index(d.kind), d.name, d.side, d.detail))


def _side(meaning: Meaning, node: int) -> int:
    return int(node >= meaning.graph.second)


def _nodes(meaning: Meaning, *kinds: str) -> list[int]:
    """Return the own nodes of some kinds."""
    return [int(n) for n in np.flatnonzero(meaning.graph.own & meaning.graph.is_kind(*kinds))]


def _named(meaning: Meaning) -> Iterator[Difference]:
    """Compare named types, and functions."""
    groups: dict[Key, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    present: dict[Key, set[int]] = defaultdict(set)
    followers: dict[Key, list[str]] = defaultdict(list)
    orphans: list[int] = []
    interesting = meaning.graph.is_kind(*NAMED_KINDS, "FUNC") & meaning.graph.named()
    wanted = (meaning.unmatched & meaning.graph.own).tolist()
    for node in np.flatnonzero(interesting).tolist():
        key = meaning.type(node)[:2]
        present[key].add(_side(meaning, node))
        if not wanted[node]:
            continue
        if meaning.differs[node]:
            groups[key][_side(meaning, node)].append(node)
        elif node in meaning.causes:
            cause = meaning.type(meaning.causes[node])[:2]
            followers[cause].append(f"{key[0]} {key[1]}")
        else:
            orphans.append(node)
    for node in orphans:
        groups[meaning.type(node)[:2]][_side(meaning, node)].append(node)
    for key, (ours, theirs) in groups.items():
        found = list(_pair(meaning, ours, theirs, len(present[key]) == 2))
        found[0].followers = sorted(set(followers.pop(key, ())))
        yield from found
    for key, names in followers.items():
        yield Difference(key[0], key[1], "differs", "in the base", sorted(set(names)))


def _pair(
    meaning: Meaning, ours: list[int], theirs: list[int], in_both: bool
) -> Iterator[Difference]:
    """Pair types of one name that are most alike; what is left over is on one side only."""
    ours, theirs = _variants(meaning, ours), _variants(meaning, theirs)
    kind, name = meaning.type((ours or theirs)[0])[:2]
    while ours and theirs:
        pairs = [(meaning.likeness(a, b), -a, -b) for a in ours[:50] for b in theirs[:50]]
        _, a, b = max(pairs)
        ours.remove(-a)
        theirs.remove(-b)
        yield Difference(kind, name, "differs", meaning.explain(-a, -b))
    for side, nodes in zip(SIDES, (ours, theirs), strict=False):
        for node in nodes:
            detail = _outline(meaning, node)
            yield Difference(kind, name, side, f"a variant: {detail}" if in_both else detail)


def _variants(meaning: Meaning, nodes: list[int]) -> list[int]:
    """Keep one node of each strict class."""
    return list({int(meaning.strict.of[node]): node for node in reversed(nodes)}.values())[::-1]


def _outline(meaning: Meaning, node: int) -> str:
    type_ = meaning.type(node)
    match type_[0]:
        case "STRUCT" | "UNION":
            return f"{type_[2]} bytes, {len(type_[4])} members"
        case "ENUM" | "ENUM64":
            return f"{type_[2]} bytes, {len(type_[4])} enumerators"
        case "TYPEDEF" | "FUNC" | "VAR":
            return meaning.describe(meaning.graph.targets(node)[0])
        case _:
            return " ".join(str(word) for word in type_[2:])


def _unnamed(meaning: Meaning) -> Iterator[Difference]:
    """List types without a name that no named type that differs accounts for."""
    graph = meaning.graph
    plain = graph.is_kind(*PLAIN_KINDS) & (~graph.named() | graph.is_kind("TYPE_TAG"))
    open_ones = meaning.unmatched & plain & graph.own
    # What is used by something unmatched is accounted for by it, and that by its user, up to
    # a name; unnamed types form no cycles, so the topmost are those that nothing uses.
    used = np.zeros(len(graph), bool)
    users = meaning.unmatched & ~graph.is_kind("DECL_TAG")
    used[graph.edges[users[graph.source]]] = True
    seen = set()
    for node in np.flatnonzero(open_ones & ~used).tolist():
        cause = meaning.causes.get(node)
        if cause is not None and not meaning.differs[node]:
            continue
        key = (_side(meaning, node), int(meaning.strict.of[node]))
        if key not in seen:
            seen.add(key)
            side = SIDES[_side(meaning, node)]
            yield Difference(
                meaning.type(node)[0], meaning.describe(node), side, "not referred to"
            )


def _both(
    rows: Callable[[int], dict[Key, set[Row]]],
) -> Iterator[tuple[Key, set[Row], set[Row]]]:
    """Give the keys of both files with the rows that only one of them has."""
    ours, theirs = rows(0), rows(1)
    for key in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(key, set()), theirs.get(key, set())
        if one != other:
            yield key, one, other


def _entries(meaning: Meaning, side: int) -> Iterator[tuple[str, int, int, int]]:
    """Give section, offset, size and node of each variable; "" is no section."""
    placed = set()
    for node in _nodes(meaning, "DATASEC"):
        if _side(meaning, node) == side:
            section, places = meaning.type(node)[1], meaning.type(node)[3]
            for var, (_, offset, size) in zip(meaning.graph.targets(node), places, strict=True):
                placed.add(var)
                yield section, offset, size, var
    for node in _nodes(meaning, "VAR"):
        if _side(meaning, node) == side and node not in placed:
            yield "", 0, 0, node


def _variables(meaning: Meaning) -> Iterator[Difference]:
    examples: dict[Row, int] = {}

    def rows(side: int) -> dict[Key, set[Row]]:
        found: dict[Key, set[Row]] = defaultdict(set)
        for section, offset, size, var in _entries(meaning, side):
            type_ = meaning.type(var)
            target = meaning.graph.targets(var)[0]
            linkage = type_[3] if type_[0] == "VAR" else -1
            row = (offset, size, linkage, int(meaning.root.seen[target]))
            examples[(side, section, type_[1], *row)] = target
            found[section, type_[1]].add(row)
        return found

    for (section, name), ours, theirs in _both(rows):
        title = f"{section} {name}"
        one, other = sorted(ours - theirs), sorted(theirs - ours)
        for a, b in zip(one, other, strict=False):
            words = [
                f"{word} {x} != {y}"
                for word, x, y in zip(("offset", "size", "linkage"), a, b, strict=False)
                if x != y
            ]
            if a[3] != b[3]:
                targets = examples[0, section, name, *a], examples[1, section, name, *b]
                names = [meaning.describe(target) for target in targets]
                inner = meaning.explain(*targets) if names[0] == names[1] else ""
                words.append(
                    f"type {names[0]}: {inner}" if inner else f"type {' != '.join(names)}"
                )
            yield Difference("VAR", title, "differs", ", ".join(words))
        for side, rest in enumerate((one[len(other) :], other[len(one) :])):
            for row in rest:
                words = meaning.describe(examples[side, section, name, *row])
                again = " again" if ours and theirs else ""
                detail = f"{words} at {row[0]:#x}, {row[1]} bytes{again}"
                yield Difference("VAR", title, SIDES[side], detail)


def _sections(meaning: Meaning) -> Iterator[Difference]:
    def rows(side: int) -> dict[Key, set[Row]]:
        found: dict[Key, set[Row]] = defaultdict(set)
        for node in _nodes(meaning, "DATASEC"):
            if _side(meaning, node) == side:
                found[(meaning.type(node)[1],)].add((meaning.type(node)[2],))
        return found

    for (name,), ours, theirs in _both(rows):
        sizes = [", ".join(str(row[0]) for row in sorted(found)) for found in (ours, theirs)]
        if ours and theirs:
            yield Difference("DATASEC", name, "differs", f"size {sizes[0]} != {sizes[1]}")
        else:
            yield Difference("DATASEC", name, SIDES[not ours], f"size {sizes[not ours]}")


def _tags(meaning: Meaning) -> Iterator[Difference]:
    """Compare declaration tags; those of a declaration that only one file has follow it."""
    graph = meaning.graph
    declared: tuple[set[Key], set[Key]] = (set(), set())
    for node in np.flatnonzero(graph.is_kind(*NAMED_KINDS, "FUNC", "VAR")).tolist():
        type_ = meaning.type(node)
        declared[_side(meaning, node)].add((type_[0], type_[1] or meaning.describe(node)))

    def rows(side: int) -> dict[Key, set[Row]]:
        found: dict[Key, set[Row]] = defaultdict(set)
        for node in _nodes(meaning, "DECL_TAG"):
            if _side(meaning, node) != side:
                continue
            target = graph.targets(node)[0]
            kind, name = meaning.type(target)[:2]
            key = (kind, name or meaning.describe(target))
            if key in declared[1 - side]:
                which = -1 if meaning.unmatched[target] else int(meaning.strict.of[target])
                found[(*key, meaning.type(node)[1])].add((*meaning.type(node)[3:], which))
        return found

    for (kind, name, value), ours, theirs in _both(rows):
        title = f"{value} on {kind} {name}"
        for side, rest in enumerate((ours - theirs, theirs - ours)):
            for component, flag, _ in sorted(rest):
                detail = f"component {component}, kind flag {flag}"
                yield Difference("DECL_TAG", title, SIDES[side], detail)


def figures(meaning: Meaning, side: int) -> dict[str, Any]:
    """Return what can be counted in one file: types, and what of them is too much."""
    graph = meaning.graph
    kinds: Counter[str] = Counter()
    values: dict[str, Counter[str]] = {"DECL_TAG": Counter(), "TYPE_TAG": Counter()}
    known: set[int] = set()
    redundant: dict[str, list[str]] = defaultdict(list)
    composites: dict[Key, set[int]] = defaultdict(set)
    start = graph.second if side else 0
    strict, own = meaning.strict.of.tolist(), graph.own.tolist()
    for node in range(start, len(graph) if side else graph.second):
        type_ = meaning.type(node)
        kind, name = type_[:2]
        if kind in ("STRUCT", "UNION") and name:
            composites[kind.lower(), name].add(strict[node])
        if own[node]:
            kinds[kind] += 1
            if kind in values:
                values[kind][name] += 1
            if kind not in ("VAR", "DATASEC") and strict[node] in known:
                redundant[kind].append(name or meaning.describe(node))
        known.add(strict[node])
    forwards = [meaning.type(node) for node in _nodes(meaning, "FWD")]
    own_forwards = (
        f
        for f, n in zip(forwards, _nodes(meaning, "FWD"), strict=True)
        if _side(meaning, n) == side
    )
    open_forwards = [f[1] for f in own_forwards if len(composites[f[2], f[1]]) == 1]
    rows = Counter(_row_keys(meaning, side))
    return {
        "types": sum(kinds.values()),
        "kinds": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
        "tags": {kind: dict(sorted(count.items())) for kind, count in values.items()},
        "redundant": {kind: sorted(names) for kind, names in sorted(redundant.items())},
        "unresolved forwards": sorted(open_forwards),
        "variable duplicates": sorted(
            " ".join(map(str, key[:4])) for key, count in rows.items() for _ in range(count - 1)
        ),
        "string bytes": len(graph.btfs[side].strings),
    }


def _row_keys(meaning: Meaning, side: int) -> Iterable[Row]:
    for section, offset, size, var in _entries(meaning, side):
        yield section, meaning.type(var)[1], offset, size, int(meaning.strict.of[var])
