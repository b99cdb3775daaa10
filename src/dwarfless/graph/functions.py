"""Which functions are kept.

In:  the function symbols of an ELF; the states met in its DWARF; the graph with their prototypes.
Out: the states to write as FUNCs, in the order of their names; a Report line for every name left
     out, with the reason.

Only functions with a symbol count, by their name up to the first dot: `f.isra.0` is looked for
as `f`. Source: btf_encoder.c of pahole 1.32.
"""

from typing import NamedTuple

import numpy as np

from dwarfless._core.function_table import FunctionTable
from dwarfless._core.selection import STATE, select_states
from dwarfless.formats.arrays import NDArray
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["REASONS", "STATE", "FunctionTable", "Keys", "find_keys", "select_functions"]

#: Why a name is left out, by the core's Reason.
REASONS = (
    "",
    "a parameter is in an unexpected register",
    "prototypes differ",
    "a packed struct is passed on the stack",
    "parameters were reordered",
    "parameters were optimized away",
    "several functions have this name",
)


class Keys(NamedTuple):
    """Which functions of a table states are of.

    Attributes:
        of_state: uint32[num_states], the key of each.
        by_name: uint32[num_distinct], these keys by their names, bytewise.
    """

    of_state: NDArray[np.uint32]
    by_name: NDArray[np.uint32]


def find_keys(table: FunctionTable, strings: bytes, names: NDArray[np.uint32]) -> Keys:
    """Return the keys of states; nearly all of it happens without the interpreter.

    Args:
        table: The function symbols.
        strings: NUL-terminated strings.
        names: uint32[num_states], where the states' names begin; each is a symbol's.

    Cost: 10 ms for a vmlinux with 60,000.
    """
    keys = table.keys_at(strings, names)
    return Keys(keys, table.by_name(keys))


def select_functions(
    table: FunctionTable,
    states: NDArray[np.void],
    by_name: NDArray[np.uint32],
    graph: TypeGraph,
    *,
    consistent: bool,
    report: Report,
) -> NDArray[np.uint32]:
    """Return the states that become FUNCs.

    Args:
        table: The function symbols.
        states: STATE[num_states] in file order, proto being a type id of the graph.
        by_name: The keys that they have, as Keys has them.
        graph: Holds the prototypes; types with equal ids are equal.
        consistent: Leave out names whose prototypes differ (feature consistent_func).
        report: Takes what is left out.

    Returns:
        uint32[num_kept], indices into states, by name, bytewise.
    """
    kept, dropped, reasons = select_states(table, states, by_name, graph.arrays, consistent)
    report.add_each(
        "function",
        [table.name(key).decode(errors="replace") for key in dropped.tolist()],
        [REASONS[reason] for reason in reasons.tolist()],
    )
    return kept
