"""Which functions can a BPF program attach to? Those that begin with a call the kernel can patch.

In:  a kernel's `available_filter_functions`, or its vmlinux with symbols.
Out: names.

A vmlinux lists the calls between __start_mcount_loc and __stop_mcount_loc; functions in sections
that the kernel frees after its start don't count.
"""

from pathlib import Path
from typing import Final

import numpy as np

from dwarfless.elf.image import ElfImage
from dwarfless.errors import ElfError
from dwarfless.formats import elf
from dwarfless.formats.arrays import distinct

__all__ = ["attachable_functions"]

#: A call lies at most so far behind its function's first byte: after an endbr64, or a nop.
MAX_DISTANCE: Final = 16
FREED: Final = (".init", ".exit")


def attachable_functions(path: Path) -> frozenset[str]:
    """Return the names of functions that tracing can patch.

    Args:
        path: A copy of /sys/kernel/tracing/available_filter_functions, or a vmlinux.

    Raises:
        ElfError: A vmlinux without the table.
        OSError: The file can't be read.
    """
    with open(path, "rb") as file:
        if file.read(4) != elf.MAGIC:
            text = path.read_text(errors="surrogateescape")
            return frozenset(line.split()[0] for line in text.splitlines() if line.strip())
    return _in_table(ElfImage.load(path))


def _in_table(image: ElfImage) -> frozenset[str]:
    symbols = image.symbols()
    bounds = [symbols.named(name) for name in (b"__start_mcount_loc", b"__stop_mcount_loc")]
    if not all(len(found) for found in bounds):
        raise ElfError(
            "no __start_mcount_loc: not a vmlinux with function tracing",
            source=image.source,
            section=".symtab",
            offset=0,
        )
    start, stop = (int(symbols.value[found[0]]) for found in bounds)
    index = int(symbols.section_index[bounds[0][0]])
    offset = start - image.sections[index].addr
    table = bytes(image.section_bytes(index)[offset : offset + stop - start])
    order = "<" if image.little_endian else ">"
    size = 8 if image.is_64 else 4
    calls = np.frombuffer(table, f"{order}u{size}").astype(np.uint64)
    freed = [i for i, name in enumerate(image.section_names) if name.startswith(FREED)]
    usable = (symbols.type == elf.STT_FUNC) & ~np.isin(symbols.section_index, freed)
    rows = np.flatnonzero(usable)
    calls = distinct(calls)
    place = np.searchsorted(calls, symbols.value[rows])
    place[place == len(calls)] = max(len(calls) - 1, 0)
    near = calls[place] - symbols.value[rows] <= MAX_DISTANCE if len(calls) else rows < 0
    strings = bytes(symbols.strings)
    offsets = symbols.name_offset[rows[near]].tolist()
    return frozenset(
        strings[at : strings.index(0, at)].decode(errors="surrogateescape") for at in offsets
    )
