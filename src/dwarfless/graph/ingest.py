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
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dwarfless._core import equivalence, ingest, join, measure, units
from dwarfless.dwarf.sections import DwarfSections
from dwarfless.elf.image import ElfImage
from dwarfless.formats.abi import parameter_abi
from dwarfless.formats.btf import Kind
from dwarfless.graph import functions, kfuncs, variables
from dwarfless.graph.dedup import merge_records
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["read_program"]

Words: TypeAlias = NDArray[np.uint32]
Progress: TypeAlias = Callable[[int, int], None]

#: Features the core knows, by its bits (FEATURE_* in _core/intern.pxd).
_FEATURE_BITS: Final = {"float": 1, "enum64": 2, "type_tag": 4, "decl_tag": 8}
_FLAT_ARRAYS: Final = 16
#: Features that are taken and change nothing; each with why.
_IDLE_FEATURES: Final = {
    "attributes": "arena attributes are not written",
    "true_signature": "signatures are written as in the source",
    "distilled_base": "a distilled base needs a base",
}
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


@dataclass
class _Assembly:
    """Records being put together: those of the resolved graph, then what is added.

    Attributes:
        words: Parts of the record words; the first is the resolved graph's.
        ends: Where each record ends.
        strings: String section the names refer to.
    """

    words: list[Words]
    ends: list[Words]
    strings: bytearray
    num_words: int = field(init=False)
    num_records: int = field(init=False)

    def __post_init__(self) -> None:
        self.num_words = sum(len(part) for part in self.words)
        self.num_records = sum(len(part) for part in self.ends) - 1

    def add_string(self, text: bytes) -> int:
        """Return the offset of a string put at the end."""
        self.strings += text + b"\0"
        return len(self.strings) - len(text) - 1

    def add_rows(self, rows: Words) -> Words:
        """Add records of one length, a row each; return their ids."""
        count, width = rows.shape
        first = self.num_records
        self.words.append(np.ascontiguousarray(rows, np.uint32).reshape(-1))
        self.ends.append(
            (self.num_words + width * np.arange(1, count + 1, dtype=np.int64)).astype(np.uint32)
        )
        self.num_words += count * width
        self.num_records += count
        return np.arange(first, first + count, dtype=np.uint32)


def read_program(
    sections: DwarfSections,
    image: ElfImage,
    options: EncodeOptions,
    *,
    jobs: int,
    progress: Progress | None = None,
) -> tuple[TypeGraph, Report]:
    """Return the canonical graph of a program.

    Args:
        sections: Its DWARF.
        image: The ELF whose symbols and sections place functions and variables.
        options: What is asked for.
        jobs: Threads.
        progress: Called now and then with units done and units in all.

    Raises:
        DwarfError: The DWARF is broken.
        UnsupportedError: The DWARF is of a version that is not known.
    """
    report = Report()
    table = functions.function_table(image.symbols())
    stores, program = _read_units(sections, image, table, options, jobs, progress)
    _count(stores, program, options, report)
    resolved = join.Resolved(stores)
    report.figures.update(resolved.figures)
    order = _order_with_protos(resolved)
    canonical = merge_records(resolved.words, resolved.starts, order)
    assembly = _Assembly([resolved.words], [resolved.starts], bytearray(resolved.strings))
    live = order[: len(resolved.order)]
    emitted = [live[canonical[live] == live]]
    emitted += _add_functions(
        assembly, resolved, canonical, emitted[0], table, image, options, report
    )
    emitted += _add_variables(assembly, resolved, canonical, image, options, report)
    return _freeze(assembly, np.concatenate(emitted), canonical, sections.source), report


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


