"""Write a plain ELF file made of sections.

In:  sections, and what machine the file is for.
Out: bytes: header, contents, section names, section headers; no segments.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dwarfless.elf.headers import Layout, SectionHeader
from dwarfless.formats import elf

__all__ = ["OutputSection", "encode_elf"]


class OutputSection(NamedTuple):
    """A section to write.

    Attributes:
        name: Such as ".BTF".
        type: SHT_ number.
        flags: SHF_ bits.
        content: Its bytes.
        alignment: Of the contents in the file, a power of two, in bytes.
        link: Name of the section it refers to, such as a symbol table's strings; "" for none.
        info: What sh_info holds; its meaning depends on the type.
        entsize: Size of an entry, of a section that is a table, in bytes.
    """

    name: str
    type: int
    flags: int
    content: bytes | memoryview
    alignment: int = 8
    link: str = ""
    info: int = 0
    entsize: int = 0


def encode_elf(
    sections: Sequence[OutputSection],
    *,
    layout: Layout,
    machine: int,
    file_type: int = elf.ET_REL,
) -> bytes:
    """Return an ELF file that holds sections.

    Args:
        sections: In file order, fewer than 65,278.
        layout: Word size and byte order.
        machine: EM_ number.
        file_type: ET_ number.

    Raises:
        ValueError: Too many sections.
    """
    if len(sections) + 2 >= elf.SHN_LORESERVE:
        raise ValueError(f"{len(sections)} sections are more than a plain ELF file holds")
    header, record = layout.fields(elf.FILE_HEADER), layout.fields(elf.SECTION_HEADER)
    names = bytearray(b"\0")
    table = bytearray(record.size)
    content = bytearray(elf.IDENT_SIZE + header.size)
    index = {section.name: number for number, section in enumerate(sections, 1)}
    for section in (*sections, None):
        # The names come last, when all are known.
        name = ".shstrtab" if section is None else section.name
        offset = len(names)
        names += name.encode() + b"\0"
        if section is None:
            section = OutputSection(name, elf.SHT_STRTAB, 0, bytes(names), 1)
        content += bytes(-len(content) % section.alignment)
        table += record.pack(
            *SectionHeader(
                name_offset=offset,
                type=section.type,
                flags=section.flags,
                addr=0,
                offset=len(content),
                size=len(section.content),
                link=index.get(section.link, 0),
                info=section.info,
                addralign=section.alignment,
                entsize=section.entsize,
            )
        )
        content += section.content
    content += bytes(-len(content) % layout.address_size)
    content[: elf.IDENT_SIZE + header.size] = _header(
        layout, type=file_type, machine=machine, shoff=len(content), shnum=len(sections) + 2
    )
    content += table
    return bytes(content)


def _header(layout: Layout, **fields: int) -> bytes:
    """Return the ident bytes and the file header."""
    record = layout.fields(elf.FILE_HEADER)
    fields |= {
        "version": 1,
        "ehsize": elf.IDENT_SIZE + record.size,
        "shentsize": layout.fields(elf.SECTION_HEADER).size,
        "shstrndx": fields["shnum"] - 1,
    }
    word = elf.CLASS_64 if layout.is_64 else elf.CLASS_32
    order = elf.DATA_LSB if layout.little_endian else elf.DATA_MSB
    ident = elf.MAGIC + bytes([word, order, 1])
    packed = record.pack(*(fields.get(name, 0) for name, _ in elf.FILE_HEADER))
    return ident.ljust(elf.IDENT_SIZE, b"\0") + packed
