"""One symbol by name out of a table made as the kernel's build makes it."""

import struct
from collections import Counter
from itertools import pairwise

import pytest

from dwarfless.elf.kallsyms import Kallsyms

PLACE = 0xFFFFFFFF81000000
STEXT = 0xFFFFFFFF80000000
NAMES = {
    "T_stext": STEXT,
    "Dinit_task": STEXT + 0x1000,
    "dstate": STEXT + 0x2000,
    "bstate": STEXT + 0x3000,
    "Tinit_this_and_that_and_" + "x" * 150: STEXT + 0x4000,
    "Tinit_this_and_that": STEXT + 0x5000,
}


class Memory:
    """The bytes of a table at PLACE."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, address: int, size: int) -> bytes:
        """Return bytes; past the end there are zeros."""
        at = address - PLACE
        assert at >= 0
        return self.content[at : at + size].ljust(size, b"\0")


def compressed() -> tuple[list[bytes], list[bytes]]:
    """Return names and tokens: the most frequent pair gets the highest free byte, and so on."""
    names = [list(name.encode()) for name in NAMES]
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


def table(way: str, per_cpu: bool = False) -> Kallsyms:
    """Return a table that says addresses in one of three ways."""
    names, tokens = compressed()
    addresses = list(NAMES.values())
    if per_cpu:
        addresses[1] = 0x1234
    content, places = bytearray(), {"_stext": STEXT}

    def put(name: str, piece: bytes) -> None:
        content.extend(bytes(-len(content) % 8))
        places[name] = PLACE + len(content)
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
    base = STEXT - 0x100
    for i, address in enumerate(addresses):
        offset = {
            "self": address - here - 4 * i,
            "relative": address - base,
            "percpu": address if address < 1 << 31 else base - 1 - address,
        }[way]
        content += struct.pack("<i", offset)
    if way != "self":
        put("kallsyms_relative_base", struct.pack("<Q", base))
    return Kallsyms(Memory(bytes(content)), places)


@pytest.mark.parametrize("way", ["self", "relative", "percpu"])
def test_finds(way):
    """All of a name, long names too, nothing else; whichever way addresses are said."""
    symbols = table(way)
    assert symbols.find("init_task") == [STEXT + 0x1000]
    assert symbols.find("state") == [STEXT + 0x2000, STEXT + 0x3000]
    assert symbols.find("init_this_and_that") == [STEXT + 0x5000]
    assert symbols.find("init_this_and_that_and_" + "x" * 150) == [STEXT + 0x4000]
    assert symbols.find("init") == []
    assert symbols.find("nothing_of_it") == []


def test_per_cpu_symbols_stay():
    """They are not relative to the kernel."""
    assert table("percpu", per_cpu=True).find("init_task") == [0x1234]


def test_compressed_at_all():
    """The table under test holds pairs."""
    names, tokens = compressed()
    assert sum(map(len, names)) < sum(map(len, NAMES)) // 2
    assert any(len(token) > 2 for token in tokens)


@pytest.mark.parametrize("what", ["kallsyms_names", "kallsyms_num_syms", "_stext"])
def test_broken_tables(what):
    """An error, not a wrong address."""
    symbols = table("self")
    symbols._places[what] += 4 if what != "_stext" else 16
    with pytest.raises((ValueError, AssertionError)):
        symbols.find("init_task")
