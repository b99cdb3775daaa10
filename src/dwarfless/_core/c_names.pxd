"""Names in C: the second type of a name is NAME___2.

Structs, unions and enums share one space of names, typedefs and enumerators another, as in C. A
forward takes the name of what it announces.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport strcmp

from dwarfless._core.btf cimport ENUM, FWD, TYPEDEF, kind_of, record_of, text_of, vlen_of
from dwarfless._core.c_state cimport Names, Source, complain, name_of
from dwarfless._core.text cimport put, put_number


cdef struct Label:
    uint32_t offset     # of its string; 0 for no name
    uint32_t number     # above 1: written behind it


cdef inline Label label(uint32_t offset, uint32_t number) noexcept nogil:
    cdef Label made
    made.offset, made.number = offset, number
    return made


cdef inline uint32_t hash_text(const char* text) noexcept nogil:
    cdef uint32_t value = 2166136261u
    while text[0]:
        value = (value ^ <uint8_t>text[0]) * 16777619u
        text += 1
    return value ^ value >> 15


cdef inline uint32_t bucket_of(Source* s, Names* names, const char* text) noexcept nogil:
    """Return where a name is, or would be."""
    cdef uint32_t bucket = hash_text(text) & names.mask
    while names.offsets[bucket] and strcmp(text_of(s.chain, names.offsets[bucket]), text) != 0:
        bucket = (bucket + 1) & names.mask
    return bucket


cdef inline bint grow(Source* s, Names* names) noexcept nogil:
    """Double the table."""
    cdef Names old = names[0]
    cdef uint32_t i, bucket, size = 2 * (old.mask + 1)
    cdef uint32_t* offsets = <uint32_t*>calloc(size, 4)
    cdef uint32_t* counts = <uint32_t*>calloc(size, 4)
    if offsets == NULL or counts == NULL:
        free(offsets)
        free(counts)
        return False
    names.offsets, names.counts, names.mask = offsets, counts, size - 1
    for i in range(old.mask + 1):
        if old.offsets[i]:
            bucket = bucket_of(s, names, text_of(s.chain, old.offsets[i]))
            offsets[bucket], counts[bucket] = old.offsets[i], old.counts[i]
    free(old.offsets)
    free(old.counts)
    return True


cdef inline uint32_t next_number(Source* s, Names* names, uint32_t offset,
                                 uint32_t type_id) noexcept nogil:
    """Give a name out once more; return how often that was, from 1."""
    cdef uint32_t bucket
    if 2 * names.used > names.mask and not grow(s, names):
        complain(s, b"its names fit no memory", type_id)
        return 1
    bucket = bucket_of(s, names, name_of(s, offset, type_id))
    if names.offsets[bucket] == 0:
        names.offsets[bucket] = offset
        names.used += 1
    names.counts[bucket] += 1
    return names.counts[bucket]


cdef inline void put_numbered(Source* s, uint32_t offset, uint32_t number,
                              uint32_t type_id) noexcept nogil:
    put(&s.text, name_of(s, offset, type_id))
    if number > 1:
        put_number(&s.text, b"___", number)


cdef inline Label name_type(Source* s, uint32_t type_id) noexcept nogil:
    """Return the name of a typedef, or what follows struct, union or enum; a new one at first."""
    cdef const uint32_t* record = record_of(s.chain, type_id)
    cdef uint32_t kind = kind_of(record[1])
    if record[0] and s.numbers[type_id] == 0:
        if kind == FWD or (kind == ENUM and vlen_of(record[1]) == 0):
            s.numbers[type_id] = 1
        else:
            s.numbers[type_id] = next_number(
                s, &s.identifiers if kind == TYPEDEF else &s.tags, record[0], type_id)
    return label(record[0], s.numbers[type_id])


cdef inline void put_type_name(Source* s, uint32_t type_id) noexcept nogil:
    cdef Label name = name_type(s, type_id)
    if name.offset:
        put_numbered(s, name.offset, name.number, type_id)


cdef inline bint is_named(Source* s, uint32_t offset, const char* name) noexcept nogil:
    return offset != 0 and strcmp(text_of(s.chain, offset), name) == 0
