"""Make one graph of what a program's units say.

In:  what was read of them (`reading`), the ELF image whose symbols and sections count,
     EncodeOptions.
Out: a canonical TypeGraph and a Report of what was left out.

The order of things: units are read in parallel into stores (`_core/ingest`), the stores are
joined and names told apart (`_core/join`), equal records merged (`dedup`), functions and
variables selected (`functions`, `variables`), and what remains is written with new ids: types in
the order they were first met, then functions by name, decl tags, variables, DATASECs.
"""

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from dwarfless._core import equivalence, join
from dwarfless.elf.image import ElfImage
from dwarfless.formats.arrays import NDArray
from dwarfless.graph import functions
from dwarfless.graph.assembly import Assembly, freeze, reached_types
from dwarfless.graph.beside import Beside
from dwarfless.graph.dedup import merge_records
from dwarfless.graph.emission import add_functions, add_variables
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.reading import Progress, Reading
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

if TYPE_CHECKING:
    from dwarfless.graph.explain import Trace

__all__ = ["build_graph"]

#: Fewer are looked up before a thread has begun.
MANY_FUNCTIONS: Final = 4096

Words: TypeAlias = NDArray[np.uint32]


def build_graph(
    reading: Reading,
    image: ElfImage,
    options: EncodeOptions,
    source: str,
    *,
    progress: Progress | None = None,
    trace: "Trace | None" = None,
) -> tuple[TypeGraph, Report]:
    """Return the canonical graph of a program.

    Args:
        reading: Its units, being read.
        image: The ELF whose symbols and sections place functions and variables.
        options: What is asked for.
        source: Path for errors, and of the graph.
        progress: Called now and then with units done and units in all.
        trace: Notes the functions and variables of a name; all classes are read for it.

    Raises:
        DwarfError: The DWARF is broken.
    """
    report = Report()
    resolved = join.Resolved(reading.take(report, progress))
    report.figures.update(resolved.figures)
    report.count("type", "name of a member is no identifier", resolved.num_bad_names)
    names = np.ascontiguousarray(resolved.functions["name"])
    keys = Beside(
        lambda: functions.find_keys(reading.functions, resolved.strings, names),
        threaded=reading.jobs > 1 and len(names) > MANY_FUNCTIONS,
    )
    order = _order_with_protos(resolved)
    canonical = merge_records(resolved.words, resolved.starts, order)
    assembly = Assembly([resolved.words], [resolved.starts], bytearray(resolved.strings))
    live = order[: len(resolved.order)]
    graph = TypeGraph.from_words(resolved.words, resolved.strings)
    funcs, protos, more = add_functions(
        assembly,
        resolved,
        graph,
        canonical,
        reading.functions,
        keys,
        image,
        options,
        report,
        trace,
    )
    placed, nodes = add_variables(
        assembly, resolved, graph, canonical, image, options, report, trace
    )
    if "types" in options.classes:
        types = live[canonical[live] == live]
    else:
        types = order[canonical[order] == order]
        roots = np.concatenate((protos, more, nodes))
        types = reached_types(resolved.words, resolved.starts, types, canonical, roots)
    # Prototypes that only functions refer to come last.
    protos = protos[~np.isin(protos, types)]
    emitted = np.concatenate((types, protos, *funcs, *placed))
    return freeze(assembly, emitted, canonical, source), report


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
