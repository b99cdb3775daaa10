"""Find in a kernel's types what a relocation of a BPF object names.

In:  a relocation, the object's types, the kernel's.
Out: the kernel's type, and the way from there to the field or enumerator.

What follows ___ in a name is a flavour and no part of it. A field is looked for by name, through
anonymous structs; elements of arrays by index. Any two numbers agree, any two pointers, structs
and unions; arrays if their elements do, enums if their names do.

Source: what libbpf 1.7's relo_core.c does.
"""

from dataclasses import dataclass, field
from typing import Final

from dwarfless.btf.ext import Relocation
from dwarfless.errors import BtfError, UnsupportedError
from dwarfless.formats.btf import Kind
from dwarfless.formats.btf_ext import RelocationKind
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["ENUMERATORS", "FIELDS", "Match", "Matcher", "essential"]

FIELDS: Final = frozenset(RelocationKind(i) for i in range(6))
ENUMERATORS: Final = (RelocationKind.ENUMERATOR_EXISTS, RelocationKind.ENUMERATOR_VALUE)
SKIPPED: Final = (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG)
COMPOSITES: Final = (Kind.STRUCT, Kind.UNION)
ENUMS: Final = (Kind.ENUM, Kind.ENUM64)
#: Steps of a way, and types in a chain, that libbpf follows.
MAX_WAY: Final = 64
MAX_CHAIN: Final = 32
#: Members that are looked at for one field; a kernel's largest struct has 400.
MAX_LOOKS: Final = 1_000_000


def essential(name: str) -> str:
    """Return a name without its flavour."""
    at = name.rfind("___")
    # The flavour and what stands before it each have a character, and that before no underscore.
    while at > 0:
        if at + 3 < len(name) and name[at - 1] != "_" and name[at + 3] != "_":
            return name[:at]
        at = name.rfind("___", 0, at + 2)
    return name


@dataclass
class Match:
    """A kernel's type that fits a relocation.

    Attributes:
        type_id: The kernel's type.
        way: Indices, as a relocation's access string, in the kernel's type.
        bit_offset: Of the field.
    """

    type_id: int
    way: list[int] = field(default_factory=list)
    bit_offset: int = 0


@dataclass(frozen=True)
class Step:
    """A step of a relocation's way: a named member, or an element if the name is ""."""

    name: str
    index: int
    type_id: int


