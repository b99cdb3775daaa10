"""The least ELF with debug sections: no program headers or relocations, a symbol table."""

import struct
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Section", "Symbol", "elf_file"]

MACHINES = {(8, False): 62, (4, False): 3, (8, True): 22, (4, True): 20}  # x86, s390x, ppc
PROGBITS, SYMTAB, STRTAB, NOBITS = 1, 2, 3, 8


class Section(NamedTuple):
    """An allocated section at an address."""

    name: str
    address: int
    size: int
    nobits: bool = False


class Symbol(NamedTuple):
    """A defined symbol; ``type`` 1 is an object, 2 a function; ``binding`` 1 is global."""

    name: str
    value: int
    section: str
    size: int = 4
    type: int = 2
    binding: int = 1


class _Strings:
    def __init__(self) -> None:
        self.content = b"\0"

    def add(self, name: str) -> int:
        place = len(self.content)
        self.content += name.encode() + b"\0"
        return place


def elf_file(
    debug: dict[str, bytes],
    sections: Sequence[Section] = (),
    symbols: Sequence[Symbol] = (),
    *,
    address_size: int = 8,
    big: bool = False,
) -> bytes:
    """Return an ET_EXEC with these debug sections, allocated sections and symbols."""
    order, wide = ">" if big else "<", address_size == 8
    numbers = {s.name: i for i, s in enumerate(sections, 1)}
    names, texts = _Strings(), _Strings()
    table = bytes(24 if wide else 16)
    for symbol in symbols:
        place, kind = texts.add(symbol.name), symbol.binding << 4 | symbol.type
        index, value, size = numbers[symbol.section], symbol.value, symbol.size
        if wide:
            table += struct.pack(order + "IBBHQQ", place, kind, 0, index, value, size)
        else:
            table += struct.pack(order + "IIIBBH", place, value, size, kind, 0, index)
    rows = [(names.add(""), 0, 0, 0, b"", 0, 0, 0, 0)]
    for s in sections:
        kind = NOBITS if s.nobits else PROGBITS
        content = b"" if s.nobits else bytes(s.size)
        rows.append((names.add(s.name), kind, 3, s.address, content, s.size, 0, 0, 0))
    for name, content in debug.items():
        rows.append((names.add(name), PROGBITS, 0, 0, content, len(content), 0, 0, 0))
    link = len(rows) + 1
    entry = 24 if wide else 16
    rows.append((names.add(".symtab"), SYMTAB, 0, 0, table, len(table), link, 1, entry))
    rows.append((names.add(".strtab"), STRTAB, 0, 0, texts.content, len(texts.content), 0, 0, 0))
    shstrtab = names.add(".shstrtab")
    rows.append((shstrtab, STRTAB, 0, 0, names.content, len(names.content), 0, 0, 0))
    return _lay_out(rows, order, wide, MACHINES[address_size, big])


def _lay_out(
    rows: list[tuple[int, int, int, int, bytes, int, int, int, int]],
    order: str,
    wide: bool,
    machine: int,
) -> bytes:
    header_size, row_size = (64, 64) if wide else (52, 40)
    word = "Q" if wide else "I"
    body, headers = b"", b""
    for name, kind, flags, address, content, size, link, info, entry in rows:
        offset = header_size + len(body)
        body += content + bytes(-len(content) % 8)
        headers += struct.pack(
            f"{order}II4{word}II2{word}",
            *(name, kind, flags, address, offset, size, link, info, 1, entry),
        )
    ident = b"\x7fELF" + bytes([2 if wide else 1, 2 if order == ">" else 1, 1]) + bytes(9)
    head = struct.pack(
        f"{order}HHI3{word}IHHHHHH",
        *(2, machine, 1, 0, 0, header_size + len(body), 0),
        *(header_size, 0, 0, row_size, len(rows), len(rows) - 1),
    )
    return ident + head + body + headers
