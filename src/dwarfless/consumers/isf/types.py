"""Types as Volatility reads them: base types, user types, enums.

In:  a TypeGraph.
Out: JSON text by name.

Typedefs and qualifiers are resolved; a struct that only a typedef names gets the typedef's name.
There is one type of a name here, while a kernel's units may each have their own: the name is the
one's that most others use, the rest is NAME__2 and so on. What has no name at all is called by its
content, so its name stays as long as the content does.

Source: schema-6.3.0.json of Volatility 3; output of dwarf2json 0.9.0.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection
from typing import Final, Literal

from dwarfless.consumers.isf.table import COMPOSITES, ENUMS, Table, quote
from dwarfless.formats.btf import Kind
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["FUNCTION", "VOID", "Types", "distinct"]

VOID: Final = '{"kind":"base","name":"void"}'
FUNCTION: Final = '{"kind":"function"}'
#: How deep types without names may nest; the kernel's own limit for all is 32.
MAX_DEPTH: Final = 32
#: Bits of an INT's encoding.
SIGNED, BOOL = 1, 4
#: Kinds that are described by what they refer to.
TRANSPARENT: Final = frozenset(
    {Kind.TYPEDEF, Kind.VOLATILE, Kind.CONST, Kind.RESTRICT, Kind.TYPE_TAG}
)
CHARS: Final = frozenset({"char", "signed char", "unsigned char"})


def distinct(name: str, taken: Collection[str]) -> str:
    """Return NAME__2, or the next that is free.

    >>> distinct("lock", {"lock", "lock__2"})
    'lock__3'
    """
    number = 2
    while (found := f"{name}__{number}") in taken:
        number += 1
    return found


class Types:
    """All types of a graph, as JSON text.

    Args:
        graph: With all its levels.
        byte_order: Of the program.
        pointer_size: In bytes.
        report: Takes what was renamed, and what can't be said.

    Attributes:
        base_types: Name -> text.
        user_types: Name -> text.
        enums: Name -> text.

    Raises:
        UnsupportedError: A kind nobody knows may refer to types.

    Cost: half a second for Debian's 6.12.
    """

    def __init__(
        self,
        graph: TypeGraph,
        *,
        byte_order: Literal["little", "big"],
        pointer_size: int,
        report: Report,
    ) -> None:
        self.table = table = Table(graph)
        self._report, self._order = report, byte_order
        self._texts: dict[int, str] = {0: VOID}
        self._open: set[int] = set()
        self._names: dict[int, str] = {}
        self.base_types: dict[str, str] = {}
        self.user_types: dict[str, str] = {}
        self.enums: dict[str, str] = {}
        tagged = [i for i in table.ids(*COMPOSITES) if table.name(i)]
        aliases = [i for i in table.ids(Kind.TYPEDEF) if table.is_alias(i)]
        numbers = table.ids(Kind.INT, Kind.FLOAT)
        enums = [i for i in table.ids(*ENUMS) if table.name(i)]
        for ids in (numbers, [*tagged, *aliases], enums):
            self._name(ids)
        #: (size, signed) -> a base type for enums.
        self._integers: dict[tuple[int, bool], str] = {}
        self._add_base_types(numbers, pointer_size)
        for i in enums:
            self.enums[self._names[i]] = self._enum(i)
        for i in tagged:
            self.user_types[self._names[i]] = self._composite(i)
        for i in aliases:
            self.user_types[self._names[i]] = self._composite(table.third(i))
        undefined = {table.name(i) for i in table.ids(Kind.FWD)} - self.user_types.keys()
        for name in sorted(undefined):
            report.add("type", name, "declared only")

    def describe(self, type_id: int) -> str:
        """Return the text that stands for a type where it is used."""
        text = self._texts.get(type_id)
        if text is None:
            if type_id in self._open or len(self._open) >= MAX_DEPTH:
                self._report.count("type", "nested too deep, or in itself: described as void")
                return VOID
            self._open.add(type_id)
            text = self._texts[type_id] = self._describe(type_id)
            self._open.discard(type_id)
        return text

    def _describe(self, type_id: int) -> str:
        table = self.table
        kind = table.kinds[type_id]
        if type_id in self._names and kind not in ENUMS:
            if kind == Kind.TYPEDEF:
                kind = table.kinds[table.third(type_id)]
            word = {Kind.STRUCT: "struct", Kind.UNION: "union"}.get(Kind(kind), "base")
            return self._named(word, self._names[type_id])
        if kind in TRANSPARENT:
            return self.describe(table.third(type_id))
        if kind == Kind.PTR:
            return f'{{"kind":"pointer","subtype":{self.describe(table.third(type_id))}}}'
        if kind == Kind.ARRAY:
            at = table.starts[type_id] + 3
            element, _, count = table.words[at : at + 3]
            return f'{{"kind":"array","subtype":{self.describe(element)},"count":{count}}}'
        if kind in COMPOSITES:
            return self._unnamed("struct" if kind == Kind.STRUCT else "union", type_id)
        if kind == Kind.FWD:
            return self._named("union" if table.flags[type_id] else "struct", table.name(type_id))
        if kind in ENUMS:
            if type_id in self._names:
                return self._named("enum", self._names[type_id])
            return self._unnamed("enum", type_id)
        if kind == Kind.FUNC_PROTO:
            return FUNCTION
        self._report.count("type", "no type that anything may have: described as void")
        return VOID

    @staticmethod
    def _named(word: str, name: str) -> str:
        return f'{{"kind":"{word}","name":{quote(name)}}}'

    def _unnamed(self, word: str, type_id: int) -> str:
        """Add what has no name under one that says what it is."""
        is_enum = word == "enum"
        text = self._enum(type_id) if is_enum else self._composite(type_id)
        name = f"unnamed_{hashlib.sha256(text.encode()).hexdigest()[:16]}"
        (self.enums if is_enum else self.user_types)[name] = text
        return self._named(word, name)

    def _name(self, ids: list[int]) -> None:
        """Give each type a name that no other of them has."""
        table = self.table
        groups: defaultdict[str, list[int]] = defaultdict(list)
        for i in ids:
            groups[table.name(i)].append(i)
        taken = set(groups)
        for name, group in groups.items():
            if len(group) > 1:
                group.sort(key=lambda i: (-table.weights[i], table.kinds[i] == Kind.TYPEDEF, i))
            self._names[group[0]] = name
            for i in group[1:]:
                other = self._names[i] = distinct(name, taken)
                taken.add(other)
                self._report.add("type", name, "one of several of its name, called NAME__N", other)

    def _add_base_types(self, ids: list[int], pointer_size: int) -> None:
        table = self.table
        self._add_base_type("void", 0, "void", signed=False)
        self._add_base_type("pointer", pointer_size, "int", signed=False)
        for i in sorted(ids, key=lambda i: self._names[i]):
            name, size = self._names[i], table.third(i)
            encoding = 0
            kind = "float"
            if table.kinds[i] == Kind.INT:
                encoding = table.words[table.starts[i] + 3] >> 24
                kind = "bool" if encoding & BOOL else "char" if name in CHARS else "int"
            signed = bool(encoding & SIGNED) or kind == "float"
            self._add_base_type(name, size, kind, signed=signed)
            if kind == "int":
                self._integers.setdefault((size, signed), name)

    def _add_base_type(self, name: str, size: int, kind: str, *, signed: bool) -> None:
        sign = "true" if signed else "false"
        self.base_types[name] = (
            f'{{"size":{size},"signed":{sign},"kind":"{kind}","endian":"{self._order}"}}'
        )

    def _integer(self, size: int, signed: bool) -> str:
        """Return the name of a base type of a size, made up where a program has none."""
        name = self._integers.get((size, signed))
        if name is None:
            name = f"{'' if signed else 'u'}int{8 * size}"
            if name in self.base_types:
                name = distinct(name, self.base_types)
            self._integers[size, signed] = name
            self._add_base_type(name, size, "int", signed=signed)
        return name

    def _enum(self, type_id: int) -> str:
        table = self.table
        words, signed, size = table.words, table.flags[type_id], table.third(type_id)
        start, end = table.starts[type_id] + 3, table.starts[type_id + 1]
        if table.kinds[type_id] == Kind.ENUM:
            names, bits = words[start:end:2], 32
            values = words[start + 1 : end : 2]
        else:
            names, bits = words[start:end:3], 64
            low, high = words[start + 1 : end : 3], words[start + 2 : end : 3]
            values = [a | b << 32 for a, b in zip(low, high, strict=True)]
        if signed:
            values = [v - (1 << bits) if v >> bits - 1 else v for v in values]
        constants = dict(zip(map(table.quoted, names), values, strict=True))
        self._lost("enumerator", len(names) - len(constants))
        inner = ",".join(f"{name}:{value}" for name, value in constants.items())
        base = quote(self._integer(size, signed))
        return f'{{"size":{size},"base":{base},"constants":{{{inner}}}}}'

    def _composite(self, type_id: int) -> str:
        table = self.table
        words, start, end = table.words, table.starts[type_id] + 3, table.starts[type_id + 1]
        names, types = words[start:end:3], words[start + 1 : end : 3]
        offsets = words[start + 2 : end : 3]
        describe, quoted = self.describe, table.quoted
        if table.flags[type_id] or 0 in names:
            fields = self._fields(names, types, offsets, table.flags[type_id])
        else:
            fields = {
                quoted(name): f'{{"type":{describe(member)},"offset":{offset >> 3}}}'
                for name, member, offset in zip(names, types, offsets, strict=True)
            }
        self._lost("member", len(names) - len(fields))
        kind = "struct" if table.kinds[type_id] == Kind.STRUCT else "union"
        inner = ",".join(f"{name}:{text}" for name, text in fields.items())
        return f'{{"kind":"{kind}","size":{table.third(type_id)},"fields":{{{inner}}}}}'

    def _fields(
        self, names: list[int], types: list[int], offsets: list[int], has_sizes: bool
    ) -> dict[str, str]:
        """Return the members of a composite with bitfields, or with members without names."""
        fields = {}
        unnamed = 0
        for name, member, offset in zip(names, types, offsets, strict=True):
            size = offset >> 24 if has_sizes else 0
            place = offset & 0xFFFFFF if has_sizes else offset
            label, more = self.table.quoted(name), ""
            if not name:
                label = f'"unnamed_field_{unnamed:x}"'
                unnamed += 1
                # Only their members can be looked up through what has no name.
                if self._resolve(member) in COMPOSITES:
                    more = ',"anonymous":true'
            if size:
                fields[label] = self._bitfield(member, place, size)
            else:
                described = self.describe(member)
                fields[label] = f'{{"type":{described},"offset":{place >> 3}{more}}}'
        return fields

    def _bitfield(self, member: int, place: int, size: int) -> str:
        """Return a bitfield; its position counts from the lowest bit of what it is stored in."""
        unit = 8 * self._storage(member)
        start = place // unit * unit if unit else 0
        if not unit or place + size > start + unit:
            # Packed over the end of a unit: read from its own first byte.
            start = place & ~7
        position = place - start
        if self._order == "big":
            position = max(unit, 8) - position - size
        if position < 0 or position + size > max(unit, 8):
            self._report.count("member", "a bitfield in more bytes than its type has")
        return (
            f'{{"type":{{"kind":"bitfield","bit_position":{position},"bit_length":{size},'
            f'"type":{self.describe(member)}}},"offset":{start >> 3}}}'
        )

    def _target(self, type_id: int) -> int:
        """Return what typedefs and qualifiers end at."""
        for _ in range(MAX_DEPTH):
            if self.table.kinds[type_id] not in TRANSPARENT:
                break
            type_id = self.table.third(type_id)
        return type_id

    def _resolve(self, type_id: int) -> int:
        """Return the kind that typedefs and qualifiers end at."""
        return self.table.kinds[self._target(type_id)]

    def _storage(self, type_id: int) -> int:
        """Return the size in bytes of what a bitfield is stored in, 0 if it has none."""
        target = self._target(type_id)
        sized = self.table.kinds[target] in {Kind.INT, *ENUMS}
        return self.table.third(target) if sized else 0

    def _lost(self, what: str, number: int) -> None:
        self._report.count(what, "another one of its type has the name", number)
