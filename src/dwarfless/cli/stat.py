"""`dwarfless stat`: what a BTF file is made of."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dwarfless.cli.inputs import SCHEMA, btf_input, load_with_bases

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["stat"]


@click.command()
@btf_input
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def stat(file: Path, bases: tuple[Path, ...], as_json: bool) -> None:
    """Count types and bytes by kind, strings, and variables by section."""
    figures = {"schema": SCHEMA, "file": str(file), **measure(load_with_bases(file, bases))}
    if as_json:
        click.echo(json.dumps(figures))
    else:
        show(figures)


def measure(graph: "TypeGraph") -> dict[str, Any]:
    """Return the figures of a graph's own types; sizes in bytes."""
    import numpy as np

    from dwarfless.formats.btf import KINDS, Kind
    from dwarfless.graph.views import Datasec

    sizes = np.diff(graph.offsets) * np.uint32(4)
    counts = np.bincount(graph.kinds, minlength=128)
    spaces = np.bincount(graph.kinds, weights=sizes, minlength=128)
    kinds = [
        {
            "kind": Kind(int(number)).name if number < len(KINDS) else f"UNKN_{number}",
            "types": int(counts[number]),
            "bytes": int(spaces[number]),
        }
        for number in np.flatnonzero(counts)
    ]
    sections = []
    for index in np.flatnonzero(graph.kinds == Kind.DATASEC):
        section = graph[graph.first_id + int(index)]
        assert isinstance(section, Datasec)
        sections.append({"name": section.name, "size": section.size, "vars": section.vlen})
    return {
        "first_id": graph.first_id,
        "types": graph.num_own,
        "type_bytes": 4 * len(graph.words),
        "strings": graph.strings.count(0),
        "string_bytes": len(graph.strings),
        "kinds": kinds,
        "sections": sections,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    def table(*columns: str) -> Table:
        made = Table(box=box.SIMPLE)
        made.add_column(columns[0])
        for column in columns[1:]:
            made.add_column(column, justify="right")
        return made

    kinds = table("kind", "types", "bytes")
    for row in figures["kinds"]:
        kinds.add_row(row["kind"], f"{row['types']:,}", f"{row['bytes']:,}")
    kinds.add_section()
    kinds.add_row("all types", f"{figures['types']:,}", f"{figures['type_bytes']:,}")
    kinds.add_row("strings", f"{figures['strings']:,}", f"{figures['string_bytes']:,}")
    console = Console(highlight=False)
    console.print(kinds)
    if figures["sections"]:
        sections = table("section", "variables", "bytes")
        for row in figures["sections"]:
            sections.add_row(row["name"], f"{row['vars']:,}", f"{row['size']:,}")
        console.print(sections)
