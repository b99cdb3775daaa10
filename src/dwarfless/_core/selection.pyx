"""Which states become FUNCs.

In:  the ELF's function symbols, and a State for each subprogram that has one's name.
Out: for each name the state to write, or why there is none.

States of one name form a group. What spoils one spoils all, since BTF has one FUNC a name. The
order of evaluation is pahole 1.32's, so the reason given is the one it gives.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

import numpy as np

from dwarfless._core.btf cimport Chain
from dwarfless._core.function_table cimport FunctionTable, Key
from dwarfless._core.functions cimport (
    CHANGED_SIGNATURE, OPTIMIZED, REORDERED, UNCERTAIN, UNEXPECTED,
)
from dwarfless._core.memory cimport prefetch
from dwarfless._core.prototypes cimport protos_consistent
from dwarfless._core.records cimport GraphArrays


cdef enum:
    AHEAD = 8                   # names


cdef bint is_optimized_symbol(
    FunctionTable table, const Key* key, uint64_t addr,
) noexcept nogil:
    cdef uint32_t i
    if addr:
        for i in range(key.first_symbol, key.first_symbol + key.num_symbols):
            if table.symbols[i].addr == addr and table.symbols[i].is_optimized:
                return True
    return False


cdef bint lacks_params(FunctionTable table, const Key* key, const State* state) noexcept nogil:
    """Tell whether a state's parameters went away from its ABI, not only from its body."""
    return state.verdicts & OPTIMIZED and (
        state.verdicts & CHANGED_SIGNATURE or is_optimized_symbol(table, key, state.addr))


cdef uint32_t choose(
    FunctionTable table, const Key* key, const State* states, const uint32_t* group, uint32_t num,
) noexcept nogil:
    """Return the state that is the function: one at a symbol, so a strong body beats a weak."""
    cdef uint32_t i, k
    cdef int64_t first = -1
    for i in range(num):
        for k in range(key.first_symbol, key.first_symbol + key.num_symbols):
            if states[group[i]].addr == table.symbols[k].addr:
                if not lacks_params(table, key, &states[group[i]]):
                    return group[i]
                if first < 0:
                    first = group[i]
                break
    return <uint32_t>first if first >= 0 else group[0]


cdef enum Reason:        # graph/functions.py has their texts
    KEPT = 0
    UNEXPECTED_REGISTER = 1
    INCONSISTENT = 2
    UNCERTAIN_LOCATION = 3
    REORDERED_PARAMETERS = 4
    OPTIMIZED_PARAMETERS = 5
    AMBIGUOUS_ADDRESS = 6


cdef uint8_t judge_group(
    FunctionTable table, const Key* key, const State* states, const uint32_t* group, uint32_t num,
    const Chain* chain, bint consistent, uint32_t* chosen,
) noexcept nogil:
    """Choose a state; return why the group is dropped, of several reasons the last."""
    cdef uint32_t verdicts = states[group[0]].verdicts
    cdef uint32_t proto = states[group[0]].proto
    cdef uint32_t agreed = proto
    cdef uint32_t i
    cdef bint inconsistent = False
    cdef uint8_t reason = KEPT
    for i in range(1, num):
        verdicts |= states[group[i]].verdicts
        if inconsistent or verdicts & (UNEXPECTED | REORDERED):
            continue
        if states[group[i]].proto != proto and states[group[i]].proto != agreed:
            agreed = states[group[i]].proto
            inconsistent = not protos_consistent(chain, proto, agreed)
    chosen[0] = choose(table, key, states, group, num) if num > 1 else group[0]
    if verdicts & UNEXPECTED:
        reason = UNEXPECTED_REGISTER
    if consistent and inconsistent:
        reason = INCONSISTENT
    if verdicts & UNCERTAIN:
        reason = UNCERTAIN_LOCATION
    if verdicts & REORDERED:
        reason = REORDERED_PARAMETERS
    if lacks_params(table, key, &states[chosen[0]]):
        reason = OPTIMIZED_PARAMETERS
    if key.ambiguous:
        reason = AMBIGUOUS_ADDRESS
    return reason


