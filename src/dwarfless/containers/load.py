"""Read BTF out of whatever holds it.

In:  a path, or bytes.
Out: a TypeGraph.
"""

import io
import os
from typing import TYPE_CHECKING, Final

from dwarfless.btf.decode import decode
from dwarfless.containers.detached import is_btf
from dwarfless.containers.section import BINDING_SECTION, ElfReader, is_elf
from dwarfless.errors import BtfError
from dwarfless.graph.type_graph import TypeGraph

if TYPE_CHECKING:
    from dwarfless.containers.binding import Binding

__all__ = ["NO_BTF", "load", "read_binding"]

#: What is wrong with an ELF file that might have DWARF instead.
NO_BTF: Final = "the file has no .BTF section"


def load(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    base: TypeGraph | None = None,
) -> TypeGraph:
    """Return the graph in a raw BTF file, or in the .BTF section of an ELF file.

    A section is read alone: for a vmlinux of 400 MB this costs no more than its raw BTF.

    Args:
        source: Path, or the bytes of such a file.
        base: Graph that split BTF was made for, such as vmlinux's for a module's. An ELF file
            that brings its own in a .BTF.base section needs none; its types are moved onto one
            that is given.

    Raises:
        BaseMismatchError: The file says what it is split over, and base is something else, or
            lacks types that the file needs.
        BtfError: There is no BTF, or it breaks the format.
        ElfError: The ELF file breaks its format.
        OSError: The file can't be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _load(io.BytesIO(source), "<bytes>", base)
    # Unbuffered: a buffer would copy all that is read once more.
    with open(source, "rb", buffering=0) as file:
        return _load(file, os.fspath(source), base)


def read_binding(source: str | os.PathLike[str]) -> "Binding | None":
    """Return what ties a file to its kernel; None for raw BTF and ELF files without that note.

    Raises:
        BtfError: The file is neither raw BTF nor ELF.
        ElfError: The ELF file, or the note, breaks its format.
        OSError: The file can't be read.
    """
    with open(source, "rb", buffering=0) as file:
        name = os.fspath(source)
        return None if _is_raw(file, name) else _binding_in(ElfReader(file, name))


def _load(file: io.BytesIO | io.FileIO, source: str, base: TypeGraph | None) -> TypeGraph:
    if _is_raw(file, source):
        file.seek(0)
        return decode(file.read(), base=base, source=source)
    reader = ElfReader(file, source)
    section = reader.section(".BTF")
    if section is None:
        raise BtfError(NO_BTF, source=source, section=".BTF", offset=0)
    distilled = reader.section(".BTF.base")
    if distilled is not None:
        small = decode(distilled, source=f"{source}(.BTF.base)")
        graph = decode(section, base=small, source=source)
        if base is None:
            return graph
        # Few files bring a base, and importing what moves them takes longer than reading most.
        from dwarfless.graph.distill import relocate

        return relocate(graph, base)
    if (binding := _binding_in(reader)) is not None:
        binding.check_base(base, source)
    return decode(section, base=base, source=source)


def _is_raw(file: io.BytesIO | io.FileIO, source: str) -> bool:
    """Tell raw BTF from ELF; anything else is an error."""
    start = file.read(4)
    if not is_btf(start) and not is_elf(start):
        raise BtfError("neither raw BTF nor an ELF file", source=source, section=".BTF", offset=0)
    return is_btf(start)


def _binding_in(reader: ElfReader) -> "Binding | None":
    note = reader.section(BINDING_SECTION)
    if note is None:
        return None
    # Few files bring one, and importing it takes longer than reading most.
    from dwarfless.containers.binding import Binding

    return Binding.read(note, layout=reader.layout, machine=reader.machine, source=reader.source)
