"""DwarfSections: the debug sections of one program as buffers.

In:  an ElfImage, and where to look for separate debug files.
Out: a buffer for each section the units are read from, decompressed and relocated, and the same
     for the dwz alternate file and the split units.

In a relocatable file several sections may have one name, since a type unit comes in a COMDAT group
of its own. They are joined into one buffer; ElfImage places them so that references agree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from dwarfless.elf.debug_files import find_alternate_file, find_debug_file
from dwarfless.elf.headers import SectionHeader
from dwarfless.elf.image import ElfImage
from dwarfless.errors import UnsupportedError
from dwarfless.formats import elf

__all__ = ["DwarfSections"]

#: Field of DwarfSections to section name, without the dot and ".dwo".
NAMES = {
    name: f"debug_{name}"
    for name in (
        "info",
        "abbrev",
        "str",
        "line_str",
        "str_offsets",
        "addr",
        "loc",
        "loclists",
        "ranges",
        "rnglists",
        "types",
    )
}

#: From this many bytes on, compressed sections are worth a thread each, and relocated ones.
LARGE, LARGE_RELOCATED = 1 << 20, 1 << 24

_EMPTY = memoryview(b"")

# Inside the class, str is a section.
_Name: TypeAlias = str
_Folders: TypeAlias = Iterable[str]


@dataclass(frozen=True)
class DwarfSections:
    """The debug sections of one file, and the files it leans on.

    Buffers are memoryviews of unsigned bytes, empty when the section is absent.

    Attributes:
        source: The name of the file that the buffers come from.
        image: That file; its symbols have the addresses that the buffers speak of.
        little_endian: Byte order.
        is_64: Whether the file is ELFCLASS64.
        machine: EM_ number.
        address_size: Size of an address in the file, in bytes.
        alternate: The file that dwz moved common parts to.
        split: The .dwo files given.
    """

    source: _Name
    image: ElfImage
    little_endian: bool
    is_64: bool
    machine: int
    address_size: int
    info: memoryview = _EMPTY
    abbrev: memoryview = _EMPTY
    str: memoryview = _EMPTY
    line_str: memoryview = _EMPTY
    str_offsets: memoryview = _EMPTY
    addr: memoryview = _EMPTY
    loc: memoryview = _EMPTY
    loclists: memoryview = _EMPTY
    ranges: memoryview = _EMPTY
    rnglists: memoryview = _EMPTY
    types: memoryview = _EMPTY
    alternate: "DwarfSections | None" = None
    split: "tuple[DwarfSections, ...]" = field(default=())

    @property
    def has_info(self) -> bool:
        """Whether there are any units."""
        return bool(self.info or self.types)

    @classmethod
    def of(
        cls, image: ElfImage, *, debug_dirs: _Folders = (), split: Sequence[ElfImage] = ()
    ) -> "DwarfSections":
        """Return the debug sections of a program.

        Args:
            image: The program, or its debug file.
            debug_dirs: Where to look for separate debug files, before /usr/lib/debug.
            split: Its .dwo files.

        Returns:
            The sections of image, or of its separate debug file when it has none itself; without
            either all buffers are empty.

        Raises:
            ElfError: a section breaks the format, or the alternate file is missing.
            UnsupportedError: unknown relocation or compression, or a .dwp file.

        Cost: nothing in a linked, uncompressed file; else see ElfImage.relocated_bytes.
        """
        debug_dirs = tuple(debug_dirs)
        program = _read(image)
        if not program.has_info:
            separate = find_debug_file(image, debug_dirs)
            if separate is not None:
                program = _read(separate)
        alternate = find_alternate_file(program.image, debug_dirs)
        return replace(
            program,
            alternate=_read(alternate) if alternate else None,
            split=tuple(_read_split(part) for part in split),
        )


def _read_split(image: ElfImage) -> DwarfSections:
    if image.find_section(".debug_cu_index") is not None:
        raise UnsupportedError("DWARF package (.dwp)", place=image.source)
    return _read(image, suffix=".dwo")


def _read(image: ElfImage, suffix: str = "") -> DwarfSections:
    """Return the debug sections of one file."""
    wanted = {f".{kind}{name}{suffix}": key for key, name in NAMES.items() for kind in ("", "z")}
    found: dict[str, list[int]] = {}
    for index, name in enumerate(image.section_names):
        if name in wanted:
            found.setdefault(wanted[name], []).append(index)
    for key, indices in found.items():
        if len(indices) > 1 and image.type != elf.ET_REL:
            raise UnsupportedError(f"several .debug_{key} in a linked file", place=image.source)
    parts = _read_parts(image, [index for indices in found.values() for index in indices])
    buffers = {key: _join([parts[index] for index in indices]) for key, indices in found.items()}
    return DwarfSections(
        source=image.source,
        image=image,
        little_endian=image.little_endian,
        is_64=image.is_64,
        machine=image.machine,
        address_size=image.layout.address_size,
        alternate=None,
        split=(),
        **buffers,
    )


def _read_parts(image: ElfImage, indices: list[int]) -> dict[int, memoryview]:
    """Return the contents of sections by index, read by several threads if that saves time."""
    num_threads = sum(_is_large(image, image.sections[index]) for index in indices)
    if num_threads < 2:
        return {index: image.relocated_bytes(index) for index in indices}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(num_threads, 8)) as pool:
        return dict(zip(indices, pool.map(image.relocated_bytes, indices), strict=True))


def _is_large(image: ElfImage, section: SectionHeader) -> bool:
    """Say whether reading a section takes longer than starting a thread for it."""
    if section.flags & elf.SHF_COMPRESSED:
        return section.size >= LARGE
    return image.type == elf.ET_REL and section.size >= LARGE_RELOCATED


def _join(parts: list[memoryview]) -> memoryview:
    return parts[0] if len(parts) == 1 else memoryview(b"".join(parts))
