"""Which section holds an address, and which sections a kernel frees after its start.

In:  an ELF: a vmlinux or a module.
Out: section indices.

A vmlinux's linker script puts what is freed between two symbols, also sections whose name does not
tell, such as .apicdrivers; of a module the loader goes by the name.

Source: include/asm-generic/vmlinux.lds.h and free_initmem; module_init_section in
kernel/module/main.c.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from dwarfless.elf.image import ElfImage
from dwarfless.elf.symbols import Symbols
from dwarfless.formats import elf
from dwarfless.formats.arrays import NDArray

__all__ = [
    "PERCPU_SECTION",
    "function_addresses",
    "init_sections",
    "named_addresses",
    "place_addresses",
]

PERCPU_SECTION: Final = ".data..percpu"


def init_sections(image: ElfImage) -> frozenset[int]:
    """Return the indices of the sections that are freed after the start.

    The per-CPU section is freed too, but what it declares lives on in each CPU's copy.
    """
    symbols = image.symbols()
    first, last = (symbols.value[symbols.named(n)] for n in (b"__init_begin", b"__init_end"))
    begin, end = (int(first[0]), int(last[0])) if len(first) and len(last) else (0, 0)
    found = set()
    for index, (name, section) in enumerate(zip(image.section_names, image.sections, strict=True)):
        inside = begin <= section.addr < end and section.addr + section.size <= end
        if name.startswith(".init") or (inside and name != PERCPU_SECTION):
            found.add(index)
    return frozenset(found)


def place_addresses(
    addresses: NDArray[np.uint64], image: ElfImage
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the section that holds each address, -1 for none, and the offset in it.

    Sections are tried in file order; only allocated ones count, and no thread-local ones, since
    those are templates.
    """
    indices = [
        index
        for index, section in enumerate(image.sections)
        if section.type in (elf.SHT_PROGBITS, elf.SHT_NOBITS)
        and section.flags & (elf.SHF_ALLOC | elf.SHF_TLS) == elf.SHF_ALLOC
        and section.size
    ]
    # The last stands for no section, -1.
    addrs = np.array([*(section.addr for section in image.sections), 0], np.uint64)
    sizes = np.array([section.size for section in image.sections], np.uint64)
    # Where sections begin and the last byte of each; between two of these nothing changes.
    starts = addrs[indices]
    lasts = starts + sizes[indices] - np.uint64(1)
    lasts[lasts < starts] = np.iinfo(np.uint64).max
    bounds = np.sort(np.concatenate((starts, lasts)))
    owner = np.full(2 * len(bounds) + 1, -1, np.int64)
    begins, ends = _between(bounds, starts), _between(bounds, lasts)
    for index, begin, end in zip(indices[::-1], begins[::-1], ends[::-1], strict=True):
        owner[begin : end + 1] = index
    addresses = np.ascontiguousarray(addresses)
    section = owner[_between(bounds, addresses)]
    offset = (addresses - addrs[section]).astype(np.int64)
    return section, np.where(section < 0, 0, offset)


def _between(bounds: NDArray[np.uint64], addresses: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where each address lies: 2 k just before bound k, 2 k + 1 on it."""
    before = np.searchsorted(bounds, addresses)
    return before + np.searchsorted(bounds, addresses, side="right")


def named_addresses(symbols: Symbols, chosen: NDArray[np.int64]) -> dict[bytes, int]:
    """Return the addresses of some symbols by name; of a name's several the last.

    Cost: 0.4 ms a thousand.
    """
    strings = bytes(symbols.strings)
    starts = symbols.name_offset[chosen].tolist()
    return {
        strings[start : strings.index(b"\0", start)]: value
        for start, value in zip(starts, symbols.value[chosen].tolist(), strict=True)
    }


def function_addresses(
    addresses: NDArray[np.uint64], names: Sequence[bytes], image: ElfImage
) -> NDArray[np.uint64]:
    """Return where functions begin; one in several parts says so by its symbol only."""
    symbols = image.symbols()
    known = named_addresses(symbols, np.flatnonzero(symbols.type == elf.STT_FUNC))
    addresses = addresses.copy()
    for row in np.flatnonzero(addresses == 0).tolist():
        addresses[row] = known.get(names[row], 0)
    return addresses
