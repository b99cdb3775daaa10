"""What the types of two BTFs mean, and where two of them part.

In:  two Btf as oracle.btf_reader gives them.
Out: classes of three strengths, and words for types and differences.

*Strict* classes unfold everything. In *shallow* ones a reference to a named struct, union or
enum sees its kind and name alone. Of the types that have no strict equal in the other file,
most only refer to one that differs. *Root* classes tell them apart: there a reference to a
named type that has no strict equal sees its kind and name, and every other reference is strict.
A type without an equal in that sense differs by itself, be it in a member or in which variant
of a name it picks; a type that has one is a follower.
"""

from collections import deque
from functools import cached_property

import numpy as np

from oracle.bisimulation import Classes, JointGraph, Mask, edge_names, parts
from oracle.btf_reader import Btf, Type

__all__ = ["COMPOSITES", "NAMED_KINDS", "Meaning"]

COMPOSITES = ("STRUCT", "UNION", "ENUM", "ENUM64")
#: Kinds that a type is referred to by, when they have a name.
NAMED_KINDS = (*COMPOSITES, "TYPEDEF", "FWD", "INT", "FLOAT")

MAX_WORDS = 6
FIELDS = {
    "INT": ("size", "encoding", "bit offset", "bits"),
    "FLOAT": ("size",),
    "ARRAY": ("number of elements",),
    "STRUCT": ("size", "kind flag"),
    "UNION": ("size", "kind flag"),
    "ENUM": ("size", "signed"),
    "ENUM64": ("size", "signed"),
    "FWD": ("forward kind",),
    "FUNC": ("linkage",),
    "VAR": ("linkage",),
    "DATASEC": ("size",),
    "DECL_TAG": ("component", "kind flag"),
    "TYPE_TAG": ("kind flag",),
}


