"""Write BTF into whatever is to hold it: one function for every command.

In:  a graph, or its encoded bytes; if there is one, the binding to its program.
Out: a file, whole or not at all.
"""

import os
import stat
from typing import Final

from dwarfless.containers.binding import LITTLE_64, Binding
from dwarfless.containers.output import write_atomically
from dwarfless.elf.notes import build_id_section
from dwarfless.elf.writer import OutputSection, encode_elf
from dwarfless.errors import UnsupportedError
from dwarfless.formats import elf
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["FORMATS", "encode_container", "format_of", "write_btf"]

#: Format -> the suffix of its files.
FORMATS: Final = {"raw": ".btf", "elf": ".elf"}


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the format that a path asks for.

    .btf is raw, and so is what is no file: standard output, a pipe, a device. .ko is a module,
    compressed or not. All else is ELF.

    >>> format_of("vmlinux-extra.btf"), format_of("vmlinux-extra"), format_of("-")
    ('raw', 'elf', 'raw')
    """
    name = os.fspath(path)
    if name == "-" or name.lower().endswith(".btf"):
        return "raw"
    if name.endswith((".ko", ".ko.xz", ".ko.zst")):
        return "module"
    try:
        return "elf" if stat.S_ISREG(os.stat(name).st_mode) else "raw"
    except OSError:
        return "elf"


def write_btf(
    path: str | os.PathLike[str],
    graph: TypeGraph | bytes,
    *,
    binding: Binding | None = None,
    format: str | None = None,
    distilled: bytes = b"",
) -> int:
    """Write BTF.

    Args:
        path: Where to; "-" is standard output.
        graph: What to write; bytes are those of a .BTF section.
        binding: The program it is for; ELF files carry it, and are of its class and machine.
            If not given they say at least what a graph is split over.
        format: "raw" or "elf"; what the path asks for if not given.
        distilled: The base that travels with it, for a .BTF.base section; only ELF has room.

    Returns:
        How many bytes were written.

    Raises:
        LimitError: The graph is larger than the format holds.
        UnsupportedError: A module is asked for, or a distilled base in raw BTF.
        OSError: It can't be written.
    """
    kind = format or format_of(path)
    if kind == "module":
        raise UnsupportedError("a module without a donor (see dwarfless kmod)", place=str(path))
    if isinstance(graph, TypeGraph):
        if binding is None:
            binding = Binding(bases=tuple(level.digest for level in levels(graph)[:-1]))
        # Not for bytes, which is what an encode writes.
        from dwarfless.btf.encode import encode

        little = binding.layout.little_endian
        graph = encode(graph, byte_order="little" if little else "big")
    if distilled and kind == "raw":
        raise UnsupportedError("a base inside raw BTF", place=str(path))
    content = graph if kind == "raw" else encode_container(graph, binding, distilled)
    write_atomically(path, content)
    return len(content)


def encode_container(btf: bytes, binding: Binding | None, distilled: bytes = b"") -> bytes:
    """Return an ELF file that holds BTF and, if there is one, its binding.

    The same input gives the same bytes; the build-id is a hash of them.
    """
    sections = [OutputSection(".BTF", elf.SHT_PROGBITS, 0, btf)]
    layout, machine = LITTLE_64, elf.EM_NONE
    if binding is not None:
        layout, machine = binding.layout, binding.machine
        sections.insert(0, binding.to_section())
    if distilled:
        sections.append(OutputSection(".BTF.base", elf.SHT_PROGBITS, 0, distilled))
    sections.insert(0, build_id_section(sections, layout=layout))
    return encode_elf(sections, layout=layout, machine=machine)
