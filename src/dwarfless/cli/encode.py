"""`dwarfless encode`: DWARF in, BTF out.

In:  an ELF file with DWARF, or a tree of modules; what they are split over; pahole's words for
     what to write.
Out: BTF, raw, in an ELF file of its own or in the file itself; a summary on stderr.
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
from dwarfless.containers.in_place import check_embeddable
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
    help="Where to write it; .btf is raw, - is stdout, else ELF. With --modules a folder.",
)
@click.option("--in-place", is_flag=True, help="Put it into VMLINUX itself, as section .BTF.")
@encoding_options
@selection_options(only=None, with_init=True)
def encode(
    source: Path | None,
    modules: Path | None,
    bases: tuple[Path, ...],
    output: Path | None,
    in_place: bool,
    encoding: Encoding,
) -> None:
    """Write the BTF of a file's DWARF.

    Types, functions and variables are those that pahole would write; functions and variables
    that BTF has no room for are left out, counted and listed in the report. With --base only
    what the base lacks is written, split over it.
    """
    if (source is None) == (modules is None):
        raise click.UsageError("Give either VMLINUX or --modules.")
    if (output is None) != in_place or (in_place and (modules or encoding.format)):
        raise click.UsageError("Give either -o, or --in-place for one file as it is.")
    base = load_bases(bases)
    if modules is not None:
        assert output is not None
        if base is None:
            raise click.UsageError("--modules needs --base: what modules are split over.")
        write_modules(modules, base, output, encoding)
        return
    assert source is not None
    if output is None:
        check_embeddable(source)
    else:
        refuse_overwriting(source, output)
    with progress_bar(encoding) as advance:
        graph, report = encode_elf(
            source, options=encoding.options, base=base, jobs=encoding.jobs, progress=advance
        )
    write_result(graph, report, source, output, encoding)
