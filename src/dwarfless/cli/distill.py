"""`dwarfless distill`: split BTF that brings what it needs of its base."""

from pathlib import Path

import click

from dwarfless.cli.inputs import btf_input, load_with_bases

__all__ = ["distill"]


@click.command()
@btf_input
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="Where to write it: an ELF file with .BTF and .BTF.base, or raw BTF with --base-output.",
)
@click.option(
    "--base-output",
    type=click.Path(path_type=Path),
    help="Write the distilled base here, as raw BTF, and not into the other file.",
)
def distill(file: Path, bases: tuple[Path, ...], output: Path, base_output: Path | None) -> None:
    """Split FILE over a distilled base: names and sizes of what it needs of its bases.

    Such a file survives a rebuilt kernel: `relocate`, libbpf and Linux 6.11 find the names in the
    BTF at hand. Named types are looked up; all else comes along.
    """
    from dwarfless.btf.encode import encode
    from dwarfless.cli.levels import print_levels, write_graph
    from dwarfless.containers.write import write_btf
    from dwarfless.graph.distill import distill as without_base

    if not bases:
        raise click.UsageError("Name the --base that FILE is split over.")
    graph = without_base(load_with_bases(file, bases))
    assert graph.base is not None
    if base_output is None:
        write_btf(output, encode(graph), distilled=encode(graph.base))
    else:
        write_graph(base_output, graph.base)
        write_graph(output, graph)
    print_levels(graph, [base_output or Path(f"{output}(.BTF.base)"), output])
