"""`dwarfless diff`: what changed from one kernel's BTF to another's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.inputs import SCHEMA, F, load_types
from dwarfless.errors import DwarflessError

if TYPE_CHECKING:
    from dwarfless.graph.diff import Diff

__all__ = ["diff"]


class Trouble(click.ClickException):
    """An error; 1 as exit status would say that the files differ, as diff(1) does."""

    exit_code = 2


def base_of(side: str) -> Callable[[F], F]:
    """Return the option that gives the bases of one side."""
    return click.option(
        f"--base-{side}",
        f"bases_{side}",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        help=f"What {side.upper()} is split over; repeated, each is the base of the next.",
    )


@click.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@base_of("a")
@base_of("b")
@click.option("--abi", is_flag=True, help="Only what breaks a module compiled for A.")
@click.option(
    "--exports",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="What modules may use: A's ELF file, or its Module.symvers; all functions if not given.",
)
@click.option("--stat", is_flag=True, help="Print only how many changed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--html",
    "html_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a page to search, instead of text.",
)
@click.pass_context
def diff(
    ctx: click.Context,
    a: Path,
    b: Path,
    bases_a: tuple[Path, ...],
    bases_b: tuple[Path, ...],
    abi: bool,
    exports: Path | None,
    stat: bool,
    as_json: bool,
    html_file: Path | None,
) -> None:
    """Print which types, functions and variables were added, removed or changed from A to B.

    Types are compared by name: one that only refers to a type that changed has not changed. Exit
    status 0 if nothing differs, 1 if something does, 2 for trouble.
    """
    from dwarfless.cli.main import os_error_line

    try:
        found = compare(a, b, bases_a, bases_b, exports)
        found = found.abi() if abi else found
        report(found, stat=stat, as_json=as_json, html_file=html_file)
    except DwarflessError as error:
        raise Trouble(str(error)) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Trouble(os_error_line(error)) from error
    ctx.exit(1 if found.changes else 0)


def compare(
    a: Path, b: Path, bases_a: tuple[Path, ...], bases_b: tuple[Path, ...], exports: Path | None
) -> "Diff":
    """Return what changed from one file to another."""
    from dwarfless.graph.diff import diff as diff_graphs

    names = None if exports is None else read_exports(exports)
    return diff_graphs(load_types(a, bases_a), load_types(b, bases_b), exports=names)


def report(found: "Diff", *, stat: bool, as_json: bool, html_file: Path | None) -> None:
    """Print what changed, or write the page."""
    if html_file is not None:
        from dwarfless.consumers.diff.page import page
        from dwarfless.containers.output import write_atomically

        write_atomically(html_file, page(found))
    if as_json:
        from dwarfless.consumers.diff.record import record

        click.echo(json.dumps({"schema": SCHEMA, **record(found)}))
    elif html_file is None:
        from dwarfless.consumers.diff.text import summary, text

        said = "\n".join(summary(found)) + "\n" if stat else text(found)
        click.echo(said.encode(errors="surrogateescape"), nl=False)


def read_exports(path: Path) -> frozenset[bytes]:
    """Return the names that a kernel or module exports.

    Raises:
        ElfError: An ELF file breaks its format.
        DwarflessError: The file names no exports.
        OSError: It can't be read.
    """
    from dwarfless.containers.section import is_elf
    from dwarfless.elf.image import ElfImage
    from dwarfless.graph.names import exported_names

    with open(path, "rb") as file:
        start = file.read(4)
        lines = [] if is_elf(start) else (start + file.read()).split(b"\n")
    if is_elf(start):
        names = exported_names(ElfImage.load(path).symbols())
    else:
        # CRC, name, module, kind of export, namespace; tabs between them.
        names = frozenset(row[1] for row in (line.split(b"\t") for line in lines) if len(row) > 3)
    if not names:
        raise DwarflessError(f"{path}: no symbols __ksymtab_NAME, and no Module.symvers")
    return names
