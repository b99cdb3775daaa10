"""Where the variables of BTF are in memory.

In:  the files that hold it: an extra with its binding, or a linked program.
Out: link addresses of sections.
"""

import io
import os
import struct
from collections.abc import Iterable
from typing import Final

from dwarfless.containers.detached import is_btf
from dwarfless.containers.load import read_binding
from dwarfless.containers.section import ElfReader

__all__ = ["section_addresses"]

#: e_type of a file whose sections have no addresses yet.
ET_REL: Final = 1


def section_addresses(paths: Iterable[str | os.PathLike[str]]) -> dict[str, int]:
    """Return the link address of each section that has one; of several files the first counts.

    Args:
        paths: Raw files tell nothing, ELF files by their binding or, if they are linked, by their
            section table.

    Raises:
        ElfError: An ELF file breaks its format.
        OSError: A file can't be read.
    """
    found: dict[str, int] = {}
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            if is_btf(file.read(4)):
                continue
            for name, address in _addresses(file, os.fspath(path)):
                found.setdefault(name, address)
    return found


def _addresses(file: io.FileIO, path: str) -> list[tuple[str, int]]:
    binding = read_binding(path)
    if binding is not None:
        return [(s.name, s.address) for s in binding.sections if not s.relative]
    reader = ElfReader(file, path)
    (kind,) = struct.unpack(reader.order + "H", reader.read(0x10, 2, "ELF header"))
    return [] if kind == ET_REL else reader.addresses()
