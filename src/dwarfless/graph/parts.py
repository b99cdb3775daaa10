"""Choose types of a graph by class and by name.

In:  a TypeGraph; words such as "vars" or "functions"; shell patterns.
Out: a mask, for partition().
"""

import difflib
import re
from collections.abc import Collection, Iterable
from fnmatch import translate
from typing import Final, TypeAlias

import numpy as np

from dwarfless._core import equivalence
from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.match import datasec_entries, flat_records
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["CLASSES", "choose"]

Mask: TypeAlias = NDArray[np.bool_]

#: Class -> what is in it.
CLASSES: Final = {
    "vars": "variables, per-CPU ones included",
    "percpu": "per-CPU variables",
    "global": "variables of external linkage that are not per-CPU",
    "static": "variables of internal linkage that are not per-CPU",
    "functions": "functions",
    "unattachable": "functions that no BPF program can attach to, and that are no kfuncs",
    "decl_tags": "declaration tags",
    "types": "what no function, variable or tag reaches",
}


def choose(
    graph: TypeGraph,
    classes: Collection[str],
    *,
    names: Iterable[str] = (),
    sections: Iterable[str] = (),
    attachable: Collection[str] | None = None,
) -> Mask:
    """Return bool[graph.num_own], the types of some classes.

    Args:
        graph: Any; types of its bases are not chosen.
        classes: Words out of CLASSES.
        names: Shell patterns, one of which a name has to match; none: any name.
        sections: Shell patterns for the section that a variable lies in; none: any.
        attachable: Functions that a BPF program can attach to, for "unattachable".

    Raises:
        ValueError: No such class, or "unattachable" without attachable.
    """
    for word in classes:
        if word not in CLASSES:
            close = difflib.get_close_matches(word, CLASSES, n=1)
            hint = f"; did you mean {close[0]}?" if close else f" ({', '.join(CLASSES)})"
            raise ValueError(f"no class {word!r}{hint}")
    kinds = graph.kinds
    chosen = np.zeros(graph.num_own, bool)
    if variables := {"vars", "percpu", "global", "static"} & set(classes):
        chosen |= _variables(graph, variables, list(sections))
    if "functions" in classes:
        chosen |= kinds == Kind.FUNC
    if "unattachable" in classes:
        if attachable is None:
            raise ValueError("what a BPF program can attach to has to be told")
        chosen |= _unattachable(graph, attachable)
    if "decl_tags" in classes:
        chosen |= kinds == Kind.DECL_TAG
    if "types" in classes:
        chosen |= _unreached(graph)
    if patterns := list(names):
        matches = re.compile("|".join(translate(pattern) for pattern in patterns)).match
        for row in np.flatnonzero(chosen).tolist():
            chosen[row] = matches(graph[graph.first_id + row].name) is not None
    return chosen


def _variables(graph: TypeGraph, classes: Collection[str], sections: list[str]) -> Mask:
    """Choose variables by linkage and by the section that places them."""
    matches = re.compile("|".join(translate(pattern) for pattern in sections or ["*"])).match
    is_var = graph.kinds == Kind.VAR
    percpu, placed = np.zeros(graph.num_own, bool), np.zeros(graph.num_own, bool)
    for row in np.flatnonzero(graph.kinds == Kind.DATASEC).tolist():
        section = graph[graph.first_id + row]
        rows = np.array([var_id for var_id, _, _ in datasec_entries(section)], np.int64)
        rows = rows[rows >= graph.first_id] - graph.first_id
        percpu[rows] = section.name.endswith("percpu")
        placed[rows] = matches(section.name) is not None
    if not sections:
        placed[is_var] = True
    linkage = np.zeros(graph.num_own, np.uint32)
    linkage[is_var] = graph.words[graph.offsets[:-1][is_var] + np.uint32(3)]
    chosen = np.zeros(graph.num_own, bool)
    if "vars" in classes:
        chosen |= is_var
    if "percpu" in classes:
        chosen |= is_var & percpu
    if "global" in classes:
        chosen |= is_var & ~percpu & (linkage != 0)
    if "static" in classes:
        chosen |= is_var & ~percpu & (linkage == 0)
    found: Mask = chosen & placed
    return found


def _unattachable(graph: TypeGraph, attachable: Collection[str]) -> Mask:
    """Choose functions that are not listed and have no tag: a tagged one is a kfunc."""
    chosen: Mask = graph.kinds == Kind.FUNC
    tagged = graph.thirds[graph.kinds == Kind.DECL_TAG].astype(np.int64) - graph.first_id
    chosen[tagged[tagged >= 0]] = False
    for row in np.flatnonzero(chosen).tolist():
        chosen[row] = graph[graph.first_id + row].name not in attachable
    return chosen


def _unreached(graph: TypeGraph) -> Mask:
    """Choose types that no function, variable, section or tag leads to."""
    words, starts, _ = flat_records(graph)
    marks = np.zeros(len(graph), np.uint8)
    entities = (Kind.FUNC, Kind.VAR, Kind.DATASEC, Kind.DECL_TAG)
    marks[graph.first_id :] = np.isin(graph.kinds, entities)
    equivalence.live_closure(words, starts, marks)
    found: Mask = marks[graph.first_id :] == 0
    return found