class Matcher:
    """Matches an object's relocations against a kernel.

    Args:
        local: The object's types.
        target: The kernel's.
    """

    def __init__(self, local: TypeGraph, target: TypeGraph) -> None:
        self.local, self.target = local, target
        self._looks = 0

    def match(self, relocation: Relocation, candidate: int) -> Match | None:
        """Return how a type of the kernel fits, or None."""
        kind = relocation.kind
        if kind is RelocationKind.TYPE_MATCHES:
            raise UnsupportedError("relocation TYPE_MATCHES", place=self.local.source)
        if kind in ENUMERATORS:
            return self._match_enumerator(relocation, candidate)
        if kind not in FIELDS:
            fits = self._types_agree(relocation.type_id, candidate)
            return Match(candidate) if fits else None
        self._looks = 0
        found, type_id = Match(candidate), candidate
        for number, step in enumerate(self.steps(relocation)):
            type_id = skip(self.target, type_id)
            if step.name:
                next_id = self._match_member(step, type_id, found, 0)
                if next_id is None:
                    return None
                type_id = next_id
                continue
            if number:
                view = self.target[type_id]
                if view.kind_number != Kind.ARRAY:
                    return None
                if step.index >= view.word(5) and not self._is_flexible(found, view.word(5)):
                    return None
                type_id = skip(self.target, view.word(3))
            found.way.append(step.index)
            found.bit_offset += 8 * step.index * size_of(self.target, type_id)
        return found

    def steps(self, relocation: Relocation) -> list[Step]:
        """Return the steps of a field's way that have a meaning: names and indices.

        Raises:
            BtfError: The way leads nowhere.
        """
        numbers = self._numbers(relocation)
        type_id = skip(self.local, relocation.type_id)
        steps = [Step("", numbers[0], type_id)]
        last = False
        for index in numbers[1:]:
            view = self.local[type_id]
            if view.kind_number in COMPOSITES and index < view.vlen:
                name = self.local.string(view.word(3 + 3 * index))
                member = view.word(4 + 3 * index)
                if name:
                    steps.append(Step(name, index, member))
                type_id, last = skip(self.local, member), index == view.vlen - 1
            elif view.kind_number == Kind.ARRAY:
                # The last member of a struct may be an array of any length.
                if index >= view.word(5) and not (last and view.word(5) == 0):
                    raise self._bad(relocation)
                type_id, last = skip(self.local, view.word(3)), False
                steps.append(Step("", index, type_id))
            else:
                raise self._bad(relocation)
        return steps

    def _numbers(self, relocation: Relocation) -> list[int]:
        parts = relocation.access.split(":")
        if len(parts) > MAX_WAY or not all(p.isascii() and p.isdigit() for p in parts):
            raise self._bad(relocation)
        return [int(part[:10]) for part in parts]

    def _bad(self, relocation: Relocation) -> BtfError:
        return BtfError(
            f"relocation {relocation.access!r} of type {relocation.type_id} leads nowhere",
            source=self.local.source,
            section=relocation.section,
            offset=relocation.offset,
        )

    def _is_flexible(self, found: Match, count: int) -> bool:
        """Tell whether the way so far ends at a struct's last member, an array without length."""
        if count:
            return False
        type_id = found.type_id
        last = False
        for index in found.way[1:]:
            view = self.target[skip(self.target, type_id)]
            if view.kind_number == Kind.ARRAY:
                type_id, last = view.word(3), False
            else:
                type_id, last = view.word(4 + 3 * index), index == view.vlen - 1
        return last

    def _match_member(self, step: Step, type_id: int, found: Match, depth: int) -> int | None:
        """Go to the member of a name; return its type, or None with nothing changed."""
        type_id = skip(self.target, type_id)
        view = self.target[type_id]
        if view.kind_number not in COMPOSITES or depth > MAX_CHAIN:
            return None
        for index in range(view.vlen):
            self._looks += 1
            if self._looks > MAX_LOOKS:
                raise BtfError(
                    f"type {type_id} nests out of all proportion",
                    source=self.target.source,
                    section=".BTF types",
                    offset=0,
                )
            name, member, offset = (view.word(3 + 3 * index + i) for i in range(3))
            offset = offset & 0xFFFFFF if view.kind_flag else offset
            text = self.target.string(name)
            if text and text != step.name:
                continue
            found.way.append(index)
            found.bit_offset += offset
            if not text:
                inner = self._match_member(step, member, found, depth + 1)
                if inner is not None:
                    return inner
            elif self._fields_agree(step.type_id, member):
                return member
            found.way.pop()
            found.bit_offset -= offset
            if text:
                return None
        return None

    def _match_enumerator(self, relocation: Relocation, candidate: int) -> Match | None:
        local = self.local[skip(self.local, relocation.type_id)]
        numbers = self._numbers(relocation)
        if local.kind_number not in ENUMS or len(numbers) > 1 or numbers[0] >= local.vlen:
            raise self._bad(relocation)
        wanted = essential(enumerator(self.local, local.id, numbers[0]))
        target = self.target[skip(self.target, candidate)]
        if target.kind_number in ENUMS:
            for index in range(target.vlen):
                if essential(enumerator(self.target, target.id, index)) == wanted:
                    return Match(candidate, [index])
        return None

    def _fields_agree(self, local_id: int, target_id: int) -> bool:
        for _ in range(MAX_CHAIN):
            local = self.local[skip(self.local, local_id)]
            target = self.target[skip(self.target, target_id)]
            if local.kind_number in COMPOSITES and target.kind_number in COMPOSITES:
                return True
            if not kinds_agree(local.kind_number, target.kind_number):
                return False
            if local.kind_number in (*ENUMS, Kind.FWD):
                names = essential(local.name), essential(target.name)
                return not all(names) or names[0] == names[1]
            if local.kind_number == Kind.INT:
                return not (local.word(3) >> 16 & 0xFF or target.word(3) >> 16 & 0xFF)
            if local.kind_number != Kind.ARRAY:
                return local.kind_number in (Kind.PTR, Kind.FLOAT)
            local_id, target_id = local.word(3), target.word(3)
        return False

    def _types_agree(self, local_id: int, target_id: int, depth: int = MAX_CHAIN) -> bool:
        if not kinds_agree(self.local[local_id].kind_number, self.target[target_id].kind_number):
            return False
        while depth > 0:
            depth -= 1
            local = self.local[skip(self.local, local_id)]
            target = self.target[skip(self.target, target_id)]
            kind = local.kind_number
            if not kinds_agree(kind, target.kind_number):
                return False
            if kind in (*COMPOSITES, *ENUMS, Kind.FWD, Kind.VOID):
                return True
            if kind == Kind.INT:
                return not (local.word(3) >> 16 & 0xFF or target.word(3) >> 16 & 0xFF)
            if kind == Kind.PTR:
                local_id, target_id = local.word(2), target.word(2)
            elif kind == Kind.ARRAY:
                local_id, target_id = local.word(3), target.word(3)
            elif kind == Kind.FUNC_PROTO:
                if local.vlen != target.vlen or depth < local.vlen:
                    return False
                for i in range(local.vlen):
                    one, other = skip(self.local, local.word(4 + 2 * i)), target.word(4 + 2 * i)
                    if not self._types_agree(one, skip(self.target, other), depth // 2):
                        return False
                local_id, target_id = local.word(2), target.word(2)
            else:
                return False
        return False


def kinds_agree(a: int, b: int) -> bool:
    """Tell whether two kinds may stand for each other."""
    return a == b or (a in ENUMS and b in ENUMS)


def skip(graph: TypeGraph, type_id: int) -> int:
    """Return the type behind typedefs and modifiers; void for a chain without end."""
    for _ in range(1000):
        view = graph[type_id]
        if view.kind_number not in SKIPPED:
            return type_id
        type_id = view.word(2)
    return 0


def size_of(graph: TypeGraph, type_id: int) -> int:
    """Return a type's bytes, 0 for what has none."""
    count = 1
    for _ in range(MAX_CHAIN):
        view = graph[skip(graph, type_id)]
        if view.kind_number == Kind.ARRAY:
            count, type_id = count * view.word(5), view.word(3)
        elif view.kind_number == Kind.PTR:
            return count * 8
        elif view.kind_number in (Kind.INT, Kind.FLOAT, *COMPOSITES, *ENUMS):
            return count * view.word(2)
        else:
            break
    return 0


def enumerator(graph: TypeGraph, type_id: int, index: int) -> str:
    """Return the name of an enumerator."""
    view = graph[type_id]
    return graph.string(view.word(3 + index * (2 if view.kind_number == Kind.ENUM else 3)))
