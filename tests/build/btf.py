"""Assemble BTF from plain tuples.

In:  types as oracle.btf_reader gives them, without void.
Out: raw BTF of either byte order; with a base's strings and size, split BTF.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any

from oracle.btf_reader import KINDS, Btf

__all__ = ["assemble"]

Type = tuple[Any, ...]


class _Strings:
    def __init__(self, base: bytes) -> None:
        self.base = base
        self.own = b"" if base else b"\0"
        self.offsets = {"": 0}

    def __call__(self, text: str) -> int:
        if text not in self.offsets:
            self.offsets[text] = len(self.base) + len(self.own)
            self.own += text.encode() + b"\0"
        return self.offsets[text]


def assemble(types: Iterable[Type], base: Btf | None = None, order: str = "<") -> bytes:
    """Return raw BTF; ids are those of the tuples, the first one's is 1 or follows the base's."""
    strings = _Strings(base.strings if base else b"")
    words: list[int] = []
    for type_ in types:
        words += _words(type_, strings)
    content = struct.pack(f"{order}{len(words)}I", *(word & 0xFFFFFFFF for word in words))
    lengths = 0, len(content), len(content), len(strings.own)
    header = struct.pack(f"{order}HBBI4I", 0xEB9F, 1, 0, 24, *lengths)
    return header + content + strings.own


def _words(type_: Type, name: _Strings) -> list[int]:
    kind, own_name, *rest = type_
    flag, vlen, third, more = 0, 0, 0, []
    match kind:
        case "INT":
            third = rest[0]
            more = [rest[1] << 24 | rest[2] << 16 | rest[3]]
        case "ARRAY":
            more = rest
        case "STRUCT" | "UNION":
            third, flag, members = rest
            more = _flat((name(n), t, offset | size << 24) for n, t, offset, size in members)
            vlen = len(members)
        case "ENUM":
            third, flag, values = rest
            more = _flat((name(n), value) for n, value in values)
            vlen = len(values)
        case "ENUM64":
            third, flag, values = rest
            more = _flat((name(n), value, value >> 32) for n, value in values)
            vlen = len(values)
        case "FWD":
            flag = rest[0] == "union"
        case "FUNC":
            third, vlen = rest
        case "FUNC_PROTO":
            third, parameters = rest
            more = _flat((name(n), t) for n, t in parameters)
            vlen = len(parameters)
        case "VAR":
            third, *more = rest
        case "DATASEC":
            third, entries = rest
            more = _flat(entries)
            vlen = len(entries)
        case "DECL_TAG":
            third, *more, flag = rest
        case "TYPE_TAG":
            third, flag = rest
        case _:
            (third,) = rest
    return [name(own_name), flag << 31 | KINDS.index(kind) << 24 | vlen, third, *more]


def _flat(items: Iterable[Sequence[int]]) -> list[int]:
    return [word for item in items for word in item]