cdef void group_by_key(
    const State* items, size_t num, uint32_t num_keys, uint32_t* starts, uint32_t* order,
) noexcept nogil:
    """Sort states by key, keeping their order.

    Args:
        items: The states.
        num: How many.
        num_keys: Of the table.
        starts: Zeros, num_keys + 2: becomes where in `order` the states of a key start.
        order: Becomes indices into items.
    """
    cdef size_t i
    for i in range(num):
        starts[items[i].key + 2] += 1
    for i in range(2, num_keys + 2):
        starts[i] += starts[i - 1]
    for i in range(num):
        order[starts[items[i].key + 1]] = <uint32_t>i
        starts[items[i].key + 1] += 1


cdef size_t judge_all(
    FunctionTable table, const State* items, const uint32_t* starts, const uint32_t* order,
    uint32_t* keys, size_t num_keys, const Chain* chain, bint consistent, uint32_t* kept,
    uint8_t* reasons, size_t* num_dropped,
) noexcept nogil:
    """Judge the states of each key that has some; return how many are kept.

    Keys that are dropped are moved to the front of `keys`, each with its reason.
    """
    cdef size_t i, num_kept = 0
    cdef uint32_t key, chosen
    num_dropped[0] = 0
    for i in range(num_keys):
        if i + 2 * AHEAD < num_keys:
            prefetch(&table.known.keys[keys[i + 2 * AHEAD]])
            prefetch(&starts[keys[i + 2 * AHEAD]])
            prefetch(&items[order[starts[keys[i + AHEAD]]]])
        key = keys[i]
        if starts[key + 1] == starts[key]:
            continue
        reasons[num_dropped[0]] = judge_group(
            table, &table.known.keys[key], items, &order[starts[key]],
            starts[key + 1] - starts[key], chain, consistent, &chosen)
        if reasons[num_dropped[0]] == KEPT:
            kept[num_kept] = chosen
            num_kept += 1
        else:
            keys[num_dropped[0]] = key
            num_dropped[0] += 1
    return num_kept


def select_states(
    FunctionTable table not None, states, by_name, GraphArrays graph not None, bint consistent,
):
    """Return the states that become FUNCs, and what is left out.

    Args:
        table: The function symbols.
        states: STATE[num_states], in file order, their protos being type ids of the graph.
        by_name: uint32[num_keys], the keys that states have, as the table orders them.
        graph: Where the protos are.
        consistent: Leave out names whose prototypes differ.

    Returns:
        uint32[num_kept] indices into states, ordered by name; uint32[num_dropped] keys that
        were left out, likewise; uint8[num_dropped] a Reason for each.
    """
    states = np.ascontiguousarray(states)
    if states.dtype.itemsize != sizeof(State):
        raise TypeError("states must be of dtype STATE")
    cdef size_t num = len(states)
    cdef const uint8_t[::1] view = states.view(np.uint8) if num else np.zeros(1, np.uint8)
    cdef const State* items = <const State*>&view[0]
    cdef uint32_t[::1] starts = np.zeros(table.num_keys + 2, np.uint32)
    cdef uint32_t[::1] order = np.empty(num + 1, np.uint32)
    keys_array = np.append(by_name, np.uint32(0)).astype(np.uint32, copy=False)
    cdef uint32_t[::1] keys = keys_array
    cdef size_t num_keys = keys.shape[0] - 1, num_kept = 0, num_dropped = 0
    if num and states["key"].max() >= table.num_keys:
        raise IndexError("a state's key is not in the table")
    if num and states["proto"].max() >= graph.chain.levels[0].end_id:
        raise IndexError("a state's prototype is not in the graph")
    if num_keys and keys_array.max() >= table.num_keys:
        raise IndexError("a key by name is not in the table")
    kept_array = np.empty(num_keys + 1, np.uint32)
    reasons_array = np.empty(num_keys + 1, np.uint8)
    cdef uint32_t[::1] kept = kept_array
    cdef uint8_t[::1] reasons = reasons_array
    with nogil:
        group_by_key(items, num, table.num_keys, &starts[0], &order[0])
        num_kept = judge_all(table, items, &starts[0], &order[0], &keys[0], num_keys, &graph.chain,
                             consistent, &kept[0], &reasons[0], &num_dropped)
    # Keys that are dropped were put in front of all keys.
    return kept_array[:num_kept], keys_array[:num_dropped], reasons_array[:num_dropped]


#: What a state is in memory.
STATE = np.dtype([("addr", "u8"), ("order", "u8"), ("key", "u4"), ("proto", "u4"),
                  ("verdicts", "u4"), ("name", "u4")])
