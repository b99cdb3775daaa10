"""BTF for the whole Linux kernel, from its DWARF.

The names below are imported when first used, so that ``import dwarfless`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dwarfless.btf.decode import decode
    from dwarfless.btf.encode import encode
    from dwarfless.containers.load import load
    from dwarfless.errors import (
        BaseMismatchError,
        BtfError,
        DwarfError,
        DwarflessError,
        ElfError,
        FormatError,
        LimitError,
        TypeLookupError,
        UnsupportedError,
    )
    from dwarfless.graph.check import Violation, check
    from dwarfless.graph.report import Report
    from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

__all__ = [
    "BaseMismatchError",
    "BtfError",
    "DwarfError",
    "DwarflessError",
    "ElfError",
    "FormatError",
    "GraphBuilder",
    "LimitError",
    "Report",
    "TypeGraph",
    "TypeLookupError",
    "UnsupportedError",
    "Violation",
    "check",
    "decode",
    "encode",
    "load",
]

__version__ = "0.1.0"

#: Where the names that are not errors live.
_HOMES = {
    "GraphBuilder": "dwarfless.graph.type_graph",
    "Report": "dwarfless.graph.report",
    "TypeGraph": "dwarfless.graph.type_graph",
    "Violation": "dwarfless.graph.check",
    "check": "dwarfless.graph.check",
    "decode": "dwarfless.btf.decode",
    "encode": "dwarfless.btf.encode",
    "load": "dwarfless.containers.load",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'dwarfless' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES.get(name, "dwarfless.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
