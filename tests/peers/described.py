"""Say BTF's types as drgn_variables.py says DWARF's.

In:  a Btf as oracle.btf_reader gives it.
Out: texts and outlines; see there. Nameless arrays of arrays stay as they are: `flat` joins them.
"""

import re
from collections.abc import Iterator

from oracle.btf_reader import Btf

__all__ = ["TAGGED", "Described", "flat"]

TAGGED = {
    "STRUCT": "struct",
    "UNION": "union",
    "ENUM": "enum",
    "ENUM64": "enum",
    "FWD": "struct",
}
QUALIFIERS = {"CONST": "const ", "RESTRICT": "restrict ", "VOLATILE": "volatile "}
#: Integers that drgn calls by their shortest name whatever DWARF says.
SHORTEST = {
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long int": "long",
    "long unsigned int": "unsigned long",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
}
DIMENSIONS = re.compile(r"\[\d+\](?:\[\d+\])+")


def flat(text: str) -> str:
    """Return a text in which arrays of arrays are one array."""

    def join(match: re.Match[str]) -> str:
        product = 1
        for number in re.findall(r"\d+", match[0]):
            product *= int(number)
        return f"[{product}]"

    return DIMENSIONS.sub(join, text)


class Described:
    """The types of a BTF as text."""

    def __init__(self, btf: Btf, address_size: int = 8) -> None:
        self.types, self.address_size = btf.types, address_size
        self.known: dict[int, str] = {}

    def text(self, type_id: int) -> str:
        """Return a type as text."""
        if type_id not in self.known:
            plain_id, words = self._bare(type_id)
            self.known[type_id] = "".join(QUALIFIERS[word] for word in sorted(words))
            self.known[type_id] += self.plain(plain_id)
        return self.known[type_id]

    def _bare(self, type_id: int) -> tuple[int, set[str]]:
        words = set()
        while self.types[type_id][0] in (*QUALIFIERS, "TYPE_TAG"):
            kind, _, target = self.types[type_id][:3]
            words |= {kind} & QUALIFIERS.keys()
            type_id = target
        return type_id, words

    def plain(self, type_id: int) -> str:
        """Return a type that has no qualifiers as text."""
        match self.types[type_id]:
            case ("FWD", name, kind):
                return f"{kind} {name}"
            case ("STRUCT" | "UNION" | "ENUM" | "ENUM64" as kind, name, *_):
                return f"{TAGGED[kind]} {name or self.inside(type_id)}"
            case ("TYPEDEF", name, _):
                return f"typedef {name}"
            case ("PTR", _, target):
                return f"*{self.text(target)}"
            case ("ARRAY", _, element, _, count):
                return f"[{count}]{self.text(element)}"
            case ("FUNC_PROTO", _, returned, params):
                words = [self.text(p[1]) if p != ("", 0) else "..." for p in params]
                return f"({', '.join(words)}){self.text(returned)}"
            case ("INT", name, size, encoding, _, _):
                kind = "bool" if encoding & 4 else "int" if encoding & 1 else "unsigned"
                return f"{kind}{8 * size} {SHORTEST.get(name, name)}"
            case ("FLOAT", name, size):
                return f"float{8 * size} {name}"
            case _:
                return "void"

    def inside(self, type_id: int) -> str:
        """Return the size and content of a struct, union or enum."""
        match self.types[type_id]:
            case ("ENUM" | "ENUM64", _, size, _, values):
                mask = (1 << 8 * size) - 1
                words = [f"{name}={value & mask}" for name, value in values]
                return f"{size} {{{', '.join(words)}}}"
            case ("STRUCT" | "UNION", _, size, _, members):
                words = [
                    f"{name}@{at}{f':{bits}' if bits else ''} {self.text(target)}"
                    for name, target, at, bits in members
                ]
                return f"{size} {{{'; '.join(words)}}}"
            case _:
                return "?"

    def outline(self, type_id: int) -> str:
        """Return one level of a named type."""
        type_ = self.types[type_id]
        return self.text(type_[2]) if type_[0] == "TYPEDEF" else self.inside(type_id)

    def named(self, type_id: int) -> Iterator[int]:
        """Yield the named types that a variable is made of or points to."""
        while True:
            type_id, _ = self._bare(type_id)
            kind, name, *rest = self.types[type_id]
            if kind in (*TAGGED, "TYPEDEF") and name:
                yield type_id
            if kind not in ("TYPEDEF", "PTR", "ARRAY"):
                return
            type_id = rest[0]

    def size(self, type_id: int) -> int:
        """Return a type's size in bytes."""
        type_id, _ = self._bare(type_id)
        match self.types[type_id]:
            case ("ARRAY", _, element, _, count):
                return count * self.size(element)
            case ("PTR", *_):
                return self.address_size
            case ("TYPEDEF", _, target):
                return self.size(target)
            case ("STRUCT" | "UNION" | "ENUM" | "ENUM64" | "INT" | "FLOAT", _, size, *_):
                return int(size)
            case _:
                return 0
