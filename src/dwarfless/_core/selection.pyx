"""Which states become FUNCs.

In:  the ELF's function symbols, and a State for each subprogram that has one's name.
Out: for each name the state to write, or why there is none.

States of one name form a group. What spoils one spoils all, since BTF has one FUNC a name. The
order of evaluation is pahole 1.32's, so the reason given is the one it gives.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memchr, memcmp, memcpy, strlen

import numpy as np

from dwarfless._core.btf cimport Chain
from dwarfless._core.functions cimport (
    CHANGED_SIGNATURE, OPTIMIZED, REORDERED, UNCERTAIN, UNEXPECTED,
)
from dwarfless._core.prototypes cimport protos_consistent
from dwarfless._core.records cimport GraphArrays


cdef int compare_keys(const void* a, const void* b) noexcept nogil:
    cdef const Key* x = <const Key*>a
    cdef const Key* y = <const Key*>b
    cdef int order = memcmp(x.name, y.name, min(x.size, y.size))
    if order:
        return order
    if x.size != y.size:
        return -1 if x.size < y.size else 1
    # First symbols are still symbol table indices here: equal names keep the table's order.
    return -1 if x.first_symbol < y.first_symbol else x.first_symbol > y.first_symbol


cdef bint holds(const char* text, size_t size, const char* part) noexcept nogil:
    cdef size_t part_size = strlen(part)
    cdef size_t i
    for i in range(size + 1 - part_size if size >= part_size else 0):
        if memcmp(text + i, part, part_size) == 0:
            return True
    return False


cdef class FunctionTable:
    """The function symbols of an ELF, by name up to the first dot."""

    def __cinit__(
        self, const uint8_t[::1] names, const uint32_t[::1] name_offset, const uint64_t[::1] value,
    ):
        cdef size_t num = name_offset.shape[0]
        if <size_t>value.shape[0] != num:
            raise ValueError("name_offset and value differ in length")
        self.names_owner = names
        self.keys = <Key*>malloc((num + 1) * sizeof(Key))
        self.symbols = <Symbol*>malloc((num + 1) * sizeof(Symbol))
        if self.keys == NULL or self.symbols == NULL:
            raise MemoryError
        if num:
            with nogil:
                self.fill(<const char*>&names[0] if names.shape[0] else NULL, names.shape[0],
                          &name_offset[0], &value[0], num)
        self.bucket_mask = 15
        while self.bucket_mask < 2 * self.num_keys:
            self.bucket_mask = self.bucket_mask * 2 + 1
        self.buckets = <uint32_t*>calloc(<size_t>self.bucket_mask + 1, sizeof(uint32_t))
        if self.buckets == NULL:
            raise MemoryError
        self.index()

    def __dealloc__(self):
        free(self.keys)
        free(self.symbols)
        free(self.buckets)

    def __len__(self) -> int:
        return self.num_keys

    cdef void fill(
        self, const char* names, size_t names_size, const uint32_t* name_offset,
        const uint64_t* value, size_t num,
    ) noexcept nogil:
        cdef const char* name
        cdef const char* end
        cdef const char* dot
        cdef size_t i, count = 0
        cdef Key* key
        for i in range(num):
            if name_offset[i] >= names_size:
                continue
            name = names + name_offset[i]
            end = <const char*>memchr(name, 0, names_size - name_offset[i])
            if end == NULL:
                continue
            dot = <const char*>memchr(name, c".", end - name)
            if dot == NULL:
                dot = end
            # Cold halves and inlined parts are no functions of their own.
            elif holds(dot, end - dot, b".cold") or holds(dot, end - dot, b".part"):
                continue
            key = &self.keys[count]
            key.name = name
            key.size = <uint32_t>(dot - name)
            key.first_symbol = <uint32_t>i
            key.ambiguous = holds(dot, end - dot, b".constprop") or holds(dot, end - dot, b".isra")
            count += 1
        qsort(self.keys, count, sizeof(Key), compare_keys)
        self.merge(value, count)

    cdef void merge(self, const uint64_t* value, size_t count) noexcept nogil:
        """Join entries of one name; until here `ambiguous` holds a symbol's is_optimized."""
        cdef size_t i
        cdef uint64_t addr = 0
        cdef Key entry
        cdef Key* key = NULL
        for i in range(count):
            entry = self.keys[i]
            if key == NULL or key.size != entry.size \
                    or memcmp(key.name, entry.name, key.size) != 0:
                key = &self.keys[self.num_keys]
                self.num_keys += 1
                key.name = entry.name
                key.size = entry.size
                key.first_symbol = <uint32_t>i
                key.num_symbols = 0
                key.ambiguous = False
                addr = 0
            self.symbols[i].addr = value[entry.first_symbol]
            self.symbols[i].is_optimized = entry.ambiguous
            key.num_symbols += 1
            if addr and addr != self.symbols[i].addr:
                key.ambiguous = True
            addr = self.symbols[i].addr
        if key != NULL:
            # pahole never looks at the last name's addresses, and has a FUNC for it.
            key.ambiguous = False

    cdef void index(self) noexcept nogil:
        cdef uint32_t i, at
        for i in range(self.num_keys):
            at = hash_name(self.keys[i].name, self.keys[i].size) & self.bucket_mask
            while self.buckets[at]:
                at = at + 1 & self.bucket_mask
            self.buckets[at] = i + 1

    cdef uint32_t find(self, const char* name, size_t size) noexcept nogil:
        """Return the key of a function's name, or NO_KEY."""
        cdef uint32_t at = hash_name(name, size) & self.bucket_mask
        cdef Key* key
        while self.buckets[at]:
            key = &self.keys[self.buckets[at] - 1]
            if key.size == size and memcmp(key.name, name, size) == 0:
                return self.buckets[at] - 1
            at = at + 1 & self.bucket_mask
        return NO_KEY

    def key(self, name: bytes) -> int:
        """Return the key of a function's name, or -1."""
        cdef uint32_t found = self.find(name, len(name))
        return -1 if found == NO_KEY else found

    def keys_at(self, const uint8_t[::1] strings, const uint32_t[::1] offsets):
        """Return uint32[num_offsets]: the key of each name, NO_KEY where there is none.

        Args:
            strings: NUL-terminated strings.
            offsets: uint32[num_offsets], where the names begin.
        """
        keys_array = np.empty(offsets.shape[0], np.uint32)
        cdef uint32_t[::1] keys = keys_array
        cdef const char* name
        cdef const char* end
        cdef Py_ssize_t i
        for i in range(offsets.shape[0]):
            if offsets[i] >= strings.shape[0]:
                raise IndexError(offsets[i])
            name = <const char*>&strings[0] + offsets[i]
            end = <const char*>memchr(name, 0, strings.shape[0] - offsets[i])
            keys[i] = self.find(name, end - name) if end != NULL else <uint32_t>NO_KEY
        return keys_array

    def joined_names(self):
        """Return all names, NUL-terminated and joined."""
        cdef size_t size = 0, i
        for i in range(self.num_keys):
            size += self.keys[i].size + 1
        names_array = np.zeros(size, np.uint8)
        cdef uint8_t[::1] names = names_array
        size = 0
        for i in range(self.num_keys):
            if self.keys[i].size:
                memcpy(&names[size], self.keys[i].name, self.keys[i].size)
            size += self.keys[i].size + 1
        return names_array

    def name(self, key: int) -> bytes:
        """Return the name of a key."""
        if not 0 <= key < self.num_keys:
            raise IndexError(key)
        return self.keys[key].name[:self.keys[key].size]


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


