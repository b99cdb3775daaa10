"""Symbols with their addresses, from whatever a kernel leaves of them.

In:  /proc/kallsyms, a System.map, or an ELF file with a symbol table.
Out: SymbolList: names and addresses in columns.

kallsyms holds the addresses of one boot, moved by KASLR; the others those that were linked.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from dwarfless.containers.section import is_elf
from dwarfless.elf.image import ElfImage
from dwarfless.errors import FormatError
from dwarfless.formats import elf
from dwarfless.graph.report import Report

__all__ = ["SymbolList", "load_symbols"]

#: Letters of nm(1) for code; a capital one is visible everywhere.
CODE_LETTERS = b"Tt"


@dataclass(frozen=True)
class SymbolList:
    """Symbols, in the order of their file.

    Attributes:
        names: Bytes of each name.
        addresses: As the file has them.
        is_global: Whether other units see it.
        is_code: Whether it is a function's.
        source: The file's path.
    """

    names: list[bytes]
    addresses: list[int]
    is_global: list[bool]
    is_code: list[bool]
    source: str

    def __len__(self) -> int:
        return len(self.names)

    def find(self, name: bytes) -> int | None:
        """Return the address of the first symbol of a name."""
        return self.addresses[self.names.index(name)] if name in self.names else None

    def moved(self, move: Callable[[int], int]) -> "SymbolList":
        """Return the list with every address changed by a function."""
        return replace(self, addresses=[move(address) for address in self.addresses])


def load_symbols(path: str | os.PathLike[str], report: Report) -> SymbolList:
    """Return the symbols in a file; what kind of file it is shows.

    Args:
        path: /proc/kallsyms or a copy, a System.map, or an ELF file.
        report: Takes how many symbols of modules there are, which are left out.

    Raises:
        FormatError: It is none of these, or hides all addresses.
        OSError: It can't be read.

    Cost: 0.15 s for the 200,000 symbols of a kernel.
    """
    source = os.fspath(path)
    with open(path, "rb") as file:
        if is_elf(file.read(4)):
            return _of_image(ElfImage.load(path))
        file.seek(0)
        content = file.read()
    return _of_text(content, source, report)


def _of_image(image: ElfImage) -> SymbolList:
    """Return the symbols of an ELF file that have a place in it, or an absolute value."""
    symbols = image.symbols()
    kinds = ~np.isin(symbols.type, (elf.STT_SECTION, elf.STT_FILE))
    placed = symbols.in_section | (symbols.section_index == elf.SHN_ABS)
    rows = np.flatnonzero(kinds & placed & (symbols.name_offset != 0))
    strings = bytes(symbols.strings)
    names = [
        strings[start : strings.index(b"\0", start)]
        for start in symbols.name_offset[rows].tolist()
    ]
    return SymbolList(
        names,
        symbols.value[rows].tolist(),
        (symbols.binding[rows] != elf.STB_LOCAL).tolist(),
        (symbols.type[rows] == elf.STT_FUNC).tolist(),
        image.source,
    )


def _of_text(content: bytes, source: str, report: Report) -> SymbolList:
    names: list[bytes] = []
    addresses: list[int] = []
    letters = bytearray()
    modules = 0
    for number, line in enumerate(content.splitlines()):
        parts = line.split()
        if len(parts) == 4 and parts[3][:1] == b"[":
            modules += 1
            continue
        try:
            address, letter, name = parts
            addresses.append(int(address, 16))
            letters.append(ord(letter))
        except (ValueError, TypeError):
            raise _wrong_line(content, number, source) from None
        names.append(name)
    if not any(addresses):
        problem = "holds no symbols"
        if names:
            problem = "hides all addresses: read it as root (kernel.kptr_restrict)"
        raise FormatError(problem, source=source, section="symbols", offset=0)
    report.count("symbol", "of a module", modules)
    is_global = [chr(letter).isupper() for letter in letters]
    return SymbolList(names, addresses, is_global, [c in CODE_LETTERS for c in letters], source)


def _wrong_line(content: bytes, number: int, source: str) -> FormatError:
    before = content.splitlines(keepends=True)[:number]
    problem = "not a line of ADDRESS LETTER NAME, as kallsyms and System.map have"
    offset = sum(map(len, before))
    return FormatError(problem, source=source, section="symbols", offset=offset)
