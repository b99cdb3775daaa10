"""Bind a graph to the program it was made from.

In:  the program's ELF file; the graph of its variables; where the kernel's own BTF came from.
Out: a Binding.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from dwarfless.containers.binding import (
    BINDING_SECTION,
    Binding,
    BoundSection,
    is_plain,
)
from dwarfless.containers.donor import THIS_MODULE, Donor, iter_modinfo
from dwarfless.elf.headers import Layout
from dwarfless.elf.image import ElfImage
from dwarfless.elf.notes import iter_notes
from dwarfless.errors import BaseMismatchError, ElfError
from dwarfless.formats import elf
from dwarfless.formats.btf import Kind
from dwarfless.graph.levels import levels
from dwarfless.graph.places import PERCPU_SECTION
from dwarfless.graph.type_graph import TypeGraph

__all__ = [
    "HOST",
    "bind",
    "bind_module",
    "bound_sections",
    "identify",
    "identify_file",
    "running_build_id",
]

#: The start of linux_banner; UTS_RELEASE has at most 64 bytes. Source: init/version-timestamp.c.
BANNER: Final = re.compile(rb"Linux version ([!-~]{1,64}) \(")
#: What a debugger reads in the kernel's memory; without kallsyms no symbol leads there.
KERNEL_SECTIONS: Final = (".BTF", ".orc_header", ".orc_unwind", ".orc_unwind_ip")
#: What the running kernel shows of itself.
RUNNING_BTF: Final = "/sys/kernel/btf/vmlinux"
RUNNING_NOTES: Final = Path("/sys/kernel/notes")
#: Of the machine this runs on.
HOST: Final = Layout(sys.maxsize > 1 << 32, sys.byteorder == "little")


def bind(source: str | os.PathLike[str] | ElfImage, graph: TypeGraph) -> Binding:
    """Return what ties a graph to the program it was made from.

    A module's binding has the build-id of its kernel if the lowest base was read from the kernel's
    ELF file, or is the running kernel's.

    Args:
        source: The vmlinux or module.
        graph: What is to be written: the program's graph, or what it adds to its bases.

    Raises:
        ElfError: The file breaks its format.
        OSError: It can't be read.

    Cost: 25 ms for a vmlinux, most of it the digest of its BTF.
    """
    image = source if isinstance(source, ElfImage) else ElfImage.load(source)
    chain = levels(graph)
    own = identify(image)
    of_module = own.module != "" and len(chain) > 1
    kernel = identify_file(chain[0].source) if of_module else own
    return Binding(
        layout=image.layout,
        machine=image.machine,
        release=own.release,
        build_id=kernel.build_id,
        module=own.module,
        module_build_id=own.module_build_id,
        bases=tuple(level.digest for level in chain[:-1]),
        sections=bound_sections(image, _section_names(chain, of_module)),
    )


def bind_module(binding: Binding | None, graph: TypeGraph, donor: Donor) -> Binding:
    """Return the binding of an extra that becomes a module of the kernel that a donor is of.

    It is split over the kernel's BTF alone: a level between is joined with it.

    Args:
        binding: What the extra says it is for; None if it doesn't say.
        graph: The extra.
        donor: Any module of the kernel.

    Raises:
        BaseMismatchError: The extra is for another kernel than the donor.
    """
    lowest = levels(graph)[0]
    if binding is None:
        kernel = identify_file(lowest.source)
        binding = Binding(release=kernel.release or donor.release, build_id=kernel.build_id)
    if binding.release and binding.release != donor.release:
        raise BaseMismatchError(
            f"{graph.source}: made for {binding.program}; {donor.source} is of {donor.release}"
        )
    return replace(binding, layout=donor.layout, machine=donor.machine, bases=(lowest.digest,))


def identify(image: ElfImage) -> Binding:
    """Return what a file says of itself: kernel, release, module, build-ids; else nothing.

    Of an extra it is what that is bound to.

    Raises:
        ElfError: A note breaks its format.
    """
    note = image.find_section(BINDING_SECTION)
    if note is not None:
        content = image.section_bytes(note)
        found = Binding.read(
            content, layout=image.layout, machine=image.machine, source=image.source
        )
        if found is not None:
            return found
    build_id = (image.build_id or b"").hex()
    if image.find_section(THIS_MODULE) is None:
        return Binding(image.layout, image.machine, _release(image), build_id)
    modinfo = dict(iter_modinfo(image))
    release = _plain(modinfo.get("vermagic", "").partition(" ")[0])
    module = _plain(modinfo.get("name", "")) or "module"
    return Binding(image.layout, image.machine, release, "", module, build_id)


def identify_file(path: str | os.PathLike[str]) -> Binding:
    """Return what a file that BTF was read from says of itself; raw BTF says nothing.

    But the running kernel's says all: its release and its build-id are known.
    """
    if os.path.realpath(path) == RUNNING_BTF:
        return Binding(release=os.uname().release, build_id=running_build_id())
    try:
        return identify(ElfImage.load(path))
    except (ElfError, OSError):
        # No ELF file, or none at all: a graph's source may be bytes.
        return Binding()


def bound_sections(image: ElfImage, names: Iterable[str]) -> tuple[BoundSection, ...]:
    """Return the named sections of a program, by name; of several of one name the first."""
    wanted = {name for name in names if is_plain(name)}
    found: dict[str, BoundSection] = {}
    relative = image.type == elf.ET_REL
    for name, section in zip(image.section_names, image.sections, strict=True):
        if name not in wanted or name in found or not section.flags & elf.SHF_ALLOC:
            continue
        address, per_cpu = 0 if relative else section.addr, name == PERCPU_SECTION
        found[name] = BoundSection(
            name=name,
            address=address,
            size=section.size,
            per_cpu=per_cpu,
            # Linked at 0 (x86-64 until 6.14) it is no part of what is moved.
            fixed=per_cpu and not relative and address == 0,
            relative=relative,
        )
    return tuple(found[name] for name in sorted(found))


def _section_names(chain: list[TypeGraph], of_module: bool) -> Iterator[str]:
    """Yield the sections that variables are in, and those by which debuggers find their way."""
    yield ".text"
    if not of_module:
        yield from KERNEL_SECTIONS
    for level in chain:
        for offset in level.name_offsets[level.kinds == Kind.DATASEC].tolist():
            yield level.string(offset)


def running_build_id() -> str:
    """Return the running kernel's build-id in hex, "" if it shows none."""
    try:
        content = memoryview(RUNNING_NOTES.read_bytes())
    except OSError:
        return ""
    for note in iter_notes(content, layout=HOST, source=str(RUNNING_NOTES), section="notes"):
        if (note.owner, note.type) == elf.NT_GNU_BUILD_ID:
            return bytes(note.content).hex()
    return ""


def _release(image: ElfImage) -> str:
    """Return the release in a kernel's banner, which is in its read-only data."""
    index = image.find_section(".rodata")
    found = None if index is None else BANNER.search(image.section_bytes(index))
    return "" if found is None else found.group(1).decode()


def _plain(text: str) -> str:
    return text if is_plain(text) else ""
