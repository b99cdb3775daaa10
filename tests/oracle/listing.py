"""A BTF listing without ids: what the types say, in an order and spelling of its own.

In:  raw listing text, as ``bpftool btf dump file`` and ``dwarfless dump`` print it.
Out: one block a named type, references spelled as C, sorted; equal texts mean equal types.

    STRUCT point size=8          bit offset, type and name of each member
      0 int x
      32:3 int y                 a bitfield of three bits at bit 32
    TYPEDEF int (*callback)(struct point *)
    FUNC static int main(int argc, char **argv)
    DATASEC .data                size in bytes, linkage, type and name of each variable
      4 global int counter

Anonymous types are written where they are used. What differs between compilers and means nothing
is left out: ids, the order of types, offsets of variables (checked against the symbol table
elsewhere), base types that nothing uses, and the order of words in "long unsigned int".
Several types of one kind and name are numbered by what they contain: ``struct foo#2``.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property

__all__ = ["Listing", "Record", "block_rank", "integer_name"]

HEAD = re.compile(r"^\[(\d+)\] (\w+) '(.*?)'(?: (.*))?$")
ITEM = re.compile(r"^\t(?:'(.*?)' )?(.*)$")
FIELD = re.compile(r"(\w+)=([^\s,]+)")
REFERENCES = ("type_id", "index_type_id", "ret_type_id")
QUALIFIERS = {"CONST": "const", "VOLATILE": "volatile", "RESTRICT": "restrict"}
COMPOSITES = {"STRUCT": "struct", "UNION": "union", "ENUM": "enum", "ENUM64": "enum"}
INTEGER_WORDS = ("unsigned", "signed", "char", "short", "long", "int", "__int128")
SECTIONED = ("VAR", "DATASEC")
ORDER = (
    *("INT", "FLOAT", "ENUM", "ENUM64", "FWD", "STRUCT", "UNION", "TYPEDEF", "FUNC"),
    *("VAR", "DATASEC", "DECL_TAG"),
)


@dataclass(frozen=True)
class Item:
    """A member, value, parameter or variable of a section; ``name`` is "" for none."""

    name: str
    fields: dict[str, str]


@dataclass
class Record:
    """One type of a listing; ``name`` is "" for none."""

    id: int
    kind: str
    name: str
    fields: dict[str, str]
    items: list[Item] = field(default_factory=list)

    def references(self) -> list[int]:
        """Return every type id it mentions, in order."""
        everything = [self.fields, *(item.fields for item in self.items)]
        return [int(f[key]) for f in everything for key in REFERENCES if key in f]


def integer_name(name: str) -> str:
    """Spell a C integer one way: "long unsigned int" and "unsigned long" are the same."""
    words = name.split()
    if not words or any(word not in INTEGER_WORDS for word in words):
        return name
    words.sort(key=INTEGER_WORDS.index)
    if len(words) > 1 and words[-1] == "int" and words != ["unsigned", "int"]:
        words.pop()
    return " ".join(words)


def block_rank(block: str) -> tuple[int, str]:
    """Return what blocks are sorted by: kind, then text."""
    return ORDER.index(block.split()[0]), block


class Listing:
    """The records of one listing, and their text without ids.

    Attributes:
        records: Type id -> Record.
    """

    def __init__(self, text: str) -> None:
        self.records: dict[int, Record] = {}
        current = None
        for line in text.splitlines():
            if head := HEAD.match(line):
                name = "" if head[3] == "(anon)" else head[3]
                if head[2] == "INT":
                    name = integer_name(name)
                fields = dict(FIELD.findall(head[4] or ""))
                current = Record(int(head[1]), head[2], name, fields)
                self.records[current.id] = current
            elif (item := ITEM.match(line)) and current:
                name = "" if item[1] in (None, "(anon)") else item[1]
                current.items.append(Item(name, dict(FIELD.findall(item[2]))))
            elif line.strip():
                raise ValueError(f"not a line of a listing: {line!r}")

    def text(self) -> str:
        """Return the blocks, sorted."""
        shown = [r for r in self.records.values() if self._stands_alone(r)]
        return "".join(sorted((self._block(r) for r in shown), key=block_rank))

    def duplicates(self) -> list[tuple[int, ...]]:
        """Return the groups of ids that mean the same: what dedup has missed."""
        labels = {0: 0} | {r.id: hash(self._own(r)) for r in self.records.values()}
        classes = 0
        while len(set(labels.values())) > classes:
            classes = len(set(labels.values()))
            labels = {0: 0} | {
                r.id: hash((labels[r.id], *(labels[i] for i in r.references())))
                for r in self.records.values()
            }
        groups = defaultdict(list)
        for r in self.records.values():
            if r.kind not in SECTIONED:
                groups[labels[r.id]].append(r.id)
        return [tuple(ids) for ids in groups.values() if len(ids) > 1]

    def open_forwards(self) -> list[str]:
        """Return the forwards whose name exactly one struct or union of their kind has."""
        full = Counter((r.kind.lower(), r.name) for r in self.records.values())
        forwards = (r for r in self.records.values() if r.kind == "FWD")
        return [r.name for r in forwards if full[r.fields["fwd_kind"], r.name] == 1]

    def variables(self) -> list[tuple[str, str, int, int]]:
        """Return (section, name, offset, size) of every variable, as listed."""
        return [
            (r.name, self.records[int(i.fields["type_id"])].name, *_place(i))
            for r in self.records.values()
            if r.kind == "DATASEC"
            for i in r.items
        ]

    @staticmethod
    def _own(r: Record) -> tuple[object, ...]:
        """What a record says apart from the types it refers to."""
        fields = [r.fields, *(item.fields for item in r.items)]
        plain = [tuple((k, v) for k, v in f.items() if k not in REFERENCES) for f in fields]
        return (r.kind, r.name, *plain, *(item.name for item in r.items))

    @cached_property
    def _used(self) -> set[int]:
        """Ids that something refers to, other than as the index of an array."""
        ids = {i for r in self.records.values() for i in r.references() if r.kind != "ARRAY"}
        arrays = (r for r in self.records.values() if r.kind == "ARRAY")
        return ids | {int(r.fields["type_id"]) for r in arrays}

    def _stands_alone(self, r: Record) -> bool:
        if r.kind in ("INT", "FLOAT", "VAR"):
            return (r.id in self._used) != (r.kind == "VAR")
        if r.kind in COMPOSITES and not r.name:
            return r.id not in self._used
        return r.kind in ORDER

    @cached_property
    def _numbers(self) -> dict[int, str]:
        """Id -> "#n" for types that share kind and name with others."""
        self.__dict__["_numbers"] = {}
        groups = defaultdict(list)
        for r in self.records.values():
            if (r.name and r.kind in COMPOSITES) or r.kind == "TYPEDEF":
                groups[r.kind, r.name].append(r)
        numbers = {}
        for group in groups.values():
            group.sort(key=self._block)
            if len(group) > 1:
                numbers |= {r.id: f"#{n}" for n, r in enumerate(group, 1)}
        return numbers

    def _block(self, r: Record) -> str:
        name, number = r.name, self._numbers.get(r.id, "")
        match r.kind:
            case "INT":
                return f"INT {name} size={r.fields['size']} encoding={r.fields['encoding']}\n"
            case "FLOAT":
                return f"FLOAT {name} size={r.fields['size']}\n"
            case "FWD":
                return f"FWD {r.fields['fwd_kind']} {name}\n"
            case "TYPEDEF":
                return f"TYPEDEF {self.spell(r.fields['type_id'], name + number)}\n"
            case "FUNC":
                linkage = r.fields["linkage"]
                return f"FUNC {linkage} {self.spell(r.fields['type_id'], name)}\n"
            case "VAR":
                return f"VAR {self._variable(r)}\n"
            case "DATASEC":
                lines = sorted((self._entry(i) for i in r.items), key=lambda line: line[1])
                return "".join([f"DATASEC {name}\n", *(line[0] for line in lines)])
            case "DECL_TAG":
                target = self.records[int(r.fields["type_id"])]
                index = r.fields["component_idx"]
                place = "" if index == "-1" else f" [{index}]"
                return f"DECL_TAG {name} on {target.kind} {target.name}{place}\n"
        title = f"{r.kind} {name + number}".rstrip()
        if "ENUM" in r.kind:
            values = " ".join(f"{i.name}={i.fields['val']}" for i in r.items)
            sign = r.fields["encoding"]
            return f"{title} size={r.fields['size']} encoding={sign}: {values}".rstrip() + "\n"
        members = "".join(f"  {self._member(i)}\n" for i in r.items)
        return f"{title} size={r.fields['size']}\n{members}"

    def _member(self, item: Item) -> str:
        width = item.fields.get("bitfield_size", "0")
        place = item.fields["bits_offset"] + (f":{width}" if width != "0" else "")
        return f"{place} {self.spell(item.fields['type_id'], item.name)}"

    def _entry(self, item: Item) -> tuple[str, str]:
        variable = self.records[int(item.fields["type_id"])]
        return f"  {item.fields['size']} {self._variable(variable)}\n", variable.name

    def _variable(self, r: Record) -> str:
        return f"{r.fields['linkage']} {self.spell(r.fields['type_id'], r.name)}"

    def spell(self, type_id: str | int, declarator: str = "") -> str:
        """Return a type as C declares something of it; an empty declarator gives the type."""
        r = self.records.get(int(type_id))
        if r is None:
            return f"void {declarator}".rstrip()
        match r.kind:
            case "PTR":
                target = r.fields["type_id"]
                pointer = f"*{declarator}"
                if self._kind(target) in ("ARRAY", "FUNC_PROTO"):
                    pointer = f"({pointer})"
                return self.spell(target, pointer)
            case "ARRAY":
                return self.spell(r.fields["type_id"], f"{declarator}[{r.fields['nr_elems']}]")
            case "FUNC_PROTO":
                parameters = ", ".join(map(self._parameter, r.items)) or "void"
                return self.spell(r.fields["ret_type_id"], f"{declarator}({parameters})")
            case "CONST" | "VOLATILE" | "RESTRICT":
                return self._qualified(QUALIFIERS[r.kind], r, declarator)
            case "TYPE_TAG":
                return self._qualified(f"tag({r.name})", r, declarator)
        prefix = "" if r.kind in ("INT", "FLOAT", "TYPEDEF") else f"{r.kind.lower()} "
        if r.kind in COMPOSITES:
            prefix = f"{COMPOSITES[r.kind]} "
        elif r.kind == "FWD":
            prefix = f"{r.fields['fwd_kind']} "
        name = r.name + self._numbers.get(r.id, "") if r.name else self._body(r)
        return f"{prefix}{name} {declarator}".rstrip()

    def _parameter(self, item: Item) -> str:
        if item.fields["type_id"] == "0" and not item.name:
            return "..."
        return self.spell(item.fields["type_id"], item.name)

    def _qualified(self, word: str, r: Record, declarator: str) -> str:
        target = r.fields["type_id"]
        match self._unqualified(r):
            case "PTR":
                return self.spell(target, f"{word} {declarator}".rstrip())
            case "ARRAY" | "FUNC_PROTO":
                return self.spell(target, f"({word} {declarator}".rstrip() + ")")
        return f"{word} {self.spell(target, declarator)}"

    def _kind(self, type_id: str) -> str:
        r = self.records.get(int(type_id))
        return r.kind if r else "void"

    def _unqualified(self, r: Record | None) -> str:
        while r and (r.kind in QUALIFIERS or r.kind == "TYPE_TAG"):
            r = self.records.get(int(r.fields["type_id"]))
        return r.kind if r else "void"

    def _body(self, r: Record) -> str:
        """Write an anonymous composite in one line."""
        if "ENUM" in r.kind:
            values = ", ".join(f"{i.name}={i.fields['val']}" for i in r.items)
            return f"({r.fields['size']} {r.fields['encoding'].lower()}) {{{values}}}"
        members = "; ".join(self._member(i) for i in r.items)
        return f"({r.fields['size']}) {{{members}}}"


def _place(item: Item) -> tuple[int, int]:
    return int(item.fields["offset"]), int(item.fields["size"])