def select_states(
    FunctionTable table not None, states, GraphArrays graph not None, bint consistent,
):
    """Return the states that become FUNCs, and what is left out.

    Args:
        table: The function symbols.
        states: STATE[num_states], in file order, their protos being type ids of the graph.
        graph: Where the protos are.
        consistent: Leave out names whose prototypes differ.

    Returns:
        uint32[num_kept] indices into states, ordered by name; uint32[num_dropped] keys that
        were left out; uint8[num_dropped] a Reason for each.
    """
    states = np.ascontiguousarray(states)
    if states.dtype.itemsize != sizeof(State):
        raise TypeError("states must be of dtype STATE")
    cdef size_t num = len(states)
    cdef const uint8_t[::1] view = states.view(np.uint8) if num else np.zeros(1, np.uint8)
    cdef const State* items = <const State*>&view[0]
    cdef uint32_t[::1] starts = np.zeros(table.num_keys + 2, np.uint32)
    cdef uint32_t[::1] order = np.empty(num + 1, np.uint32)
    cdef size_t i, num_kept = 0, num_dropped = 0
    cdef uint32_t key, count, chosen
    cdef uint8_t reason
    if num and states["key"].max() >= table.num_keys:
        raise IndexError("a state's key is not in the table")
    if num and states["proto"].max() >= graph.chain.levels[0].end_id:
        raise IndexError("a state's prototype is not in the graph")
    kept_array = np.empty(table.num_keys, np.uint32)
    dropped_array = np.empty(table.num_keys, np.uint32)
    reasons_array = np.empty(table.num_keys, np.uint8)
    cdef uint32_t[::1] kept = kept_array
    cdef uint32_t[::1] dropped = dropped_array
    cdef uint8_t[::1] reasons = reasons_array
    with nogil:
        for i in range(num):
            starts[items[i].key + 2] += 1
        for i in range(2, table.num_keys + 2):
            starts[i] += starts[i - 1]
        for i in range(num):
            order[starts[items[i].key + 1]] = <uint32_t>i
            starts[items[i].key + 1] += 1
        for key in range(table.num_keys):
            count = starts[key + 1] - starts[key]
            if count == 0:
                continue
            reason = judge_group(table, &table.keys[key], items, &order[starts[key]], count,
                                 &graph.chain, consistent, &chosen)
            if reason == KEPT:
                kept[num_kept] = chosen
                num_kept += 1
            else:
                dropped[num_dropped] = key
                reasons[num_dropped] = reason
                num_dropped += 1
    return kept_array[:num_kept], dropped_array[:num_dropped], reasons_array[:num_dropped]


#: What a state is in memory.
STATE = np.dtype([("addr", "u8"), ("order", "u8"), ("key", "u4"), ("proto", "u4"),
                  ("verdicts", "u4"), ("name", "u4")])
