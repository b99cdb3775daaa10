"""What an encode made, in a dozen lines.

In:  the graph, the report and the figures of the run.
Out: lines on stderr.
"""

import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dwarfless.formats.btf import Kind
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Datasec

__all__ = ["Run", "print_rows", "print_summary", "variables_by_section"]

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


def print_summary(graph: TypeGraph, report: Report, run: Run) -> None:
    """Print types by kind, functions, variables by section, what was left out, to stderr."""
    kinds = np.bincount(graph.kinds, minlength=max(Kind) + 1)
    named = {kind.name.lower(): int(kinds[kind]) for kind in Kind if kinds[kind]}
    sections = variables_by_section(graph)
    left_out: dict[str, dict[str, int]] = {}
    for what, reason, number in report.summary():
        left_out.setdefault(what, {})[reason] = number
    rows = [
        ("types", graph.num_own, _line(named.items())),
        ("functions", named.get("func", 0), ""),
        ("variables", sum(sections.values()), _line(sections.items())),
    ]
    rows += [
        (LABELS.get(what, f"left out: {what}"), sum(reasons.values()), _line(reasons.items()))
        for what, reasons in left_out.items()
    ]
    # Kilobytes on Linux, as getrusage(2) says.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    head = f"{run.output}: {run.size:,} bytes in {run.seconds:.2f} s, {peak / 1e6:,.0f} MB peak"
    print(head, file=sys.stderr)
    print_rows(rows)


def print_rows(rows: Sequence[tuple[str, int, str]]) -> None:
    """Print a label, a number and a text a row, to stderr.

    On a terminal rich wraps the texts; elsewhere a row is a line, and rich is not imported.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for justify in ("left", "right", "left"):
            table.add_column(justify=justify)
        for label, number, text in rows:
            table.add_row(label, f"{number:,}", Text(text))
        Console(stderr=True, highlight=False).print(table)
        return
    widths = max(len(row[0]) for row in rows), max(len(f"{row[1]:,}") for row in rows)
    for label, number, text in rows:
        print(f"{label:<{widths[0]}}  {number:>{widths[1]},}  {text}".rstrip(), file=sys.stderr)


def _line(numbers: Iterable[tuple[str, int]]) -> str:
    """Return the largest numbers with their names in a line, and the sum of the others."""
    largest = sorted(numbers, key=lambda item: -item[1])
    shown = [f"{number:,} {name}" for name, number in largest[:SHOWN]]
    if rest := sum(number for _, number in largest[SHOWN:]):
        shown.append(f"{rest:,} other")
    return ", ".join(shown)
