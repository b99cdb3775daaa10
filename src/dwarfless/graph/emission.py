"""FUNCs, VARs, their decl tags and DATASECs, as records behind the types.

In:  the functions and variables that all units came to, with where they were met.
Out: records in the Assembly, those that EncodeOptions ask for; a Report line for the others.
"""

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from dwarfless._core import measure
from dwarfless._core.rows import first_equal
from dwarfless.elf.image import ElfImage
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import Kind
from dwarfless.graph import datasecs, functions, kfuncs, variables
from dwarfless.graph.arena import ArenaPointers
from dwarfless.graph.assembly import Assembly
from dwarfless.graph.beside import Beside
from dwarfless.graph.declarations import are_open_arrays
from dwarfless.graph.names import Names
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.places import function_addresses, place_addresses
from dwarfless.graph.report import Report
from dwarfless.graph.rules import VARIABLE_CLASSES
from dwarfless.graph.selection import Judge, Subjects
from dwarfless.graph.sieve import Sieve
from dwarfless.graph.type_graph import TypeGraph

if TYPE_CHECKING:
    from dwarfless._core import join
    from dwarfless.graph.explain import Trace

__all__ = ["add_functions", "add_variables"]

Words: TypeAlias = NDArray[np.uint32]


def add_functions(
    assembly: Assembly,
    resolved: "join.Resolved",
    graph: TypeGraph,
    canonical: Words,
    table: functions.FunctionTable,
    keys: Beside[functions.Keys],
    image: ElfImage,
    options: EncodeOptions,
    report: Report,
    trace: "Trace | None" = None,
) -> tuple[list[Words], Words, Words]:
    """Add FUNCs and their decl tags.

    Args:
        assembly: Takes the records.
        resolved: The functions met, and the records of their types.
        graph: The same records.
        canonical: uint32[num_records], which record stands for each.
        table: The function symbols.
        keys: Which of these the functions have.
        image: The ELF whose sections count.
        options: What is asked for.
        report: Takes what is left out.
        trace: Notes why functions of a name are in, or not.

    Returns:
        What to write; those prototypes in order that are among the types; what is referred to
        besides these.
    """
    if "functions" not in options.classes and trace is None:
        return [], np.zeros(0, np.uint32), np.zeros(0, np.uint32)
    met = resolved.functions
    names = Names(met["name"], resolved.strings)
    of_state, by_name = keys.result()
    states = _function_states(resolved, canonical, of_state)
    consistent = options.has("consistent_func")
    kept = functions.select_functions(
        table, states, by_name, graph, consistent=consistent, report=report
    )
    selected = kept
    kept = _sift_functions(kept, resolved, graph, image, options, report)
    if trace is not None:
        asked = "functions" in options.classes
        trace.add_functions(resolved, selected, kept, image, report, asked=asked)
    rows = np.empty((len(kept), 3), np.uint32)
    rows[:, 0] = met["name"][kept]
    rows[:, 1] = int(Kind.FUNC) << 24
    if options.linkage == "true":
        rows[:, 1] |= met["flags"][kept] >> np.uint32(31)
    rows[:, 2] = states["proto"][kept]
    flags = _kfunc_flags(kept, states, table, names, image, options)
    arena = ArenaPointers(assembly, canonical, report)
    if options.has("attributes"):
        for row, flag in flags.items():
            name = names[int(kept[row])].decode(errors="replace")
            rows[row, 2] = arena.prototype(name, int(rows[row, 2]), flag)
    ids = assembly.add_rows(rows)
    protos = np.ascontiguousarray(rows[:, 2])
    protos = protos[first_equal(protos) == np.arange(len(protos))]
    protos = protos[protos < len(canonical)]
    tags = _function_tags(assembly, resolved, kept, ids, flags, options)
    return [arena.made, ids, tags], protos, arena.roots


def _function_states(resolved: "join.Resolved", canonical: Words, keys: Words) -> NDArray[np.void]:
    """Return STATE[num_states]: what the analysis of functions looks at."""
    met = resolved.functions
    states = np.zeros(len(met), functions.STATE)
    states["addr"] = met["address"]
    states["order"] = np.arange(len(met))
    states["proto"] = canonical[met["proto"]]
    states["verdicts"] = met["flags"] & np.uint32(0x7FFFFFFF)
    states["name"] = met["name"]
    states["key"] = keys
    return states


def _kfunc_flags(
    kept: Words,
    states: NDArray[np.void],
    table: functions.FunctionTable,
    names: Names,
    image: ElfImage,
    options: EncodeOptions,
) -> dict[int, int]:
    """Return the flags of those functions that are kfuncs, by row, if anything is made of them."""
    if not (options.has("decl_tag_kfuncs") or options.has("attributes")):
        return {}
    flags = kfuncs.find_kfuncs(image)
    if not flags:
        return {}
    # Of 50,000 functions a few hundred are kfuncs: only those of their keys are looked at.
    keys = {table.key(name.encode()) for name in flags} - {-1}
    is_kfunc = np.zeros(len(table), bool)
    is_kfunc[sorted(keys)] = True
    likely = np.flatnonzero(is_kfunc[states["key"][kept]])
    of_row = ((row, names[int(kept[row])].decode(errors="replace")) for row in likely.tolist())
    return {row: flags[name] for row, name in of_row if name in flags}


