"""Sizes of types, for variables.

In:  records in BTF's wide form.
Out: bytes a value of a type takes.
"""

import numpy as np

from libc.stdint cimport uint32_t, uint64_t

from dwarfless._core.nodes cimport *

cdef enum:
    MAX_CHAIN = 512     # typedefs and dimensions; more is a loop


cdef uint64_t size_of(const uint32_t* words, const uint32_t* starts, uint32_t num, uint32_t id,
                      uint32_t pointer_size) noexcept nogil:
    cdef uint64_t count = 1
    cdef uint32_t steps, kind
    cdef const uint32_t* record
    for steps in range(MAX_CHAIN):
        if id == 0 or id >= num:
            return 0
        record = words + starts[id]
        kind = kind_of(record[1])
        if kind == BTF_PTR:
            return count * pointer_size
        elif kind in (BTF_INT, BTF_FLOAT, BTF_STRUCT, BTF_UNION, BTF_ENUM, BTF_ENUM64):
            return count * record[2]
        elif kind in (BTF_TYPEDEF, BTF_CONST, BTF_VOLATILE, BTF_RESTRICT, BTF_TYPE_TAG):
            id = record[2]
        elif kind == BTF_ARRAY:
            if record[5] and count > MAX_SIZE // record[5]:
                return MAX_SIZE
            count *= record[5]
            id = record[3]
        else:
            return 0
    return 0


cdef extern from *:
    """
    #define MAX_SIZE ((uint64_t)1 << 40)
    """
    const uint64_t MAX_SIZE


def sizes(const uint32_t[::1] words, const uint32_t[::1] starts, const uint32_t[::1] ids,
          uint32_t pointer_size):
    """Return uint64[num_ids]: the size of each type in bytes, 0 for one that has none.

    Args:
        words: uint32[num_words], records in wide form.
        starts: uint32[num_records + 1], where each begins.
        ids: uint32[num_ids], records asked for.
        pointer_size: Bytes of a pointer.
    """
    cdef Py_ssize_t i
    found_array = np.zeros(ids.shape[0], np.uint64)
    if ids.shape[0] == 0 or words.shape[0] == 0:
        return found_array
    cdef uint64_t[::1] found = found_array
    with nogil:
        for i in range(ids.shape[0]):
            found[i] = size_of(&words[0], &starts[0], <uint32_t>starts.shape[0] - 1, ids[i],
                               pointer_size)
    return found_array
