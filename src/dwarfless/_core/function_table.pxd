"""The function symbols of an ELF by name, for the threads that read units."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from dwarfless._core.strings cimport hash_bytes

cdef enum:
    NO_KEY = 0xFFFFFFFF

cdef struct Symbol:
    uint64_t addr
    uint8_t is_optimized   # .isra or .constprop in its suffix

cdef struct Key:
    const char* name       # not terminated
    uint64_t start         # its first eight bytes; names are sorted by these first
    uint32_t size
    uint32_t first_symbol
    uint32_t num_symbols
    uint8_t ambiguous

cdef struct KnownNames:
    Key* keys              # sorted by name, bytewise
    uint32_t* buckets      # key + 1, or 0
    uint32_t mask


cdef inline uint32_t find_key(const KnownNames* known, const char* name,
                              size_t size) noexcept nogil:
    """Return the key of a function's name, or NO_KEY."""
    cdef uint32_t at = hash_bytes(name, size) & known.mask
    cdef const Key* key
    while known.buckets[at]:
        key = &known.keys[known.buckets[at] - 1]
        if key.size == size and memcmp(key.name, name, size) == 0:
            return known.buckets[at] - 1
        at = at + 1 & known.mask
    return NO_KEY


cdef class FunctionTable:
    cdef KnownNames known
    cdef Symbol* symbols       # grouped by key, in symbol table order within
    cdef readonly uint32_t num_keys
    cdef object names_owner    # keeps the names mapped
    cdef void fill(
        self, const char* names, size_t names_size, const uint32_t* name_offset,
        const uint64_t* value, size_t num) noexcept nogil
    cdef void merge(self, const uint64_t* value, size_t count) noexcept nogil
    cdef void index(self) noexcept nogil
