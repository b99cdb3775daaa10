"""The document: what Volatility 3 loads, as a stream of bytes.

In:  types and symbols, the banner, the files they come from.
Out: JSON of schema 6.3.0, sorted by name; compressed if the file's name says so.
"""

import base64
import json
import lzma
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from dwarfless.consumers.isf.symbols import Symbol, text_of
from dwarfless.consumers.isf.table import quote
from dwarfless.consumers.isf.types import FUNCTION, VOID, Types

__all__ = ["BANNER", "SUFFIXES", "Origin", "compressed", "document", "is_typed"]

#: What it is by schema 6.3.0; but Volatility up to 2.28 ships that and reads no file that says so.
FORMAT: Final = "6.2.0"
#: The symbol that Volatility tells kernels by.
BANNER: Final = "linux_banner"
SUFFIXES: Final = (".json", ".json.gz", ".json.xz")
#: Entries a piece of the stream holds.
PIECE: Final = 2000
#: Of xz: 6 takes five times as long for a quarter less.
PRESET: Final = 1
#: Of zlib: a gzip header, which then holds no time.
GZIP: Final = 31


@dataclass(frozen=True)
class Origin:
    """A file that types or symbols come from.

    Attributes:
        name: Without its folder.
        sha256: In hex.
        kind: "dwarf", "symtab", "system-map"; "" for BTF, which the schema has no word for.
    """

    name: str
    sha256: str
    kind: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the metadata's item."""
        kind = {"kind": self.kind} if self.kind else {}
        return {**kind, "name": self.name, "hash_type": "sha256", "hash_value": self.sha256}


def is_typed(symbol: Symbol) -> bool:
    """Tell whether a symbol is a variable with a type."""
    return symbol.text not in (VOID, FUNCTION)


def document(
    types: Types,
    symbols: Mapping[str, Symbol],
    *,
    banner: bytes,
    version: str,
    origins: Mapping[str, Iterable[Origin]],
) -> Iterator[bytes]:
    """Yield the document in pieces.

    Args:
        types: Of the graph.
        symbols: By name.
        banner: What lies at linux_banner, with its last NUL; b"" if it is not known.
        version: Of the producer.
        origins: "symbols" and "types" to the files they come from.

    Cost: half a second for Debian's 6.12, 20 MB.
    """
    linux = {what: [o.to_json() for o in files] for what, files in origins.items()}
    producer = {"name": "dwarfless", "version": version}
    metadata = {"linux": linux, "producer": producer, "format": FORMAT}
    yield f'{{"metadata":{json.dumps(metadata, separators=(",", ":"))}'.encode()
    for key, texts in (
        ("base_types", types.base_types),
        ("user_types", types.user_types),
        ("enums", types.enums),
    ):
        yield from _section(key, ((name, texts[name]) for name in sorted(texts)))
    constant = base64.b64encode(banner).decode()
    if banner and BANNER not in symbols:
        # Volatility reads the bytes, never the place.
        symbols = {**symbols, BANNER: Symbol(False, True, 0, VOID)}
    rows = (
        (name, text_of(symbols[name], constant if name == BANNER else ""))
        for name in sorted(symbols)
    )
    yield from _section("symbols", rows)
    yield b"}\n"


def _section(key: str, rows: Iterable[tuple[str, str]]) -> Iterator[bytes]:
    yield f',"{key}":{{'.encode()
    between, pieces = "\n", []
    for name, text in rows:
        pieces.append(f"{between}{quote(name)}:{text}")
        between = ",\n"
        if len(pieces) == PIECE:
            yield "".join(pieces).encode()
            pieces.clear()
    yield "".join(pieces).encode() + b"\n}"


def compressed(pieces: Iterable[bytes], path: PurePath) -> Iterator[bytes]:
    """Yield a stream as a file's name wants it: as it is, or as .gz or .xz.

    The same stream gives the same bytes.
    """
    if path.suffix == ".xz":
        packer: lzma.LZMACompressor | zlib._Compress = lzma.LZMACompressor(preset=PRESET)
    elif path.suffix == ".gz":
        packer = zlib.compressobj(wbits=GZIP)
    else:
        yield from pieces
        return
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