class Meaning:
    """The joint graph of two files with its classes.

    Attributes:
        graph: Both files' types.
        strict: Classes that unfold everything.
        unmatched: bool[num_nodes], the node has no strict equal in the other file.
        root: Classes in which unmatched named types are leaves.
        differs: bool[num_nodes], unmatched, and not for its references' sake only.
    """

    def __init__(self, first: Btf, second: Btf) -> None:
        self.graph = JointGraph(first, second)
        self.strict = self.graph.refine()
        self.unmatched: Mask = ~self.strict.in_both
        nameable = self.graph.named() & self.graph.is_kind(*NAMED_KINDS)
        self.root = self.graph.refine(self.unmatched & nameable)
        self.differs: Mask = self.unmatched & ~self.root.in_both

    @cached_property
    def shallow(self) -> Classes:
        """Classes in which named structs, unions and enums are leaves."""
        return self.graph.refine(self.graph.named() & self.graph.is_kind(*COMPOSITES))

    def type(self, node: int) -> Type:
        """Return the tuple of a node."""
        return self.graph.types[node]

    @cached_property
    def causes(self) -> dict[int, int]:
        """Map each unmatched follower to the nearest named type it reaches that differs."""
        nameable = self.graph.named() & self.graph.is_kind(*NAMED_KINDS)
        starts = [int(n) for n in np.flatnonzero(self.differs & nameable)]
        users: dict[int, list[int]] = {}
        inside = self.unmatched[self.graph.edges] & self.unmatched[self.graph.source]
        pairs = zip(self.graph.edges[inside], self.graph.source[inside], strict=True)
        for target, user in pairs:
            users.setdefault(int(target), []).append(int(user))
        cause = {node: node for node in starts}
        queue = deque(starts)
        while queue:
            node = queue.popleft()
            for user in users.get(node, ()):
                if user not in cause:
                    cause[user] = cause[node]
                    queue.append(user)
        return cause

    def describe(self, node: int, depth: int = 0) -> str:
        """Return words for a type, such as "const struct file *"."""
        type_ = self.type(node)
        kind, name = type_[:2]
        if kind == "VOID":
            return "void"
        if name and kind in COMPOSITES:
            return f"{'enum' if kind == 'ENUM64' else kind.lower()} {name}"
        if kind == "FWD":
            return f"fwd {type_[2]} {name}"
        if kind in ("INT", "FLOAT", "TYPEDEF"):
            return str(name)
        if kind in COMPOSITES:
            words = [item[0] or "…" for item in type_[4]]
            more = ["…"] if len(words) > MAX_WORDS else []
            return f"{kind.lower()} {{{', '.join(words[:MAX_WORDS] + more)}}}"
        targets = self.graph.targets(node)
        if depth > 16 or kind == "DATASEC":
            return f"{kind.lower()} {name}".strip()
        inner = [self.describe(target, depth + 1) for target in targets]
        match kind:
            case "PTR":
                return f"{inner[0]}*" if inner[0].endswith("*") else f"{inner[0]} *"
            case "ARRAY":
                return f"{inner[0]}[{type_[4]}]"
            case "FUNC_PROTO":
                return f"{inner[0]} ({', '.join(inner[1:])})"
            case "TYPE_TAG":
                return f"{inner[0]} tag({name})"
            case "FUNC" | "VAR" | "DECL_TAG":
                return f"{kind.lower()} {name}: {inner[0]}"
        if self.type(targets[0])[0] == "PTR":
            return f"{inner[0]} {kind.lower()}"
        return f"{kind.lower()} {inner[0]}"

    def explain(self, one: int, other: int, depth: int = 0) -> str:
        """Return the first difference between two types, or "" if they are equal."""
        if self.strict.of[one] == self.strict.of[other]:
            return ""
        own = self._explain_label(self.type(one), self.type(other))
        if own:
            return own
        names = edge_names(self.type(one))
        pairs = list(zip(self.graph.targets(one), self.graph.targets(other), names, strict=True))
        for classes in (self.root, self.strict):
            for target, twin, name in pairs:
                if classes.seen[target] != classes.seen[twin]:
                    return f"{name}: {self._explain_edge(target, twin, depth + 1)}"
        return ""

    def _explain_edge(self, target: int, twin: int, depth: int) -> str:
        words = self.describe(target), self.describe(twin)
        same_name = self.graph.names[target] == self.graph.names[twin]
        if self.type(target)[1] and same_name and depth < 8:
            inner = self.explain(target, twin, depth + 3)
            if not self.unmatched[target] and not self.unmatched[twin]:
                return f"another variant of {words[0]} ({inner})"
            return f"{words[0]} ({inner})"
        if words[0] != words[1] or depth > 8:
            return f"{words[0]} != {words[1]}"
        return f"{words[0]}, {self.explain(target, twin, depth)}"

    def _explain_label(self, one: Type, other: Type) -> str:
        if parts(one)[0] == parts(other)[0]:
            return ""
        if one[:2] != other[:2]:
            return f"{one[0]} {one[1]} != {other[0]} {other[1]}"
        labels = parts(one)[0][2:], parts(other)[0][2:]
        items = ""
        if isinstance(labels[0][-1], tuple):
            items = _explain_items(one[0], labels[0][-1], labels[1][-1])
        said = [
            f"{field} {a} != {b}"
            for field, a, b in zip(FIELDS.get(one[0], ()), *labels, strict=False)
            if a != b
        ]
        return "; ".join([*said, *([items] if items else [])])

    def likeness(self, one: int, other: int) -> float:
        """Return how alike two types of one name are: the more, the more fields agree."""
        labels = parts(self.type(one))[0], parts(self.type(other))[0]
        score = 4.0 * bool(self.root.of[one] == self.root.of[other])
        score += sum(a == b for a, b in zip(*labels, strict=False))
        if isinstance(labels[0][-1], tuple) and isinstance(labels[1][-1], tuple):
            items = set(labels[0][-1]), set(labels[1][-1])
            score += len(items[0] & items[1]) / max(len(items[0] | items[1]), 1)
        edges = self.graph.targets(one), self.graph.targets(other)
        same = sum(self.root.seen[a] == self.root.seen[b] for a, b in zip(*edges, strict=False))
        return score + same / max(len(edges[0]), len(edges[1]), 1)


def _explain_items(kind: str, one: tuple, other: tuple) -> str:  # type: ignore[type-arg]
    what = {"STRUCT": "member", "UNION": "member", "FUNC_PROTO": "parameter"}.get(kind, "entry")
    if kind in ("ENUM", "ENUM64"):
        what = "enumerator"
    names = [[x if isinstance(x, str) else x[0] for x in items] for items in (one, other)]
    extra = [[x for x in a if x and x not in b] for a, b in (names, names[::-1])]
    if what in ("member", "enumerator") and (extra[0] or extra[1]):
        words = [
            f"{', '.join(found[:3])}{', …' if len(found) > 3 else ''} only in {letter}"
            for letter, found in zip("ab", extra, strict=True)
            if found
        ]
        return f"{what}s {'; '.join(words)}"
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a == b:
            continue
        if isinstance(a, str):
            return f"{what} {place}: {a or '(none)'} != {b or '(none)'}"
        if a[0] != b[0]:
            return f"{what} {place}: {a} != {b}"
        if what == "member":
            words = [
                f"{word} {x} != {y}"
                for word, x, y in zip(("bit offset", "bitfield size"), a[1:], b[1:], strict=True)
                if x != y
            ]
            return f"member {a[0] or f'#{place}'}: {', '.join(words)}"
        return f"{what} {a[0]}: {a[1:]} != {b[1:]}"
    if len(one) != len(other):
        extra = (one if len(one) > len(other) else other)[min(len(one), len(other))]
        name = extra if isinstance(extra, str) else extra[0]
        return f"{len(one)} != {len(other)} {what}s, the first more is {name or '(no name)'}"
    return ""
