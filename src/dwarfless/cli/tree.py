"""`dwarfless tree`: the levels of split BTF."""

import json
from pathlib import Path

import click

from dwarfless.cli.inputs import SCHEMA

__all__ = ["tree"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tree(files: tuple[Path, ...], as_json: bool) -> None:
    """Draw the levels that FILES make, each the base of the next."""
    from dwarfless.cli.inputs import load_bases
    from dwarfless.cli.levels import describe, print_levels

    graph = load_bases(files)
    assert graph is not None
    if as_json:
        levels = [row._asdict() for row in describe(graph, files)]
        click.echo(json.dumps({"schema": SCHEMA, "levels": levels}))
    else:
        print_levels(graph, files)
