"""States of functions, and the names they may have.

While units are read, by any number of threads, each candidate whose name FunctionTable.find knows
is kept with append_state, a StateList a thread. In file order they go to select_states.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc

cdef enum:
    NO_KEY = 0xFFFFFFFF

cdef packed struct State:
    uint64_t addr          # low_pc
    uint64_t order         # unit index << 32 | index in the unit; states are kept in this order
    uint32_t key           # from FunctionTable
    uint32_t proto         # FUNC_PROTO: node while reading, type id when selecting
    uint32_t verdicts
    uint32_t name          # string id, equal to the key

cdef struct StateList:
    State* items
    size_t count
    size_t capacity

cdef struct Symbol:        # of a FunctionTable
    uint64_t addr
    uint8_t is_optimized   # .isra or .constprop in its suffix

cdef struct Key:
    const char* name       # not terminated
    uint32_t size
    uint32_t first_symbol
    uint32_t num_symbols
    uint8_t ambiguous


cdef inline bint append_state(StateList* states, const State* state) noexcept nogil:
    """Keep a state; False if memory ran out."""
    cdef State* grown
    cdef size_t capacity
    if states.count == states.capacity:
        capacity = states.capacity * 2 + 256
        grown = <State*>realloc(states.items, capacity * sizeof(State))
        if grown == NULL:
            return False
        states.items = grown
        states.capacity = capacity
    states.items[states.count] = state[0]
    states.count += 1
    return True


cdef inline void free_states(StateList* states) noexcept nogil:
    free(states.items)
    states.items = NULL
    states.count = states.capacity = 0


cdef inline uint32_t hash_name(const char* name, size_t size) noexcept nogil:
    cdef uint32_t value = 2166136261
    cdef size_t i
    for i in range(size):
        value = (value ^ <uint8_t>name[i]) * 16777619
    return value ^ value >> 15


cdef class FunctionTable:
    cdef Key* keys             # sorted by name, bytewise
    cdef Symbol* symbols       # grouped by key, in symbol table order within
    cdef uint32_t* buckets     # key + 1, or 0
    cdef uint32_t bucket_mask
    cdef readonly uint32_t num_keys
    cdef object names_owner    # keeps the names mapped
    cdef void fill(
        self, const char* names, size_t names_size, const uint32_t* name_offset,
        const uint64_t* value, size_t num) noexcept nogil
    cdef void merge(self, const uint64_t* value, size_t count) noexcept nogil
    cdef void index(self) noexcept nogil
    cdef uint32_t find(self, const char* name, size_t size) noexcept nogil
