"""Assemble ELF files from named tuples, sound or not.

Imports nothing from src: the numbers stand here a second time, so that a wrong one is found.
"""

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

PROGBITS, SYMTAB, STRTAB, RELA, NOTE, NOBITS, REL, SYMTAB_SHNDX = 1, 2, 3, 4, 7, 8, 9, 18
WRITE, ALLOC, EXEC, TLS_FLAG, COMPRESSED = 1, 2, 4, 0x400, 0x800
ABS, COMMON = 0xFFF1, 0xFFF2
OBJECT, FUNC, SECTION, TLS = 1, 2, 3, 6
LOCAL, GLOBAL, WEAK = 0, 1, 2
ET_REL, ET_EXEC = 1, 2
I386, MIPS, PPC, PPC64, S390, ARM, SPARCV9, X86_64 = 3, 8, 20, 21, 22, 40, 43, 62
AARCH64, RISCV, LOONGARCH = 183, 243, 258


class Reloc(NamedTuple):
    """A relocation; addend None makes the section SHT_REL."""

    offset: int
    type: int
    symbol: int = 0
    addend: int | None = 0


class Section(NamedTuple):
    """A section; relocations go into a section of their own behind all others."""

    name: str
    content: bytes = b""
    type: int = PROGBITS
    flags: int = 0
    addr: int = 0
    align: int = 1
    link: int = 0
    info: int = 0
    entsize: int = 0
    size: int | None = None
    relocs: tuple[Reloc, ...] = ()


class Symbol(NamedTuple):
    """A symbol; section is the section's index."""

    name: str = ""
    value: int = 0
    size: int = 0
    section: int = 0
    type: int = 0
    binding: int = LOCAL


class Elf(NamedTuple):
    """A file: sections get indices from 1 on; symbols follow a null symbol, so also from 1."""

    sections: Sequence[Section] = ()
    symbols: Sequence[Symbol] = ()
    bits: int = 64
    little: bool = True
    machine: int = X86_64
    type: int = ET_REL

    @property
    def order(self) -> str:
        """Byte order in struct's spelling."""
        return "<" if self.little else ">"

    def section_header(self, name: int, s: Section, offset: int, size: int) -> bytes:
        """Return the section header."""
        head = struct.pack(self.order + "II", name, s.type)
        word = "Q" if self.bits == 64 else "I"
        return head + struct.pack(
            f"{self.order}4{word}II2{word}",
            *(s.flags, s.addr, offset, size, s.link, s.info, s.align, s.entsize),
        )

    def symbol(self, name: int, s: Symbol, section: int) -> bytes:
        """Return the symbol's record; section fits 16 bits."""
        info = s.binding << 4 | s.type
        if self.bits == 64:
            return struct.pack(self.order + "IBBHQQ", name, info, 0, section, s.value, s.size)
        return struct.pack(self.order + "IIIBBH", name, s.value, s.size, info, 0, section)

    def reloc(self, r: Reloc) -> bytes:
        """Return the relocation's record."""
        if self.bits == 64 and self.machine == MIPS:
            info = struct.pack(self.order + "IBBBB", r.symbol, 0, 0, 0, r.type)
        elif self.bits == 64:
            info = struct.pack(self.order + "Q", r.symbol << 32 | r.type)
        else:
            info = struct.pack(self.order + "I", r.symbol << 8 | r.type)
        word = "q" if self.bits == 64 else "i"
        addend = b"" if r.addend is None else struct.pack(self.order + word, r.addend)
        return struct.pack(self.order + word.upper(), r.offset) + info + addend

    def assemble(self) -> bytes:
        """Return the file's bytes."""
        sections = [Section("", type=0), *self.sections]
        if self.symbols:
            sections += self._symbol_sections(len(sections))
        symtab = next((i for i, s in enumerate(sections) if s.type == SYMTAB), 0)
        for index, section in enumerate(tuple(sections)):
            if section.relocs:
                sections.append(self._reloc_section(section, index, symtab))
        return self._lay_out(sections)

    def _reloc_section(self, section: Section, index: int, symtab: int) -> Section:
        with_addends = section.relocs[0].addend is not None
        return Section(
            (".rela" if with_addends else ".rel") + section.name,
            b"".join(map(self.reloc, section.relocs)),
            RELA if with_addends else REL,
            link=symtab,
            info=index,
        )

    def _symbol_sections(self, first: int) -> list[Section]:
        strings, table, extended = bytearray(b"\0"), bytearray(), bytearray()
        far, entsize = False, 24 if self.bits == 64 else 16
        for s in (Symbol(), *self.symbols):
            is_far = s.section >= 0xFF00 and s.section not in (ABS, COMMON)
            far |= is_far
            table += self.symbol(len(strings), s, 0xFFFF if is_far else s.section)
            extended += struct.pack(self.order + "I", s.section if is_far else 0)
            strings += s.name.encode() + b"\0"
        made = [
            Section(".symtab", bytes(table), SYMTAB, link=first + 1, info=1, entsize=entsize),
            Section(".strtab", bytes(strings), STRTAB),
        ]
        if far:
            made.append(Section(".symtab_shndx", bytes(extended), SYMTAB_SHNDX, link=first))
        return made

    def _lay_out(self, sections: list[Section]) -> bytes:
        names: dict[str, int] = {}
        strings = bytearray()
        for name in [*(s.name for s in sections), ".shstrtab"]:
            if name not in names:
                names[name] = len(strings)
                strings += name.encode() + b"\0"
        sections.append(Section(".shstrtab", bytes(strings), STRTAB))
        num, many = len(sections), len(sections) >= 0xFF00
        if many:
            sections[0] = Section("", type=0, size=num, link=num - 1)
        body, headers = bytearray(64 if self.bits == 64 else 52), bytearray()
        for s in sections:
            body += bytes(-len(body) % max(s.align, 1)) if s.content else b""
            size = len(s.content) if s.size is None else s.size
            headers += self.section_header(names[s.name], s, len(body) if s.name else 0, size)
            body += s.content
        word = "Q" if self.bits == 64 else "I"
        shnum, shstrndx = (0, 0xFFFF) if many else (num, num - 1)
        ident = b"\x7fELF" + bytes([self.bits // 32, 1 if self.little else 2, 1]) + bytes(9)
        fields = struct.pack(
            f"{self.order}HHI3{word}I6H",
            *(self.type, self.machine, 1, 0, 0, len(body), 0, len(body[:64]), 0, 0),
            *(64 if self.bits == 64 else 40, shnum, shstrndx),
        )
        body[: len(ident) + len(fields)] = ident + fields
        return bytes(body + headers)


def note(owner: bytes, kind: int, content: bytes, order: str = "<") -> bytes:
    """Return a note, padded to four bytes."""
    name = owner + b"\0"
    head = struct.pack(order + "III", len(name), len(content), kind)
    return head + name + bytes(-len(name) % 4) + content + bytes(-len(content) % 4)


def compressed(
    content: bytes,
    *,
    bits: int = 64,
    order: str = "<",
    size: int | None = None,
    method: int = 1,
    stream: bytes | None = None,
) -> bytes:
    """Return the contents of an SHF_COMPRESSED section; stream and size may lie."""
    size = len(content) if size is None else size
    head = (
        struct.pack(order + "IIQQ", method, 0, size, 1)
        if bits == 64
        else struct.pack(order + "III", method, size, 1)
    )
    return head + (zlib.compress(content) if stream is None else stream)
