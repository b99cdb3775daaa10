"""`dwarfless browse`: a kernel's types, functions and variables as a web page."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.inputs import base_option
from dwarfless.errors import BaseMismatchError, BtfError

if TYPE_CHECKING:
    from dwarfless.consumers.browse.page import BrowseInput

__all__ = ["browse"]

#: Programs that a page can show side by side.
MAX_PROGRAMS = 2


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@base_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to write the page; - is stdout.",
)
@click.option(
    "--serve",
    metavar="PORT",
    type=click.IntRange(0, 0xFFFF),
    is_flag=False,
    flag_value=8017,
    help="Serve it to this machine's browsers instead; 8017 if no port is given.",
)
def browse(
    files: tuple[Path, ...], bases: tuple[Path, ...], output: Path | None, serve: int | None
) -> None:
    """Write a web page in which to look through types, functions and variables.

    One file that needs no network. A FILE that is split goes over the one before it, one that
    is whole starts a program; two programs are shown side by side.
    """
    if (output is None) == (serve is None):
        raise click.UsageError("Either --output or --serve says what to do with the page.")
    programs = load_programs((*bases, *files))
    if len(programs) > MAX_PROGRAMS:
        raise click.UsageError(
            f"{len(programs)} programs: {', '.join(p.name for p in programs)}; "
            f"a page shows {MAX_PROGRAMS}."
        )
    from dwarfless.consumers.browse.page import render

    page = render(programs)
    if output is not None:
        from dwarfless.containers.output import write_atomically

        write_atomically(output, page)
    else:
        from dwarfless.consumers.browse.server import serve_page

        assert serve is not None
        serve_page(page, serve, lambda address: click.echo(f"{address} (Ctrl-C ends it)"))


def load_programs(files: tuple[Path, ...]) -> "list[BrowseInput]":
    """Return the programs that files make: a split one goes over the one before it.

    Raises:
        DwarflessError: A file holds no sound BTF, or is split over something else.
        OSError: It can't be read.
    """
    from dwarfless.consumers.browse.page import BrowseInput
    from dwarfless.containers.load import load, read_binding

    programs: list[BrowseInput] = []
    for file in files:
        before = programs[-1] if programs else None
        try:
            graph = load(file)
        except (BtfError, BaseMismatchError):
            # It isn't whole; what is wrong with it beyond that, the second try says.
            if before is None:
                raise
            graph = load(file, base=before.graph)
        binding = read_binding(file)
        name = binding.release if binding is not None and binding.release else ""
        if graph.base is None or before is None:
            programs.append(BrowseInput(graph, name or file.name, binding))
        else:
            programs[-1] = BrowseInput(graph, name or before.name, binding or before.binding)
    return programs
