""".BTF.ext bytes to records.

In:  the section of a BPF object, untrusted, and the object's graph.
Out: what it says of functions, lines and relocations, with names and types looked up.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dwarfless.errors import BtfError, UnsupportedError
from dwarfless.formats.btf import MAGIC, VERSION
from dwarfless.formats.btf_ext import (
    HEADER_SIZE,
    HEADER_SIZE_RELOCATIONS,
    RECORD_SIZES,
    RelocationKind,
)
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Ext", "Function", "Line", "Relocation", "decode_ext"]


class Function(NamedTuple):
    """Where a function starts.

    Attributes:
        section: Section of the program.
        offset: Of its first instruction, in bytes.
        type_id: Its FUNC.
    """

    section: str
    offset: int
    type_id: int


class Line(NamedTuple):
    """Which line of source an instruction comes from.

    Attributes:
        section: Section of the program.
        offset: Of the instruction, in bytes.
        file: The source's name.
        text: The line.
        line: Its number.
        column: Where in it.
    """

    section: str
    offset: int
    file: str
    text: str
    line: int
    column: int


class Relocation(NamedTuple):
    """What an instruction wants to know of the kernel's types.

    Attributes:
        section: Section of the program.
        offset: Of the instruction, in bytes.
        type_id: The type that it names, among the object's own.
        access: Way from there, such as "0:1:2": indices of elements, members, an enumerator.
        kind: What is asked.
    """

    section: str
    offset: int
    type_id: int
    access: str
    kind: RelocationKind


@dataclass(frozen=True)
class Ext:
    """What .BTF.ext holds.

    Attributes:
        functions: In the order of the file.
        lines: Likewise.
        relocations: Likewise.
    """

    functions: list[Function]
    lines: list[Line]
    relocations: list[Relocation]


def decode_ext(raw: bytes, graph: TypeGraph) -> Ext:
    """Return what the bytes of a .BTF.ext section say.

    Args:
        raw: The whole section.
        graph: The object's own types.

    Raises:
        BtfError: The bytes break the format.
        UnsupportedError: A version other than 1, or a relocation of an unknown kind.
    """
    return Decoder(raw, graph).decode()


class Decoder:
    """Reads one section."""

    def __init__(self, raw: bytes, graph: TypeGraph) -> None:
        self.raw, self.graph, self.order = raw, graph, "<"

    def fail(self, problem: str, offset: int) -> BtfError:
        """Return an error that names a place."""
        return BtfError(problem, source=self.graph.source, section=".BTF.ext", offset=offset)

    def decode(self) -> Ext:
        """Return all records."""
        raw = self.raw
        if len(raw) < HEADER_SIZE:
            raise self.fail(f"{len(raw)} bytes hold no header", 0)
        if int.from_bytes(raw[:2], "big") == MAGIC:
            self.order = ">"
        elif int.from_bytes(raw[:2], "little") != MAGIC:
            raise self.fail(f"magic is {raw[0]:02x} {raw[1]:02x}, not {MAGIC:#06x}", 0)
        if raw[2] != VERSION:
            raise UnsupportedError(
                f".BTF.ext version {raw[2]}", place=f"{self.graph.source}: .BTF.ext+0x2"
            )
        (size,) = struct.unpack_from(f"{self.order}I", raw, 4)
        if not HEADER_SIZE <= size <= len(raw):
            raise self.fail(f"header of {size} bytes in {len(raw)} bytes", 4)
        fields = struct.unpack_from(f"{self.order}4I", raw, 8)
        if size >= HEADER_SIZE_RELOCATIONS:
            fields += struct.unpack_from(f"{self.order}2I", raw, 24)
        functions: list[Function] = []
        lines: list[Line] = []
        relocations: list[Relocation] = []
        for part, (start, length) in enumerate(zip(fields[::2], fields[1::2], strict=True)):
            for section, at, words in self.records(part, size, start, length):
                if part == 0:
                    functions.append(Function(section, words[0], self.type_id(words[1], at)))
                elif part == 1:
                    lines.append(self.line(section, words, at))
                else:
                    relocations.append(self.relocation(section, words, at))
        return Ext(functions, lines, relocations)

    def records(
        self, part: int, base: int, start: int, length: int
    ) -> Iterator[tuple[str, int, tuple[int, ...]]]:
        """Yield (section, place, words) of each record of a part."""
        if not length:
            return
        end = base + start + length
        if end > len(self.raw) or start % 4 or length < 4:
            raise self.fail(f"part of {length} bytes at {start:#x} lies outside", 8 + 8 * part)
        least = RECORD_SIZES[part]
        at = base + start
        (size,) = struct.unpack_from(f"{self.order}I", self.raw, at)
        if size < least or size % 4:
            raise self.fail(f"records of {size} bytes", at)
        at += 4
        while at < end:
            if end - at < 8:
                raise self.fail("a section's records are cut short", at)
            name, num = struct.unpack_from(f"{self.order}2I", self.raw, at)
            section = self.text(name, at)
            at += 8
            if num == 0 or num > (end - at) // size:
                raise self.fail(f"{num} records of {size} bytes in {end - at} bytes", at - 4)
            for _ in range(num):
                yield section, at, struct.unpack_from(f"{self.order}{least // 4}I", self.raw, at)
                at += size

    def text(self, offset: int, at: int) -> str:
        """Return a string of .BTF."""
        if offset >= self.graph.end_string:
            raise self.fail(f"string offset {offset:#x} is not in .BTF", at)
        return self.graph.string(offset)

    def type_id(self, type_id: int, at: int) -> int:
        """Return a type id, checked."""
        if type_id >= len(self.graph):
            raise self.fail(f"type {type_id} is not in .BTF", at)
        return type_id

    def line(self, section: str, words: tuple[int, ...], at: int) -> Line:
        """Return a line; its number and column share a word."""
        offset, file, text, place = words
        return Line(
            section, offset, self.text(file, at), self.text(text, at), place >> 10, place & 0x3FF
        )

    def relocation(self, section: str, words: tuple[int, ...], at: int) -> Relocation:
        """Return a relocation."""
        offset, type_id, access, kind = words
        if kind not in RelocationKind.__members__.values():
            raise UnsupportedError(
                f"relocation kind {kind}", place=f"{self.graph.source}: .BTF.ext+{at:#x}"
            )
        return Relocation(
            section, offset, self.type_id(type_id, at), self.text(access, at), RelocationKind(kind)
        )
