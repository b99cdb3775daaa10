"""`dwarfless explain`: why a variable or function is in, or not.

In:  a name; an ELF file with DWARF; the options of an encode.
Out: a line for every function and variable of that name.
"""

from pathlib import Path

import click

from dwarfless.cli.encoding import Encoding, encoding_options, progress_bar
from dwarfless.cli.selection import selection_options
from dwarfless.encoder import encode_elf
from dwarfless.graph.explain import Trace

__all__ = ["explain"]


@click.command()
@click.argument("name", metavar="NAME")
@click.argument("source", metavar="VMLINUX", type=click.Path(path_type=Path))
@encoding_options
@selection_options(only=None, with_init=True)
def explain(name: str, source: Path, encoding: Encoding) -> None:
    """Say why the variables and functions of a name are in, or not.

    The options are those of encode, with the same meaning; --only vars --without-init are what
    extra does by itself.
    """
    trace = Trace(name)
    with progress_bar(encoding) as advance:
        encode_elf(
            source, options=encoding.options, jobs=encoding.jobs, progress=advance, trace=trace
        )
    if not trace.candidates:
        raise click.ClickException(f"{source} has no function or variable {name}.")
    for candidate in trace.candidates:
        click.echo(candidate)
