"""One symbol by name out of a table made as the kernel's build makes it."""

import pytest

from build.kallsyms import assemble, compress
from dwarfless.elf.kallsyms import Kallsyms

PLACE = 0xFFFFFFFF81000000
STEXT = 0xFFFFFFFF80000000
NAMES = {
    "T_stext": STEXT,
    "Dinit_task": STEXT + 0x1000,
    "dstate": STEXT + 0x2000,
    "bstate": STEXT + 0x3000,
    "tstate": STEXT + 0x2800,
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


def table(way: str, per_cpu: bool = False) -> Kallsyms:
    """Return a table that says addresses in one of three ways."""
    symbols = NAMES | ({"Dinit_task": 0x1234} if per_cpu else {})
    content, places = assemble(symbols, PLACE, way, STEXT - 0x100)
    return Kallsyms(Memory(content), {"_stext": STEXT, **places})


@pytest.mark.parametrize("way", ["self", "relative", "percpu"])
def test_finds(way):
    """All of a name, long names too, nothing else; whichever way addresses are said."""
    symbols = table(way)
    assert symbols.find("init_task") == [STEXT + 0x1000]
    assert symbols.find("state") == [STEXT + 0x2000, STEXT + 0x2800, STEXT + 0x3000]
    assert symbols.find("state", code=True) == [STEXT + 0x2800]
    assert symbols.find("init_this_and_that") == [STEXT + 0x5000]
    assert symbols.find("init_this_and_that_and_" + "x" * 150) == [STEXT + 0x4000]
    assert symbols.find("init") == []
    assert symbols.find("nothing_of_it") == []


def test_per_cpu_symbols_stay():
    """They are not relative to the kernel."""
    assert table("percpu", per_cpu=True).find("init_task") == [0x1234]


def test_compressed_at_all():
    """The table under test holds pairs."""
    names, tokens = compress(list(NAMES))
    assert sum(map(len, names)) < sum(map(len, NAMES)) // 2
    assert any(len(token) > 2 for token in tokens)


@pytest.mark.parametrize("what", ["kallsyms_names", "kallsyms_num_syms", "_stext"])
def test_broken_tables(what):
    """An error, not a wrong address."""
    symbols = table("self")
    symbols._places[what] += 4 if what != "_stext" else 16
    with pytest.raises((ValueError, AssertionError)):
        symbols.find("init_task")
