"""Say a graph in the words of an older kernel.

In:  a TypeGraph and a kernel release.
Out: a TypeGraph that holds only what that kernel knows; what was changed is counted.

| before | what | becomes |
| --- | --- | --- |
| 6.15 | DECL_TAG, TYPE_TAG with kind flag | dropped; without the flag they would say else |
| 6.0 | ENUM64 | ENUM of its size, values cut to 32 bits, as pahole without enum64 does |
| 6.0 | sign of an ENUM | cleared |
| 5.17 | TYPE_TAG | dropped; what refers to it refers to its target |
| 5.16 | DECL_TAG | dropped |
| 5.13 | FLOAT | nameless STRUCT of its size, as libbpf does |
| 5.6 | linkage of a FUNC | 0 |
| 5.2 | VAR, DATASEC | dropped |
| 5.0 | FUNC, FUNC_PROTO | dropped; what refers to a FUNC_PROTO refers to void |

An ENUM64 stays an enum, so that its names and its size are still found and values that fit stay
right; each value that does not fit is listed. Strings stay, so that offsets do. A base is lowered
alike: split BTF continues the ids of a base written for the same kernel.
"""

import numpy as np

from dwarfless._core.records import id_positions
from dwarfless.errors import UnsupportedError
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import KINDS, SINCE, Kind, Target
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Enum

__all__ = ["lower"]

KIND_FLAG = np.uint32(1 << 31)


def lower(graph: TypeGraph, release: Target, report: Report) -> TypeGraph:
    """Return a graph in which a kernel meets nothing it doesn't know.

    Args:
        graph: Any graph; returned as it is if there is nothing to lower.
        release: (major, minor) of the kernel.
        report: Where every change is counted.

    Raises:
        UnsupportedError: The release is older than BTF; there are kinds unknown to this program,
            or bitfields for a kernel before 5.0.
    """
    return lower_with_ids(graph, release, report)[0]


def lower_with_ids(
    graph: TypeGraph, release: Target, report: Report
) -> tuple[TypeGraph, NDArray[np.uint32]]:
    """Return the lowered graph and its id for each of the graph's, uint32[len(graph)]."""
    base, base_ids = None, np.zeros(1, np.uint32)
    if graph.base is not None:
        base, base_ids = lower_with_ids(graph.base, release, Report())
    refuse(graph, release)
    dropped = find_dropped(graph, release)
    changed = bool(dropped.any()) or base is not graph.base
    words = graph.words.copy()
    new_ids = number(graph, dropped, base_ids)
    if changed:
        positions = id_positions(graph.words, graph.offsets)
        words[positions] = new_ids[words[positions]]
    changed |= change_records(graph, words, release, report)
    if not changed:
        return graph, new_ids
    keep = np.repeat(~dropped, np.diff(graph.offsets))
    if release < KINDS[Kind.ENUM64].since:
        shorten_enums(graph, words, keep, report)
    for kind in distinct(graph.kinds[dropped]):
        count = int(np.count_nonzero(graph.kinds[dropped] == kind))
        report.count("type", f"{Kind(int(kind)).name} dropped for the target kernel", count)
    lowered = TypeGraph.from_words(words[keep], graph.strings, base=base, source=graph.source)
    return lowered, new_ids


def refuse(graph: TypeGraph, release: Target) -> None:
    """Raise UnsupportedError for what we can't lower."""
    place = f"{graph.source} for Linux {release[0]}.{release[1]}"
    if release < KINDS[Kind.INT].since:
        raise UnsupportedError("BTF", place=place)
    if (graph.kinds >= len(KINDS)).any():
        raise UnsupportedError(f"kind {graph.kinds.max()}", place=place)
    composite = np.isin(graph.kinds, (Kind.STRUCT, Kind.UNION))
    if release < SINCE["bitfields"] and (composite & graph.kind_flags).any():
        raise UnsupportedError("a struct with bitfields", place=place)


def find_dropped(graph: TypeGraph, release: Target) -> NDArray[np.bool_]:
    """Return which of its own types have to go, bool[num_own]."""
    droppable = (
        Kind.TYPE_TAG,
        Kind.DECL_TAG,
        Kind.VAR,
        Kind.DATASEC,
        Kind.FUNC,
        Kind.FUNC_PROTO,
    )
    gone = [kind for kind in droppable if release < KINDS[kind].since]
    dropped: NDArray[np.bool_] = np.isin(graph.kinds, gone)
    if release < SINCE["tag attributes"]:
        tags = np.isin(graph.kinds, (Kind.TYPE_TAG, Kind.DECL_TAG))
        dropped |= tags & graph.kind_flags
    return dropped


def number(
    graph: TypeGraph, dropped: NDArray[np.bool_], base_ids: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return the new id of each type, uint32[len(graph)]; a dropped tag has its target's."""
    first = int(base_ids.max()) + 1
    own = np.cumsum(~dropped, dtype=np.uint32) + np.uint32(first - 1)
    own[dropped] = 0
    new_ids = np.concatenate((base_ids, own))
    ahead = np.arange(len(graph), dtype=np.uint32)
    tags = np.flatnonzero(dropped & (graph.kinds == Kind.TYPE_TAG))
    ahead[graph.first_id + tags] = graph.thirds[tags]
    for _ in range(20):  # ids have 20 bits: doubling reaches the end of any chain
        ahead = ahead[ahead]
    return new_ids[ahead]


def change_records(
    graph: TypeGraph, words: NDArray[np.uint32], release: Target, report: Report
) -> bool:
    """Change what keeps its length, in `words`; return whether anything was."""
    starts = graph.offsets[:-1]
    changed = False

    def select(what: str, since: Target, mask: NDArray[np.bool_]) -> NDArray[np.uint32]:
        nonlocal changed
        chosen = starts[mask] if release < since else starts[:0]
        report.count("type", what, len(chosen))
        changed |= bool(len(chosen))
        return chosen

    signed = (graph.kinds == Kind.ENUM) & graph.kind_flags
    at = select("sign of an ENUM cleared for the target kernel", SINCE["enum sign"], signed)
    words[at + 1] &= ~KIND_FLAG
    floats = graph.kinds == Kind.FLOAT
    at = select("FLOAT as STRUCT for the target kernel", KINDS[Kind.FLOAT].since, floats)
    words[at] = 0
    words[at + 1] = Kind.STRUCT << 24
    linked = (graph.kinds == Kind.FUNC) & (graph.vlens != 0)
    at = select("linkage of a FUNC cleared for the target kernel", SINCE["func linkage"], linked)
    words[at + 1] = Kind.FUNC << 24
    wide = graph.kinds == Kind.ENUM64
    at = select("ENUM64 as ENUM for the target kernel", KINDS[Kind.ENUM64].since, wide)
    words[at + 1] = words[at + 1] & 0xFFFFFF | np.uint32(Kind.ENUM << 24)
    return changed


def shorten_enums(
    graph: TypeGraph, words: NDArray[np.uint32], keep: NDArray[np.bool_], report: Report
) -> None:
    """Drop the high words of what was ENUM64; list values that need them."""
    for index in np.flatnonzero(graph.kinds == Kind.ENUM64):
        start, end = int(graph.offsets[index]), int(graph.offsets[index + 1])
        keep[start + 5 : end : 3] = False
        view = graph[graph.first_id + int(index)]
        assert isinstance(view, Enum)
        for name, value in view.values:
            if not -1 << 31 <= value < 1 << 32:
                report.add(
                    "enumerator", name, "value cut to 32 bits for the target kernel", view.name
                )
