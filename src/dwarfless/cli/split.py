"""`dwarfless split`: take one BTF apart."""

from pathlib import Path

import click

from dwarfless.cli.inputs import btf_input, load_with_bases
from dwarfless.graph.parts import CLASSES

__all__ = ["split"]


@click.command(epilog="  ".join(f"{word}: {what}." for word, what in CLASSES.items()))
@btf_input
@click.option(
    "--move",
    "classes",
    metavar="LIST",
    required=True,
    help=f"What goes to the extra: {', '.join(CLASSES)}.",
)
@click.option("--name", "names", multiple=True, metavar="GLOB", help="Only what has such a name.")
@click.option(
    "--section",
    "sections",
    multiple=True,
    metavar="GLOB",
    help="Only variables of such a section.",
)
@click.option(
    "--attachable",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Which functions a BPF program can attach to: available_filter_functions, or a vmlinux.",
)
@click.option(
    "--with-types",
    is_flag=True,
    help="Move named types, too, that nothing which stays leads to.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="Where what stays goes."
)
@click.option(
    "--extra",
    type=click.Path(path_type=Path),
    required=True,
    help="Where what is moved goes, split over what stays.",
)
def split(
    file: Path,
    bases: tuple[Path, ...],
    classes: str,
    names: tuple[str, ...],
    sections: tuple[str, ...],
    attachable: Path | None,
    with_types: bool,
    output: Path,
    extra: Path,
) -> None:
    """Take BTF apart: a base, and an extra split over it.

    What refers to a type that moves goes with it; a nameless type that only such types need goes
    along. `flatten` joins them again.
    """
    from dwarfless.cli.levels import print_levels, write_graph
    from dwarfless.elf.ftrace import attachable_functions
    from dwarfless.graph.parts import choose
    from dwarfless.graph.tree import partition

    graph = load_with_bases(file, bases)
    words = [word.strip() for word in classes.split(",") if word.strip()]
    listed = attachable_functions(attachable) if attachable is not None else None
    try:
        chosen = choose(graph, words, names=names, sections=sections, attachable=listed)
    except ValueError as error:
        raise click.UsageError(f"--move: {error}.") from None
    parts = partition(graph, chosen, with_types=with_types)
    write_graph(output, parts.kept)
    write_graph(extra, parts.moved)
    print_levels(parts.moved, [*bases, output, extra])
