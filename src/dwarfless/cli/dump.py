"""`dwarfless dump`: all types, as bpftool prints them."""

from pathlib import Path

import click

from dwarfless.cli.inputs import btf_input, load_with_bases

__all__ = ["dump"]


@click.command()
@btf_input
@click.option(
    "--format",
    "form",
    type=click.Choice(["raw", "json", "c"]),
    default="raw",
    show_default=True,
    help="One line a type; bpftool's JSON; its C, which `header` repairs.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    help="Where to write; standard output if not given.",
)
def dump(file: Path, bases: tuple[Path, ...], form: str, output: Path) -> None:
    """Print all types, as `bpftool btf dump` does.

    FILE is raw BTF, or an ELF file with a .BTF section.
    """
    from dwarfless.containers.output import write_atomically

    graph = load_with_bases(file, bases)
    if form == "c":
        from dwarfless.consumers.c.header import header

        write_atomically(output, [header(graph, repair=False)])
    else:
        from dwarfless.consumers.listing import iter_json_listing, iter_listing

        parts = iter_json_listing(graph) if form == "json" else iter_listing(graph)
        write_atomically(output, parts)
