"""Assemble BTF word by word: also what build/btf.py can not say because it is wrong.

In:  records, sound or not; what a test leaves out is filled in, what it gives is written.
Out: raw BTF.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["Type", "assemble", "strings"]


class Type(NamedTuple):
    """One type record; every field is written as it is, sound or not."""

    kind: int
    name: int = 0
    third: int = 0
    rest: tuple[int, ...] = ()
    vlen: int = 0
    kind_flag: int = 0

    def words(self) -> tuple[int, ...]:
        """The record as 32-bit words."""
        information = self.kind_flag << 31 | self.kind << 24 | self.vlen
        return (self.name, information, self.third, *(w & 0xFFFFFFFF for w in self.rest))


def strings(*names: str, base: int | None = None) -> tuple[bytes, dict[str, int]]:
    """Return a string section and the offset of each name.

    Args:
        names: In this order.
        base: Length of the base's string section, for split BTF.
    """
    section = b"" if base is not None else b"\0"
    offsets = {}
    for name in names:
        offsets[name] = (base or 0) + len(section)
        section += name.encode() + b"\0"
    return section, offsets


def assemble(
    types: Sequence[Type],
    text: bytes,
    *,
    order: str = "<",
    layout: Sequence[tuple[int, int]] | None = None,
    header_size: int | None = None,
    magic: int = 0xEB9F,
    version: int = 1,
    flags: int = 0,
    fields: tuple[int, ...] | None = None,
) -> bytes:
    """Return BTF.

    Args:
        types: The records.
        text: String section.
        order: "<" or ">".
        layout: (fixed bytes, bytes an element) by kind from 0, or None for no layout section.
        header_size: hdr_len; None for 24, or 32 with a layout.
        magic: First two bytes.
        version: Third byte.
        flags: Fourth byte.
        fields: The header's words from type_off on, None for the right ones.
    """
    words = [word for record in types for word in record.words()]
    records = struct.pack(f"{order}{len(words)}I", *words)
    shapes = b"".join(struct.pack(f"{order}BBH", *shape, 0) for shape in layout or ())
    size = header_size or (24 if layout is None else 32)
    if fields is None:
        fields = (0, len(records), len(records) + len(shapes), len(text))
        if layout is not None:
            fields += (len(records), len(shapes))
    header = struct.pack(f"{order}HBBI{len(fields)}I", magic, version, flags, size, *fields)
    return header.ljust(size, b"\0") + records + shapes + text
