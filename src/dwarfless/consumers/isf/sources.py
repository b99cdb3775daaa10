"""What an ISF is made from: a graph, where its sections are, symbols, the banner.

In:  paths: BTF with its extra, or one ELF file with DWARF; a list of symbols.
Out: Sources; a report of what was used.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dwarfless.consumers.isf.document import BANNER, Origin
from dwarfless.consumers.isf.symbols import Places, unmoved
from dwarfless.containers.bind import RUNNING_BTF, bind
from dwarfless.containers.binding import Binding
from dwarfless.containers.load import load, read_binding
from dwarfless.containers.section import is_elf
from dwarfless.containers.symbol_list import load_symbols
from dwarfless.elf.image import ElfImage
from dwarfless.encoder import encode_elf
from dwarfless.formats import elf
from dwarfless.formats.btf import Kind
from dwarfless.graph.options import EncodeOptions, parse_features
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Sources", "gather"]

#: What the running kernel says of itself: its banner, but for the NUL.
RUNNING_BANNER: Final = Path("/proc/version")


@dataclass(frozen=True)
class Sources:
    """What an ISF is made from.

    Attributes:
        graph: Types, variables, functions.
        places: Where they are.
        banner: What lies at linux_banner; b"" if nothing tells.
        byte_order: Of the program.
        pointer_size: In bytes.
        origins: "symbols" and "types" to the files that were used.
        used: What was taken from where, in words.
    """

    graph: TypeGraph
    places: Places
    banner: bytes
    byte_order: Literal["little", "big"]
    pointer_size: int
    origins: dict[str, list[Origin]]
    used: dict[str, str]


def gather(
    files: Sequence[Path], report: Report, *, symbols: Path | None = None, banner: str = ""
) -> Sources:
    """Return what is in some files.

    Args:
        files: BTF, each the base of the next; or one ELF file with DWARF, which is encoded.
        report: Takes what the encoder leaves out, and which symbols are left out.
        symbols: /proc/kallsyms, a System.map or an ELF file; None: that of the files that has a
            symbol table.
        banner: The kernel's, as in /proc/version; "": looked up in what is at hand.

    Raises:
        DwarflessError: A file is unsound, or doesn't belong to the others.
        OSError: A file can't be read.
    """
    images = [ElfImage.load(path) for path in files if _is_elf(path)]
    program = next((image for image in images if len(image.symbols()) > 1), None)
    from_dwarf = len(files) == len(images) == 1 and _has_dwarf(images[0])
    graph = _encode(files[0], report) if from_dwarf else _load(files)
    binding = None if from_dwarf else read_binding(files[-1])
    used = {"types": f"DWARF of {files[0]}" if from_dwarf else " + ".join(map(str, files))}
    used["addresses"] = "none known" if binding is None else f"sections of {files[-1]}"
    if binding is None and program is not None:
        binding = bind(program, graph)
        used["addresses"] = f"sections of {program.source}"
    where = symbols or (program.path if program is not None else None)
    listed = load_symbols(where, report) if where else None
    used["symbols"] = listed.source if listed is not None else "none but variables"
    if listed is not None and binding is not None:
        listed, slide = unmoved(listed, binding)
        used["symbols"] += f", moved back by {slide:#x}" if slide else ""
    text, used["banner"] = _banner(banner, files, images, symbols)
    byte_order, pointer_size = _shape(graph, binding, files[0])
    kind = "symtab" if where and _is_elf(where) else "system-map"
    origins = {
        "types": [_origin(path, "dwarf" if from_dwarf else "") for path in files],
        "symbols": [_origin(where, kind)] if where else [],
    }
    places = Places(binding, listed)
    return Sources(graph, places, text, byte_order, pointer_size, origins, used)


def _encode(path: Path, report: Report) -> TypeGraph:
    options = EncodeOptions(features=parse_features("+global_var"))
    graph, encoded = encode_elf(path, options=options)
    for item in encoded.items:
        report.add(item.what, item.name, item.reason, item.place)
    report.counts.update(encoded.counts - report.counts)
    return graph


def _load(files: Sequence[Path]) -> TypeGraph:
    graph = load(files[0])
    for path in files[1:]:
        graph = load(path, base=graph)
    return graph


def _is_elf(path: str | os.PathLike[str]) -> bool:
    with open(path, "rb") as file:
        return is_elf(file.read(4))


def _has_dwarf(image: ElfImage) -> bool:
    return image.find_section(".debug_info") is not None


def _shape(
    graph: TypeGraph, binding: Binding | None, file: Path
) -> tuple[Literal["little", "big"], int]:
    """Return byte order and size of a pointer; raw BTF tells the latter by that of a long."""
    if binding is not None:
        order: Literal["little", "big"] = "little" if binding.layout.little_endian else "big"
        return order, binding.layout.address_size
    with open(file, "rb") as opened:
        start = opened.read(6)
    little = start[5] == 1 if is_elf(start) else start[0] > start[1] if start[:1] else True
    for name in ("long unsigned int", "long int", "unsigned long", "long"):
        for found in graph.find_ids(name, Kind.INT):
            level = graph.owner(found)
            return "little" if little else "big", int(level.thirds[found - level.first_id])
    return "little" if little else "big", 8


def _banner(
    given: str, files: Sequence[Path], images: Sequence[ElfImage], symbols: Path | None
) -> tuple[bytes, str]:
    """Return the banner with its NUL, and where it is from."""
    if given:
        return given.rstrip("\n").encode() + b"\n\0", "as given"
    if symbols is not None and _is_elf(symbols):
        images = [*images, ElfImage.load(symbols)]
    for image in images:
        if text := _symbol_content(image, BANNER):
            return text, image.source
    if os.path.realpath(files[0]) == RUNNING_BTF:
        return RUNNING_BANNER.read_bytes() + b"\0", str(RUNNING_BANNER)
    return b"", "not known; Volatility finds no kernel without: give --banner"


def _symbol_content(image: ElfImage, name: str) -> bytes:
    """Return the bytes that a symbol names in a file, b"" if it has none of them."""
    symbols = image.symbols()
    for row in symbols.named(name.encode()).tolist():
        index, value, size = (
            int(column[row]) for column in (symbols.section_index, symbols.value, symbols.size)
        )
        if not symbols.in_section[row] or image.sections[index].type == elf.SHT_NOBITS:
            continue
        start = value - image.sections[index].addr
        return bytes(image.section_bytes(index)[start : start + size])
    return b""


def _origin(path: str | os.PathLike[str], kind: str) -> Origin:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Origin(os.path.basename(path), digest.hexdigest(), kind)
