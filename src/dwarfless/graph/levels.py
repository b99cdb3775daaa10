"""A graph and its bases as levels."""

from dwarfless.graph.type_graph import TypeGraph

__all__ = ["levels"]


def levels(graph: TypeGraph) -> list[TypeGraph]:
    """Return a graph's levels, the lowest base first."""
    found = [graph]
    while found[0].base is not None:
        found.insert(0, found[0].base)
    return found
