"""Where DATASECs place variables.

In:  a TypeGraph.
Out: section, offset and size of a variable, or of all.
"""

from typing import NamedTuple, TypeAlias

import numpy as np

from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Placement", "find_placement", "placements"]

Words: TypeAlias = NDArray[np.uint32]


class Placement(NamedTuple):
    """Where a variable is.

    Attributes:
        section: Name of its DATASEC.
        offset: In the section, in bytes.
        size: In bytes.
    """

    section: str
    offset: int
    size: int


def placements(graph: TypeGraph) -> tuple[Words, Words]:
    """Return all that DATASECs of all levels place.

    Returns:
        uint32[num_placed, 3], VAR id, offset and size, and uint32[num_placed], the DATASEC.
    """
    rows: list[Words] = [np.zeros((0, 3), np.uint32)]
    sections: list[Words] = [np.zeros(0, np.uint32)]
    for level in levels(graph):
        for index in np.flatnonzero(level.kinds == Kind.DATASEC).tolist():
            start, end = level.offsets[index : index + 2].tolist()
            entries = level.words[start + 3 : end].reshape(-1, 3)
            rows.append(entries)
            sections.append(np.full(len(entries), level.first_id + index, np.uint32))
    return np.concatenate(rows), np.concatenate(sections)


def find_placement(graph: TypeGraph, var_id: int) -> Placement | None:
    """Return where a variable is, None if no section says so."""
    rows, sections = placements(graph)
    found = np.flatnonzero(rows[:, 0] == var_id)
    if not len(found):
        return None
    _, offset, size = rows[found[0]].tolist()
    return Placement(graph[int(sections[found[0]])].name, offset, size)
