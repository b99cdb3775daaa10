"""A comparison for people, a line a name.

In:  a Diff.
Out: text: + added, - removed, ! changed with the first difference; of a struct its size before.
"""

from typing import Final

from dwarfless.consumers.diff.record import counts_line, said
from dwarfless.graph.diff import KINDS, Change, Diff

__all__ = ["summary", "text"]

SIGNS: Final = {"added": "+", "removed": "-", "changed": "!"}


def summary(diff: Diff) -> list[str]:
    """Return how many of each kind were added, removed and changed."""
    lines = [f"--- {diff.a.source}", f"+++ {diff.b.source}"]
    lines += [line for kind in KINDS if (line := counts_line(kind, diff))]
    if diff.exports is not None:
        unknown = f", of which {diff.unknown_exports:,} are no function or variable of its BTF"
        lines.append(
            f"exported by the first: {diff.exports:,} names{unknown * bool(diff.unknown_exports)}"
        )
    return lines


def text(diff: Diff) -> str:
    """Return the summary, and a line for each change."""
    lines = summary(diff)
    kind = ""
    for change in diff.changes:
        if change.kind != kind:
            lines.append("")
            kind = change.kind
        lines.append(f"{SIGNS[change.status]} {_line(diff, change)}")
    return "\n".join(lines) + "\n"


def _line(diff: Diff, change: Change) -> str:
    if change.status != "changed":
        side, type_id = (diff.a, change.a_id) if change.a_id else (diff.b, change.b_id)
        declared = "".join(f"; {d.what}: {d.a} -> {d.b}" for d in change.differences)
        return f"{said(side, change, type_id)}{declared}"
    shown = [str(difference) for difference in change.differences[:1]]
    # A size alone says little: the first member that differs comes with it.
    if change.differences[0].what == "size" and len(change.differences) > 1:
        shown.append(str(change.differences[1]))
    more = len(change.differences) - len(shown)
    rest = f" (and {more:,} more)" if more else ""
    tag = f"{change.kind} " if change.kind in ("struct", "union", "enum", "typedef") else ""
    return f"{tag}{change.name}: {'; '.join(shown)}{rest}"
