"""Hash what types mean, so that two kernels' can be compared by name.

Problem. If struct task_struct has a new member, every type that leads to it means something else
when all is unfolded, which is nearly every type of a kernel. Readers want the one that changed.

Method. Meaning is cut at names: a reference to a struct, union, enum, typedef, integer or float
that has a name is that sort and name, a declaration like a definition. Everything else, nameless
structs included, is unfolded. So each type has two hashes: how others see it, and what it says
itself; what a named type says is seen by itself alone.

Two encoders may say the same type differently, so some things don't count: whether an array of
arrays is flattened, what type its index has, whether an enum is marked as signed, the names of
parameters where a type is only referred to, and the linkage of functions, which pahole leaves 0.

Hashes of 64 bits: that two of a kernel's 100,000 names hide a difference is less likely than 1e-9.

In:  a graph.
Out: uint64[num_types] of each hash.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.btf cimport (
    ARRAY, BTF_NUM_KINDS, CONST, Chain, ENUM, ENUM64, FLOAT, FUNC, FUNC_PROTO, FWD, INT, PTR,
    RESTRICT, STRUCT, TYPEDEF, TYPE_TAG, UNION, VAR, VOID, VOLATILE, kind_at, kind_of, record_of,
    text_of, vlen_of)
from dwarfless._core.memory cimport mix
from dwarfless._core.parts_first cimport sort_parts_first
from dwarfless._core.records cimport GraphArrays

cdef extern from *:
    """
    #define MEANING_SEED ((uint64_t)0x243F6A8885A308D3)
    """
    const uint64_t SEED "MEANING_SEED"

cdef enum:
    MAX_DIMENSIONS = 64


cdef inline uint64_t start(uint32_t kind) noexcept nogil:
    """Begin a hash; without a seed, small numbers in the first two places could trade places."""
    return mix(SEED, kind)


cdef uint64_t hash_text(const char* text) noexcept nogil:
    cdef uint64_t h = SEED
    while text[0]:
        h = mix(h, <uint8_t>text[0])
        text += 1
    return h


cdef inline uint64_t hash_name(const Chain* chain, uint32_t offset) noexcept nogil:
    return hash_text(text_of(chain, offset)) if offset else 0


cdef inline uint32_t sort_of(const uint32_t* record) noexcept nogil:
    """Return the kind by which a name is looked up: declarations are definitions, enums one."""
    cdef uint32_t kind = kind_of(record[1])
    if kind == FWD:
        return UNION if record[1] >> 31 else STRUCT
    return ENUM if kind == ENUM64 else kind


cdef inline bint is_leaf(const uint32_t* record) noexcept nogil:
    """Say whether others see the type by its name only."""
    cdef uint32_t kind = kind_of(record[1])
    if kind == TYPEDEF or kind == INT or kind == FLOAT or kind == FWD:
        return True
    return record[0] != 0 and kind in (STRUCT, UNION, ENUM, ENUM64)


cdef uint32_t num_parts(const uint32_t* record) noexcept nogil:
    """Return how many other types' hashes the hash that others see is made of."""
    cdef uint32_t kind = kind_of(record[1])
    if is_leaf(record) or kind in (ENUM, ENUM64, FUNC, VAR) or kind >= BTF_NUM_KINDS:
        return 0
    if kind == STRUCT or kind == UNION:
        return vlen_of(record[1])
    if kind == FUNC_PROTO:
        return vlen_of(record[1]) + 1
    return kind in (PTR, CONST, VOLATILE, RESTRICT, TYPE_TAG, ARRAY)


cdef uint32_t part(const uint32_t* record, uint32_t index) noexcept nogil:
    cdef uint32_t kind = kind_of(record[1])
    if kind == STRUCT or kind == UNION:
        return record[4 + 3 * index]
    if kind == FUNC_PROTO:
        return record[2 + 2 * index]
    return record[3] if kind == ARRAY else record[2]


cdef uint64_t hash_members(const Chain* chain, const uint32_t* record,
                           const uint64_t* seen) noexcept nogil:
    """Hash what a struct or union says; an offset alike with and without bitfields."""
    cdef bint flag = record[1] >> 31
    cdef uint32_t i, offset
    cdef uint64_t h = mix(start(kind_of(record[1])), record[2])
    cdef const uint32_t* member = record + 3
    for i in range(vlen_of(record[1])):
        offset = member[2]
        h = mix(mix(h, hash_name(chain, member[0])), seen[member[1]])
        h = mix(h, offset & 0xFFFFFF if flag else offset)
        h = mix(h, offset >> 24 if flag else 0)
        member += 3
    return h


