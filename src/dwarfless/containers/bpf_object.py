"""BPF objects: their types, and what .BTF.ext says of their instructions.

In:  a path.
Out: a TypeGraph and an Ext.
"""

import os

from dwarfless.btf.ext import Ext, decode_ext
from dwarfless.containers.load import load
from dwarfless.containers.section import ElfReader
from dwarfless.errors import BtfError
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["load_object"]


def load_object(path: str | os.PathLike[str]) -> tuple[TypeGraph, Ext]:
    """Return a BPF object's types and records.

    Raises:
        BtfError: It lacks a section, or one breaks its format.
        ElfError: The ELF file breaks its format.
        OSError: It can't be read.
    """
    name = os.fspath(path)
    graph = load(path)
    with open(path, "rb", buffering=0) as file:
        section = ElfReader(file, name).section(".BTF.ext")
    if section is None:
        raise BtfError(
            "the file has no .BTF.ext section", source=name, section=".BTF.ext", offset=0
        )
    return graph, decode_ext(section, graph)
