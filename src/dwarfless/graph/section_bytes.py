"""The bytes of a .BTF section.

In:  a TypeGraph.
Out: header and sections, in either byte order; no limit but the header's own is checked.
"""

import struct
from typing import TYPE_CHECKING, Literal

from dwarfless.errors import LimitError
from dwarfless.formats.btf import HEADER_SIZE, HEADER_SIZE_LAYOUT, KINDS, MAGIC, VERSION

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["section_bytes"]


def section_bytes(
    graph: "TypeGraph", *, byte_order: Literal["little", "big"] = "little", layout: bool = False
) -> bytes:
    """Return the .BTF section of a graph's own types.

    Args:
        graph: What to write.
        byte_order: "little" or "big".
        layout: Add a layout section; a graph with kinds that only one describes gets it anyway.

    Raises:
        LimitError: A section starts or ends past 4 GiB.
    """
    order = "<" if byte_order == "little" else ">"
    types = graph.words.astype(f"{order}u4", copy=False).data.cast("B")
    shapes = layout_bytes(graph) if layout or graph.unknown_kinds else b""
    size = HEADER_SIZE_LAYOUT if shapes else HEADER_SIZE
    fields = [size, 0, len(types), len(types) + len(shapes), len(graph.strings)]
    if shapes:
        fields += [len(types), len(shapes)]
    if max(fields) >= 1 << 32 or sum(fields[3:5]) >= 1 << 32:
        raise LimitError("section offset < 4 GiB", sum(fields[3:5]), where=graph.source)
    header = struct.pack(f"{order}HBB{len(fields)}I", MAGIC, VERSION, 0, *fields)
    return b"".join((header, types, shapes, graph.strings))


def layout_bytes(graph: "TypeGraph") -> bytes:
    """Return the layout section: 4 bytes a kind, the last two are flags and 0."""
    shapes = {int(row.kind): (len(row.fixed), len(row.element)) for row in KINDS}
    shapes |= graph.unknown_kinds
    return b"".join(
        bytes((4 * fixed, 4 * step, 0, 0))
        for fixed, step in (shapes.get(kind, (0, 0)) for kind in range(max(shapes) + 1))
    )
