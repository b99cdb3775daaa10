"""Where DATASECs place variables.

In:  a TypeGraph.
Out: section, offset and size of a variable, or of all.
"""

from typing import NamedTuple

from dwarfless.formats.arrays import Words
from dwarfless.formats.btf import Kind
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Placement", "find_placement", "placements"]


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
    import numpy as np

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
    for level in levels(graph):
        for section_id in level.arrays.find_kind(Kind.DATASEC):
            index = level.arrays.find_entry(section_id, var_id)
            if index >= 0:
                at = level.record_starts[section_id - level.first_id] + 3 + 3 * index
                _, offset, size = level.record_words[at : at + 3]
                return Placement(graph[section_id].name, offset, size)
    return None
