"""What differs between two types of one name, a line each.

In:  two sides: a graph with the hashes of its types' meaning.
Out: Differences, the ones that say most first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final, NamedTuple

import numpy as np

from dwarfless._core.meaning import hash_names, hash_types
from dwarfless.formats.arrays import NDArray
from dwarfless.graph.elements import Param
from dwarfless.graph.layout import follow
from dwarfless.graph.match import flat_records
from dwarfless.graph.placement import placements
from dwarfless.graph.spelling import spell
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import (
    Array,
    Enum,
    Func,
    FuncProto,
    Int,
    Sized,
    Struct,
    Type,
    Typedef,
    Var,
)
from dwarfless.graph.views import Union as UnionType

__all__ = ["Difference", "Side", "explain"]

#: Nameless types in one another; more is a circle.
MAX_DEPTH: Final = 32
#: Members of a struct, those of nameless ones inside included; a kernel's has 1,000.
MAX_LEAVES: Final = 1 << 15


class Difference(NamedTuple):
    """One difference.

    Attributes:
        what: What differs, such as "member pid" or "size".
        how: "added", "removed", "renamed", "moved" or "changed".
        a: What the first side says, "" if nothing.
        b: What the second says.
        breaks: Whether what was compiled for the first side goes wrong with the second.
    """

    what: str
    how: str
    a: str
    b: str
    breaks: bool

    def __str__(self) -> str:
        match self.how:
            case "added":
                return f"{self.what} added{f': {self.b}' if self.b else ''}"
            case "removed":
                return f"{self.what} removed{f': {self.a}' if self.a else ''}"
            case "changed":
                return f"{self.what}: {self.a} -> {self.b}"
        return f"{self.what} {self.how}: {self.a} -> {self.b}"


class Side:
    """A graph, with what its types mean.

    Attributes:
        graph: The graph.
        seen: uint64[num_types], how others see each type.
        said: uint64[num_types], what each named type says, of a variable with its section.
        keys: uint64[num_types], sort and name, 0 without a name.
        sections: uint32[num_types], the DATASEC that places a variable, else 0.
        kinds: uint8[num_types].
    """

    def __init__(self, graph: TypeGraph) -> None:
        self.graph: Final = graph
        self.seen, self.said, self.keys = hash_types(graph.arrays)
        rows, sections = placements(graph)
        self.sections = np.zeros(len(graph), np.uint32)
        self.sections[rows[:, 0]] = sections
        words, starts, _ = flat_records(graph)
        self.words, self.starts = words, starts
        names = np.zeros(len(graph), np.uint32)
        names[1:] = words[starts[1:-1]] if len(graph) > 1 else 0
        self.names = names
        placed = np.flatnonzero(self.sections)
        self.said[placed] ^= hash_names(graph.arrays, names[self.sections[placed]])

    @cached_property
    def kinds(self) -> NDArray[np.uint8]:
        """Kind numbers of all types; 0 for void."""
        found = np.zeros(len(self.graph), np.uint8)
        if len(self.graph) > 1:
            infos = self.words[self.starts[1:-1] + np.uint32(1)]
            found[1:] = infos >> np.uint32(24) & np.uint32(0x7F)
        return found

    def section(self, var_id: int) -> str:
        """Return the name of a variable's section, or ""."""
        return self.graph[int(self.sections[var_id])].name


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A member that is not a nameless struct or union.

    Attributes:
        path: Its name, with those of what it is in.
        view: Its type.
        start: Where it starts, in bits.
        bits: Of a bitfield, else 0.
        seen: Hash of its type.
    """

    path: str
    view: Type
    start: int
    bits: int
    seen: int

    @property
    def place(self) -> str:
        """Where it starts, in bytes, with the bit if need be."""
        byte, bit = divmod(self.start, 8)
        return f"{byte}:{bit}" if bit or self.bits else str(byte)

    @property
    def text(self) -> str:
        """Its type, with the width of a bitfield."""
        return f"{spell(self.view)}{f':{self.bits}' if self.bits else ''}"


def explain(a: Side, b: Side, a_id: int, b_id: int) -> list[Difference]:
    """Return how a type of one side differs from one of the other side with the same name."""
    found = _explain(a, b, a.graph[a_id], b.graph[b_id])
    # In circles without a name a hash depends on where the walk began; no compiler makes such.
    return found or [Difference("something nameless", "changed", "one", "another", True)]


def _explain(a: Side, b: Side, one: Type, other: Type) -> list[Difference]:
    if isinstance(one, Struct | UnionType):
        return _explain_composites(a, b, one, other)
    if isinstance(one, Enum) and isinstance(other, Enum):
        return _explain_enums(one, other)
    if isinstance(one, Func) and isinstance(other, Func):
        return _explain_functions(a, b, one.type, other.type)
    if isinstance(one, Typedef) and isinstance(other, Typedef):
        target, twin = one.type, other.type
        texts = spell(target), spell(twin)
        nested = _explain_nameless(a, b, target, twin) if texts[0] == texts[1] else []
        return nested or [Difference("type", "changed", *texts, True)]
    if isinstance(one, Var) and isinstance(other, Var):
        return _explain_variables(a, b, one, other)
    if isinstance(one, Sized) and isinstance(other, Sized):
        return list(_explain_numbers(one, other))
    return [Difference("kind", "changed", one.kind_name, other.kind_name, True)]


def _explain_nameless(a: Side, b: Side, one: Type, other: Type) -> list[Difference]:
    """Return how two nameless types differ inside."""
    if isinstance(one, Struct | UnionType) and type(one) is type(other):
        return _explain_composites(a, b, one, other)
    if isinstance(one, Enum) and isinstance(other, Enum):
        return _explain_enums(one, other)
    return []


def _leaves(
    side: Side, view: Type, path: str = "", base: int = 0, depth: int = 0
) -> Iterator[_Leaf]:
    """Yield the members of a struct or union, those of nameless ones inside by their path."""
    for index, member in enumerate(getattr(view, "members", ())):
        inside = member.type
        name = member.name or f"#{index}"
        nameless = isinstance(inside, Struct | UnionType) and not inside.name
        start = base + member.bit_offset
        if nameless and depth < MAX_DEPTH:
            inner = f"{path}{name}." if member.name else path
            yield from _leaves(side, inside, inner, start, depth + 1)
        else:
            seen = int(side.seen[member.type_id])
            yield _Leaf(path + name, inside, start, member.bitfield_size, seen)


def _explain_composites(a: Side, b: Side, one: Type, other: Type) -> list[Difference]:
    ours, theirs = (
        {leaf.path: leaf for leaf in islice(_leaves(*pair), MAX_LEAVES)}
        for pair in ((a, one), (b, other))
    )
    # What stands at the same place with the same type under another name.
    free = {
        (leaf.start, leaf.bits, leaf.seen): leaf
        for leaf in theirs.values()
        if leaf.path not in ours
    }
    found: list[tuple[int, int, Difference]] = []
    renamed = set()
    for leaf in ours.values():
        twin = theirs.get(leaf.path)
        if twin is None:
            new = free.pop((leaf.start, leaf.bits, leaf.seen), None)
            if new is None:
                made = Difference(
                    f"member {leaf.path}", "removed", f"{leaf.text} at {leaf.place}", "", True
                )
            else:
                renamed.add(new.path)
                made = Difference("member", "renamed", leaf.path, new.path, False)
            found.append((0, leaf.start, made))
        elif leaf.seen != twin.seen or leaf.bits != twin.bits:
            found.append((0, leaf.start, _retyped(a, b, leaf, twin)))
    for leaf in theirs.values():
        if leaf.path not in ours and leaf.path not in renamed:
            said = f"{leaf.text} at {leaf.place}"
            found.append(
                (0, leaf.start, Difference(f"member {leaf.path}", "added", "", said, False))
            )
    for leaf in ours.values():
        twin = theirs.get(leaf.path)
        if twin is not None and leaf.start != twin.start:
            made = Difference(f"member {leaf.path}", "moved", leaf.place, twin.place, True)
            found.append((1, leaf.start, made))
    differences = [made for _, _, made in sorted(found, key=lambda row: row[:2])]
    sizes = one.word(2), other.word(2)
    if sizes[0] != sizes[1]:
        differences.insert(0, Difference("size", "changed", str(sizes[0]), str(sizes[1]), True))
    return differences or [Difference("order of members", "changed", "one", "another", False)]


def _retyped(a: Side, b: Side, leaf: _Leaf, twin: _Leaf) -> Difference:
    """Return how a member's type differs."""
    texts = leaf.text, twin.text
    if texts[0] == texts[1]:
        one, other = _innermost(leaf.view), _innermost(twin.view)
        inner = _explain_nameless(a, b, one, other) if not one.name else []
        if inner:
            first = inner[0]
            return first._replace(what=f"member {leaf.path}: {first.what}")
    return Difference(f"member {leaf.path}", "changed", *texts, True)


