"""Columns of many rows: their order, which rows are equal, which names begin in some way.

In:  a column.
Out: what of each row is asked for, in one pass where numpy takes several.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcmp

from dwarfless._core.memory cimport mix
from dwarfless._core.radix cimport *


def order_by(const uint64_t[::1] keys):
    """Return uint32[num]: the rows by key, those of equal keys as they were.

    Effect: a fifth of the time of numpy's stable argsort.
    """
    cdef size_t num = keys.shape[0], i
    cdef Keyed* items = <Keyed*>malloc((2 * num + 1) * sizeof(Keyed))
    if items == NULL:
        raise MemoryError
    order_array = np.empty(num, np.uint32)
    cdef uint32_t[::1] order = order_array
    with nogil:
        for i in range(num):
            items[i].key, items[i].value = keys[i], i
        sort_keyed(items, items + num, num)
        for i in range(num):
            order[i] = <uint32_t>items[i].value
        free(items)
    return order_array


def first_equal(const uint32_t[::1] values):
    """Return uint32[num]: for each row the first that has the same value.

    Effect: a fifth of the time of numpy.unique.
    """
    cdef size_t num = values.shape[0], i
    cdef uint64_t mask = 15, slot
    cdef uint32_t* slots            # 1 + row, 0: free
    while mask < 2 * num:
        mask = mask * 2 + 1
    slots = <uint32_t*>calloc(mask + 1, sizeof(uint32_t))
    if slots == NULL:
        raise MemoryError
    first_array = np.empty(num, np.uint32)
    cdef uint32_t[::1] first = first_array
    with nogil:
        for i in range(num):
            slot = mix(0, values[i]) >> 20 & mask
            while slots[slot] and values[slots[slot] - 1] != values[i]:
                slot = slot + 1 & mask
            if slots[slot] == 0:
                slots[slot] = <uint32_t>i + 1
            first[i] = slots[slot] - 1
        free(slots)
    return first_array


def begin_with(const uint8_t[::1] strings, const uint32_t[::1] offsets, prefixes):
    """Return bool[num_offsets]: whether the name at each offset begins with one of some prefixes.

    Args:
        strings: NUL-terminated strings.
        offsets: uint32[num_offsets], where names begin.
        prefixes: A few bytes objects.
    """
    cdef size_t num = offsets.shape[0], size, i
    cdef const char* text
    cdef bytes prefix
    found_array = np.zeros(num, bool)
    cdef uint8_t[::1] found = found_array.view(np.uint8)
    for prefix in prefixes:
        text, size = prefix, len(prefix)
        with nogil:
            for i in range(num):
                if offsets[i] + size <= <size_t>strings.shape[0] \
                        and memcmp(&strings[offsets[i]], text, size) == 0:
                    found[i] = True
    return found_array
