"""A base that types are looked up in, declared for `match`."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *

cdef struct Slots:
    uint64_t* items         # hash << 32 | what it leads to; 0: free
    uint32_t mask
    uint32_t used


cdef class BaseIndex:
    cdef bytes strings                  # the base's
    cdef const char* text               # the same for loops
    cdef size_t text_size
    cdef Slots string_slots             # offset of the first of equal strings
    cdef bint has_equal_strings
    cdef Slots content_slots            # types by their records, children made canonical
    cdef bint has_equal_types
    cdef Array name_heads               # uint32 by string offset: first type of that name, or 0
    cdef Array name_nexts               # uint32 by type: the next type of its name, or 0
    cdef readonly object words          # uint32[num_words]: equal names are equal words
    cdef readonly object starts         # uint32[num_types + 1]
    cdef readonly object canonical      # uint32[num_types]: first type that means the same
    cdef const uint32_t* record_words   # the same for loops
    cdef const uint32_t* record_starts
    cdef const uint32_t* stands_for
    cdef uint32_t name_id(self, const char* text) noexcept nogil
    cdef uint32_t find_content(self, const uint32_t* words, uint32_t length) noexcept nogil
    cdef uint64_t* content_slot(self, const uint32_t* words, uint32_t length,
                                uint32_t number) noexcept nogil
    cdef bint same_content(self, uint32_t id, const uint32_t* words,
                           uint32_t length) noexcept nogil
    cdef uint64_t* string_slot(self, const char* text, size_t length,
                               uint32_t number) noexcept nogil
    cdef bint add_string(self, uint32_t place, size_t length) noexcept nogil
    cdef bint take_strings(self) noexcept nogil
    cdef bint names_are_ids(self, const uint32_t* words, const uint32_t* starts,
                            uint32_t num) noexcept nogil
    cdef bint rename(self, uint32_t* words, const uint32_t* starts, uint32_t num) noexcept nogil
    cdef bint take_contents(self, uint32_t num) noexcept nogil
