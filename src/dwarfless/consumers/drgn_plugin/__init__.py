"""Debug a kernel with drgn by its BTF: types, variables, functions, symbols, stack traces.

In:  a drgn Program of a Linux kernel, live or a core dump.
Out: finders in it, asked after those that read DWARF.

    plugin   what drgn calls when a program has its target; options
    attach   find the BTF, register the finders
    sources  where BTF comes from, in order
    memory   what the kernel's own memory says: BTF, symbols, how far it was moved
    modules  what the loaded modules have, as they come and go
    levels   which variables and functions a graph has, and where
    objects  names to objects
    types    a TypeGraph's types as drgn's

The package alone imports drgn, and nothing imports it but drgn and `dwarfless debug`.
"""
