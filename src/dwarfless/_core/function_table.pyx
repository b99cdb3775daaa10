"""The function symbols of an ELF by name.

In:  a symbol table.
Out: names up to their first dot, in order; where the symbols of each lie.

While units are read, by any number of threads, a function is kept if its name is known here.
"""

from cpython.array cimport array as CArray, clone, resize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memchr, memcmp, memcpy, strlen

from dwarfless._core.strings cimport hash_bytes

from array import array

cdef CArray NO_WORDS = array("I"), NO_LONGS = array("Q")     # of what clone() makes

cdef enum:      # as formats/elf.py has them
    STT_FUNC = 2
    SHN_LORESERVE = 0xFF00
    SHN_XINDEX = 0xFFFF

cdef struct Symbol32:       # SYMBOL_32
    uint32_t name, value, size
    uint8_t info, other
    uint16_t section

cdef struct Symbol64:       # SYMBOL_64
    uint32_t name
    uint8_t info, other
    uint16_t section
    uint64_t value, size

cdef extern from *:
    uint16_t swap_16 "__builtin_bswap16"(uint16_t value) nogil
    uint32_t swap_32 "__builtin_bswap32"(uint32_t value) nogil
    uint64_t swap_64 "__builtin_bswap64"(uint64_t value) nogil


cdef inline Symbol64 symbol_at(const uint8_t* at, bint is_64, bint swap) noexcept nogil:
    cdef Symbol64 symbol
    cdef Symbol32 narrow
    if is_64:
        memcpy(&symbol, at, sizeof(Symbol64))
        if swap:
            symbol.value = swap_64(symbol.value)
    else:
        memcpy(&narrow, at, sizeof(Symbol32))
        symbol.name, symbol.info, symbol.section = narrow.name, narrow.info, narrow.section
        symbol.value = swap_32(narrow.value) if swap else narrow.value
    if swap:
        symbol.name, symbol.section = swap_32(symbol.name), swap_16(symbol.section)
    return symbol


def function_symbols(const uint8_t[::1] table, const uint8_t[::1] extended,
                     const uint64_t[::1] addresses, bint is_64, bint swap):
    """Return the functions among symbols; what is wrong with others is not looked at.

    Args:
        table: Contents of the symbol table.
        extended: Contents of its SHT_SYMTAB_SHNDX section, or nothing.
        addresses: uint64[num_sections], what is added to a value for its section; or nothing.
        is_64: Class of the file.
        swap: Whether its byte order is not the machine's.

    Returns:
        uint32[num_functions], where their names start, and uint64[num_functions], their values.

    Cost: 1 ms for a vmlinux with 190,000 symbols.
    """
    cdef size_t width = sizeof(Symbol64) if is_64 else sizeof(Symbol32)
    cdef size_t num = <size_t>table.shape[0] // width, count = 0, i
    cdef CArray names = clone(NO_WORDS, num, zero=False), values = clone(NO_LONGS, num, zero=False)
    cdef uint32_t* out_names = <uint32_t*>names.data.as_uints
    cdef uint64_t* out_values = <uint64_t*>values.data.as_ulonglongs
    cdef Symbol64 symbol
    cdef uint32_t section
    with nogil:
        for i in range(num):
            symbol = symbol_at(&table[i * width], is_64, swap)
            if symbol.info & 15 != STT_FUNC:
                continue
            section = symbol.section
            if section == SHN_XINDEX and 4 * i + 4 <= <size_t>extended.shape[0]:
                memcpy(&section, &extended[4 * i], 4)
                section = swap_32(section) if swap else section
            elif section >= SHN_LORESERVE:
                section = 0
            out_names[count] = symbol.name
            out_values[count] = symbol.value
            if section < <size_t>addresses.shape[0] and section:
                out_values[count] += addresses[section]
            count += 1
    resize(names, count)
    resize(values, count)
    return names, values


cdef uint64_t start_of(const char* name, size_t size) noexcept nogil:
    """Return the first eight bytes as a number that orders as they do."""
    cdef uint64_t value = 0
    cdef size_t i
    for i in range(8):
        value = value << 8 | (<uint8_t>name[i] if i < size else 0)
    return value


cdef int compare_keys(const void* a, const void* b) noexcept nogil:
    cdef const Key* x = <const Key*>a
    cdef const Key* y = <const Key*>b
    cdef int order
    if x.start != y.start:
        return -1 if x.start < y.start else 1
    order = memcmp(x.name, y.name, min(x.size, y.size))
    if order:
        return order
    if x.size != y.size:
        return -1 if x.size < y.size else 1
    # First symbols are still symbol table indices here: equal names keep the table's order.
    return -1 if x.first_symbol < y.first_symbol else x.first_symbol > y.first_symbol


cdef bint holds(const char* text, size_t size, const char* part) noexcept nogil:
    cdef size_t part_size = strlen(part)
    cdef size_t i
    for i in range(size + 1 - part_size if size >= part_size else 0):
        if memcmp(text + i, part, part_size) == 0:
            return True
    return False


