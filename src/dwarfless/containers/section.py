"""BTF inside an ELF file.

In:  a path or the bytes of an ELF file.
Out: the bytes of single sections, read without the rest of the file.

Only the header and the section table are read here: a vmlinux has 400 MB, its .BTF 5 MB, and
importing an ELF library takes longer than reading that.
"""

import struct
from io import BytesIO, FileIO
from typing import Final, NamedTuple

from dwarfless.elf.headers import Layout
from dwarfless.errors import ElfError, UnsupportedError

__all__ = ["BINDING_SECTION", "ElfReader", "is_elf"]

#: Holds what ties a file to its kernel; see `binding`.
BINDING_SECTION: Final = ".note.dwarfless"

SHT_NOBITS = 8
SHF_ALLOC = 1 << 1
SHF_COMPRESSED = 1 << 11
SHN_XINDEX = 0xFFFF


class SectionHeader(NamedTuple):
    """What we need of an Elf_Shdr, in its order."""

    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int


def is_elf(start: bytes) -> bool:
    """Return whether bytes start as an ELF file does."""
    return start[:4] == b"\x7fELF"


class ElfReader:
    """Reads parts of an ELF file; a part that is cut short is an error.

    Args:
        file: Seekable ELF file, 32 or 64 bits, either byte order.
        source: Path for errors.

    Attributes:
        layout: Word size and byte order.
        machine: EM_ number.

    Raises:
        ElfError: The header or the section table breaks the format.
    """

    def __init__(self, file: FileIO | BytesIO, source: str) -> None:
        self.file, self.source = file, source
        ident = self.read(0, 16, "ELF header")
        if not is_elf(ident) or ident[4] not in (1, 2) or ident[5] not in (1, 2):
            raise self.error("no ELF file of known class and byte order", "ELF header", 0)
        self.wide = ident[4] == 2
        self.order = "<" if ident[5] == 1 else ">"
        self.layout = Layout(self.wide, ident[5] == 1)
        (self.machine,) = struct.unpack(self.order + "H", self.read(0x12, 2, "ELF header"))
        self.headers = self.section_headers()
        self.section_names = self.names(self.headers)

    def section(self, name: str) -> bytes | None:
        """Return the bytes of the first section of a name, or None if there is none.

        Raises:
            ElfError: It lies outside the file.
            UnsupportedError: The section is compressed.
        """
        for header in self.headers:
            end = self.section_names.find(b"\0", header.name)
            if end >= 0 and self.section_names[header.name : end] == name.encode():
                if header.flags & SHF_COMPRESSED:
                    raise UnsupportedError("compressed section", place=f"{self.source}: {name}")
                if header.type == SHT_NOBITS:
                    return None
                return self.read(header.offset, header.size, name)
        return None

    def addresses(self) -> list[tuple[str, int]]:
        """Return name and link address of each section that is in memory when the program runs."""
        return [
            (self.section_name(header), header.address)
            for header in self.headers
            if header.flags & SHF_ALLOC
        ]

    def section_name(self, header: SectionHeader) -> str:
        """Return a section's name; "" if it has none."""
        end = self.section_names.find(b"\0", header.name)
        return self.section_names[header.name : max(end, header.name)].decode(errors="replace")

    def error(self, problem: str, section: str, offset: int) -> ElfError:
        """Return an error about this file."""
        return ElfError(problem, source=self.source, section=section, offset=offset)

    def read(self, offset: int, size: int, what: str) -> bytes:
        """Return some bytes of the file; `what` they are is for the error if they aren't there."""
        if offset + size >= 1 << 63:
            raise self.error(f"{size} bytes lie past the end of the file", what, offset)
        self.file.seek(0, 2)
        if offset + size > self.file.tell():
            raise self.error(f"{size} bytes lie past the end of the file", what, offset)
        self.file.seek(offset)
        found = self.file.read(size)
        if len(found) < size:
            raise self.error(f"{size} bytes lie past the end of the file", what, offset)
        return found

    def header(self, at: int) -> SectionHeader:
        """Read the section header at a file offset."""
        layout = self.order + ("IIQQQQI" if self.wide else "IIIIIII")
        return SectionHeader(
            *struct.unpack(layout, self.read(at, struct.calcsize(layout), "section table"))
        )

    def section_headers(self) -> list[SectionHeader]:
        """Read the section table; e_shnum 0 means the first entry's size tells."""
        layout, at = ("Q", 0x28) if self.wide else ("I", 0x20)
        (start,) = struct.unpack(
            self.order + layout, self.read(at, struct.calcsize(layout), "ELF header")
        )
        at = 0x3A if self.wide else 0x2E
        step, count, self.names_index = struct.unpack(
            self.order + "3H", self.read(at, 6, "ELF header")
        )
        if not start:
            return []
        if step < (64 if self.wide else 40):
            raise self.error(f"section headers of {step} bytes", "ELF header", at)
        first = self.header(start)
        count = count or first.size
        if self.names_index == SHN_XINDEX:
            self.names_index = first.link
        table = self.read(start, step * count, "section table")
        layout = self.order + ("IIQQQQI" if self.wide else "IIIIIII")
        return [
            SectionHeader(*struct.unpack_from(layout, table, at))
            for at in range(0, len(table), step)
        ]

    def names(self, headers: list[SectionHeader]) -> bytes:
        """Read the section that holds the sections' names."""
        if self.names_index >= len(headers):
            return b""
        header = headers[self.names_index]
        return self.read(header.offset, header.size, "section names")
