"""Decompression that a lying header can't turn into a huge allocation.

In:  a compressed section, or a whole compressed file such as nf_conntrack.ko.xz.
Out: its bytes. Memory grows with what really comes out, never with what a header promises.

Most files are not compressed: a decompressor is imported when there is something for it.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from dwarfless.elf.headers import Layout
from dwarfless.errors import ElfError, UnsupportedError
from dwarfless.formats import elf

__all__ = ["decompress_file", "decompress_section", "decompressed_size", "is_compressed"]

#: No sound section or module comes out larger than this many bytes plus RATIO times its input.
FLOOR, RATIO = 64 << 20, 1032
#: How many bytes go into a decompressor at once.
PIECE = 1 << 16

#: What makes a decompressor, and what that raises.
_Method = tuple[Callable[[], Any], type[Exception]]


def _zlib(wbits: int = 15) -> _Method:
    import zlib

    return lambda: zlib.decompressobj(wbits=wbits), zlib.error


def _xz() -> _Method:
    import lzma

    return lzma.LZMADecompressor, lzma.LZMAError


def _zstd() -> _Method:
    zstd = _zstd_module()
    return zstd.ZstdDecompressor, zstd.ZstdError


def _zstd_module() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


_FILES: dict[bytes, Callable[[], _Method]] = {
    b"\x1f\x8b": lambda: _zlib(wbits=31),
    b"\xfd7zXZ\0": _xz,
    b"\x28\xb5\x2f\xfd": _zstd,
}


def _limit(num_bytes: int) -> int:
    return FLOOR + RATIO * num_bytes


def _inflate(new: Callable[[], Any], packed: memoryview, limit: int) -> memoryview | None:
    """Decompress streams standing one after the other.

    Args:
        new: Makes a decompressor of the standard library's or zstd's kind.
        packed: One stream or more (linkers write several); zeros may follow.
        limit: Most bytes to return.

    Returns:
        The bytes, or None when they are more than limit, or the last stream is cut off.
    """
    content = bytearray()
    position, stream = 0, new()
    while position < len(packed):
        # In pieces, since a decompressor copies what stands behind its stream.
        piece = packed[position : position + PIECE]
        content += stream.decompress(piece, max_length=limit + 1 - len(content))
        if len(content) > limit:
            return None
        position += len(piece)
        if stream.eof:
            rest = stream.unused_data.lstrip(b"\0")
            if not rest and not any(packed[position : position + PIECE]):
                return memoryview(content).toreadonly()
            position -= len(rest)
            stream = new()
    return None


def is_compressed(start: bytes) -> bool:
    """Tell whether a file starting so is one that decompress_file takes."""
    return any(start.startswith(magic) for magic in _FILES)


def decompress_file(packed: memoryview, source: str) -> memoryview:
    """Return the contents of a gzip, xz or zstd file.

    Raises:
        ElfError: the file is damaged, or larger than any sound one.
    """
    method = next(m for magic, m in _FILES.items() if bytes(packed[: len(magic)]) == magic)
    new, failure = method()
    try:
        content = _inflate(new, packed, _limit(len(packed)))
    except failure as error:
        raise ElfError(
            f"can't decompress the file: {error}",
            source=source,
            section="compressed file",
            offset=0,
        ) from error
    if content is None:
        raise ElfError(
            f"file is cut off, or comes out larger than {_limit(len(packed))} bytes",
            source=source,
            section="compressed file",
            offset=len(packed),
        )
    return content


def compress_zstd(content: bytes, level: int = 19) -> bytes:
    """Return a zstd file."""
    zstd = _zstd_module()
    packed: bytes = zstd.compress(content, level)
    return packed


def _split(
    packed: memoryview, layout: Layout, source: str, name: str
) -> tuple[int, int, memoryview]:
    """Return method, size and stream of a compressed section."""
    if name.startswith(".zdebug"):
        if len(packed) < 12 or bytes(packed[:4]) != elf.ZDEBUG_MAGIC:
            raise ElfError("no ZLIB header", source=source, section=name, offset=0)
        return elf.ELFCOMPRESS_ZLIB, int.from_bytes(packed[4:12], "big"), packed[12:]
    record = layout.fields(
        elf.COMPRESSION_HEADER_64 if layout.is_64 else elf.COMPRESSION_HEADER_32
    )
    if len(packed) < record.size:
        raise ElfError(
            "section ends inside its compression header",
            source=source,
            section=name,
            offset=len(packed),
        )
    method, *_, size, _ = record.unpack_from(packed)
    return method, size, packed[record.size :]


def decompressed_size(packed: memoryview, layout: Layout, source: str, name: str) -> int:
    """Return the size in bytes that a compressed section says it has."""
    return _split(packed, layout, source, name)[1]


def decompress_section(packed: memoryview, layout: Layout, source: str, name: str) -> memoryview:
    """Return the contents of an SHF_COMPRESSED or .zdebug section.

    Cost: 1.7 s for 200 MB out of zlib, 0.5 s out of zstd; the GIL is free meanwhile.

    Raises:
        ElfError: damaged, or not of the size that its header says.
        UnsupportedError: neither zlib nor zstd.
    """
    method, size, stream = _split(packed, layout, source, name)

    def fail(problem: str) -> NoReturn:
        raise ElfError(problem, source=source, section=name, offset=0)

    if size > _limit(len(stream)):
        fail(f"{len(stream)} bytes can't decompress to {size}")
    if method == elf.ELFCOMPRESS_ZLIB:
        new, failure = _zlib()
    elif method == elf.ELFCOMPRESS_ZSTD:
        new, failure = _zstd()
    else:
        raise UnsupportedError(f"compression method {method}", place=f"{source}: {name}")
    try:
        content = _inflate(new, stream, size)
    except failure as error:
        raise ElfError(
            f"can't decompress: {error}", source=source, section=name, offset=0
        ) from error
    if content is None or len(content) != size:
        fail(f"decompresses to another size than {size}")
    return content
