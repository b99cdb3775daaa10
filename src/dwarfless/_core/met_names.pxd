"""Which of a unit's functions have a symbol, found out for all of them at once.

A unit has hundreds of functions from headers, and looking each name up waits for three places in
memory. Names that no thread has met yet are looked up by the dozen, each step for all of them.

Effect: half of what telling functions of a unit from those that are nowhere took.
"""

from libc.stdint cimport uint8_t, uint32_t

from dwarfless._core.function_table cimport FEW, NO_KEY, find_few
from dwarfless._core.functions cimport FuncFacts
from dwarfless._core.memory cimport *
from dwarfless._core.names cimport *

cdef enum:
    FAR_AHEAD = 12              # functions


cdef inline void learn_few(Names* n, const uint32_t* places, size_t num) noexcept nogil:
    """Find out about a few names in the pool."""
    cdef uint32_t keys[FEW]
    cdef uint8_t state
    cdef size_t i
    find_few(n.symbols, <const uint8_t*>n.pool.text, n.pool.size, places, num, keys)
    for i in range(num):
        state = KEY_IS_THERE if keys[i] != NO_KEY and n.pool.text[places[i]] else 0
        add_facts(n.pool, places[i], KEY_KNOWN | state)


cdef inline void learn_names(Names* n, const FuncFacts* facts, size_t num) noexcept nogil:
    """Make has_symbol quick for the functions of a unit."""
    cdef uint32_t places[FEW]
    cdef uint32_t name
    cdef size_t i, count = 0
    for i in range(num):
        name = facts[i + FAR_AHEAD if i + FAR_AHEAD < num else i].name
        if 0 < name < NAME_SHORT:
            prefetch(&n.pool.facts[(name - 1) >> 1])
        name = facts[i].name
        if facts[i].skip or not 0 < name < NAME_SHORT \
                or facts_of(n.pool, name - 1) & KEY_KNOWN:
            continue
        places[count] = name - 1
        count += 1
        if count == FEW:
            learn_few(n, places, count)
            count = 0
    learn_few(n, places, count)
