"""Write records of one graph as several: each level says its own types and the strings they add.

Strings are given a place when a record that is written first needs them. The places are kept, so
a level that is written later refers to those of the levels below it.

In:  records in wide form, chosen and ordered by the caller, and their new ids.
Out: records and strings of one level.
"""

import numpy as np

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, strlen

from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *

cdef enum:
    AHEAD = 8                   # records


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
    cdef size_t total = 0
    cdef Py_ssize_t i
    cdef Texts texts
    if places is None:
        places = np.zeros(strings.shape[0] + 1, np.uint32)
    for i in range(order.shape[0]):
        total += starts[order[i] + 1] - starts[order[i]]
    out_array = np.empty(total, np.uint32)
    cdef uint32_t[::1] out = out_array
    if total == 0:
        return out_array, b"" if end_string else b"\0"
    texts.strings, texts.places, texts.first = <const char*>&strings[0], &places[0], end_string
    array_init(&texts.placed, 1, 1 << 16)
    texts.placed.num = end_string == 0      # the empty string
    with nogil:
        write_records(&words[0], &starts[0], &order[0], order.shape[0], &new_ids[0], &texts,
                      &out[0])
    try:
        if texts.placed.failed:
            raise MemoryError
        return out_array, PyBytes_FromStringAndSize(texts.placed.items, texts.placed.num)
    finally:
        array_deinit(&texts.placed)


cdef struct Texts:              # strings on their way to a level
    const char* strings
    uint32_t* places
    uint32_t first              # where the level's own begin
    Array placed                # these, one behind the other


cdef inline uint32_t place_of(Texts* texts, uint32_t offset) noexcept nogil:
    """Return the place of a string, which is given one if it has none."""
    cdef size_t size
    if offset and texts.places[offset] == 0:
        size = strlen(texts.strings + offset) + 1
        if not array_reserve(&texts.placed, size):
            return 0
        texts.places[offset] = texts.first + <uint32_t>texts.placed.num
        memcpy(texts.placed.items + texts.placed.num, texts.strings + offset, size)
        texts.placed.num += size
    return texts.places[offset]


cdef inline uint32_t written(uint32_t role, uint32_t word, const uint32_t* new_ids,
                             Texts* texts) noexcept nogil:
    if role == ROLE_NODE:
        return new_ids[word]
    return place_of(texts, word) if role == ROLE_NAME else word


cdef void write_records(const uint32_t* words, const uint32_t* starts, const uint32_t* order,
                        size_t num, const uint32_t* new_ids, Texts* texts,
                        uint32_t* out) noexcept nogil:
    """Write records one behind the other; those to come are called for ahead."""
    cdef const uint32_t* record
    cdef uint32_t kind, length, name, j
    cdef Roles roles
    cdef size_t i
    for i in range(num):
        if i + 3 * AHEAD < num:
            prefetch(&starts[order[i + 3 * AHEAD]])
            prefetch(&words[starts[order[i + 2 * AHEAD]]])
            name = words[starts[order[i + AHEAD]]]
            prefetch(&texts.places[name])
            prefetch(&texts.strings[name])
        record = words + starts[order[i]]
        length = starts[order[i] + 1] - starts[order[i]]
        kind = kind_of(record[1])
        roles = roles_of(kind)
        out[0] = place_of(texts, record[0])
        out[1] = record[1]
        out[2] = written(roles.third, record[2], new_ids, texts)
        j = 3
        while roles.stride and j + roles.stride <= length:
            out[j] = written(roles.first, record[j], new_ids, texts)
            out[j + 1] = written(roles.second, record[j + 1], new_ids, texts)
            if roles.stride == 3:
                out[j + 2] = record[j + 2]
            j += roles.stride
        while j < length:
            out[j] = written(role_of(kind, j), record[j], new_ids, texts)
            j += 1
        out += length
