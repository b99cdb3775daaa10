"""What symbols say of functions.

In:  an ELF file.
Out: names of functions whose parameters the compiler changed.
"""

import functools
from pathlib import Path

from dwarfless.elf.image import ElfImage

__all__ = ["optimized_functions"]


@functools.cache
def optimized_functions(source: Path) -> frozenset[str]:
    """Return the functions with a symbol that ends in .isra or .constprop.

    pahole drops them from a vmlinux, but in a relocatable file compares an address with an
    offset, and keeps them.
    """
    symbols = ElfImage.load(source).symbols()
    text = bytes(symbols.strings)
    # Offsets, for one name may be the tail of another.
    names = {text[at : text.index(0, at)].decode() for at in symbols.name_offset.tolist()}
    return frozenset(n.split(".")[0] for n in names if ".isra." in n or ".constprop." in n)
