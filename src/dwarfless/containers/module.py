"""A loadable module that holds BTF and no code.

In:  BTF split over a kernel's, and any module of that kernel, the donor.
Out: a .ko that the kernel loads, whose .BTF it parses and shows below /sys/kernel/btf.

The kernel asks of a module that it is a relocatable file for its machine, with one symbol table,
with the version magic of its build in .modinfo, with a struct module of its own size that holds
the name, and, if symbols have versions, with the version of module_layout. The donor tells all
but the layout of struct module, which is in the kernel's BTF. No compiler, no headers.

Source: kernel/module/main.c and version.c of Linux 6.1, 6.12 and 7.2; include/linux/module.h.
"""

import lzma
import os
import sys
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np

from dwarfless.btf.encode import encode
from dwarfless.containers.binding import Binding
from dwarfless.containers.donor import THIS_MODULE, Donor, module_record
from dwarfless.containers.output import write_atomically
from dwarfless.elf.compression import decompress_file, is_compressed
from dwarfless.elf.notes import build_id_section
from dwarfless.elf.writer import OutputSection, encode_elf
from dwarfless.errors import DwarflessError
from dwarfless.formats import elf
from dwarfless.formats.modules import kernel_name
from dwarfless.graph.check import check
from dwarfless.graph.type_graph import TypeGraph

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "compress_module",
    "encode_module",
    "read_module",
    "wrap_btf",
    "write_module",
]

#: What the kernel's build gives xz; the kernel's own decoder knows no other check.
XZ_FILTERS: Final = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
#: Of these keys the donor's value is the kernel's: what every module of a build must say.
COPIED: Final = ("retpoline", "vermagic")
DESCRIPTION: Final = "Types and variables as BTF, no code"


def write_module(
    path: str | os.PathLike[str],
    graph: TypeGraph,
    donor: Donor,
    *,
    name: str | None = None,
    binding: Binding | None = None,
) -> bytes:
    """Write a module; the end of its path says whether it is compressed.

    Args:
        path: Ends in .ko, .ko.xz or .ko.zst.
        graph: Split over the kernel's own BTF.
        donor: Any module of that kernel.
        name: Name in the kernel; the file's if not given.
        binding: What the extra is for; readers of the file, and of /sys/module/NAME/notes, see
            it.

    Returns:
        The module, not compressed.

    Raises:
        DwarflessError: The kernel would refuse it, or the donor is another kernel's.
        OSError: It can't be written.
    """
    content = encode_module(graph, donor, name or kernel_name(path), binding)
    write_atomically(path, compress_module(content, path))
    return content


def encode_module(
    graph: TypeGraph, donor: Donor, name: str, binding: Binding | None = None
) -> bytes:
    """Return a module as write_module writes it, not compressed.

    The same input gives the same bytes; its build-id is a hash of its content.
    """
    base = graph.base
    if base is None or base.base is not None:
        raise DwarflessError(
            f"{name}: a module's BTF must be split over the kernel's own, "
            + ("and this is split over nothing" if base is None else "not over another module's")
        )
    donor.check_base(base)
    if violations := check(graph, donor.release):
        more = f", and {len(violations) - 1} more" if len(violations) > 1 else ""
        raise DwarflessError(f"{name}: the kernel would refuse it: {violations[0]}{more}")
    order: Literal["little", "big"] = "little" if donor.layout.little_endian else "big"
    btf = encode(graph, byte_order=order, target=donor.release)
    notes = () if binding is None else (binding.to_section(elf.SHF_ALLOC),)
    return wrap_btf(btf, name, donor, base, notes)


def wrap_btf(
    btf: bytes,
    name: str,
    donor: Donor,
    base: TypeGraph,
    notes: Sequence[OutputSection] = (),
) -> bytes:
    """Return a module around raw BTF, whatever that is worth.

    Args:
        btf: Goes into .BTF.
        name: Name in the kernel; dashes become underscores.
        donor: Any module of the kernel.
        base: The kernel's BTF.
        notes: More sections.
    """
    name = name.replace("-", "_")
    keys = {"name": name, "license": "GPL", "depends": "", "description": DESCRIPTION}
    keys |= {key: donor.modinfo[key] for key in COPIED if key in donor.modinfo}
    modinfo = b"".join(f"{key}={value}".encode() + b"\0" for key, value in keys.items())
    record, alloc = module_record(base, name), elf.SHF_ALLOC
    place, alignment = alloc | elf.SHF_WRITE, donor.this_module_alignment
    sections = [
        OutputSection(THIS_MODULE, elf.SHT_PROGBITS, place, record, alignment),
        OutputSection(".modinfo", elf.SHT_PROGBITS, alloc, modinfo, 1),
        *(OutputSection(n, elf.SHT_PROGBITS, alloc, c, 32) for n, c in donor.versions.items()),
        *notes,
        # Not allocated: the kernel copies it out of the file, a place in the module is a second.
        OutputSection(".BTF", elf.SHT_PROGBITS, 0, btf, 1),
        *_symbol_table(donor, section_index=2),
    ]
    # It tells two modules apart; without any note drgn reads no core file.
    sections.insert(0, build_id_section(sections, layout=donor.layout, flags=alloc))
    return encode_elf(sections, layout=donor.layout, machine=donor.machine)


def compress_module(content: bytes, path: str | os.PathLike[str]) -> bytes:
    """Return a module's file as its name says: .xz and .zst so that the kernel can unpack them."""
    name = os.fspath(path)
    if name.endswith(".xz"):
        return lzma.compress(content, check=lzma.CHECK_CRC32, filters=XZ_FILTERS)
    if name.endswith(".zst"):
        return zstd.compress(content, 19)
    return content


def read_module(path: str | os.PathLike[str]) -> bytes:
    """Return a module's file, decompressed.

    Raises:
        ElfError: It does not decompress.
        OSError: It can't be read.
    """
    with open(path, "rb") as file:
        content = file.read()
    if is_compressed(content[:6]):
        return bytes(decompress_file(memoryview(content), os.fspath(path)))
    return content


def _symbol_table(donor: Donor, section_index: int) -> list[OutputSection]:
    """Return a symbol table with __this_module, as every module has it.

    The kernel wants a table, whatever is in it; strip takes away one that has nothing global.

    Args:
        donor: Any module of the kernel.
        section_index: Of the section that holds the struct module.
    """
    record = donor.layout.record(elf.SYMBOL_64 if donor.layout.is_64 else elf.SYMBOL_32)
    table, strings = np.zeros(2, record), b"\0__this_module\0"
    table[1]["name_offset"], table[1]["info"] = 1, elf.STB_GLOBAL << 4 | elf.STT_OBJECT
    table[1]["section_index"], table[1]["size"] = section_index, donor.this_module_size
    content, size = table.tobytes(), record.itemsize
    return [
        OutputSection(".symtab", elf.SHT_SYMTAB, 0, content, 8, ".strtab", 1, size),
        OutputSection(".strtab", elf.SHT_STRTAB, 0, strings, 1),
    ]
