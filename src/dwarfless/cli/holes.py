"""`dwarfless holes`: which structs waste the most bytes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dwarfless.cli.inputs import SCHEMA, base_option, load_types

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["holes"]

#: What can be sorted by, and the heads of a table's columns.
COLUMNS: Final = (
    "size",
    "members",
    "holes",
    "hole_bytes",
    "bit_holes",
    "padding",
    "wasted",
    "saved",
)
RUNNING: Final = Path("/sys/kernel/btf/vmlinux")


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=RUNNING)
@base_option
@click.option(
    "--sort",
    type=click.Choice([*COLUMNS, "name"]),
    default="wasted",
    show_default=True,
    help="What the first ones have most of.",
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="How many structs to print; 0 for all that waste something.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def holes(file: Path, bases: tuple[Path, ...], sort: str, limit: int, as_json: bool) -> None:
    """Print the structs that waste the most bytes in holes and padding.

    FILE is the running kernel's BTF if not given. "saved" is what a struct would be smaller by
    with its members sorted by alignment, those aligned by force left in place.
    """
    graph = load_types(file, bases)
    rows, totals = measure(graph, sort, limit)
    if as_json:
        said = {"schema": SCHEMA, "file": str(file), "sort": sort, "totals": totals}
        click.echo(json.dumps({**said, "structs": rows}, indent=1))
    else:
        click.echo(table(rows, totals).encode(errors="surrogateescape"), nl=False)


def measure(
    graph: "TypeGraph", sort: str, limit: int
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the rows asked for, and figures of all structs of FILE itself."""
    import numpy as np

    from dwarfless.formats.btf import Kind
    from dwarfless.graph.layout import Layouts

    own = np.flatnonzero(graph.kinds == Kind.STRUCT)
    shapes = Layouts(graph).shapes[own + graph.first_id]
    padding = np.maximum(shapes["padding"], 0).astype(np.int64)
    columns = {
        "size": shapes["size"].astype(np.int64),
        "members": graph.vlens[own].astype(np.int64),
        "holes": shapes["num_holes"].astype(np.int64),
        "hole_bytes": shapes["sum_holes"].astype(np.int64),
        "bit_holes": shapes["num_bit_holes"].astype(np.int64),
        "padding": padding,
        "wasted": shapes["sum_holes"].astype(np.int64) + padding,
        "saved": shapes["saved"].astype(np.int64),
    }
    wasteful = np.flatnonzero((columns["wasted"] > 0) | (columns["bit_holes"] > 0))
    totals = {"structs": len(own), "wasteful": len(wasteful)}
    totals |= {name: int(columns[name].sum()) for name in COLUMNS if name != "members"}
    if sort == "name":
        names = [graph[graph.first_id + int(own[row])].name for row in wasteful]
        order = wasteful[sorted(range(len(names)), key=names.__getitem__)]
    else:
        keys = (-columns["wasted"][wasteful], -columns[sort][wasteful])
        order = wasteful[np.lexsort(keys)]
    rows = []
    for row in order[: limit or None].tolist():
        type_id = graph.first_id + int(own[row])
        figures = {name: int(columns[name][row]) for name in COLUMNS}
        rows.append({"id": type_id, "name": graph[type_id].name, **figures})
    return rows, totals


def table(rows: list[dict[str, Any]], totals: dict[str, int]) -> str:
    """Return the rows for people, and what all structs sum up to."""
    names = [row["name"] or f"(nameless, [{row['id']}])" for row in rows]
    widest = max(map(len, ["struct", *names]))
    heads = [name.replace("_", " ") for name in COLUMNS]
    lines = [" ".join([" " * (widest - 6) + "struct", *(f"{head:>10}" for head in heads)])]
    for name, row in zip(names, rows, strict=True):
        lines.append(" ".join([f"{name:>{widest}}", *(f"{row[c]:>10,}" for c in COLUMNS)]))
    lines += [
        "",
        f"{totals['wasteful']:,} of {totals['structs']:,} structs have holes or padding: "
        f"{totals['hole_bytes']:,} bytes of holes, {totals['padding']:,} of padding; "
        f"sorting members would save {totals['saved']:,}",
    ]
    return "\n".join(lines) + "\n"
