"""Symbol tables as columns.

In:  the bytes of a symbol table.
Out: Symbols: numpy columns in native byte order, section indices above 0xfeff resolved.

A vmlinux has 200,000 symbols: as columns they cost milliseconds, as objects seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dwarfless.elf.headers import Layout
from dwarfless.errors import ElfError
from dwarfless.formats import elf
from dwarfless.formats.arrays import NDArray

__all__ = ["Symbols", "read_symbols"]


@dataclass(frozen=True)
class Symbols:
    """The symbols of a file, in file order; the first is the ABI's null symbol.

    Attributes:
        name_offset: uint32[num_symbols], bytes into strings; always inside.
        value: uint64[num_symbols], addresses, also in an ET_REL. A thread-local symbol has its
            offset in the TLS block instead in linked files, a common one its alignment.
        size: uint64[num_symbols], bytes.
        section_index: uint32[num_symbols]; SHN_UNDEF, SHN_ABS, SHN_COMMON and other reserved
            numbers stay as they are, so only in_section tells them from the 65,521st section.
        in_section: bool[num_symbols], whether section_index is that of a section.
        type: uint8[num_symbols], STT_ numbers.
        binding: uint8[num_symbols], STB_ numbers.
        strings: The names, each ended by NUL.
    """

    name_offset: NDArray[np.uint32]
    value: NDArray[np.uint64]
    size: NDArray[np.uint64]
    section_index: NDArray[np.uint32]
    in_section: NDArray[np.bool_]
    type: NDArray[np.uint8]
    binding: NDArray[np.uint8]
    strings: memoryview

    def __len__(self) -> int:
        return len(self.value)

    def named(self, name: bytes) -> NDArray[np.int64]:
        """Return the indices of the symbols of a name.

        Cost: 3 ms for a vmlinux.
        """
        wanted = name + b"\0"
        strings = bytes(self.strings)
        places = []
        at = strings.find(wanted)
        while at >= 0:
            places.append(at)
            at = strings.find(wanted, at + 1)
        return np.flatnonzero(np.isin(self.name_offset, np.array(places, np.uint32)))

    def placed(self, addresses: Sequence[int]) -> "Symbols":
        """Return the symbols with their section's address added to the value of each.

        Args:
            addresses: Of each section of the file.
        """
        homes = np.where(self.in_section, self.section_index, 0)
        added = np.array(addresses, np.uint64)[homes]
        return replace(self, value=self.value + np.where(self.in_section, added, np.uint64(0)))


def read_symbols(
    table: memoryview,
    strings: memoryview,
    extended: memoryview | None,
    *,
    layout: Layout,
    num_sections: int,
    source: str,
    section: str,
) -> Symbols:
    """Return the symbols of a table; values are as the file has them.

    Args:
        table: Contents of the symbol table.
        strings: Contents of its string table.
        extended: Contents of its SHT_SYMTAB_SHNDX section, if it has one.
        layout: Of the file.
        num_sections: Number of sections in the file.
        source: The file's name.
        section: The symbol table's name.

    Raises:
        ElfError: a name or section index lies outside, or a table is cut off.
    """
    record = layout.record(elf.SYMBOL_64 if layout.is_64 else elf.SYMBOL_32)
    if len(table) % record.itemsize:
        raise ElfError(
            "table ends inside a symbol",
            source=source,
            section=section,
            offset=len(table) - len(table) % record.itemsize,
        )
    raw = np.frombuffer(table, record)
    index, in_section = _section_indices(raw["section_index"], extended, layout)
    lost = in_section & (index == elf.SHN_UNDEF)
    names = raw["name_offset"].astype(np.uint32)
    for wrong, problem in (
        (lost, "symbol lacks its extended section index"),
        (in_section & (index >= num_sections), "the symbol's section lies outside the file's"),
        (names >= max(len(strings), 1), "the symbol's name lies outside the strings"),
    ):
        if wrong.any():
            at = int(wrong.argmax()) * record.itemsize
            raise ElfError(problem, source=source, section=section, offset=at)
    if len(strings) and strings[-1]:
        raise ElfError("names lack the last NUL", source=source, section=section, offset=0)
    return Symbols(
        name_offset=names,
        value=raw["value"].astype(np.uint64),
        size=raw["size"].astype(np.uint64),
        section_index=index,
        in_section=in_section,
        type=raw["info"] & np.uint8(15),
        binding=raw["info"] >> np.uint8(4),
        strings=strings,
    )


def _section_indices(
    short: NDArray[np.uint16], extended: memoryview | None, layout: Layout
) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Return section_index and in_section; an index that should be extended but isn't is 0."""
    index = short.astype(np.uint32)
    far = index == elf.SHN_XINDEX
    in_section = far | (index != elf.SHN_UNDEF) & (index < elf.SHN_LORESERVE)
    if far.any():
        entries = np.frombuffer(extended or b"", f"{layout.order}u4", len(extended or b"") // 4)
        known = np.zeros(len(index), np.uint32)
        known[: len(entries)] = entries[: len(index)]
        index[far] = known[far]
    return index, in_section
