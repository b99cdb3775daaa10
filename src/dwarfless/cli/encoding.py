"""What commands that read DWARF share: their options, and how a result is written.

In:  a command line.
Out: an Encoding; BTF, whole or not at all; a summary on stderr; if asked for, a report as JSON.
"""

import functools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dwarfless.containers.choice import FORMATS, format_of
from dwarfless.formats.btf import parse_target
from dwarfless.graph.options import EncodeOptions, parse_features, parse_languages

if TYPE_CHECKING:
    from dwarfless.graph.report import Report
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Encoding", "encoding_options", "progress_bar", "refuse_overwriting", "write_result"]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Encoding:
    """How DWARF is read and BTF written.

    Attributes:
        options: What is written.
        jobs: Threads, or processes; None: as many as CPUs may be used.
        target: Kernel release that has to understand the result; None: the newest.
        report_file: Where the report goes; None: nowhere.
        progress: Whether to show progress; None: on a terminal.
        format: What BTF is written into; None: the path chooses.
        start: When the command began, by time.perf_counter().
    """

    options: EncodeOptions
    jobs: int | None
    target: str | None
    report_file: Path | None
    progress: bool | None
    format: str | None
    start: float

    def encode(self, graph: "TypeGraph", report: "Report") -> bytes:
        """Return a graph as raw BTF."""
        from dwarfless.btf.encode import encode

        return encode(
            graph,
            byte_order=report.byte_order,
            layout=self.options.has("layout"),
            target=self.target,
            report=report,
        )

    def encode_distilled(self, graph: "TypeGraph", report: "Report") -> bytes:
        """Return the base that travels with a graph as raw BTF, b"" if none does."""
        if not self.options.has("distilled_base") or graph.base is None:
            return b""
        from dwarfless.btf.encode import encode

        return encode(graph.base, byte_order=report.byte_order, target=self.target)

    def write(self, path: Path, graph: "TypeGraph", report: "Report", source: Path) -> int:
        """Write a graph that was made from source; return how many bytes that came to."""
        from dwarfless.containers.write import write_btf

        btf, format = self.encode(graph, report), self.format or format_of(path)
        distilled = self.encode_distilled(graph, report)
        binding = None
        if format == "elf":
            from dwarfless.containers.bind import bind

            binding = bind(source, graph)
            # With its base beside it, it is moved onto whatever fits.
            binding = replace(binding, bases=()) if distilled else binding
        return write_btf(path, btf, binding=binding, format=format, distilled=distilled)


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


_OPTIONS = (
    click.option(
        "--features",
        metavar="LIST",
        callback=parsed(parse_features),
        default="default",
        show_default=True,
        help="pahole's --btf_features; a leading + adds to the defaults.",
    ),
    click.option(
        "-j",
        "--jobs",
        type=click.IntRange(min=1),
        help="Threads, or processes with --modules; one a CPU if not given.",
    ),
    click.option(
        "--target",
        metavar="RELEASE",
        callback=parsed(check_target),
        help="Kernel release, such as 5.15: what it does not know is lowered or dropped.",
    ),
    click.option("--layout", is_flag=True, help="Add the layout section; the same as +layout."),
    click.option(
        "--linkage",
        type=click.Choice(["static", "true"]),
        default="static",
        show_default=True,
        help="Linkage of functions: static for all, as pahole writes it, or the true one.",
    ),
    click.option("--flatten-arrays", is_flag=True, help="Write int m[2][3] as an array of 6."),
    click.option(
        "--lang-exclude",
        metavar="LIST",
        callback=parsed(parse_languages),
        default="rust",
        show_default=True,
        help="Leave out units of these languages; an empty list leaves out none.",
    ),
    click.option(
        "--split-dwarf",
        multiple=True,
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="A .dwo file that skeleton units refer to; may be repeated.",
    ),
    click.option(
        "--debug-dir",
        "debug_dirs",
        multiple=True,
        type=click.Path(path_type=Path),
        help="Where separate debug files are; may be repeated.  [default: /usr/lib/debug]",
    ),
    click.option(
        "--format",
        type=click.Choice(list(FORMATS)),
        help="What BTF is written into; if not given raw for .btf, else ELF.",
    ),
    click.option(
        "--report",
        "report_file",
        type=click.Path(path_type=Path),
        help="Write what was left out, and why, as JSON.",
    ),
    click.option(
        "--progress/--no-progress",
        default=None,
        help="Show progress; if not given, on a terminal.",
    ),
)


def encoding_options(command: F) -> F:
    """Add the options of an encode; the command gets them as one Encoding, `encoding`."""

    @functools.wraps(command)
    def gather(
        *,
        jobs: int | None,
        target: str | None,
        report_file: Path | None,
        progress: bool | None,
        format: str | None,
        layout: bool,
        features: frozenset[str],
        debug_dirs: tuple[Path, ...],
        **others: Any,
    ) -> object:
        start = time.perf_counter()
        fields = {name: others.pop(name) for name in _FIELDS}
        if debug_dirs:
            fields["debug_dirs"] = debug_dirs
        if layout:
            features |= {"layout"}
        options = EncodeOptions(features=features, **fields)
        encoding = Encoding(options, jobs, target, report_file, progress, format, start)
        return command(encoding=encoding, **others)

    for option in reversed(_OPTIONS):
        gather = option(gather)
    return gather  # type: ignore[return-value]


#: Options that are fields of EncodeOptions as they are.
_FIELDS = ("lang_exclude", "flatten_arrays", "linkage", "split_dwarf")


def refuse_overwriting(source: Path, output: Path) -> None:
    """Raise a usage error if the output is the input: BTF would replace a kernel."""
    if output.exists() and source.exists() and output.samefile(source):
        raise click.UsageError(f"{output} is the input; BTF would replace it.")


def write_result(
    graph: "TypeGraph", report: "Report", source: Path, output: Path | None, encoding: Encoding
) -> None:
    """Write a graph and, if it was asked for, the report; print the summary.

    Args:
        graph: What to write.
        report: What was left out.
        source: The ELF file it was made from.
        output: Where to; None puts it into source.
        encoding: How.
    """
    if output is None:
        from dwarfless.containers.in_place import embed

        btf = encoding.encode(graph, report)
        embed(source, btf, distilled=encoding.encode_distilled(graph, report))
        size = len(btf)
    else:
        size = encoding.write(output, graph, report, source)
    write_report(report.to_json, encoding)
    seconds = time.perf_counter() - encoding.start
    from dwarfless.cli.summary import Run, print_summary

    run = Run(output=str(output or source), size=size, seconds=seconds)
    print_summary(graph, report, run)


def write_report(content: Callable[[], object], encoding: Encoding) -> None:
    """Write a report as JSON, if one was asked for; what it says is made then."""
    if encoding.report_file is not None:
        import json

        from dwarfless.containers.output import write_atomically

        text = json.dumps(content(), indent=1, ensure_ascii=False)
        write_atomically(encoding.report_file, f"{text}\n".encode())


@contextmanager
def progress_bar(
    encoding: Encoding, what: str = "units"
) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function (done, total) that moves a bar on stderr, or None if none is wanted."""
    wanted = encoding.progress
    if not (os.isatty(2) if wanted is None else wanted):
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
    )
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield advance
