"""`dwarfless extra`: what a kernel's own BTF lacks, split over it.

In:  a kernel or module with DWARF, and the BTF it has already.
Out: an extra: its variables, and the types they need that are not there yet.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.encoding import Encoding, encoding_options
from dwarfless.cli.inputs import load_bases, output_option
from dwarfless.cli.programs import check_programs, encode_programs, program_options
from dwarfless.cli.selection import selection_options

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["extra"]


@click.command()
@program_options
@output_option
@encoding_options
@selection_options(only="vars", with_init=False)
@click.option(
    "--compare-all",
    is_flag=True,
    help="Compare every definition in the DWARF with the base's, also where VMLINUX brings the "
    "base and has one of that name and size; takes twice as long.",
)
def extra(
    source: Path | None,
    modules: Path | None,
    bases: tuple[Path, ...],
    output: Path,
    encoding: Encoding,
    compare_all: bool,
) -> None:
    """Write the variables of a kernel, split over the BTF that it has.

    The base is the .BTF section of VMLINUX itself unless --base says otherwise. For a module
    name the kernel and, if its own BTF is to be kept apart, the module: --base vmlinux --base
    module. Types, functions and variables of the base are not repeated; every new type is in the
    report, with why the base lacks it.
    """
    check_programs(source, modules, bases)
    base = load_bases(bases) if source is None else base_of(source, bases)
    if not bases and not compare_all:
        encoding = replace(encoding, options=replace(encoding.options, same_dwarf=True))
    encode_programs(source, modules, base, output, encoding)


def base_of(source: Path, bases: tuple[Path, ...]) -> "TypeGraph":
    """Return the named base, or the BTF in the file itself.

    Raises:
        UsageError: The file has none, and none is named.
    """
    from dwarfless.containers.load import NO_BTF, load
    from dwarfless.errors import BtfError

    base = load_bases(bases)
    if base is not None:
        return base
    try:
        return load(source)
    except BtfError as error:
        if error.problem != NO_BTF:
            raise
        raise click.UsageError(f"{source} has no .BTF of its own; name a --base.") from None
