"""Write a plain ELF file made of sections.

In:  sections, and what machine the file is for.
Out: bytes: header, contents, section names, section headers; no segments.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dwarfless.elf.headers import Layout
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
    header = layout.record(elf.FILE_HEADER)
    names = bytearray(b"\0")
    table = np.zeros(len(sections) + 2, layout.record(elf.SECTION_HEADER))
    content = bytearray(elf.IDENT_SIZE + header.itemsize)
    index = {section.name: number for number, section in enumerate(sections, 1)}
    for row, section in zip(table[1:-1], sections, strict=True):
        content += bytes(-len(content) % section.alignment)
        row["name_offset"], row["type"], row["flags"] = len(names), section.type, section.flags
        row["offset"], row["size"] = len(content), len(section.content)
        row["addralign"], row["entsize"] = section.alignment, section.entsize
        row["link"], row["info"] = index.get(section.link, 0), section.info
        names += section.name.encode() + b"\0"
        content += section.content
    last = table[-1]
    last["name_offset"], last["type"], last["addralign"] = len(names), elf.SHT_STRTAB, 1
    names += b".shstrtab\0"
    last["offset"], last["size"] = len(content), len(names)
    content += names
    content += bytes(-len(content) % layout.address_size)
    content[: elf.IDENT_SIZE + header.itemsize] = _header(
        layout, type=file_type, machine=machine, shoff=len(content), shnum=len(table)
    )
    content += table.tobytes()
    return bytes(content)


def _header(layout: Layout, **fields: int) -> bytes:
    """Return the ident bytes and the file header."""
    record = layout.record(elf.FILE_HEADER)
    header = np.zeros(1, record)
    for name, value in fields.items():
        header[name] = value
    header["version"] = 1
    header["ehsize"] = elf.IDENT_SIZE + record.itemsize
    header["shentsize"] = layout.record(elf.SECTION_HEADER).itemsize
    header["shstrndx"] = fields["shnum"] - 1
    word = elf.CLASS_64 if layout.is_64 else elf.CLASS_32
    order = elf.DATA_LSB if layout.little_endian else elf.DATA_MSB
    ident = elf.MAGIC + bytes([word, order, 1])
    return ident.ljust(elf.IDENT_SIZE, b"\0") + header.tobytes()
