"""`dwarfless footprint`: what variables cost a kernel."""

import json
from dataclasses import replace
from pathlib import Path

import click
from click.exceptions import Exit

from dwarfless.cli.encoding import Encoding, encoding_options, progress_bar
from dwarfless.cli.inputs import SCHEMA
from dwarfless.consumers.footprint import chart, table
from dwarfless.containers.output import write_atomically
from dwarfless.footprint import measure_kernel, measure_modules

__all__ = ["footprint"]


@click.command()
@click.argument("source", metavar="VMLINUX", type=click.Path(path_type=Path))
@click.option(
    "--modules",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Measure every module below DIR, too.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--chart",
    "chart_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a bar chart, as SVG.",
)
@encoding_options
def footprint(
    source: Path,
    modules: Path | None,
    as_json: bool,
    chart_file: Path | None,
    encoding: Encoding,
) -> None:
    """Print what a kernel's variables cost, by each way of having them.

    Without variables, with them built into the kernel's BTF, and as an extra over it; what each
    section, class and rule takes; and, with --modules, the same for all modules together.
    """
    measured, kernel = measure_kernel(source, encoding.options, jobs=encoding.jobs)
    failed = False
    if modules is not None:
        with progress_bar(encoding, "modules") as advance:
            found = measure_modules(
                modules, kernel, encoding.options, jobs=encoding.jobs, progress=advance
            )
        measured = replace(measured, modules=found)
        failed = bool(found.failed)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, **measured.to_json()}, indent=1))
    else:
        click.echo(table(measured))
    if chart_file is not None:
        write_atomically(chart_file, chart(measured).encode())
    if failed:
        raise Exit(1)
