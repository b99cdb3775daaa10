"""The ELF header, the section headers and the section names.

In:  the bytes of a file.
Out: a Layout and the section headers, checked to be readable; what the sections say about the
     file is checked where it is used.

A file has a hundred sections: they need no columns, and reading BTF out of one no numpy.
"""

import struct
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from dwarfless.errors import ElfError
from dwarfless.formats import elf

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "FileHeader",
    "Layout",
    "SectionHeader",
    "names_index",
    "read_file_header",
    "read_section_names",
    "read_sections",
]

#: The formats of formats.elf as struct spells them.
STRUCT_CODES: Final = {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "i4": "i", "i8": "q"}


class Layout(NamedTuple):
    """How numbers and addresses are laid out in a file."""

    is_64: bool
    little_endian: bool

    @property
    def order(self) -> str:
        """Byte order as numpy and struct spell it."""
        return "<" if self.little_endian else ">"

    @property
    def address_size(self) -> int:
        """Size of an address in bytes."""
        return 8 if self.is_64 else 4

    def fields(self, record: elf.Record) -> struct.Struct:
        """Return a record of formats.elf as struct unpacks it."""
        return struct.Struct(
            self.order + "".join(STRUCT_CODES[self._spell(kind)] for _, kind in record)
        )

    def record(self, record: elf.Record) -> "np.dtype[np.void]":
        """Return a record of formats.elf as a numpy type."""
        import numpy as np

        return np.dtype([(field, self.order + self._spell(kind)) for field, kind in record])

    def _spell(self, kind: str) -> str:
        return {"A": f"u{self.address_size}", "I": f"i{self.address_size}"}.get(kind, kind)


class FileHeader(NamedTuple):
    """The fields of the ELF header that matter here, in its own terms."""

    layout: Layout
    type: int
    machine: int
    shoff: int
    shentsize: int
    shnum: int
    shstrndx: int


class SectionHeader(NamedTuple):
    """The fields of a section header, as elf.SECTION_HEADER has them."""

    name_offset: int
    type: int
    flags: int
    addr: int
    offset: int
    size: int
    link: int
    info: int
    addralign: int
    entsize: int


def _fail(problem: str, source: str, section: str, offset: int) -> NoReturn:
    raise ElfError(problem, source=source, section=section, offset=offset)


def read_file_header(image: memoryview, source: str) -> FileHeader:
    """Return the header that the file starts with.

    Raises:
        ElfError: not an ELF file, or cut off inside the header.
    """

    def fail(problem: str, offset: int) -> NoReturn:
        _fail(problem, source, "ELF header", offset)

    if bytes(image[:4]) != elf.MAGIC:
        fail("not an ELF file", 0)
    if len(image) < elf.IDENT_SIZE:
        fail("file ends inside the header", len(image))
    if image[4] not in (elf.CLASS_32, elf.CLASS_64):
        fail(f"unknown class {image[4]}", 4)
    if image[5] not in (elf.DATA_LSB, elf.DATA_MSB):
        fail(f"unknown byte order {image[5]}", 5)
    layout = Layout(image[4] == elf.CLASS_64, image[5] == elf.DATA_LSB)
    record = layout.fields(elf.FILE_HEADER)
    if len(image) < elf.IDENT_SIZE + record.size:
        fail("file ends inside the header", len(image))
    values = record.unpack_from(image, elf.IDENT_SIZE)
    fields = {field: value for (field, _), value in zip(elf.FILE_HEADER, values, strict=True)}
    names = ("type", "machine", "shoff", "shentsize", "shnum", "shstrndx")
    return FileHeader(layout, *(fields[name] for name in names))


def read_sections(image: memoryview, source: str, header: FileHeader) -> list[SectionHeader]:
    """Return the section headers, none when the file has none.

    With more than 65,280 sections their number stands in the first one's size.

    Raises:
        ElfError: the headers lie outside the file, or have another size than the ABI's.
    """
    if header.shoff == 0:
        return []
    record = header.layout.fields(elf.SECTION_HEADER)
    if header.shentsize != record.size:
        _fail(
            f"section headers of {header.shentsize} bytes, not {record.size}",
            source,
            "ELF header",
            0,
        )
    room = (len(image) - header.shoff) // record.size
    if room < max(header.shnum, 1):
        _fail(
            f"file ends inside the section headers at {header.shoff:#x}",
            source,
            "section headers",
            max(len(image) - header.shoff, 0),
        )
    num_sections = header.shnum
    if num_sections == 0:
        num_sections = SectionHeader(*record.unpack_from(image, header.shoff)).size
        if num_sections > room:
            _fail(
                f"file ends inside the {num_sections} section headers",
                source,
                "section headers",
                room * record.size,
            )
    table = image[header.shoff : header.shoff + num_sections * record.size]
    return [SectionHeader(*fields) for fields in record.iter_unpack(table)]


def read_section_names(
    sections: list[SectionHeader], strings: memoryview, source: str
) -> list[str]:
    """Return the name of each section.

    Args:
        sections: Their headers.
        strings: The section name table.
        source: The file's name.

    Raises:
        ElfError: a name lies outside the table, or lacks its end.
    """
    table = bytes(strings)
    # Names share tails (.rela.text, .text); beyond that they can't add up to more than the table.
    budget = 16 * len(table) + 65536
    seen: dict[int, str] = {}
    names: list[str] = []
    for index, (offset, *_) in enumerate(sections):
        name = seen.get(offset)
        if name is None:
            end = table.find(b"\0", offset)
            if end < 0:
                if offset == 0 and not table:
                    end = 0
                else:
                    _fail(
                        f"name of section {index} runs past the end",
                        source,
                        "section names",
                        offset,
                    )
            name = seen[offset] = table[offset:end].decode(errors="backslashreplace")
            budget -= end - offset
            if budget < 0:
                _fail("section names overlap without end", source, "section names", offset)
        names.append(name)
    return names


def names_index(header: FileHeader, sections: list[SectionHeader]) -> int:
    """Return the index of the section that holds the section names; 0 when there is none."""
    if header.shstrndx == elf.SHN_XINDEX and len(sections):
        return sections[0].link
    return header.shstrndx
