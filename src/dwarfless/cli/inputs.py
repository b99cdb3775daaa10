"""What commands that read BTF share: the FILE argument and its bases."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import rich_click as click

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["btf_input", "load_with_bases", "target_option"]

F = TypeVar("F", bound=Callable[..., Any])
#: Version of the JSON that --json prints; raised when a key changes its meaning.
SCHEMA: Final = 1


def btf_input(command: F) -> F:
    """Add the FILE argument and --base."""
    base = click.option(
        "-B",
        "--base",
        "bases",
        multiple=True,
        type=click.Path(path_type=Path),
        help="What FILE is split from; repeated, each is the base of the next.",
    )
    return click.argument("file", type=click.Path(path_type=Path))(base(command))


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
    from dwarfless.containers.load import load

    graph = None
    for path in (*bases, file):
        graph = load(path, base=graph)
    assert graph is not None
    return graph
