"""What an encode made, in a dozen lines.

In:  the graph, the report and the figures of the run.
Out: something rich prints.
"""

import resource
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table

from dwarfless.formats.btf import Kind
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Datasec

__all__ = ["Run", "summarize", "variables_by_section"]

#: What of a report is not something left out.
LABELS = {"match": "matched loosely", "new type": "not in the base"}
#: Entries a line shows; the rest is summed up.
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Run:
    """Figures of one encode.

    Attributes:
        output: Where the BTF went.
        size: Bytes written.
        seconds: Wall time.
    """

    output: str
    size: int
    seconds: float


def variables_by_section(graph: TypeGraph) -> dict[str, int]:
    """Return the number of variables in each DATASEC, as the graph orders them."""
    sections: dict[str, int] = {}
    for index in np.flatnonzero(graph.kinds == Kind.DATASEC):
        section = graph[graph.first_id + int(index)]
        assert isinstance(section, Datasec)
        sections[section.name] = sections.get(section.name, 0) + section.vlen
    return sections


def summarize(graph: TypeGraph, report: Report, run: Run) -> RenderableType:
    """Return the summary: types by kind, functions, variables by section, what was left out."""
    kinds = np.bincount(graph.kinds, minlength=max(Kind) + 1)
    named = {kind.name.lower(): int(kinds[kind]) for kind in Kind if kinds[kind]}
    sections = variables_by_section(graph)
    left_out: dict[str, dict[str, int]] = {}
    for what, reason, number in report.summary():
        left_out.setdefault(what, {})[reason] = number
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    table.add_row("types", f"{graph.num_own:,}", _line(named.items()))
    table.add_row("functions", f"{named.get('func', 0):,}", "")
    table.add_row("variables", f"{sum(sections.values()):,}", _line(sections.items()))
    for what, reasons in left_out.items():
        label = LABELS.get(what, f"left out: {what}")
        table.add_row(label, f"{sum(reasons.values()):,}", _line(reasons.items()))
    # Kilobytes on Linux, as getrusage(2) says.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    head = f"{run.output}: {run.size:,} bytes in {run.seconds:.2f} s, {peak / 1e6:,.0f} MB peak"
    return Group(head, table)


def _line(numbers: Iterable[tuple[str, int]]) -> str:
    """Return the largest numbers with their names in a line, and the sum of the others."""
    largest = sorted(numbers, key=lambda item: -item[1])
    shown = [f"{number:,} {name}" for name, number in largest[:SHOWN]]
    if rest := sum(number for _, number in largest[SHOWN:]):
        shown.append(f"{rest:,} other")
    # Square brackets in a name are markup to rich.
    return ", ".join(shown).replace("[", "\\[")
