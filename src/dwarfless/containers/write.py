"""Write BTF into whatever is to hold it: one function for every command.

In:  a graph, or its encoded bytes; if there is one, the binding to its program.
Out: a file, whole or not at all.

What only ELF files need is imported for these: raw BTF is written in less time than that takes.
"""

import os
from typing import TYPE_CHECKING

from dwarfless.containers.choice import format_of
from dwarfless.containers.output import write_atomically
from dwarfless.errors import UnsupportedError
from dwarfless.formats import elf
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

if TYPE_CHECKING:
    from dwarfless.containers.binding import Binding

__all__ = ["encode_container", "write_btf"]


def write_btf(
    path: str | os.PathLike[str],
    graph: TypeGraph | bytes,
    *,
    binding: "Binding | None" = None,
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
        from dwarfless.btf.encode import encode
        from dwarfless.containers.binding import Binding

        if binding is None:
            binding = Binding(bases=tuple(level.digest for level in levels(graph)[:-1]))
        little = binding.layout.little_endian
        graph = encode(graph, byte_order="little" if little else "big")
    if distilled and kind == "raw":
        raise UnsupportedError("a base inside raw BTF", place=str(path))
    content = graph if kind == "raw" else encode_container(graph, binding, distilled)
    write_atomically(path, content)
    return len(content)


def encode_container(btf: bytes, binding: "Binding | None", distilled: bytes = b"") -> bytes:
    """Return an ELF file that holds BTF and, if there is one, its binding.

    The same input gives the same bytes; the build-id is a hash of them.
    """
    from dwarfless.containers.binding import LITTLE_64
    from dwarfless.elf.notes import build_id_section
    from dwarfless.elf.writer import OutputSection, encode_elf

    sections = [OutputSection(".BTF", elf.SHT_PROGBITS, 0, btf)]
    layout, machine = LITTLE_64, elf.EM_NONE
    if binding is not None:
        layout, machine = binding.layout, binding.machine
        sections.insert(0, binding.to_section())
    if distilled:
        sections.append(OutputSection(".BTF.base", elf.SHT_PROGBITS, 0, distilled))
    sections.insert(0, build_id_section(sections, layout=layout))
    return encode_elf(sections, layout=layout, machine=machine)
