"""BTF bytes to a TypeGraph.

In:  a .BTF section, untrusted, either byte order.
Out: a TypeGraph, or BtfError with the offset. Host-order bytes are used in place.
"""

import struct
import sys
from array import array
from typing import Final, NamedTuple

from dwarfless.errors import BtfError, UnsupportedError
from dwarfless.formats.btf import HEADER_SIZE, HEADER_SIZE_LAYOUT, KINDS, MAGIC, VERSION
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["decode"]

HOST: Final = "<" if sys.byteorder == "little" else ">"


class Header(NamedTuple):
    """Where the sections are, in bytes from the start of .BTF."""

    order: str
    types: slice
    strings: slice
    layout: slice


def decode(
    data: bytes | bytearray | memoryview, *, base: TypeGraph | None = None, source: str = "<bytes>"
) -> TypeGraph:
    """Return the graph that BTF bytes hold.

    Args:
        data: The whole of a .BTF section or raw file.
        base: Graph that split BTF was made for.
        source: Path for errors.

    Raises:
        BtfError: The bytes break the format.
        UnsupportedError: A version other than 1.

    Cost: 1.5 ms for 5 MB.
    """
    raw = bytes(data)
    header = read_header(raw, source)
    content = raw[header.types] if header.types.start % 4 else memoryview(raw)[header.types]
    words = memoryview(content).cast("I")
    if header.order != HOST:
        swapped = array("I", words)
        swapped.byteswap()
        words = memoryview(swapped)
    return TypeGraph.from_words(
        words,
        raw[header.strings],
        base=base,
        source=source,
        place=header.types.start,
        unknown_kinds=read_layout(raw, header, source),
        raw=raw,
    )


def read_header(raw: bytes, source: str) -> Header:
    """Return where the sections are; they must tile what follows the header, as in the kernel."""

    def fail(problem: str, offset: int) -> BtfError:
        return BtfError(problem, source=source, section=".BTF", offset=offset)

    if len(raw) < HEADER_SIZE:
        raise fail(f"{len(raw)} bytes hold no BTF header", 0)
    if int.from_bytes(raw[:2], "little") == MAGIC:
        order = "<"
    elif int.from_bytes(raw[:2], "big") == MAGIC:
        order = ">"
    else:
        raise fail(f"magic is {raw[0]:02x} {raw[1]:02x}, not {MAGIC:#06x} in any order", 0)
    if raw[2] != VERSION:
        raise UnsupportedError(f"BTF version {raw[2]}", place=f"{source}: .BTF+0x2")
    if raw[3]:
        raise fail(f"flags are {raw[3]:#x}, not 0", 3)
    size = struct.unpack_from(order + "I", raw, 4)[0]
    if not HEADER_SIZE <= size <= len(raw):
        raise fail(f"header of {size} bytes in {len(raw)} bytes", 4)
    if any(raw[HEADER_SIZE_LAYOUT:size]):
        raise fail("header holds fields newer than this program", HEADER_SIZE_LAYOUT)
    padded = raw[8 : min(size, HEADER_SIZE_LAYOUT)].ljust(HEADER_SIZE_LAYOUT - 8, b"\0")
    fields = struct.unpack(order + "6I", padded)
    place = {"type": (*fields[0:2], 8), "string": (*fields[2:4], 16), "layout": (*fields[4:6], 24)}
    if not fields[5]:
        del place["layout"]
    if fields[0] % 4 or fields[1] % 4:
        raise fail("type section is not 4-aligned", 8)
    end = 0
    for name, (start, length, offset) in sorted(place.items(), key=lambda kv: kv[1][:2]):
        if start != end:
            raise fail(f"{name} section starts at {start:#x}, not at {end:#x}", offset)
        if length > len(raw) - size - start:
            raise fail(f"{name} section runs past the end", offset + 4)
        end = start + length
    if end != len(raw) - size:
        raise fail(f"{len(raw) - size - end} bytes belong to no section", size + end)
    types, strings, layout = (
        slice(size + fields[i], size + fields[i] + fields[i + 1]) for i in (0, 2, 4)
    )
    return Header(order, types, strings, layout)


def read_layout(raw: bytes, header: Header, source: str) -> dict[int, tuple[int, int]]:
    """Return kind -> (fixed words, words an element) of the kinds above the known ones.

    Of the known ones a layout section that says otherwise is an error.
    """
    found: dict[int, tuple[int, int]] = {}
    start, stop = header.layout.start, header.layout.stop
    if (stop - start) % 4 or start % 4:
        raise BtfError(
            "layout section is not 4-aligned", source=source, section=".BTF", offset=start
        )
    for kind, at in enumerate(range(start, min(stop, start + 4 * 128), 4)):
        shape = raw[at], raw[at + 1]
        if kind < len(KINDS):
            row = KINDS[kind]
            if shape != (4 * len(row.fixed), 4 * len(row.element)):
                raise BtfError(
                    f"layout of {row.kind.name} is {shape[0]} + vlen * {shape[1]} bytes",
                    source=source,
                    section=".BTF",
                    offset=at,
                )
        elif shape[0] % 4 or shape[1] % 4:
            raise BtfError(
                f"layout of kind {kind} is no multiple of 4",
                source=source,
                section=".BTF",
                offset=at,
            )
        else:
            found[kind] = shape[0] // 4, shape[1] // 4
    return found
