"""All modules of a kernel, each split over one base, in one run.

In:  a tree of module files with DWARF, the kernel's graph.
Out: what `take` made of each module's graph; one that fails stops nothing.

The base is loaded and indexed once. Workers are forked after that, so they share its memory, and
a module that brings a worker down takes only its own result with it.
"""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

from dwarfless.encoder import encode_elf
from dwarfless.errors import DwarflessError
from dwarfless.formats.modules import kernel_name
from dwarfless.graph.match import Base
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["ModuleResult", "encode_modules", "find_modules"]

#: What is done with a module's graph, in the worker; returns the sizes it came to, in bytes.
Take = Callable[[Path, TypeGraph, Report], tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ModuleResult:
    """How one module went.

    Attributes:
        path: The module's file.
        name: Its name in the kernel.
        num_types: Types it adds to the base.
        sizes: What `take` returned; the first is of what was written.
        seconds: Wall time.
        error: Why there is no BTF, "" if there is.
    """

    path: Path
    name: str
    num_types: int = 0
    sizes: tuple[int, ...] = (0,)
    seconds: float = 0.0
    error: str = ""

    @property
    def size(self) -> int:
        """Bytes written."""
        return self.sizes[0]

    def to_json(self) -> dict[str, object]:
        """Return what JSON can hold."""
        return asdict(self) | {"path": str(self.path), "size": self.size}


def find_modules(folder: Path) -> list[Path]:
    """Return the module files below a folder, by name.

    Raises:
        FileNotFoundError: There is no such folder.
    """
    if not folder.is_dir():
        raise FileNotFoundError(2, "No such directory", str(folder))
    return sorted(folder.rglob("*.ko"), key=kernel_name)


def encode_modules(
    paths: Sequence[Path],
    base: Base,
    take: Take,
    *,
    options: EncodeOptions | None = None,
    jobs: int | None = None,
) -> Iterator[ModuleResult]:
    """Encode modules in parallel; yield how each went, in the order they finish.

    Args:
        paths: Module files with DWARF.
        base: What all of them are split over.
        take: Called in the worker with path, graph and report.
        options: What to write; pahole's defaults if not given.
        jobs: Processes; as many as CPUs may be used if not given.
    """
    # Once, for all workers.
    import_module("dwarfless.graph.ingest")
    options = options if options is not None else EncodeOptions()
    jobs = jobs or len(os.sched_getaffinity(0))
    _inherited.append(_Work(base, options, take))
    try:
        yield from _in_parallel(paths, jobs)
    finally:
        _inherited.pop()


def _in_parallel(paths: Sequence[Path], jobs: int) -> Iterator[ModuleResult]:
    # The largest first, so that none is left for the end.
    waiting = sorted(paths, key=lambda path: path.stat().st_size)
    while waiting:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
            running: dict[Future[ModuleResult], Path] = {}
            while waiting or running:
                while waiting and len(running) < 2 * jobs:
                    path = waiting.pop()
                    running[pool.submit(_run, path)] = path
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
                    yield from _one_by_one(list(running.values()))
                    break
                for future in done:
                    del running[future]
                    yield future.result()


def _one_by_one(paths: Sequence[Path]) -> Iterator[ModuleResult]:
    """Run modules among which one brings its worker down, each in a pool of its own."""
    for path in paths:
        with ProcessPoolExecutor(1, multiprocessing.get_context("fork")) as pool:
            try:
                yield pool.submit(_run, path).result()
            except BrokenProcessPool:
                yield ModuleResult(path, kernel_name(path), error="the worker died")


@dataclass(frozen=True)
class _Work:
    """What workers inherit by being forked."""

    base: Base
    options: EncodeOptions
    take: Take


#: The work of the run that is going on, the last one; nested runs don't disturb each other.
_inherited: list[_Work] = []


def _run(path: Path) -> ModuleResult:
    """Encode one module, in a worker."""
    work = _inherited[-1]
    start = time.perf_counter()
    try:
        graph, report = encode_elf(path, options=work.options, base=work.base, jobs=1)
        sizes = work.take(path, graph, report)
    except (DwarflessError, OSError, MemoryError) as error:
        seconds = time.perf_counter() - start
        return ModuleResult(path, kernel_name(path), seconds=seconds, error=str(error))
    seconds = time.perf_counter() - start
    return ModuleResult(path, kernel_name(path), graph.num_own, sizes, seconds)
