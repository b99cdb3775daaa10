"""One program, or all modules of a kernel: what `encode` and `extra` share.

In:  the file or folder that a command line names, and the base.
Out: BTF, written; usage errors where the two don't fit together.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dwarfless.cli.encoding import Encoding, progress_bar, refuse_overwriting, write_result
from dwarfless.cli.inputs import base_option
from dwarfless.encoder import encode_elf

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["check_programs", "encode_programs", "program_options"]

F = TypeVar("F", bound=Callable[..., Any])


def program_options(command: F) -> F:
    """Add the VMLINUX argument, --modules and --base."""
    modules = click.option(
        "--modules",
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Do so for every module below DIR instead, each split over --base.",
    )
    source = click.argument(
        "source", metavar="VMLINUX", required=False, type=click.Path(path_type=Path)
    )
    return source(modules(base_option(command)))


def check_programs(source: Path | None, modules: Path | None, bases: tuple[Path, ...]) -> None:
    """Raise a usage error unless one of both is named, and modules have a base."""
    if (source is None) == (modules is None):
        raise click.UsageError("Give either VMLINUX or --modules.")
    if modules is not None and not bases:
        raise click.UsageError("--modules needs --base: what modules are split over.")


def encode_programs(
    source: Path | None,
    modules: Path | None,
    base: "TypeGraph | None",
    output: Path | None,
    encoding: Encoding,
) -> None:
    """Encode a program, or all modules below a folder, over a base, and write what comes out.

    Args:
        source: The program; None: modules are done.
        modules: The folder.
        base: What is there already.
        output: A file, or a folder for modules; None puts BTF into the program itself.
        encoding: How.
    """
    if modules is not None:
        from dwarfless.cli.encode_modules import write_modules

        assert output is not None
        assert base is not None
        write_modules(modules, base, output, encoding)
        return
    assert source is not None
    if output is None:
        from dwarfless.containers.in_place import check_embeddable

        check_embeddable(source)
    else:
        refuse_overwriting(source, output)
    with progress_bar(encoding) as advance:
        graph, report = encode_elf(
            source, options=encoding.options, base=base, jobs=encoding.jobs, progress=advance
        )
    write_result(graph, report, source, output, encoding)
