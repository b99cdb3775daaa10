"""Assemble a kernel's table of symbols as scripts/kallsyms.c makes it.

In:  names behind their nm(1) letters, with addresses.
Out: the table's bytes, and where its parts are, by the names that VMCOREINFO has for them.
"""

import struct
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

__all__ = ["assemble", "compress"]


def compress(symbols: Sequence[str]) -> tuple[list[bytes], list[bytes]]:
    """Return names and tokens: the most frequent pair gets the highest free byte, and so on."""
    names = [list(name.encode()) for name in symbols]
    used = {code for name in names for code in name}
    tokens = [bytes([code]) if code in used else b"" for code in range(256)]
    for code in range(255, -1, -1):
        pairs = Counter(pair for name in names for pair in pairwise(name))
        if code in used or not pairs or pairs.most_common(1)[0][1] < 2:
            continue
        pair = pairs.most_common(1)[0][0]
        tokens[code] = tokens[pair[0]] + tokens[pair[1]]
        for name in names:
            at = 0
            while at < len(name) - 1:
                if (name[at], name[at + 1]) == pair:
                    name[at : at + 2] = [code]
                at += 1
    return [bytes(name) for name in names], tokens


def assemble(
    symbols: Mapping[str, int], place: int, way: str, base: int
) -> tuple[bytes, dict[str, int]]:
    """Return the table for an address, and the addresses of its parts.

    Args:
        symbols: Letter and name -> address; "Dinit_task".
        place: Where the table will be.
        way: How addresses are said: "self", "relative", "percpu".
        base: What they are relative to.
    """
    names, tokens = compress(list(symbols))
    content, places = bytearray(), {}

    def put(name: str, piece: bytes) -> None:
        content.extend(bytes(-len(content) % 8))
        places[name] = place + len(content)
        content.extend(piece)

    heads = [
        bytes([len(n)]) if len(n) < 128 else bytes([len(n) & 127 | 128, len(n) >> 7])
        for n in names
    ]
    put("kallsyms_num_syms", struct.pack("<I", len(names)))
    put("kallsyms_names", b"".join(h + n for h, n in zip(heads, names, strict=True)))
    put("kallsyms_token_table", b"".join(token + b"\0" for token in tokens))
    starts = [sum(len(token) + 1 for token in tokens[:i]) for i in range(256)]
    put("kallsyms_token_index", struct.pack("<256H", *starts))
    put("kallsyms_offsets", b"")
    here = places["kallsyms_offsets"]
    for i, address in enumerate(symbols.values()):
        offset = {
            "self": address - here - 4 * i,
            "relative": address - base,
            "percpu": address if address < 1 << 31 else base - 1 - address,
        }[way]
        content += struct.pack("<i", offset)
    if way != "self":
        put("kallsyms_relative_base", struct.pack("<Q", base))
    return bytes(content), places
