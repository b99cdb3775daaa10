"""`dwarfless relocate`: move split BTF from a distilled base onto a whole one."""

from pathlib import Path

import click

from dwarfless.cli.inputs import btf_input, output_option

__all__ = ["relocate"]


@click.command()
@btf_input
@click.option(
    "--distilled",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The distilled base of raw BTF; an ELF file has it in .BTF.base.",
)
@output_option
def relocate(file: Path, bases: tuple[Path, ...], distilled: Path | None, output: Path) -> None:
    """Split FILE, which is over a distilled base, over --base instead.

    Types are looked up by name and size. What has no match, or several, is an error that names
    it.
    """
    from dwarfless.cli.inputs import load_bases
    from dwarfless.cli.levels import write_graph
    from dwarfless.containers.load import load
    from dwarfless.graph.distill import relocate as move

    base = load_bases(bases)
    if base is None:
        raise click.UsageError("Name the --base that FILE is to be split over.")
    graph = load(file, base=load(distilled) if distilled is not None else None)
    if graph.base is None:
        raise click.UsageError(f"{file} has no distilled base.")
    write_graph(output, move(graph, base))
