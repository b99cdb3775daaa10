"""A base that types are looked up in, declared for `match`."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.strings cimport *

cdef class BaseIndex:
    cdef StringTable strings            # every string of the base
    cdef Array string_offsets           # uint32 by string id: its offset in the base
    cdef NodeTable contents             # records, children and names made canonical
    cdef Array content_ids              # uint32 by node: the base's type
    cdef Array name_heads               # uint32 by string id: first type of that name, or 0
    cdef Array name_nexts               # uint32 by type: the next type of its name, or 0
    cdef readonly object words          # uint32[num_words]: names are string ids
    cdef readonly object starts         # uint32[num_types + 1]
    cdef readonly object canonical      # uint32[num_types]: first type that means the same
    cdef uint32_t name_id(self, const char* text) noexcept nogil
    cdef bint take_strings(self, const char* text, size_t size) noexcept nogil
    cdef bint rename(self, const uint32_t* words, const uint32_t* starts, uint32_t num,
                     const char* text, uint32_t* out) noexcept nogil
    cdef bint take_contents(self, const uint32_t* words, const uint32_t* starts,
                            const uint32_t* canonical, uint32_t num) noexcept nogil
