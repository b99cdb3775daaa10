"""Which sections a kernel frees after its start.

In:  an ELF: a vmlinux or a module.
Out: their indices.

A vmlinux's linker script puts all of them between two symbols, among them some whose name does not
tell, such as .apicdrivers; of a module the loader goes by the name.

Source: include/asm-generic/vmlinux.lds.h and free_initmem; module_init_section in
kernel/module/main.c.
"""

from typing import Final

from dwarfless.elf.image import ElfImage

__all__ = ["PERCPU_SECTION", "init_sections"]

PERCPU_SECTION: Final = ".data..percpu"


def init_sections(image: ElfImage) -> frozenset[int]:
    """Return the indices of the sections that are freed after the start.

    The per-CPU section is freed too, but what it declares lives on in each CPU's copy.
    """
    symbols = image.symbols()
    first, last = (symbols.value[symbols.named(n)] for n in (b"__init_begin", b"__init_end"))
    begin, end = (int(first[0]), int(last[0])) if len(first) and len(last) else (0, 0)
    found = set()
    for index, name in enumerate(image.section_names):
        start = int(image.sections["addr"][index])
        inside = begin <= start < end and start + int(image.sections["size"][index]) <= end
        if name.startswith(".init") or (inside and name != PERCPU_SECTION):
            found.add(index)
    return frozenset(found)
