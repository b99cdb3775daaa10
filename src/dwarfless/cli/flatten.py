"""`dwarfless flatten`: all levels as one BTF."""

from pathlib import Path

import click

from dwarfless.cli.inputs import btf_input, load_with_bases, output_option

__all__ = ["flatten"]


@click.command()
@btf_input
@output_option
def flatten(file: Path, bases: tuple[Path, ...], output: Path) -> None:
    """Join FILE and its bases into one BTF that needs no base.

    Sections that several levels place variables in become one.
    """
    from dwarfless.cli.levels import write_graph
    from dwarfless.graph.tree import flatten as join

    write_graph(output, join(load_with_bases(file, bases)))
