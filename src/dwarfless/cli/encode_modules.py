"""All modules of a kernel: a file each, failures told, a table of what it came to.

In:  a folder of modules with DWARF, their base.
Out: NAME.btf, or NAME.elf, for each in the output folder; exit status 1 if any failed.
"""

import sys
import time
from pathlib import Path

import click

from dwarfless.cli.encoding import Encoding, progress_bar, write_report
from dwarfless.containers.choice import FORMATS
from dwarfless.errors import DwarflessError
from dwarfless.formats.modules import kernel_name
from dwarfless.graph.match import Base
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.modules import ModuleResult, encode_modules, find_modules

__all__ = ["write_modules"]

#: Largest modules that the summary names.
SHOWN = 5
#: Version of the JSON that --report writes; raised when a key changes its meaning.
SCHEMA = 1


def write_modules(folder: Path, base: TypeGraph, output: Path, encoding: Encoding) -> None:
    """Encode the modules below a folder; exit with 1 if any failed.

    Raises:
        DwarflessError: There are none, or two of one name.
        OSError: The output folder can't be made.
    """
    paths = find_modules(folder)
    if not paths:
        raise DwarflessError(f"{folder}: no modules here")
    refuse_same_names(paths)
    output.mkdir(parents=True, exist_ok=True)
    suffix = FORMATS[encoding.format or "raw"]

    def take(path: Path, graph: TypeGraph, report: Report) -> tuple[int, ...]:
        return (encoding.write(output / f"{kernel_name(path)}{suffix}", graph, report, path),)

    results: list[ModuleResult] = []
    with progress_bar(encoding, "modules") as advance:
        for result in encode_modules(
            paths, Base(base), take, options=encoding.options, jobs=encoding.jobs
        ):
            results.append(result)
            if result.error:
                print(f"dwarfless: {result.error}", file=sys.stderr)
            if advance is not None:
                advance(len(results), len(paths))
    results.sort(key=lambda result: result.name)
    write_report(lambda: {"schema": SCHEMA, "modules": [r.to_json() for r in results]}, encoding)
    print_modules(results, output, time.perf_counter() - encoding.start)
    if any(result.error for result in results):
        raise click.exceptions.Exit(1)


def refuse_same_names(paths: list[Path]) -> None:
    """Raise a DwarflessError if two modules would write one file."""
    seen: dict[str, Path] = {}
    for path in paths:
        first = seen.setdefault(kernel_name(path), path)
        if first is not path:
            raise DwarflessError(f"{path}: the same module as {first}")


def print_modules(results: list[ModuleResult], output: Path, seconds: float) -> None:
    """Print what a run came to: how many, how large, the largest."""
    done = [result for result in results if not result.error]
    largest = sorted(done, key=lambda result: -result.size)[:SHOWN]
    failed = len(results) - len(done)
    size = sum(result.size for result in done)
    lines = [f"{output}: {len(done):,} modules, {size:,} bytes in {seconds:.2f} s"]
    if failed:
        lines.append(f"failed: {failed:,}")
    lines.append("largest: " + ", ".join(f"{result.name} {result.size:,}" for result in largest))
    print("\n".join(lines), file=sys.stderr)