cdef uint64_t hash_values(const Chain* chain, const uint32_t* record) noexcept nogil:
    """Hash an enum's values, as wide as the enum."""
    cdef uint32_t step = 3 if kind_of(record[1]) == ENUM64 else 2, i
    cdef uint64_t h = mix(start(ENUM), record[2]), value
    cdef uint64_t mask = ((<uint64_t>1 << (8 * record[2])) - 1) if record[2] < 8 else <uint64_t>-1
    cdef const uint32_t* element = record + 3
    for i in range(vlen_of(record[1])):
        value = element[1]
        if step == 3:
            value |= <uint64_t>element[2] << 32
        h = mix(mix(h, hash_name(chain, element[0])), value & mask)
        element += step
    return h


cdef uint64_t hash_array(const Chain* chain, const uint32_t* record,
                         const uint64_t* seen) noexcept nogil:
    """Hash an array's element and how many there are, in all dimensions."""
    cdef uint64_t count = record[5]
    cdef uint32_t steps
    for steps in range(MAX_DIMENSIONS):
        if kind_at(chain, record[3]) != ARRAY:
            break
        record = record_of(chain, record[3])
        count *= record[5]
    return mix(mix(start(ARRAY), count), seen[record[3]])


cdef uint64_t hash_seen(const Chain* chain, uint32_t id, const uint64_t* seen) noexcept nogil:
    """Hash how others see a type."""
    cdef const uint32_t* record = record_of(chain, id)
    cdef uint32_t kind = kind_of(record[1]), i
    cdef uint64_t h
    if is_leaf(record):
        return mix(mix(start(sort_of(record)), 7), hash_name(chain, record[0]))
    if kind == STRUCT or kind == UNION:
        return hash_members(chain, record, seen)
    if kind == ENUM or kind == ENUM64:
        return hash_values(chain, record)
    if kind == ARRAY:
        return hash_array(chain, record, seen)
    h = mix(start(kind), hash_name(chain, record[0]))
    if kind == FUNC_PROTO:
        h = mix(h, vlen_of(record[1]))
    for i in range(num_parts(record)):
        h = mix(h, seen[part(record, i)])
    return h


cdef uint64_t hash_said(const Chain* chain, uint32_t id, const uint64_t* seen) noexcept nogil:
    """Hash what a named type says itself."""
    cdef const uint32_t* record = record_of(chain, id)
    cdef const uint32_t* proto
    cdef uint32_t kind = kind_of(record[1]), i
    cdef uint64_t h
    if kind == STRUCT or kind == UNION:
        return hash_members(chain, record, seen)
    if kind == ENUM or kind == ENUM64:
        return hash_values(chain, record)
    if kind == INT or kind == FLOAT:
        return mix(mix(start(kind), record[2]), record[3] if kind == INT else 0)
    if kind == TYPEDEF or kind == VAR:
        return mix(start(kind), seen[record[2]])
    if kind == FUNC:
        h = mix(start(kind), seen[record[2]])
        if kind_at(chain, record[2]) == FUNC_PROTO:
            proto = record_of(chain, record[2])
            for i in range(vlen_of(proto[1])):
                h = mix(h, hash_name(chain, proto[3 + 2 * i]))
        return h
    return 0


def hash_types(GraphArrays arrays):
    """Return how others see each type, what named ones say, and the names they are found by.

    Returns:
        uint64[num_types] three times; the last is of sort and name, 0 for what has no name.

    Cost: 25 ms for 108,000 types.
    """
    cdef const Chain* chain = &arrays.chain
    cdef uint32_t num = chain.levels[0].end_id, id, i
    cdef const uint32_t* record
    cdef bint done
    cdef uint32_t[::1] order = np.zeros(num, np.uint32)
    seen_array, said_array, key_array = (np.zeros(num, np.uint64) for _ in range(3))
    cdef uint64_t[::1] seen = seen_array, said = said_array, keys = key_array
    with nogil:
        seen[0] = start(VOID)
        done = sort_parts_first(chain, num, num_parts, part, &order[0])
        for i in range(num - 1 if done else 0):
            seen[order[i]] = hash_seen(chain, order[i], &seen[0])
        for id in range(1, num if done else 0):
            record = record_of(chain, id)
            if record[0]:
                said[id] = hash_said(chain, id, &seen[0])
                keys[id] = mix(start(sort_of(record)), hash_name(chain, record[0])) | 1
    if not done:
        raise MemoryError("the hashes fit no memory")
    return seen_array, said_array, key_array


def hash_names(GraphArrays arrays, const uint32_t[::1] offsets):
    """Return uint64[num_offsets], hashes of strings; offsets must be in range."""
    cdef const Chain* chain = &arrays.chain
    cdef Py_ssize_t i
    found_array = np.zeros(offsets.shape[0], np.uint64)
    cdef uint64_t[::1] found = found_array
    with nogil:
        for i in range(offsets.shape[0]):
            found[i] = hash_name(chain, offsets[i])
    return found_array
