"""`dwarfless isf`: symbols for Volatility 3."""

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.inputs import base_option

if TYPE_CHECKING:
    from dwarfless.consumers.isf.sources import Sources
    from dwarfless.graph.report import Report

__all__ = ["isf"]

#: Reasons that the summary shows of each sort of thing.
SHOWN = 4


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@base_option
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path, allow_dash=True),
    help="Where to write it: .json, .json.gz or .json.xz; - is stdout.",
)
@click.option(
    "--symbols",
    type=click.Path(path_type=Path),
    help="/proc/kallsyms, a System.map or an ELF file; FILE's own symbols if not given.",
)
@click.option(
    "--banner",
    default="",
    help="What /proc/version says, where no FILE has it: Volatility tells kernels by it.",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path),
    help="Write what was left out, and why, as JSON.",
)
def isf(
    files: tuple[Path, ...],
    bases: tuple[Path, ...],
    output: Path,
    symbols: Path | None,
    banner: str,
    report_file: Path | None,
) -> None:
    """Write a kernel's types and symbols as Volatility 3 reads them.

    FILE is a kernel's BTF and then its extra, each the base of the next; or one vmlinux with
    DWARF. Schema 6.3.0.
    """
    from dwarfless.consumers.isf.document import SUFFIXES
    from dwarfless.consumers.isf.sources import gather
    from dwarfless.containers.output import write_atomically
    from dwarfless.graph.report import Report

    start = time.perf_counter()
    if str(output) != "-" and not output.name.endswith(SUFFIXES):
        raise click.UsageError(f"{output} ends in none of {', '.join(SUFFIXES)}.")
    report = Report()
    sources = gather((*bases, *files), report, symbols=symbols, banner=banner)
    content, figures = convert(sources, report, output)
    write_atomically(output, content)
    if report_file is not None:
        report.figures.update(figures)
        whole = {"sources": sources.used, **report.to_json()}
        write_atomically(report_file, json.dumps(whole, indent=1).encode() + b"\n")
    seconds = time.perf_counter() - start
    head = f"{output}: {len(content):,} bytes in {seconds:.2f} s"
    click.echo(f"{head}; {', '.join(f'{n:,} {what}' for what, n in figures.items())}", err=True)
    summarize(sources, report)


def convert(sources: "Sources", report: "Report", output: Path) -> tuple[bytes, dict[str, int]]:
    """Return the file's bytes, and how much of what is in it."""
    from dwarfless import __version__
    from dwarfless.consumers.isf.document import compressed, document, is_typed
    from dwarfless.consumers.isf.symbols import find_symbols
    from dwarfless.consumers.isf.types import Types

    types = Types(
        sources.graph,
        byte_order=sources.byte_order,
        pointer_size=sources.pointer_size,
        report=report,
    )
    found = find_symbols(types, sources.places, report)
    pieces = document(
        types, found, banner=sources.banner, version=__version__, origins=sources.origins
    )
    content = b"".join(compressed(pieces, output))
    figures = {
        "user types": len(types.user_types),
        "enums": len(types.enums),
        "base types": len(types.base_types),
        "symbols": len(found),
        "of them variables with a type": sum(map(is_typed, found.values())),
    }
    return content, figures


def summarize(sources: "Sources", report: "Report") -> None:
    """Print what was used, and how much was left out or renamed."""
    for what, origin in sources.used.items():
        click.echo(f"  {what}: {origin}", err=True)
    reasons: dict[str, list[str]] = {}
    for what, reason, number in report.summary():
        reasons.setdefault(what, []).append(f"{number:,} {reason}")
    for what, lines in reasons.items():
        more = f"; {len(lines) - SHOWN} other reasons" if len(lines) > SHOWN else ""
        click.echo(f"  report: {what}: {'; '.join(lines[:SHOWN])}{more}", err=True)
