"""Read a program's units, in threads that need neither Python nor numpy.

In:  DwarfSections, the ELF image whose function symbols count, EncodeOptions.
Out: stores of what the units say, one a thread (`_core/ingest`).

Threads begin as soon as the sections are mapped. While they read, the interpreter is free to
import what the rest of an encode needs, which takes a quarter of the time that they do.
"""

import threading
from array import array
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, TypeAlias

from dwarfless._core import ingest, units
from dwarfless._core.function_table import FunctionTable
from dwarfless._core.outlines import OutlineTable
from dwarfless.dwarf.sections import DwarfSections
from dwarfless.elf.image import ElfImage
from dwarfless.formats.abi import parameter_abi
from dwarfless.graph.beside import Beside
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.report import Report

if TYPE_CHECKING:
    from dwarfless.graph.match import Base
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Progress", "Reading"]

Progress: TypeAlias = Callable[[int, int], None]

#: Features the core knows, by its bits (FEATURE_* in _core/features.pxd).
_FEATURE_BITS: Final = {"float": 1, "enum64": 2, "type_tag": 4, "decl_tag": 8}
_FLAT_ARRAYS: Final = 16
_FUNCTIONS: Final = 32
#: What the core has to read for which classes.
_CLASS_BITS: Final = (
    (frozenset({"functions"}), _FUNCTIONS),
    (frozenset({"percpu", "global", "static", "declarations"}), 64),
    (frozenset({"types"}), 512),
)
#: The same of classes that no feature asks for.
_EXTRA_CLASS_BITS: Final = {"local": 128, "declarations": 256}
#: Features that are taken and change nothing; each with why.
_IDLE_FEATURES: Final = {
    "true_signature": "signatures are written as in the source",
}
_ALL_CLASSES: Final = _FUNCTIONS | 64 | 128 | 256 | 512 | 1024
#: What each of the core's counts (LeftOut in _core/walk.pxd) means.
_LEFT_OUT: Final = (
    ("type", "base class of a class"),
    ("type", "static data member"),
    ("type", "variant part"),
    ("type", "reference, written as a pointer"),
    ("type", "qualifier BTF has no word for"),
    ("type", "kind BTF has no word for, written as void"),
    ("type", "reference that runs in a circle, written as void"),
    ("type", "reference to nothing, written as void"),
    ("type", "name is no identifier"),
    ("type", "member without a type, or out of reach"),
    ("type", "complex number, written as a struct"),
    ("type", "enumerator beyond 32 bits, cut"),
    ("unit", "skeleton without its .dwo"),
    ("type", "member location that is no constant"),
    ("type", "size BTF can't say"),
)


