"""ElfImage: one ELF file, mapped.

In:  a path, or bytes; also a kernel module compressed with xz, zstd or gzip.
Out: sections with names, contents and addresses, symbols as columns, notes.

In an ET_REL the sections that would be loaded are laid out at made-up addresses, symbols get their
section's address added, and debug sections come with their relocations applied: from here on it
reads like a linked file. Debug sections of one name (a COMDAT group brings its own) get the
"address" that they have in their concatenation, as if they had been linked.
"""

import mmap
import os
import sys
from array import array
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from dwarfless._core.function_table import function_symbols
from dwarfless.elf import compression, headers
from dwarfless.elf.notes import Note, iter_notes
from dwarfless.errors import ElfError, UnsupportedError
from dwarfless.formats import elf

if TYPE_CHECKING:
    from dwarfless.elf.symbols import Symbols

__all__ = ["ElfImage"]

#: Where the sections of an ET_REL start; keeps clear of 0 and 1, which mean "discarded".
FIRST_ADDRESS = 0x10000
HOST_ORDER: Final = "<" if sys.byteorder == "little" else ">"


class ElfImage:
    """An ELF file.

    Attributes:
        source: The file's name, for messages.
        path: Where it was loaded from; None for bytes.
        layout: Word size and byte order.
        is_64: Whether its class is ELFCLASS64.
        little_endian: Its byte order.
        machine: EM_ number.
        type: ET_ number.
        sections: The section headers. Sizes are those in the file, so before decompression.
        section_names: Their names.
    """

    def __init__(self, content: memoryview, source: str, path: Path | None) -> None:
        header = headers.read_file_header(content, source)
        self._content = content
        self.source, self.path, self.layout = source, path, header.layout
        self.is_64, self.little_endian = header.layout.is_64, header.layout.little_endian
        self.machine, self.type = header.machine, header.type
        self.sections = headers.read_sections(content, source, header)
        self.section_names = [""] * len(self.sections)
        self._decompressed: dict[int, memoryview] = {}
        self._symbols: dict[int, Symbols] = {}
        names = headers.names_index(header, self.sections)
        if names >= max(len(self.sections), 1):
            self._fail(f"no section {names} for the section names", "ELF header", 0)
        if names:
            self.section_names = headers.read_section_names(
                self.sections, self._mapped(names, "section names"), source
            )
        if self.type == elf.ET_REL:
            self._place_sections()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ElfImage":
        """Return the ELF file at path, mapped; compressed ones are decompressed to memory.

        Raises:
            ElfError: not a sound ELF file.
            OSError: can't be read.

        Cost: under a millisecond for a vmlinux.
        """
        source = os.fspath(path)
        with open(source, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ElfError("file is empty", source=source, section="ELF header", offset=0)
            content = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        if compression.is_compressed(bytes(content[:6])):
            content = compression.decompress_file(content, source)
        return cls(content, source, Path(source))

    @classmethod
    def of_bytes(
        cls, content: bytes | bytearray | memoryview, source: str = "<bytes>"
    ) -> "ElfImage":
        """Return the ELF file in content, which is kept, not copied.

        Raises:
            ElfError: not a sound ELF file.
        """
        view = memoryview(content).toreadonly().cast("B")
        if compression.is_compressed(bytes(view[:6])):
            view = compression.decompress_file(view, source)
        return cls(view, source, None)

    def __repr__(self) -> str:
        return f"<ElfImage {self.source}: {len(self.sections)} sections>"

    def find_section(self, name: str) -> int | None:
        """Return the index of the first section of that name."""
        try:
            return self.section_names.index(name)
        except ValueError:
            return None

    def section_bytes(self, index: int) -> memoryview:
        """Return the contents of a section, decompressed; none for NOBITS.

        Cost: nothing, except when compressed; then kept for the next call.

        Raises:
            ElfError: it lies outside the file, or doesn't decompress.
            UnsupportedError: compressed by an unknown method.
        """
        name = self.section_names[index]
        mapped = self._mapped(index, name)
        if not mapped or not self._is_compressed(index):
            return mapped
        content = self._decompressed.get(index)
        if content is None:
            content = compression.decompress_section(mapped, self.layout, self.source, name)
            self._decompressed[index] = content
        return content

    def relocated_bytes(self, index: int) -> memoryview:
        """Return the contents of a debug section, with its relocations applied.

        Only an ET_REL has any to apply; what --emit-relocs leaves in a linked file is already
        applied.

        Returns:
            section_bytes(index), or a writable copy of it.

        Cost: 0.01 s a million relocations, 0.1 s of odd ones; not kept.

        Raises:
            ElfError: a relocation lies outside its section, or names no symbol.
            UnsupportedError: unknown relocation type or machine.
        """
        content = self.section_bytes(index)
        if self.type != elf.ET_REL or not content:
            return content
        kinds = (elf.SHT_REL, elf.SHT_RELA, elf.SHT_CREL)
        tables = [at for at in self._indices_of(*kinds) if self.sections[at].info == index]
        if not tables:
            return content
        writable = bytearray(content)
        for table in tables:
            self._relocate(writable, index, table)
        return memoryview(writable)

    def symbols(self) -> "Symbols":
        """Return the symbols of .symtab, or of .dynsym when there is no other table.

        Cost: 8 ms for a vmlinux with 200,000; kept for the next call.

        Raises:
            ElfError: the table breaks the format.
        """
        index = self._symbol_table()
        if index is not None:
            return self._symbols_of(index)
        from dwarfless.elf.symbols import read_symbols

        return read_symbols(
            memoryview(b""),
            memoryview(b""),
            None,
            layout=self.layout,
            num_sections=0,
            source=self.source,
            section="",
        )

    def num_symbols(self) -> int:
        """Return how many symbols there are, the ABI's null symbol included."""
        table = self._symbol_table()
        record = self.layout.fields(self._symbol_record)
        return 0 if table is None else len(self.section_bytes(table)) // record.size

    def function_symbols(self) -> tuple[memoryview, "array[int]", "array[int]"]:
        """Return the functions among the symbols, without numpy; symbols() has all of them.

        What breaks the format is passed over; symbols() says it.

        Returns:
            Strings, uint32[num_functions] where in these the names start, and
            uint64[num_functions], their addresses.

        Cost: 1 ms for a vmlinux with 200,000 symbols.
        """
        index = self._symbol_table()
        link = 0 if index is None else self.sections[index].link
        if index is None or not 0 < link < len(self.sections):
            return memoryview(b""), array("I"), array("Q")
        placed = self.sections if self.type == elf.ET_REL else []
        extended = self._extended_indices(index)
        names, values = function_symbols(
            self.section_bytes(index),
            memoryview(b"") if extended is None else extended,
            array("Q", [section.addr for section in placed]),
            self.is_64,
            self.layout.order != HOST_ORDER,
        )
        return self.section_bytes(link), names, values

    def iter_notes(self) -> Iterator[Note]:
        """Yield the notes of all SHT_NOTE sections.

        Raises:
            ElfError: a note runs past its section.
        """
        for index in self._indices_of(elf.SHT_NOTE):
            yield from iter_notes(
                self.section_bytes(index),
                layout=self.layout,
                source=self.source,
                section=self.section_names[index],
                alignment=self.sections[index].addralign,
            )

    @cached_property
    def build_id(self) -> bytes | None:
        """The GNU build-id, if there is one."""
        for note in self.iter_notes():
            if (note.owner, note.type) == elf.NT_GNU_BUILD_ID:
                return bytes(note.content)
        return None

    def _fail(self, problem: str, section: str, offset: int) -> NoReturn:
        raise ElfError(problem, source=self.source, section=section, offset=offset)

    def _indices_of(self, *types: int) -> Iterator[int]:
        """Yield the indices of the sections of some types."""
        return (index for index, section in enumerate(self.sections) if section.type in types)

    def _symbol_table(self) -> int | None:
        """Return the index of .symtab, or of .dynsym when there is no other table."""
        kinds = (elf.SHT_SYMTAB, elf.SHT_DYNSYM)
        return next((index for kind in kinds for index in self._indices_of(kind)), None)

    def _extended_indices(self, table: int) -> memoryview | None:
        """Return the contents of a symbol table's SHT_SYMTAB_SHNDX section, if it has one."""
        for index in self._indices_of(elf.SHT_SYMTAB_SHNDX):
            if self.sections[index].link == table:
                return self.section_bytes(index)
        return None

    @property
    def _symbol_record(self) -> elf.Record:
        return elf.SYMBOL_64 if self.is_64 else elf.SYMBOL_32

    def _is_compressed(self, index: int) -> bool:
        return bool(self.sections[index].flags & elf.SHF_COMPRESSED) or self.section_names[
            index
        ].startswith(".zdebug")

    def _mapped(self, index: int, name: str) -> memoryview:
        """Return the bytes of a section as they stand in the file."""
        section = self.sections[index]
        if section.type in (elf.SHT_NOBITS, elf.SHT_NULL):
            return self._content[:0]
        offset, size = section.offset, section.size
        if offset + size > len(self._content):
            self._fail(f"section at {offset:#x} of {size:#x} bytes lies outside the file", name, 0)
        return self._content[offset : offset + size]

    def _place_sections(self) -> None:
        """Give the sections of an ET_REL their addresses."""
        address, end = FIRST_ADDRESS, 1 << 8 * self.layout.address_size
        ends: dict[str, int] = {}
        for index, (name, section) in enumerate(
            zip(self.section_names, self.sections, strict=True)
        ):
            place = 0
            if section.flags & elf.SHF_ALLOC:
                align = max(section.addralign, 1)
                if align & align - 1:
                    self._fail(f"alignment {align} is no power of two", name, 0)
                place = address + -address % align
                # A byte in between keeps an end symbol from the next section's first.
                address = place + section.size + 1
                if address > end:
                    self._fail("sections don't fit into the address space", name, 0)
            elif name.startswith((".debug_", ".zdebug_")) and section.type != elf.SHT_NOBITS:
                place = ends.get(name, 0)
                ends[name] = place + self._content_size(index)
                if ends[name] > end:
                    self._fail("sections don't fit into the address space", name, 0)
            self.sections[index] = section._replace(addr=place)

    def _content_size(self, index: int) -> int:
        """Return the size of a section after decompression."""
        if not self._is_compressed(index):
            return self.sections[index].size
        name = self.section_names[index]
        return compression.decompressed_size(
            self._mapped(index, name), self.layout, self.source, name
        )

    def _symbols_of(self, index: int) -> "Symbols":
        """Return the symbols of the table in section index."""
        found = self._symbols.get(index)
        if found is not None:
            return found
        from dwarfless.elf.symbols import read_symbols

        name, link = self.section_names[index], self.sections[index].link
        if not 0 < link < len(self.sections):
            self._fail(f"no section {link} for the symbols' names", name, 0)
        symbols = read_symbols(
            self.section_bytes(index),
            self.section_bytes(link),
            self._extended_indices(index),
            layout=self.layout,
            num_sections=len(self.sections),
            source=self.source,
            section=name,
        )
        if self.type == elf.ET_REL:
            symbols = symbols.placed([section.addr for section in self.sections])
        self._symbols[index] = symbols
        return symbols

    def _relocate(self, content: bytearray, index: int, table: int) -> None:
        """Apply one relocation section to the contents of section index."""
        from dwarfless.elf import relocations

        name, kind = self.section_names[index], self.sections[table].type
        if kind == elf.SHT_CREL:
            raise UnsupportedError("CREL", place=f"{self.source}: {self.section_names[table]}")
        link = self.sections[table].link
        if not 0 < link < len(self.sections) or self.sections[link].type != elf.SHT_SYMTAB:
            self._fail(f"section {link} is no symbol table", self.section_names[table], 0)
        in_tls = [section.addr for section in self.sections if section.flags & elf.SHF_TLS]
        relocations.apply_relocations(
            content,
            self.section_bytes(table),
            self._symbols_of(link),
            layout=self.layout,
            machine=self.machine,
            has_addends=kind == elf.SHT_RELA,
            tls_start=min(in_tls, default=0),
            address=self.sections[index].addr,
            source=self.source,
            section=name,
        )
