"""Read a program's units, and make one graph of what they say.

In:  DwarfSections, the ELF image whose symbols and sections count, EncodeOptions.
Out: a canonical TypeGraph and a Report of what was left out.

The order of things: units are read in parallel into stores (`_core/ingest`), the stores are
joined and names told apart (`_core/join`), equal records merged (`dedup`), functions and
variables selected (`functions`, `variables`), and what remains is written with new ids: types in
the order they were first met, then functions by name, decl tags, variables, DATASECs.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from dwarfless._core import equivalence, ingest, join, units
from dwarfless.dwarf.sections import DwarfSections
from dwarfless.elf.image import ElfImage
from dwarfless.formats.abi import parameter_abi
from dwarfless.formats.arrays import NDArray
from dwarfless.graph import functions
from dwarfless.graph.assembly import Assembly, freeze, reached_types
from dwarfless.graph.dedup import merge_records
from dwarfless.graph.emission import add_functions, add_variables
from dwarfless.graph.explain import Trace
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["read_program"]

Words: TypeAlias = NDArray[np.uint32]
Progress: TypeAlias = Callable[[int, int], None]

#: Features the core knows, by its bits (FEATURE_* in _core/intern.pxd).
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
_ALL_CLASSES: Final = _FUNCTIONS | 64 | 128 | 256 | 512
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


def read_program(
    sections: DwarfSections,
    image: ElfImage,
    options: EncodeOptions,
    *,
    jobs: int,
    progress: Progress | None = None,
    trace: Trace | None = None,
) -> tuple[TypeGraph, Report]:
    """Return the canonical graph of a program.

    Args:
        sections: Its DWARF.
        image: The ELF whose symbols and sections place functions and variables.
        options: What is asked for.
        jobs: Threads.
        progress: Called now and then with units done and units in all.
        trace: Notes the functions and variables of a name; all classes are read for it.

    Raises:
        DwarfError: The DWARF is broken.
        UnsupportedError: The DWARF is of a version that is not known.
    """
    report = Report()
    bits = _feature_bits(options) if trace is None else _feature_bits(options) | _ALL_CLASSES
    table = functions.function_table(image.symbols() if bits & _FUNCTIONS else None)
    stores, program = _read_units(sections, image, table, bits, options, jobs, progress)
    _count(stores, program, options, report)
    resolved = join.Resolved(stores)
    del stores, program
    report.figures.update(resolved.figures)
    report.count("type", "name of a member is no identifier", resolved.num_bad_names)
    order = _order_with_protos(resolved)
    canonical = merge_records(resolved.words, resolved.starts, order)
    assembly = Assembly([resolved.words], [resolved.starts], bytearray(resolved.strings))
    live = order[: len(resolved.order)]
    funcs, protos, more = add_functions(
        assembly, resolved, canonical, table, image, options, report, trace
    )
    placed, nodes = add_variables(assembly, resolved, canonical, image, options, report, trace)
    if "types" in options.classes:
        types = live[canonical[live] == live]
    else:
        types = order[canonical[order] == order]
        roots = np.concatenate((protos, more, nodes))
        types = reached_types(resolved.words, resolved.starts, types, canonical, roots)
    # Prototypes that only functions refer to come last.
    protos = protos[~np.isin(protos, types)]
    emitted = np.concatenate((types, protos, *funcs, *placed))
    return freeze(assembly, emitted, canonical, sections.source), report


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


def _read_units(
    sections: DwarfSections,
    image: ElfImage,
    table: functions.FunctionTable,
    bits: int,
    options: EncodeOptions,
    jobs: int,
    progress: Progress | None,
) -> tuple[list["ingest.Store"], "units.Program"]:
    """Read all units, each for itself; or as one where they refer to each other."""
    abi = parameter_abi(image.machine)
    passing = (abi.registers, abi.num_registers, abi.pairs)
    program = units.Program(
        _files(sections),
        sections.little_endian,
        table.joined_names(),
        sorted(options.excluded_languages()),
    )
    stores = [ingest.Store(program, bits, passing) for _ in range(max(1, jobs))]
    _run([store.run for store in stores], program, progress)
    if any(store.has_far_references for store in stores):
        stores = [ingest.Store(program, bits, passing)]
        _run([stores[0].run_as_one], program, progress)
    return stores, program


def _run(
    tasks: Sequence[Callable[[], None]], program: "units.Program", progress: Progress | None
) -> None:
    """Run the tasks in threads of their own; raise what the first of them raised.

    A single task that nobody watches needs no thread, which would have to wait for its turn.
    """
    if len(tasks) == 1 and progress is None:
        tasks[0]()
        return
    errors: list[BaseException] = []

    def guarded(task: Callable[[], None]) -> None:
        try:
            task()
        except BaseException as error:
            program.cancel()
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            while thread.is_alive():
                thread.join(0.05)
                if progress is not None:
                    progress(program.done, program.num_units)
    except BaseException:
        program.cancel()
        for thread in threads:
            thread.join()
        raise
    if errors:
        raise errors[0]


def _count(
    stores: list["ingest.Store"],
    program: "units.Program",
    options: EncodeOptions,
    report: Report,
) -> None:
    """Put what the stores counted into the report."""
    for store in stores:
        for (what, reason), number in zip(_LEFT_OUT, store.counts(), strict=False):
            report.count(what, reason, number)
        for name in store.left_unit_names():
            report.add("unit", name.decode(errors="replace"), "language is left out")
    for feature, reason in _IDLE_FEATURES.items():
        if options.has(feature):
            report.add("feature", feature, reason)
    report.figures["units"] = program.num_units
    report.figures["dies"] = sum(store.num_dies for store in stores)


def _order_with_protos(resolved: "join.Resolved") -> Words:
    """Return the live records, then the prototypes that only functions refer to."""
    flags = np.zeros(len(resolved.starts) - 1, np.uint8)
    flags[resolved.order] = 1
    equivalence.live_closure(resolved.words, resolved.starts, flags)
    more = flags != 0
    more[resolved.order] = False
    resolved.order = np.concatenate((resolved.order, resolved.by_place(np.flatnonzero(more))))
    flags[resolved.functions["proto"]] = 1
    flags[resolved.variables["node"]] = 1
    flags[0] = 0
    equivalence.live_closure(resolved.words, resolved.starts, flags)
    rest = flags != 0
    rest[resolved.order] = False
    rest = resolved.by_place(np.flatnonzero(rest))
    return np.concatenate((resolved.order, rest)).astype(np.uint32)
