"""Read which variables and named types a program's DWARF defines at file scope, plainly.

In:  an ELF file, linked, with DWARF 4 or 5 in it.
Out: a row a DIE that is a child of a unit written in C; types once a name and file.

It shares no code with the package. Only what lies directly below a unit is looked at.

Source: DWARF 5, sections 3.1, 6.2.4, 7.5 and 7.7.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from elftools.elf.elffile import ELFFile

__all__ = ["Definition", "definitions"]

KINDS = {0x34: "variable", 0x13: "struct", 0x17: "union", 0x04: "enum", 0x16: "typedef"}
#: Fixed sizes of forms in 32-bit DWARF with 8-byte addresses.
# fmt: off
FIXED = {
    0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: 4, 0x10: 4, 0x11: 1, 0x12: 2,
    0x13: 4, 0x14: 8, 0x17: 4, 0x19: 0, 0x1E: 16, 0x1F: 4, 0x20: 8, 0x21: 0,
}
# fmt: on
#: Bytes of the length of a block.
BLOCKS = {0x03: 2, 0x04: 4, 0x0A: 1}
STRING, UDATA, SDATA, EXPRLOC, FLAG, LINE_STRP, IMPLICIT = (
    0x08, 0x0F, 0x0D, 0x18, 0x19, 0x1F, 0x21,
)  # fmt: skip
SIBLING, LOCATION, NAME, LANGUAGE, STMT_LIST = 0x01, 0x02, 0x03, 0x13, 0x10
DECL_FILE, DECLARATION, SPECIFICATION = 0x3A, 0x3C, 0x47
#: DW_LANG_C89, C, C99, C11, C17 and C23.
C_LANGUAGES = (0x01, 0x02, 0x0C, 0x1D, 0x2C, 0x3E)
OP_ADDR = 0x03

Abbreviation = tuple[int, bool, list[tuple[int, int, int]]]


class Definition(NamedTuple):
    """A DIE.

    Attributes:
        kind: "variable", "struct", "union", "enum" or "typedef".
        name: Never empty.
        file: Where it is declared, as the line table spells it.
        address: Of a variable; None for types.
    """

    kind: str
    name: str
    file: str
    address: int | None


def definitions(path: Path) -> list[Definition]:
    """Return the variables with an address, a row each, and the types that are complete.

    Cost: 25 s for a kernel.
    """
    with open(path, "rb") as file:
        elf = ELFFile(file)
        names = ("info", "abbrev", "str", "line", "line_str")
        found = [elf.get_section_by_name(f".debug_{name}") for name in names]
        sections = [b"" if section is None else section.data() for section in found]
    rows: dict[Definition, None] = {}
    variables = []
    for definition in Program(*sections).walk():
        if definition.kind == "variable":
            variables.append(definition)
        else:
            rows[definition] = None
    return [*variables, *rows]


class Program:
    """The DWARF of a program."""

    def __init__(self, info: bytes, abbrev: bytes, str_: bytes, line: bytes, lines: bytes) -> None:
        self.info, self.abbrev, self.str = info, abbrev, str_
        self.line, self.line_str = line, lines
        self.known: dict[int, dict[int, Abbreviation]] = {}
        self.names: dict[int, str] = {}

    def walk(self) -> Iterator[Definition]:
        """Yield what all units define."""
        start = 0
        while start < len(self.info):
            length, version = struct.unpack_from("<IH", self.info, start)
            if length >= 0xFFFFFFF0:
                raise ValueError(f".debug_info+{start:#x}: 64-bit DWARF")
            if version == 5:
                unit_type = self.info[start + 6]
                abbrev_at = struct.unpack_from("<I", self.info, start + 8)[0]
                at = start + 12
            else:
                unit_type, at = 1, start + 11
                abbrev_at = struct.unpack_from("<I", self.info, start + 6)[0]
            end = start + 4 + length
            if unit_type in (1, 3):
                yield from self.unit(start, at, end, self.abbreviations(abbrev_at))
            start = end

    def abbreviations(self, at: int) -> dict[int, Abbreviation]:
        """Return a table of abbreviations by code."""
        if at in self.known:
            return self.known[at]
        table = self.known[at] = {}
        while True:
            code, at = uleb(self.abbrev, at)
            if not code:
                return table
            tag, at = uleb(self.abbrev, at)
            children = self.abbrev[at] == 1
            at += 1
            specs = []
            while True:
                attribute, at = uleb(self.abbrev, at)
                form, at = uleb(self.abbrev, at)
                constant = 0
                if form == IMPLICIT:
                    constant, at = sleb(self.abbrev, at)
                if not attribute:
                    break
                specs.append((attribute, form, constant))
            table[code] = (tag, children, specs)

    def values(self, at: int, specs: list[tuple[int, int, int]]) -> tuple[dict[int, int], int]:
        """Return attributes, strings and blocks as their places, and where the DIE ends."""
        info, found = self.info, {}
        for attribute, form, constant in specs:
            size = FIXED.get(form)
            if size is not None:
                if form == IMPLICIT:
                    found[attribute] = constant
                elif form == FLAG:
                    found[attribute] = 1
                else:
                    found[attribute] = int.from_bytes(info[at : at + size], "little")
                at += size
            elif form in (UDATA, SDATA):
                found[attribute], at = uleb(info, at)
            elif form == STRING:
                found[attribute] = -at
                at = info.index(0, at) + 1
            elif form in (EXPRLOC, 0x09):
                length, at = uleb(info, at)
                found[attribute] = at
                at += length
            elif form in BLOCKS:
                start, at = at, at + BLOCKS[form]
                found[attribute] = at
                at += int.from_bytes(info[start:at], "little")
            else:
                raise ValueError(f".debug_info+{at:#x}: form {form:#x}")
        return found, at

    def unit(
        self, start: int, at: int, end: int, table: dict[int, Abbreviation]
    ) -> Iterator[Definition]:
        """Yield what one unit defines."""
        code, at = uleb(self.info, at)
        _, children, specs = table[code]
        found, at = self.values(at, specs)
        if not children or found.get(LANGUAGE) not in C_LANGUAGES:
            return
        files = self.files(found[STMT_LIST])
        depth = 0
        while at < end:
            die = at - start
            code, at = uleb(self.info, at)
            if not code:
                if not depth:
                    return
                depth -= 1
                continue
            tag, children, specs = table[code]
            found, at = self.values(at, specs)
            if not depth and tag in KINDS:
                yield from self.definition(KINDS[tag], start, die, found, files, table)
            if children:
                if SIBLING in found:
                    at = start + found[SIBLING]
                else:
                    depth += 1

    def definition(
        self,
        kind: str,
        start: int,
        die: int,
        found: dict[int, int],
        files: list[str],
        table: dict[int, Abbreviation],
    ) -> Iterator[Definition]:
        """Yield what a DIE defines, if it defines something that has a name."""
        address = None
        if kind == "variable":
            location = found.get(LOCATION)
            if location is None or self.info[location] != OP_ADDR:
                return
            address = struct.unpack_from("<Q", self.info, location + 1)[0]
            if SPECIFICATION in found:
                at = start + found[SPECIFICATION]
                code, at = uleb(self.info, at)
                found = self.values(at, table[code][2])[0] | found
        elif DECLARATION in found:
            return
        if NAME in found:
            # The compiler's own types are declared nowhere.
            file = files[found[DECL_FILE]] if DECL_FILE in found else ""
            yield Definition(kind, self.name(found[NAME]), file, address)

    def name(self, place: int) -> str:
        """Return a name; places in .debug_info are negative."""
        if place < 0:
            return string(self.info, -place)
        if place not in self.names:
            self.names[place] = string(self.str, place)
        return self.names[place]

    def files(self, at: int) -> list[str]:
        """Return the file names of a line table by number."""
        version = struct.unpack_from("<H", self.line, at + 4)[0]
        if version != 5:
            raise ValueError(f".debug_line+{at:#x}: version {version}")
        # Length, version, sizes, header length, five bytes, then the opcodes' lengths.
        at += 4 + 2 + 2 + 4 + 5
        at += self.line[at]
        folders, at = self.entries(at)
        listed, at = self.entries(at)
        return [
            path if path.startswith("/") or not folder else f"{folders[folder][0]}/{path}"
            for path, folder in listed
        ]

    def entries(self, at: int) -> tuple[list[tuple[str, int]], int]:
        """Return (path, folder) of a table in a line table's header, and where it ends."""
        formats = []
        count = self.line[at]
        at += 1
        for _ in range(count):
            content, at = uleb(self.line, at)
            form, at = uleb(self.line, at)
            formats.append((content, form))
        found = []
        count, at = uleb(self.line, at)
        for _ in range(count):
            path, folder = "", 0
            for content, form in formats:
                if form == STRING:
                    word, place = at, at
                    at = self.line.index(0, at) + 1
                    text = string(self.line, place)
                elif form == UDATA:
                    word, at = uleb(self.line, at)
                else:
                    word = int.from_bytes(self.line[at : at + FIXED[form]], "little")
                    at += FIXED[form]
                    text = string(self.line_str if form == LINE_STRP else self.str, word)
                if content == 1:
                    path = text
                elif content == 2:
                    folder = word
            found.append((path, folder))
        return found, at


def string(section: bytes, at: int) -> str:
    """Return the string at a place."""
    return section[at : section.index(0, at)].decode()


def uleb(section: bytes, at: int) -> tuple[int, int]:
    """Return an unsigned LEB128 and where it ends."""
    byte = section[at]
    if byte < 0x80:
        return byte, at + 1
    value, shift = byte & 0x7F, 7
    while True:
        at += 1
        byte = section[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7


def sleb(section: bytes, at: int) -> tuple[int, int]:
    """Return a signed LEB128 and where it ends."""
    value, end = uleb(section, at)
    bits = 7 * (end - at)
    return (value - (1 << bits) if value >> (bits - 1) else value), end