class Reading:
    """The units of a program, being read; a context that leaves no thread behind.

    Args:
        sections: Its DWARF.
        image: The ELF whose symbols say which functions there are.
        options: What is asked for.
        jobs: Threads. With one, nothing is read before `take` is called.
        all_classes: Read also what is not asked for.
        base: What was made from the same DWARF. If only variables are asked for, only types are
            read that they need, and of those none that the base has once with that name and size.

    Attributes:
        functions: The function symbols by name; none if no functions are asked for.
        jobs: Threads, at least one.

    Raises:
        DwarfError: A unit's header is broken.
        UnsupportedError: The DWARF is of a version that is not known.
    """

    def __init__(
        self,
        sections: DwarfSections,
        image: ElfImage,
        options: EncodeOptions,
        *,
        jobs: int,
        all_classes: bool = False,
        base: "TypeGraph | Base | None" = None,
    ) -> None:
        self._bits = _feature_bits(options) | (_ALL_CLASSES if all_classes else 0)
        wanted = self._bits & _FUNCTIONS
        symbols = image.function_symbols() if wanted else (b"", array("I"), array("Q"))
        self.jobs: Final = max(1, jobs)
        functions = Beside(
            lambda: FunctionTable(*symbols), threaded=self.jobs > 1 and len(symbols[1]) > 4096
        )
        abi = parameter_abi(image.machine)
        self._passing = (abi.registers, abi.num_registers, abi.pairs)
        self._options = options
        self._program = units.Program(
            _files(sections),
            sections.little_endian,
            sorted(options.excluded_languages()),
        )
        self.functions: Final = functions.result()
        self._outlines = None if base is None else _outlines(base, options)
        self._stores = [self._store() for _ in range(self.jobs)]
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []
        # A thread for a single task would only have to wait for its turn.
        if len(self._stores) > 1:
            self._start([store.run for store in self._stores])

    def __enter__(self) -> "Reading":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._program.cancel()
        for thread in self._threads:
            thread.join()

    def take(self, report: Report, progress: Progress | None = None) -> list[ingest.Store]:
        """Hand over what all units say, each for itself; or as one where they refer to each other.

        Args:
            report: Takes what was left out.
            progress: Called now and then with units done and units in all.

        Raises:
            DwarfError: The DWARF is broken.
        """
        self._program.make_room()
        self._finish(self._stores[0].run, progress)
        if any(store.has_far_references for store in self._stores):
            self._stores = [self._store()]
            self._finish(self._stores[0].run_as_one, progress)
        stores, self._stores = self._stores, []
        if self.jobs > 1:
            self._start([self._program.forget])
        self._count(stores, report)
        return stores

    def _count(self, stores: list[ingest.Store], report: Report) -> None:
        """Put what the stores counted into a report."""
        for store in stores:
            for (what, reason), number in zip(_LEFT_OUT, store.counts(), strict=False):
                report.count(what, reason, number)
        # Which thread met which must not show. Hexadecimal places ascend by length, then text.
        left = [name.decode() for store in stores for name in store.left_unit_names()]
        for name in sorted(left, key=lambda name: (len(name), name)):
            report.add("unit", name, "language is left out")
        for feature, reason in _IDLE_FEATURES.items():
            if self._options.has(feature):
                report.add("feature", feature, reason)
        report.figures["units"] = self._program.num_units
        report.figures["dies"] = sum(store.num_dies for store in stores)

    def _store(self) -> ingest.Store:
        return ingest.Store(
            self._program, self._bits, self._passing, self.functions, self._outlines
        )

    def _start(self, tasks: list[Callable[[], None]]) -> None:
        """Run tasks in threads of their own."""
        self._threads = [threading.Thread(target=self._guard, args=(task,)) for task in tasks]
        for thread in self._threads:
            thread.start()

    def _guard(self, task: Callable[[], None]) -> None:
        """Run a task; keep what it raises, and stop the others then."""
        try:
            task()
        except BaseException as error:
            self._program.cancel()
            self._errors.append(error)

    def _finish(self, task: Callable[[], None], progress: Progress | None) -> None:
        """Wait for the threads, or without any run a task; raise what went wrong first."""
        if not self._threads and progress is None:
            task()
            return
        if not self._threads:
            self._start([task])
        for thread in self._threads:
            while thread.is_alive():
                thread.join(0.05)
                if progress is not None:
                    progress(self._program.done, self._program.num_units)
        self._threads = []
        if self._errors:
            raise self._errors[0]


def _outlines(base: "TypeGraph | Base", options: EncodeOptions) -> OutlineTable | None:
    """Return what a base defines, if variables are all that is asked for."""
    from dwarfless.graph.type_graph import TypeGraph

    graph = base if isinstance(base, TypeGraph) else base.graph
    if graph.base is not None or options.classes & {"types", "functions"}:
        return None
    return OutlineTable(graph.record_words, graph.record_starts, graph.strings)


def _files(sections: DwarfSections) -> list[tuple[str, list[memoryview], int, bool]]:
    """Return what the core needs of each file: the main one, .dwo files, the alternate one."""
    files = [(sections.source, _buffers(sections), -1, False)]
    files += [(split.source, _buffers(split), -1, True) for split in sections.split]
    if sections.alternate is not None:
        files[0] = (*files[0][:2], len(files), False)
        files.append((sections.alternate.source, _buffers(sections.alternate), -1, False))
    return files


def _buffers(sections: DwarfSections) -> list[memoryview]:
    return [getattr(sections, name.removeprefix(".debug_")) for name in units.SECTION_NAMES]


def _feature_bits(options: EncodeOptions) -> int:
    """Return what the core has to read, by its bits."""
    bits = sum(bit for name, bit in _FEATURE_BITS.items() if options.has(name))
    bits |= _FLAT_ARRAYS if options.flatten_arrays else 0
    for classes, bit in _CLASS_BITS:
        bits |= bit if options.only is None or classes & options.only else 0
    bits |= sum(bit for name, bit in _EXTRA_CLASS_BITS.items() if name in options.classes)
    return bits
