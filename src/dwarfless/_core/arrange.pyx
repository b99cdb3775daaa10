"""Write records of one graph as several: each level says its own types and the strings they add.

Strings are given a place when a record that is written first needs them. The places are kept, so
a level that is written later refers to those of the levels below it.

In:  records in wide form, chosen and ordered by the caller, and their new ids.
Out: records and strings of one level.
"""

import numpy as np

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport strcpy, strlen

from dwarfless._core.nodes cimport *


def name_positions(const uint32_t[::1] words, const uint32_t[::1] starts):
    """Return the word index of each name in the records, uint32[num_names], ascending.

    Args:
        words: uint32[num_words], records in wide form.
        starts: uint32[num_records + 1], where each begins.
    """
    cdef uint32_t i, j, at, kind
    cdef Py_ssize_t num
    cdef int turn
    cdef uint32_t[::1] out
    found = np.empty(0, np.uint32)
    for turn in range(2):
        out = found
        num = 0
        with nogil:
            for i in range(starts.shape[0] - 1):
                at = starts[i]
                if starts[i + 1] == at:
                    continue
                kind = kind_of(words[at + 1])
                for j in range(starts[i + 1] - at):
                    if role_of(kind, j) == ROLE_NAME:
                        if turn:
                            out[num] = at + j
                        num += 1
        if turn == 0:
            found = np.empty(num, np.uint32)
    return found


def write_level(const uint32_t[::1] words, const uint32_t[::1] starts, const uint32_t[::1] order,
                const uint32_t[::1] new_ids, const uint8_t[::1] strings,
                uint32_t[::1] places=None, uint32_t end_string=0):
    """Write records with new ids; strings without a place follow those of the levels below.

    Args:
        words: uint32[num_words], records in wide form; equal names have equal offsets.
        starts: uint32[num_records + 1]; record 0 is void and empty.
        order: uint32[num_written], records in their new order.
        new_ids: uint32[num_records], the new id of each record that may be referred to.
        strings: The string section that names are offsets into.
        places: uint32[len(strings) + 1], new offset of each string that has one; filled in.
            None: none has.
        end_string: Where the strings of the levels below end; 0 if there are none.

    Returns:
        (uint32[...] words, bytes of strings).
    """
    cdef uint32_t id, j, kind, at, role, offset
    cdef size_t total = 0, used = max(end_string, 1)
    cdef Py_ssize_t i
    if places is None:
        places = np.zeros(strings.shape[0] + 1, np.uint32)
    for i in range(order.shape[0]):
        total += starts[order[i] + 1] - starts[order[i]]
    out_array = np.zeros(total, np.uint32)
    cdef uint32_t[::1] out = out_array
    total = 0
    with nogil:
        for i in range(order.shape[0]):
            id = order[i]
            at = starts[id]
            kind = kind_of(words[at + 1])
            for j in range(starts[id + 1] - at):
                role = role_of(kind, j)
                if role == ROLE_NODE:
                    out[total + j] = new_ids[words[at + j]]
                elif role == ROLE_NAME:
                    offset = words[at + j]
                    if offset and places[offset] == 0:
                        places[offset] = <uint32_t>used
                        used += strlen(<const char*>&strings[offset]) + 1
                    out[total + j] = places[offset]
                else:
                    out[total + j] = words[at + j]
            total += starts[id + 1] - at
    return out_array, new_strings(strings, places, end_string, used)


cdef new_strings(const uint8_t[::1] strings, uint32_t[::1] places, uint32_t end_string,
                 size_t used):
    """Return the strings placed from end_string on."""
    cdef const int64_t[::1] offsets = np.flatnonzero(np.asarray(places) >= max(end_string, 1))
    cdef uint32_t first = end_string
    cdef Py_ssize_t i
    text = np.zeros(used - first, np.uint8)
    cdef uint8_t[::1] out = text
    with nogil:
        for i in range(offsets.shape[0]):
            strcpy(<char*>&out[places[offsets[i]] - first], <const char*>&strings[offsets[i]])
    return text.tobytes()