def _innermost(view: Type) -> Type:
    """Return the element of an array, the target of a pointer, without typedefs and modifiers."""
    for _ in range(MAX_DEPTH):
        view = follow(view)
        if isinstance(view, Array):
            view = view.element
        elif view.kind_name == "PTR" and hasattr(view, "type"):
            view = view.type
        else:
            break
    return view


def _explain_enums(one: Enum, other: Enum) -> list[Difference]:
    differences = []
    if one.size != other.size:
        differences.append(Difference("size", "changed", str(one.size), str(other.size), True))
    mask = (1 << (8 * min(one.size, other.size))) - 1
    ours, theirs = ({v.name: v.value for v in view.values} for view in (one, other))
    for name, value in ours.items():
        if name not in theirs:
            differences.append(Difference(f"value {name}", "removed", str(value), "", True))
        elif (value ^ theirs[name]) & mask:
            said = str(value), str(theirs[name])
            differences.append(Difference(f"value {name}", "changed", *said, True))
    for name, value in theirs.items():
        if name not in ours:
            differences.append(Difference(f"value {name}", "added", "", str(value), False))
    return differences or [Difference("order of values", "changed", "one", "another", False)]


def _explain_functions(a: Side, b: Side, one: Type, other: Type) -> list[Difference]:
    if not isinstance(one, FuncProto) or not isinstance(other, FuncProto):
        return [Difference("type", "changed", one.kind_name, other.kind_name, True)]
    differences = []
    if a.seen[one.type_id] != b.seen[other.type_id]:
        said = spell(one.type), spell(other.type)
        differences.append(Difference("returns", "changed", *said, True))
    return differences + list(_explain_params(a, b, one.params, other.params))


