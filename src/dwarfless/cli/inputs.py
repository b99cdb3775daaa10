"""What commands that read BTF share: the FILE argument and its bases."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from dwarfless.formats.btf import Kind

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = [
    "base_option",
    "btf_input",
    "kind_option",
    "load_bases",
    "load_types",
    "load_with_bases",
    "missing_type",
    "output_option",
    "target_option",
]

F = TypeVar("F", bound=Callable[..., Any])
#: Version of the JSON that --json prints; raised when a key changes its meaning.
SCHEMA: Final = 1


#: --base, for what is split over others.
base_option: Final = click.option(
    "-B",
    "--base",
    "bases",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="What it is split over; repeated, each is the base of the next.",
)


#: -o, for what writes one BTF.
output_option: Final = click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="Where to write it; .btf is raw, - is stdout, else ELF. Many files: a folder.",
)


#: --kind, for what is looked up by name.
kind_option: Final = click.option(
    "--kind",
    type=click.Choice([kind.name.lower() for kind in Kind if kind], case_sensitive=False),
    help="Only types of this kind.",
)


def missing_type(file: Path, what: str, near: list[str]) -> None:
    """Say that a file has no such type, and what it has that is nearly called so."""
    hint = f"; did you mean {', '.join(near)}?" if near else ""
    click.echo(f"{file}: no type {what}{hint}", err=True)


def btf_input(command: F) -> F:
    """Add the FILE argument and --base."""
    return click.argument("file", type=click.Path(path_type=Path))(base_option(command))


def check_target(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Return a kernel release as given; one that can't be read is a usage error."""
    from dwarfless.formats.btf import parse_target

    try:
        if text is not None:
            parse_target(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", ctx, param) from None
    return text


target_option = click.option(
    "--target",
    metavar="RELEASE",
    callback=check_target,
    help="Kernel release, such as 5.15; the newest if not given.",
)


def load_with_bases(file: Path, bases: tuple[Path, ...]) -> "TypeGraph":
    """Return FILE's graph on its bases.

    Raises:
        DwarflessError: A file holds no sound BTF.
        OSError: It can't be read.
    """
    graph = load_bases((*bases, file))
    assert graph is not None
    return graph


def load_types(file: Path, bases: tuple[Path, ...]) -> "TypeGraph":
    """Return FILE's graph on its bases; of an ELF file without BTF what its DWARF says.

    Raises:
        DwarflessError: A file holds neither, or nothing sound.
        OSError: It can't be read.
    """
    from dwarfless.containers.load import NO_BTF
    from dwarfless.errors import BtfError, DwarfError

    try:
        return load_with_bases(file, bases)
    except BtfError as error:
        if error.problem != NO_BTF:
            raise
        from dwarfless.encoder import encode_elf

        # Without its DWARF, too, what is missing is the BTF.
        try:
            return encode_elf(file, base=load_bases(bases))[0]
        except DwarfError:
            raise error from None


def load_bases(bases: tuple[Path, ...]) -> "TypeGraph | None":
    """Return the graph of the last of some files, each on the one before it; None for none.

    Raises:
        DwarflessError: A file holds no sound BTF.
        OSError: It can't be read.
    """
    from dwarfless.containers.load import load

    graph = None
    for path in bases:
        graph = load(path, base=graph)
    return graph
