"""A comparison as a page that needs nothing else: no network, no other file.

In:  a Diff.
Out: HTML, light and dark, to be searched and filtered in a browser.
"""

import json
from html import escape
from importlib.resources import files
from typing import Final

from dwarfless.consumers.diff.record import said
from dwarfless.graph.diff import KINDS, Diff

__all__ = ["page"]

#: Differences of one name that the page has; how many more there are is said.
MAX_DIFFERENCES: Final = 60
STATUSES: Final = ("added", "removed", "changed")


def page(diff: Diff, *, title: str = "") -> bytes:
    """Return the page.

    Args:
        diff: What to show.
        title: Its heading; the two sources if not given.
    """
    kinds = list(KINDS)
    rows = [
        [
            kinds.index(change.kind),
            STATUSES.index(change.status),
            change.breaks + 2 * change.reached,
            change.name,
            said(diff.a, change, change.a_id),
            said(diff.b, change, change.b_id),
            [
                [d.what, d.how, d.a, d.b, int(d.breaks)]
                for d in change.differences[:MAX_DIFFERENCES]
            ],
            max(len(change.differences) - MAX_DIFFERENCES, 0),
        ]
        for change in diff.changes
    ]
    content = {
        "a": diff.a.source,
        "b": diff.b.source,
        "kinds": kinds,
        "statuses": STATUSES,
        "totals": [diff.totals[kind] for kind in kinds],
        "rows": rows,
    }
    # Nothing in it may end the element that holds it, and surrogates are no Unicode.
    text = json.dumps(content, separators=(",", ":")).replace("<", "\\u003c")
    template = files("dwarfless.consumers.diff").joinpath("page.html").read_text("utf-8")
    heading = escape(title or f"{diff.a.source} → {diff.b.source}")
    made = template.replace("{{TITLE}}", heading).replace("{{CONTENT}}", text)
    return made.encode(errors="replace")