def _explain_params(
    a: Side, b: Side, ours: Sequence[Param], theirs: Sequence[Param]
) -> Iterator[Difference]:
    """Yield differences of parameters; of lists of two lengths by name, if names tell."""
    names, twins = [p.name for p in ours], [p.name for p in theirs]
    gone = [i for i, name in enumerate(names) if name not in twins]
    new = [i for i, name in enumerate(twins) if name not in names]
    if len(ours) == len(theirs) or len(ours) - len(gone) != len(theirs) - len(new):
        pairs = list(zip(ours, theirs, strict=False))
        gone, new = list(range(len(pairs), len(ours))), list(range(len(pairs), len(theirs)))
    else:
        kept = [p for p in theirs if p.name in names]
        pairs = list(zip((p for p in ours if p.name in twins), kept, strict=True))
    for i in gone:
        yield Difference(f"parameter {_named(ours, i)}", "removed", _type(a, ours[i]), "", True)
    for i in new:
        yield Difference(f"parameter {_named(theirs, i)}", "added", "", _type(b, theirs[i]), True)
    for one, other in pairs:
        place = _named(ours, ours.index(one))
        if a.seen[one.type_id] != b.seen[other.type_id]:
            said = _type(a, one), _type(b, other)
            yield Difference(f"parameter {place}", "changed", *said, True)
        elif one.name != other.name:
            yield Difference(f"parameter {place}", "renamed", one.name, other.name, False)


def _named(params: Sequence[Param], index: int) -> str:
    """Return a parameter's number, from 1, and its name."""
    return f"{index + 1}{f' ({params[index].name})' if params[index].name else ''}"


def _type(side: Side, param: Param) -> str:
    return spell(side.graph[param.type_id]) if param.type_id or param.name else "..."


def _explain_variables(a: Side, b: Side, one: Var, other: Var) -> list[Difference]:
    differences = []
    if a.seen[one.type_id] != b.seen[other.type_id]:
        texts = spell(one.type), spell(other.type)
        nested: list[Difference] = []
        if texts[0] == texts[1]:
            nested = _explain_nameless(a, b, _innermost(one.type), _innermost(other.type))
        differences += nested or [Difference("type", "changed", *texts, True)]
    sections = a.section(one.id), b.section(other.id)
    if sections[0] != sections[1]:
        differences.append(Difference("section", "moved", *sections, False))
    return differences


def _explain_numbers(one: Sized, other: Sized) -> Iterator[Difference]:
    if one.size != other.size:
        yield Difference("size", "changed", str(one.size), str(other.size), True)
    if isinstance(one, Int) and isinstance(other, Int):
        for field in ("bits", "bit_offset", "signed", "char", "boolean"):
            said = getattr(one, field), getattr(other, field)
            if said[0] != said[1]:
                one_text, other_text = (str(value).lower() for value in said)
                yield Difference(field.replace("_", " "), "changed", one_text, other_text, True)