def _read_units(
    sections: DwarfSections,
    image: ElfImage,
    table: functions.FunctionTable,
    options: EncodeOptions,
    jobs: int,
    progress: Progress | None,
) -> tuple[list["ingest.Store"], "units.Program"]:
    """Read all units, each for itself; or as one where they refer to each other."""
    bits = sum(bit for name, bit in _FEATURE_BITS.items() if options.has(name))
    bits |= _FLAT_ARRAYS if options.flatten_arrays else 0
    abi = parameter_abi(image.machine)
    passing = (abi.registers, abi.num_registers, abi.pairs)
    program = units.Program(
        _files(sections),
        sections.little_endian,
        np.frombuffer(b"".join(table.name(key) + b"\0" for key in range(len(table))), np.uint8),
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
    """Run the tasks in threads of their own; raise what the first of them raised."""
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
    reached = np.flatnonzero(flags).astype(np.uint32)
    more = np.setdiff1d(reached, resolved.order, assume_unique=True)
    resolved.order = np.concatenate((resolved.order, resolved.by_place(more)))
    flags[resolved.functions["proto"]] = 1
    flags[resolved.variables["node"]] = 1
    flags[0] = 0
    equivalence.live_closure(resolved.words, resolved.starts, flags)
    rest = np.setdiff1d(np.flatnonzero(flags).astype(np.uint32), resolved.order)
    return np.concatenate((resolved.order, resolved.by_place(rest))).astype(np.uint32)


def _add_functions(
    assembly: _Assembly,
    resolved: "join.Resolved",
    canonical: Words,
    types: Words,
    table: functions.FunctionTable,
    image: ElfImage,
    options: EncodeOptions,
    report: Report,
) -> list[Words]:
    """Add FUNCs and their decl tags; return what to write, prototypes first."""
    met = resolved.functions
    names = variables.Names(met["name"], resolved.strings)
    offsets, inverse = np.unique(met["name"], return_inverse=True)
    keys = np.array(
        [table.key(name) for name in variables.Names(offsets, resolved.strings)], np.uint32
    )
    states = np.zeros(len(met), functions.STATE)
    states["addr"] = met["address"]
    states["order"] = np.arange(len(met))
    states["proto"] = canonical[met["proto"]]
    states["verdicts"] = met["flags"] & np.uint32(0x7FFFFFFF)
    states["name"] = met["name"]
    if len(met):
        states["key"] = keys[inverse]
    graph = TypeGraph.from_words(resolved.words, resolved.strings)
    kept = functions.select_functions(
        table, states, graph, consistent=options.has("consistent_func"), report=report
    )
    rows = np.empty((len(kept), 3), np.uint32)
    rows[:, 0] = met["name"][kept]
    rows[:, 1] = int(Kind.FUNC) << 24
    if options.linkage == "true":
        rows[:, 1] |= met["flags"][kept] >> np.uint32(31)
    rows[:, 2] = states["proto"][kept]
    ids = assembly.add_rows(rows)
    protos = rows[:, 2][np.sort(np.unique(rows[:, 2], return_index=True)[1])]
    protos = protos[~np.isin(protos, types)]
    tags = _function_tags(assembly, resolved, kept, ids, names, image, options)
    return [protos, ids, tags]


def _function_tags(
    assembly: _Assembly,
    resolved: "join.Resolved",
    kept: Words,
    ids: Words,
    names: variables.Names,
    image: ElfImage,
    options: EncodeOptions,
) -> Words:
    """Add the decl tags of functions: those of the source, then those of kfuncs."""
    rows: list[tuple[int, int, int, int]] = []
    info = int(Kind.DECL_TAG) << 24
    if options.has("decl_tag") and len(resolved.tags):
        func_of_state = dict(zip(kept.tolist(), ids.tolist(), strict=True))
        for state, value, component, of_func in resolved.tags.tolist():
            if of_func and state in func_of_state:
                rows.append((value, info, func_of_state[state], component & 0xFFFFFFFF))
    if options.has("decl_tag_kfuncs"):
        flags = kfuncs.find_kfuncs(image)
        kfunc = assembly.add_string(b"bpf_kfunc")
        fastcall = assembly.add_string(b"bpf_fastcall")
        for state, func in zip(kept.tolist(), ids.tolist(), strict=True):
            flag = flags.get(names[state].decode(errors="replace")) if flags else None
            if flag is not None:
                rows.append((kfunc, info, func, 0xFFFFFFFF))
                if flag & kfuncs.KF_FASTCALL:
                    rows.append((fastcall, info, func, 0xFFFFFFFF))
    rows = list(dict.fromkeys(rows))
    return assembly.add_rows(np.array(rows, np.uint32).reshape(-1, 4))


def _add_variables(
    assembly: _Assembly,
    resolved: "join.Resolved",
    canonical: Words,
    image: ElfImage,
    options: EncodeOptions,
    report: Report,
) -> list[Words]:
    """Add VARs, their decl tags and DATASECs; return what to write."""
    if not (options.has("var") or options.has("global_var")):
        return []
    states = resolved.variables
    states["node"] = canonical[states["node"]]
    names = variables.Names(states["name"], resolved.strings)
    sizes = measure.sizes(
        resolved.words,
        resolved.starts,
        np.ascontiguousarray(states["node"]),
        8 if image.is_64 else 4,
    )
    percpu = image.find_section(variables.PERCPU_SECTION)
    if not options.has("global_var"):
        section, _ = variables.place_addresses(states["address"], image)
        mine = section == percpu if percpu is not None else np.zeros(len(states), bool)
    valid = resolved.are_names(states["name"])
    wanted = np.ones(len(states), bool) if options.has("global_var") else mine
    placed = variables.select_variables(states, names, valid, sizes, image, report, wanted)
    identity = states["name"].astype(np.uint64) << np.uint64(32) | states["node"]
    placed = variables.place_variables(placed, identity, image, report, names)
    section_names = {
        index: assembly.add_string(image.section_names[index].encode())
        for index in np.unique(placed.section).tolist()
    }
    rows, sections = variables.variable_records(
        placed, states, assembly.num_records, section_names
    )
    var_ids = assembly.add_rows(rows)
    tags = []
    if options.has("decl_tag") and len(resolved.tags):
        var_of_state = dict(zip(placed.state.tolist(), var_ids.tolist(), strict=True))
        tags = [
            (value, int(Kind.DECL_TAG) << 24, var_of_state[state], component & 0xFFFFFFFF)
            for state, value, component, of_func in resolved.tags.tolist()
            if not of_func and state in var_of_state
        ]
    tag_ids = assembly.add_rows(np.array(list(dict.fromkeys(tags)), np.uint32).reshape(-1, 4))
    return [var_ids, tag_ids, *(assembly.add_rows(section[None, :]) for section in sections)]


def _freeze(assembly: _Assembly, emitted: Words, canonical: Words, source: str) -> TypeGraph:
    """Return the graph of the records to write, ids and strings compacted."""
    words = np.concatenate(assembly.words)
    starts = np.concatenate(assembly.ends)
    emitted = emitted.astype(np.uint32)
    new_ids = np.zeros(assembly.num_records, np.uint32)
    new_ids[emitted] = np.arange(1, len(emitted) + 1, dtype=np.uint32)
    new_ids[: len(canonical)] = new_ids[canonical]
    out, strings = equivalence.rewrite(
        words, starts, emitted, new_ids, np.frombuffer(bytes(assembly.strings), np.uint8)
    )
    return TypeGraph.from_words(out, strings, source=source)
