"""A small linked program around debug sections.

In:  {section name: bytes} of build.dwarf, made in some Encoding.
Out: an ET_EXEC with a function f at 0x1000 in .text and a variable v at 0x2000 in .data.
"""

from build import elf
from build.dwarf import Encoding

__all__ = ["DATA", "TEXT", "program"]

TEXT, DATA, SIZE = 0x1000, 0x2000, 0x1000
MACHINES = {(8, False): elf.X86_64, (4, False): elf.I386, (8, True): elf.S390, (4, True): elf.PPC}


def program(debug: dict[str, bytes], encoding: Encoding | None = None) -> bytes:
    """Return the file; its class and byte order are the encoding's."""
    encoding = encoding or Encoding()
    sections = [
        elf.Section(".text", bytes(SIZE), flags=elf.ALLOC | elf.EXEC, addr=TEXT),
        elf.Section(".data", bytes(SIZE), flags=elf.ALLOC | elf.WRITE, addr=DATA),
        *(elf.Section(name, content) for name, content in debug.items()),
    ]
    symbols = [
        elf.Symbol("f", TEXT, 16, 1, elf.FUNC, elf.GLOBAL),
        elf.Symbol("v", DATA, 4, 2, elf.OBJECT, elf.GLOBAL),
    ]
    return elf.Elf(
        sections,
        symbols,
        bits=8 * encoding.address_size,
        little=not encoding.big,
        machine=MACHINES[encoding.address_size, encoding.big],
        type=elf.ET_EXEC,
    ).assemble()
