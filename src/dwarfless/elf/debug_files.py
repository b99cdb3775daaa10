"""Find the files that hold a program's debug information.

In:  an ElfImage, and folders to look into.
Out: its separate debug file, or the file that dwz moved common parts to.

Source: GDB manual, "Debugging Information in Separate Files"; dwz(1) for .gnu_debugaltlink.
"""

import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from dwarfless.elf.image import ElfImage
from dwarfless.errors import ElfError

__all__ = ["DEBUG_DIRS", "find_alternate_file", "find_debug_file"]

#: Where distributions put debug files.
DEBUG_DIRS = ("/usr/lib/debug",)


def find_debug_file(image: ElfImage, debug_dirs: Iterable[str] = ()) -> ElfImage | None:
    """Return the separate debug file of a program.

    Args:
        image: The program.
        debug_dirs: Folders to look into before DEBUG_DIRS.

    Raises:
        ElfError: a debug link breaks the format.
    """
    folders = (*debug_dirs, *DEBUG_DIRS)
    if image.build_id:
        for path in _by_build_id(image.build_id, folders):
            found = _load(path, image)
            if found is not None and found.build_id == image.build_id:
                return found
    link = image.find_section(".gnu_debuglink")
    if link is None or image.path is None:
        return None
    name, crc = _read_debug_link(image, link)
    for path in _by_name(image.path, name, folders):
        found = _load(path, image)
        if found is not None and _crc_of(path) == crc:
            return found
    return None


def find_alternate_file(image: ElfImage, debug_dirs: Iterable[str] = ()) -> ElfImage | None:
    """Return the file that image shares debug information with, by .gnu_debugaltlink.

    Args:
        image: The file that dwz shortened.
        debug_dirs: Folders to look into before DEBUG_DIRS.

    Returns:
        None when image has no such link.

    Raises:
        ElfError: the file it names isn't there, or has another build-id.
    """
    index = image.find_section(".gnu_debugaltlink")
    content = bytes(image.section_bytes(index)) if index is not None else b""
    if not content:
        return None
    raw_name, _, build_id = content.partition(b"\0")
    if not raw_name or not build_id:
        raise ElfError(
            "link lacks a name or a build-id",
            source=image.source,
            section=".gnu_debugaltlink",
            offset=0,
        )
    name = os.fsdecode(raw_name)
    nearby = [image.path.resolve().parent / name] if image.path else []
    for path in (*nearby, *_by_build_id(build_id, (*debug_dirs, *DEBUG_DIRS))):
        found = _load(path, image)
        if found is not None and found.build_id == build_id:
            return found
    raise ElfError(
        f"no file {name} with build-id {build_id.hex()}",
        source=image.source,
        section=".gnu_debugaltlink",
        offset=0,
    )


def _by_build_id(build_id: bytes, folders: Iterable[str]) -> Iterator[Path]:
    digits = build_id.hex()
    for folder in folders:
        yield Path(folder, ".build-id", digits[:2], digits[2:] + ".debug")


def _by_name(program: Path, name: str, folders: Iterable[str]) -> Iterator[Path]:
    home = program.resolve().parent
    yield home / name
    yield home / ".debug" / name
    for folder in folders:
        yield Path(folder, *home.parts[1:], name)


def _load(path: Path, program: ElfImage) -> ElfImage | None:
    """Return the ELF file at path, unless it isn't one or is the program itself."""
    try:
        if program.path is not None and path.samefile(program.path):
            return None
        return ElfImage.load(path)
    except (OSError, ElfError):
        return None


def _read_debug_link(image: ElfImage, index: int) -> tuple[str, int]:
    """Return file name and CRC-32 of .gnu_debuglink: the CRC stands at the next multiple of 4."""
    content = bytes(image.section_bytes(index))
    name, _, _ = content.partition(b"\0")
    at = (len(name) + 4) & ~3
    if not name or len(content) < at + 4 or b"/" in name:
        raise ElfError(
            "link lacks a plain name or a checksum",
            source=image.source,
            section=".gnu_debuglink",
            offset=0,
        )
    return os.fsdecode(name), struct.unpack_from(f"{image.layout.order}I", content, at)[0]


def _crc_of(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            crc = zlib.crc32(piece, crc)
    return crc