cdef class FunctionTable:
    """The function symbols of an ELF, by name up to the first dot.

    Args:
        names: NUL-terminated strings; kept, not copied.
        name_offset: uint32[num_symbols], where in these the names start.
        value: uint64[num_symbols], addresses.

    Cost: 18 ms for a vmlinux with 100,000.
    """

    def __cinit__(
        self, const uint8_t[::1] names, const uint32_t[::1] name_offset, const uint64_t[::1] value,
    ):
        cdef size_t num = name_offset.shape[0]
        if <size_t>value.shape[0] != num:
            raise ValueError("name_offset and value differ in length")
        self.names_owner = names
        self.known.keys = <Key*>malloc((num + 1) * sizeof(Key))
        self.symbols = <Symbol*>malloc((num + 1) * sizeof(Symbol))
        if self.known.keys == NULL or self.symbols == NULL:
            raise MemoryError
        if num:
            with nogil:
                self.fill(<const char*>&names[0] if names.shape[0] else NULL, names.shape[0],
                          &name_offset[0], &value[0], num)
        self.known.mask = 15
        while self.known.mask < 2 * self.num_keys:
            self.known.mask = self.known.mask * 2 + 1
        self.known.buckets = <uint32_t*>calloc(<size_t>self.known.mask + 1, sizeof(uint32_t))
        if self.known.buckets == NULL:
            raise MemoryError
        self.index()

    def __dealloc__(self):
        free(self.known.keys)
        free(self.symbols)
        free(self.known.buckets)

    def __len__(self) -> int:
        return self.num_keys

    cdef void fill(
        self, const char* names, size_t names_size, const uint32_t* name_offset,
        const uint64_t* value, size_t num,
    ) noexcept nogil:
        cdef const char* name
        cdef const char* end
        cdef const char* dot
        cdef size_t i, count = 0
        cdef Key* key
        for i in range(num):
            if name_offset[i] >= names_size:
                continue
            name = names + name_offset[i]
            end = <const char*>memchr(name, 0, names_size - name_offset[i])
            if end == NULL:
                continue
            dot = <const char*>memchr(name, c".", end - name)
            if dot == NULL:
                dot = end
            # Cold halves and inlined parts are no functions of their own.
            elif holds(dot, end - dot, b".cold") or holds(dot, end - dot, b".part"):
                continue
            key = &self.known.keys[count]
            key.name = name
            key.size = <uint32_t>(dot - name)
            key.start = start_of(name, key.size)
            key.first_symbol = <uint32_t>i
            key.ambiguous = holds(dot, end - dot, b".constprop") or holds(dot, end - dot, b".isra")
            count += 1
        qsort(self.known.keys, count, sizeof(Key), compare_keys)
        self.merge(value, count)

    cdef void merge(self, const uint64_t* value, size_t count) noexcept nogil:
        """Join entries of one name; until here `ambiguous` holds a symbol's is_optimized."""
        cdef size_t i
        cdef uint64_t addr = 0
        cdef Key entry
        cdef Key* key = NULL
        for i in range(count):
            entry = self.known.keys[i]
            if key == NULL or key.size != entry.size \
                    or memcmp(key.name, entry.name, key.size) != 0:
                key = &self.known.keys[self.num_keys]
                self.num_keys += 1
                key.name, key.size, key.start = entry.name, entry.size, entry.start
                key.first_symbol = <uint32_t>i
                key.num_symbols = 0
                key.ambiguous = False
                addr = 0
            self.symbols[i].addr = value[entry.first_symbol]
            self.symbols[i].is_optimized = entry.ambiguous
            key.num_symbols += 1
            if addr and addr != self.symbols[i].addr:
                key.ambiguous = True
            addr = self.symbols[i].addr
        if key != NULL:
            # pahole never looks at the last name's addresses, and has a FUNC for it.
            key.ambiguous = False

    cdef void index(self) noexcept nogil:
        cdef uint32_t i, at
        for i in range(self.num_keys):
            at = hash_bytes(self.known.keys[i].name, self.known.keys[i].size) & self.known.mask
            while self.known.buckets[at]:
                at = at + 1 & self.known.mask
            self.known.buckets[at] = i + 1

    def key(self, name: bytes) -> int:
        """Return the key of a function's name, or -1."""
        cdef uint32_t found = find_key(&self.known, name, len(name))
        return -1 if found == NO_KEY else found

    def keys_at(self, const uint8_t[::1] strings, const uint32_t[::1] offsets):
        """Return uint32[num_offsets]: the key of each name, NO_KEY where there is none.

        Args:
            strings: NUL-terminated strings.
            offsets: uint32[num_offsets], where the names begin.
        """
        import numpy as np

        keys_array = np.empty(offsets.shape[0], np.uint32)
        cdef uint32_t[::1] keys = keys_array
        cdef const char* name
        cdef const char* end
        cdef Py_ssize_t i
        for i in range(offsets.shape[0]):
            if offsets[i] >= strings.shape[0]:
                raise IndexError(offsets[i])
            name = <const char*>&strings[0] + offsets[i]
            end = <const char*>memchr(name, 0, strings.shape[0] - offsets[i])
            keys[i] = find_key(&self.known, name, end - name) if end != NULL else <uint32_t>NO_KEY
        return keys_array

    def name(self, key: int) -> bytes:
        """Return the name of a key."""
        if not 0 <= key < self.num_keys:
            raise IndexError(key)
        return self.known.keys[key].name[:self.known.keys[key].size]
