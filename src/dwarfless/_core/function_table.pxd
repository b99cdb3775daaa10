"""The function symbols of an ELF by name, for the threads that read units."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from dwarfless._core.strings cimport hash_bytes

cdef extern from *:
    """
    #define NO_KEY ((uint32_t)0xffffffff)
    """
    const uint32_t NO_KEY

cdef enum:
    FEW = 32                    # names looked up at a time

cdef struct Symbol:
    uint64_t addr
    uint8_t is_optimized   # .isra or .constprop in its suffix

cdef struct Key:
    const char* name       # not terminated
    uint32_t size
    uint32_t hash
    uint32_t first_symbol
    uint32_t num_symbols
    uint8_t ambiguous

cdef struct Function:          # a symbol on its way into the table
    size_t symbol
    const char* name
    size_t size
    uint32_t hash
    bint is_optimized

cdef struct KnownNames:
    Key* keys              # by their first symbols
    uint32_t* buckets      # key + 1, or 0
    uint32_t mask


cdef inline uint32_t place_of(const KnownNames* known, uint32_t number, const char* name,
                              size_t size) noexcept nogil:
    """Return the bucket of a name with a hash; it is free if the name is not known."""
    cdef uint32_t at = number & known.mask
    cdef const Key* key
    while known.buckets[at]:
        key = &known.keys[known.buckets[at] - 1]
        if key.hash == number and key.size == size and memcmp(key.name, name, size) == 0:
            break
        at = at + 1 & known.mask
    return at


cdef inline uint32_t find_key(const KnownNames* known, const char* name,
                              size_t size) noexcept nogil:
    """Return the key of a function's name, or NO_KEY."""
    return known.buckets[place_of(known, hash_bytes(name, size), name, size)] - 1


cdef void find_few(const KnownNames* known, const uint8_t* strings, size_t size,
                   const uint32_t* offsets, size_t num, uint32_t* keys) noexcept nogil


cdef class FunctionTable:
    cdef KnownNames known
    cdef Symbol* symbols       # grouped by key, in symbol table order within
    cdef readonly uint32_t num_keys
    cdef object names_owner    # keeps the names mapped
    cdef void take(self, const char* names, size_t names_size, const uint32_t* name_offset,
                   size_t num, uint32_t* key_of) noexcept nogil
    cdef void take_few(self, const Function* few, size_t num, uint32_t* key_of) noexcept nogil
    cdef uint32_t key_of(self, const char* name, size_t size, uint32_t number) noexcept nogil
    cdef void group(self, const uint64_t* value, size_t num, const uint32_t* key_of) noexcept nogil
    cdef bint sort(self, uint32_t* keys, size_t num) noexcept nogil
