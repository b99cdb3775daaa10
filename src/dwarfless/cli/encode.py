"""`dwarfless encode`: DWARF in, BTF out.

In:  an ELF file with DWARF, or a tree of modules; what they are split over; pahole's words for
     what to write.
Out: BTF, raw, in an ELF file of its own or in the file itself; a summary on stderr.
"""

from pathlib import Path

import click

from dwarfless.cli.encoding import Encoding, encoding_options
from dwarfless.cli.inputs import load_bases
from dwarfless.cli.programs import check_programs, encode_programs, program_options
from dwarfless.cli.selection import selection_options

__all__ = ["encode"]


@click.command()
@program_options
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
    check_programs(source, modules, bases)
    if (output is None) != in_place or (in_place and (modules or encoding.format)):
        raise click.UsageError("Give either -o, or --in-place for one file as it is.")
    encode_programs(source, modules, load_bases(bases), output, encoding)
