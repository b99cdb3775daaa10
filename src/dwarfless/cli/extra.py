"""`dwarfless extra`: what a kernel's own BTF lacks, split over it.

In:  a kernel or module with DWARF, and the BTF it has already.
Out: an extra: its variables, and the types they need that are not there yet.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from dwarfless.cli.encode_modules import write_modules
from dwarfless.cli.encoding import (
    Encoding,
    encoding_options,
    progress_bar,
    refuse_overwriting,
    write_result,
)
from dwarfless.cli.inputs import base_option, load_bases
from dwarfless.cli.selection import selection_options
from dwarfless.encoder import encode_elf

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["extra"]


@click.command()
@click.argument("source", metavar="VMLINUX", required=False, type=click.Path(path_type=Path))
@click.option(
    "--modules",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Make an extra for every module below DIR instead, each over --base.",
)
@base_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="Where to write it; - is stdout. With --modules a folder.",
)
@encoding_options
@selection_options(only="vars", with_init=False)
def extra(
    source: Path | None,
    modules: Path | None,
    bases: tuple[Path, ...],
    output: Path,
    encoding: Encoding,
) -> None:
    """Write the variables of a kernel, split over the BTF that it has.

    The base is the .BTF section of VMLINUX itself unless --base says otherwise. For a module
    name the kernel and, if its own BTF is to be kept apart, the module: --base vmlinux --base
    module. Types, functions and variables of the base are not repeated; every new type is in the
    report, with why the base lacks it.
    """
    if (source is None) == (modules is None):
        raise click.UsageError("Give either VMLINUX or --modules.")
    if modules is not None:
        base = load_bases(bases)
        if base is None:
            raise click.UsageError("--modules needs --base: what modules are split over.")
        write_modules(modules, base, output, encoding)
        return
    assert source is not None
    refuse_overwriting(source, output)
    with progress_bar(encoding) as advance:
        graph, report = encode_elf(
            source,
            options=encoding.options,
            base=base_of(source, bases),
            jobs=encoding.jobs,
            progress=advance,
        )
    write_result(graph, report, source, output, encoding)


def base_of(source: Path, bases: tuple[Path, ...]) -> "TypeGraph":
    """Return the named base, or the BTF in the file itself.

    Raises:
        UsageError: The file has none, and none is named.
    """
    from dwarfless.containers.load import load
    from dwarfless.errors import BtfError

    base = load_bases(bases)
    if base is not None:
        return base
    try:
        return load(source)
    except BtfError as error:
        if error.problem != "the file has no .BTF section":
            raise
        raise click.UsageError(f"{source} has no .BTF of its own; name a --base.") from None