def _sift_functions(
    kept: Words,
    resolved: "join.Resolved",
    graph: TypeGraph,
    image: ElfImage,
    options: EncodeOptions,
    report: Report,
) -> Words:
    """Return those functions that the rules let in."""
    judge = Judge(options.rules, image)
    if not any(rule.speaks_of("function") for rule in options.rules):
        return kept
    met = resolved.functions[kept]
    sieve = Sieve("function", met["name"], resolved.strings, report)
    addresses = function_addresses(met["address"], sieve.names, image)
    sections, _ = place_addresses(addresses, image)
    nothing = np.zeros(len(met), np.uint32)
    subjects = Subjects(
        what="function",
        names=met["name"],
        files=met["file"],
        sections=sections,
        classes=nothing.astype(np.uint8),
        types=nothing,
        graph=graph,
        strings=resolved.strings,
    )
    judge.sift(sieve, subjects)
    return kept[sieve.rows]


def _function_tags(
    assembly: Assembly,
    resolved: "join.Resolved",
    kept: Words,
    ids: Words,
    flags: dict[int, int],
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
        kfunc = assembly.add_string(b"bpf_kfunc")
        fastcall = assembly.add_string(b"bpf_fastcall")
        for row, flag in flags.items():
            rows.append((kfunc, info, int(ids[row]), 0xFFFFFFFF))
            if flag & kfuncs.KF_FASTCALL:
                rows.append((fastcall, info, int(ids[row]), 0xFFFFFFFF))
    rows = list(dict.fromkeys(rows))
    return assembly.add_rows(np.array(rows, np.uint32).reshape(-1, 4))


def add_variables(
    assembly: Assembly,
    resolved: "join.Resolved",
    graph: TypeGraph,
    canonical: Words,
    image: ElfImage,
    options: EncodeOptions,
    report: Report,
    trace: "Trace | None" = None,
) -> tuple[list[Words], Words]:
    """Add VARs, their decl tags and DATASECs; return what to write, and the VARs' types."""
    if not options.classes & set(VARIABLE_CLASSES) and trace is None:
        return [], np.zeros(0, np.uint32)
    states = resolved.variables
    states["node"] = canonical[states["node"]]
    nodes, pointer_size = np.ascontiguousarray(states["node"]), 8 if image.is_64 else 4
    sizes = measure.sizes(resolved.words, resolved.starts, nodes, pointer_size)
    open_arrays = are_open_arrays(resolved.words, resolved.starts, nodes, sizes, pointer_size)
    sieve = Sieve("variable", states["name"], resolved.strings, report)
    where = place_addresses(states["address"], image)
    classes = variables.classify(states["flags"], where[0], image)
    placed = variables.select_variables(
        sieve,
        states,
        classes,
        where,
        states["flags"] & variables.NAMED != 0,
        sizes,
        open_arrays,
        graph,
        resolved.strings,
        image,
        options,
    )
    if trace is not None:
        trace.add_variables(resolved, sieve, classes, image)
    section_names = {
        index: assembly.add_string(image.section_names[index].encode())
        for index in distinct(placed.section).tolist()
        if index != datasecs.NOWHERE
    }
    rows, sections = datasecs.variable_records(placed, states, assembly.num_records, section_names)
    ids = assembly.add_rows(rows)
    tags = _variable_tags(assembly, resolved, placed.state, ids, options, report)
    secs = [assembly.add_rows(section[None, :]) for section in sections]
    return [ids, tags, *secs], rows[:, 2]


def _variable_tags(
    assembly: Assembly,
    resolved: "join.Resolved",
    kept: NDArray[np.int64],
    ids: Words,
    options: EncodeOptions,
    report: Report,
) -> Words:
    """Add the decl tags of variables: those of the source, then where they stand."""
    rows: list[tuple[int, int, int, int]] = []
    info = int(Kind.DECL_TAG) << 24
    if options.has("decl_tag"):
        tagged = len(resolved.tags) > 0
        var_of_state = dict(zip(kept.tolist(), ids.tolist(), strict=True)) if tagged else {}
        for state, value, component, of_func in resolved.tags.tolist():
            if not of_func and state in var_of_state:
                rows.append((value, info, var_of_state[state], component & 0xFFFFFFFF))
        states = resolved.variables
        local = states["flags"][kept] & variables.LOCAL != 0
        placed = local
        if options.tag_duplicates:
            first = first_equal(states["name"][kept])
            placed = local | (np.bincount(first, minlength=len(first))[first] > 1)
        for word, column, chosen in (("function", "func", local), ("file", "file", placed)):
            offsets = states[column][kept]
            texts = Names(offsets, resolved.strings)
            values: dict[int, int] = {}
            for place in np.flatnonzero(chosen & (offsets != 0)).tolist():
                offset = int(offsets[place])
                if offset not in values:
                    values[offset] = assembly.add_string(word.encode() + b":" + texts[place])
                rows.append((values[offset], info, int(ids[place]), 0xFFFFFFFF))
        nameless = int((local & (states["func"][kept] == 0)).sum())
        report.count("variable", "written without its function: the DWARF has no name", nameless)
    rows = list(dict.fromkeys(rows))
    return assembly.add_rows(np.array(rows, np.uint32).reshape(-1, 4))
