"""Read BTF out of whatever holds it.

In:  a path, or bytes.
Out: a TypeGraph.
"""

import io
import os

from dwarfless.btf.decode import decode
from dwarfless.containers.detached import is_btf
from dwarfless.containers.section import is_elf, read_section
from dwarfless.errors import BtfError, UnsupportedError
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["load"]


def load(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview,
    *,
    base: TypeGraph | None = None,
) -> TypeGraph:
    """Return the graph in a raw BTF file, or in the .BTF section of an ELF file.

    A section is read alone: for a vmlinux of 400 MB this costs no more than its raw BTF.

    Args:
        source: Path, or the bytes of such a file.
        base: Graph that split BTF was made for, such as vmlinux's for a module's; none for an
            ELF file that brings its own in a .BTF.base section.

    Raises:
        BtfError: There is no BTF, or it breaks the format.
        ElfError: The ELF file breaks its format.
        OSError: The file can't be read.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _load(io.BytesIO(source), "<bytes>", base)
    # Unbuffered: a buffer would copy all that is read once more.
    with open(source, "rb", buffering=0) as file:
        return _load(file, os.fspath(source), base)


def _load(file: io.BytesIO | io.FileIO, source: str, base: TypeGraph | None) -> TypeGraph:
    start = file.read(4)
    if is_btf(start):
        file.seek(0)
        return decode(file.read(), base=base, source=source)
    if not is_elf(start):
        raise BtfError("neither raw BTF nor an ELF file", source=source, section=".BTF", offset=0)
    section = read_section(file, ".BTF", source=source)
    if section is None:
        raise BtfError("the file has no .BTF section", source=source, section=".BTF", offset=0)
    distilled = read_section(file, ".BTF.base", source=source)
    if distilled is not None:
        if base is not None:
            raise UnsupportedError("moving a distilled base's types onto another", place=source)
        base = decode(distilled, source=f"{source}(.BTF.base)")
    return decode(section, base=base, source=source)
