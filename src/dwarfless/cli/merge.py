"""`dwarfless merge`: siblings as one BTF."""

from pathlib import Path

import click

from dwarfless.cli.inputs import base_option, output_option

__all__ = ["merge"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@base_option
@output_option
def merge(files: tuple[Path, ...], bases: tuple[Path, ...], output: Path) -> None:
    """Join FILES that are split over one base, such as modules, into one over that base.

    What means the same is said once; variables and their sections stay as they are.
    """
    from dwarfless.cli.inputs import load_bases
    from dwarfless.cli.levels import write_graph
    from dwarfless.containers.load import load
    from dwarfless.graph.tree import merge as join

    base = load_bases(bases)
    joined, _ = join([load(path, base=base) for path in files])
    write_graph(output, joined)
