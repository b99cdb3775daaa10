"""`dwarfless dump`: one line a type, as bpftool prints it."""

from pathlib import Path

import click

from dwarfless.cli.inputs import btf_input, load_with_bases

__all__ = ["dump"]


@click.command()
@btf_input
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    help="Where to write; standard output if not given.",
)
def dump(file: Path, bases: tuple[Path, ...], output: Path) -> None:
    """Print one line a type, as `bpftool btf dump` does.

    FILE is raw BTF, or an ELF file with a .BTF section.
    """
    from dwarfless.consumers.listing import listing
    from dwarfless.containers.output import write_atomically

    write_atomically(output, listing(load_with_bases(file, bases)))
