"""`dwarfless encode`: DWARF in, BTF out.

In:  an ELF file with DWARF, and pahole's words for what to write.
Out: raw BTF, whole or not at all; a summary on stderr; if asked for, the report as JSON.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from dwarfless.btf.encode import encode as encode_btf
from dwarfless.cli.summary import Run, summarize
from dwarfless.containers.output import write_atomically
from dwarfless.encoder import encode_elf
from dwarfless.formats.btf import parse_target
from dwarfless.graph.options import EncodeOptions, parse_features, parse_languages

__all__ = ["encode"]


def parsed(parse: Callable[[str], object]) -> Callable[..., object]:
    """Return an option's callback that parses its text; ValueError becomes a usage error."""

    def callback(ctx: click.Context, param: click.Parameter, text: str | None) -> object:
        try:
            return None if text is None else parse(text)
        except ValueError as error:
            raise click.BadParameter(f"{error}.", ctx, param) from None

    return callback


def check_target(text: str) -> str:
    """Return a kernel release as it was given, if it is one."""
    parse_target(text)
    return text


@click.command()
@click.argument("source", metavar="VMLINUX", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    required=True,
    help="Where to write raw BTF; - is stdout.",
)
@click.option(
    "--features",
    metavar="LIST",
    callback=parsed(parse_features),
    default="default",
    show_default=True,
    help="pahole's --btf_features; a leading + adds to the defaults.",
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Threads; one a CPU if not given.")
@click.option(
    "--target",
    metavar="RELEASE",
    callback=parsed(check_target),
    help="Kernel release, such as 5.15: what it does not know is lowered or dropped.",
)
@click.option("--layout", is_flag=True, help="Add the layout section; the same as +layout.")
@click.option(
    "--linkage",
    type=click.Choice(["static", "true"]),
    default="static",
    show_default=True,
    help="Linkage of functions: static for all, as pahole writes it, or the true one.",
)
@click.option("--flatten-arrays", is_flag=True, help="Write int m[2][3] as an array of 6.")
@click.option(
    "--lang-exclude",
    metavar="LIST",
    callback=parsed(parse_languages),
    default="rust",
    show_default=True,
    help="Leave out units of these languages; an empty list leaves out none.",
)
@click.option(
    "--split-dwarf",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A .dwo file that skeleton units refer to; may be repeated.",
)
@click.option(
    "--debug-dir",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Where separate debug files are; may be repeated.  [default: /usr/lib/debug]",
)
@click.option(
    "--report",
    "report_file",
    type=click.Path(path_type=Path),
    help="Write what was left out, and why, as JSON.",
)
@click.option(
    "--progress/--no-progress", default=None, help="Show progress; if not given, on a terminal."
)
def encode(
    source: Path,
    output: Path,
    features: frozenset[str],
    jobs: int | None,
    target: str | None,
    layout: bool,
    linkage: Literal["static", "true"],
    flatten_arrays: bool,
    lang_exclude: frozenset[str],
    split_dwarf: tuple[Path, ...],
    debug_dir: tuple[Path, ...],
    report_file: Path | None,
    progress: bool | None,
) -> None:
    """Write the BTF of a file's DWARF.

    Types, functions and variables are those that pahole would write; functions and variables
    that BTF has no room for are left out, counted and listed in the report.
    """
    start = time.perf_counter()
    refuse_overwriting(source, output)
    options = EncodeOptions(
        features=features | {"layout"} if layout else features,
        lang_exclude=lang_exclude,
        flatten_arrays=flatten_arrays,
        linkage=linkage,
        split_dwarf=split_dwarf,
        **({"debug_dirs": debug_dir} if debug_dir else {}),
    )
    console = Console(stderr=True, highlight=False)
    with progress_bar(console, wanted=progress) as advance:
        graph, report = encode_elf(source, options=options, jobs=jobs, progress=advance)
    btf = encode_btf(
        graph,
        byte_order=report.byte_order,
        layout=options.has("layout"),
        target=target,
        report=report,
    )
    write_atomically(output, btf)
    if report_file is not None:
        text = json.dumps(report.to_json(), indent=1, ensure_ascii=False)
        write_atomically(report_file, f"{text}\n".encode())
    run = Run(output=str(output), size=len(btf), seconds=time.perf_counter() - start)
    console.print(summarize(graph, report, run))


def refuse_overwriting(source: Path, output: Path) -> None:
    """Raise a usage error if the output is the input: raw BTF would replace a kernel."""
    if output.exists() and source.exists() and output.samefile(source):
        raise click.UsageError(f"{output} is the input; raw BTF would replace it.")


@contextmanager
def progress_bar(
    console: Console, *, wanted: bool | None
) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function (done, total) that moves a bar on stderr, or None if none is wanted."""
    if not (os.isatty(2) if wanted is None else wanted):
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as bar:
        task = bar.add_task("units", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
