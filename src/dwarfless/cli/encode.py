"""`dwarfless encode`: DWARF in, BTF out.

In:  an ELF file with DWARF, or a tree of modules; what they are split over; pahole's words for
     what to write.
Out: raw BTF; a summary on stderr.
"""

from pathlib import Path

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

__all__ = ["encode"]


@click.command()
@click.argument("source", metavar="VMLINUX", required=False, type=click.Path(path_type=Path))
@click.option(
    "--modules",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Encode every module below DIR instead, each split over --base.",
)
@base_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="Where to write raw BTF; - is stdout. With --modules a folder.",
)
@encoding_options
@selection_options(only=None, with_init=True)
def encode(
    source: Path | None,
    modules: Path | None,
    bases: tuple[Path, ...],
    output: Path,
    encoding: Encoding,
) -> None:
    """Write the BTF of a file's DWARF.

    Types, functions and variables are those that pahole would write; functions and variables
    that BTF has no room for are left out, counted and listed in the report. With --base only
    what the base lacks is written, split over it.
    """
    if (source is None) == (modules is None):
        raise click.UsageError("Give either VMLINUX or --modules.")
    base = load_bases(bases)
    if modules is not None:
        if base is None:
            raise click.UsageError("--modules needs --base: what modules are split over.")
        write_modules(modules, base, output, encoding)
        return
    assert source is not None
    refuse_overwriting(source, output)
    with progress_bar(encoding) as advance:
        graph, report = encode_elf(
            source, options=encoding.options, base=base, jobs=encoding.jobs, progress=advance
        )
    write_result(graph, report, output, encoding)
