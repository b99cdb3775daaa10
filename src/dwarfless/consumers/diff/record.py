"""A comparison as JSON.

In:  a Diff.
Out: dicts, lists, numbers and strings; the keys are those of a Change and a Diff.
"""

from typing import Any

from dwarfless.graph.diff import Change, Diff
from dwarfless.graph.spelling import spell, spell_func, spell_tagged, spell_var
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Enum, Func, Sized, Typedef, Var

__all__ = ["counts_line", "record", "said"]


def record(diff: Diff) -> dict[str, Any]:
    """Return all of it."""
    return {
        "a": diff.a.source,
        "b": diff.b.source,
        "totals": {kind: list(numbers) for kind, numbers in diff.totals.items()},
        "counts": diff.counts(),
        "exports": diff.exports,
        "unknown_exports": diff.unknown_exports,
        "changes": [
            {
                "kind": change.kind,
                "name": change.name,
                "status": change.status,
                "a_id": change.a_id,
                "b_id": change.b_id,
                "a": said(diff.a, change, change.a_id),
                "b": said(diff.b, change, change.b_id),
                "breaks": change.breaks,
                "reached": change.reached,
                "differences": [difference._asdict() for difference in change.differences],
            }
            for change in diff.changes
        ],
    }


def said(graph: TypeGraph, change: Change, type_id: int) -> str:
    """Return in a line what a side says of a name; "" if nothing."""
    if not type_id:
        return ""
    view = graph[type_id]
    if isinstance(view, Func):
        return spell_func(view)
    if isinstance(view, Var):
        return spell_var(view)
    if isinstance(view, Typedef):
        return f"typedef {change.name}: {spell(view.type)}"
    if isinstance(view, Enum):
        if change.kind == "constant":
            return f"{change.name} = {next(v.value for v in view.values if v.name == change.name)}"
        return f"{spell_tagged(view)}: {view.vlen} values"
    size = view.size if isinstance(view, Sized) else 0
    return f"{spell_tagged(view)}: {size} bytes"


def counts_line(kind: str, diff: Diff) -> str:
    """Return how many names of a kind each side has, and what became of them; "" if nothing."""
    counts = {status: n for status, n in diff.counts()[kind].items() if n}
    if not counts:
        return ""
    first, second = diff.totals[kind]
    became = ", ".join(f"{number:,} {status}" for status, number in counts.items())
    return f"{kind}s: {first:,} and {second:,}; {became}"
