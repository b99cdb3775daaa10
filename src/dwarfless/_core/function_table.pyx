"""The function symbols of an ELF by name.

In:  a symbol table.
Out: a key for each name up to its first dot; where the symbols of each lie.

While units are read, by any number of threads, a function is kept if its name is known here.
"""

from cpython.array cimport array as CArray, clone, resize
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport memchr, memcmp, memcpy, strlen

from dwarfless._core.memory cimport *
from dwarfless._core.radix cimport *
from dwarfless._core.strings cimport hash_bytes, start_of

from array import array

cdef CArray NO_WORDS = array("I"), NO_LONGS = array("Q")     # of what clone() makes

cdef enum:
    MAX_DEPTH = 64              # bytes; names of a kernel differ before

cdef extern from "<endian.h>" nogil:
    uint64_t be64toh(uint64_t)

cdef enum:      # as formats/elf.py has them
    STT_FUNC = 2
    SHN_LORESERVE = 0xFF00
    SHN_XINDEX = 0xFFFF

cdef extern from *:
    """
    #define OPTIMIZED_SYMBOL ((uint32_t)1 << 31)
    """
    const uint32_t OPTIMIZED_SYMBOL     # on a symbol's key while the table is made

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


cdef bint holds(const char* text, size_t size, const char* part) noexcept nogil:
    cdef size_t part_size = strlen(part)
    cdef size_t i
    for i in range(size + 1 - part_size if size >= part_size else 0):
        if memcmp(text + i, part, part_size) == 0:
            return True
    return False


cdef inline int compare_names(const Key* x, const Key* y) noexcept nogil:
    cdef int order = memcmp(x.name, y.name, min(x.size, y.size))
    return order if order else (x.size > y.size) - (x.size < y.size)


cdef int compare_keyed(const void* a, const void* b) noexcept nogil:
    return compare_names(<const Key*><size_t>(<const Keyed*>a).value,
                         <const Key*><size_t>(<const Keyed*>b).value)


cdef void sort_names(Keyed* names, Keyed* space, size_t num, uint32_t depth) noexcept nogil:
    """Sort names, each of a Key, that share their first bytes: by the next eight, then ties."""
    cdef size_t i, first = 0
    cdef const Key* key
    if depth > MAX_DEPTH:
        qsort(names, num, sizeof(Keyed), compare_keyed)
        return
    for i in range(num):
        key = <const Key*><size_t>names[i].value
        if key.size >= depth + 8:
            memcpy(&names[i].key, key.name + depth, 8)
            names[i].key = be64toh(names[i].key)
        else:
            names[i].key = start_of(key.name + depth, key.size - depth if key.size > depth else 0)
    sort_keyed(names, space, num)
    for i in range(1, num + 1):
        if i < num and names[i].key == names[first].key:
            continue
        if i - first > 1:
            sort_names(names + first, space, i - first, depth + 8)
        first = i


cdef void find_few(const KnownNames* known, const uint8_t* strings, size_t size,
                   const uint32_t* offsets, size_t num, uint32_t* keys) noexcept nogil:
    """Find the keys of a few names, each step for all of them, so that their misses overlap.

    Effect: a third of the time of one name after another.
    """
    cdef const char* names[FEW]
    cdef uint32_t sizes[FEW]
    cdef uint32_t numbers[FEW]
    cdef bint ends[FEW]         # with a NUL
    cdef uint32_t bucket
    cdef size_t i
    cdef const char* end
    for i in range(num):
        prefetch(strings + offsets[i])
    for i in range(num):
        names[i] = <const char*>strings + offsets[i]
        end = <const char*>memchr(names[i], 0, size - offsets[i])
        ends[i] = end != NULL
        sizes[i] = <uint32_t>(end - names[i]) if ends[i] else 0
        numbers[i] = hash_bytes(names[i], sizes[i])
        prefetch(&known.buckets[numbers[i] & known.mask])
    for i in range(num):
        bucket = known.buckets[numbers[i] & known.mask]
        prefetch(&known.keys[bucket - 1 if bucket else 0])
    for i in range(num):
        bucket = known.buckets[numbers[i] & known.mask]
        prefetch(known.keys[bucket - 1 if bucket else 0].name)
    for i in range(num):
        keys[i] = known.buckets[place_of(known, numbers[i], names[i], sizes[i])] - 1
        if not ends[i]:
            keys[i] = NO_KEY


cdef class FunctionTable:
    """The function symbols of an ELF, by name up to the first dot.

    Args:
        names: NUL-terminated strings; kept, not copied.
        name_offset: uint32[num_symbols], where in these the names start.
        value: uint64[num_symbols], addresses.

    Cost: 8 ms for a vmlinux with 100,000.
    """

    def __cinit__(
        self, const uint8_t[::1] names, const uint32_t[::1] name_offset, const uint64_t[::1] value,
    ):
        cdef size_t num = name_offset.shape[0]
        cdef uint32_t* key_of
        if <size_t>value.shape[0] != num:
            raise ValueError("name_offset and value differ in length")
        self.names_owner = names
        self.known.mask = 15
        while self.known.mask < 2 * num:
            self.known.mask = self.known.mask * 2 + 1
        self.known.buckets = <uint32_t*>calloc(<size_t>self.known.mask + 1, sizeof(uint32_t))
        self.known.keys = <Key*>malloc((num + 1) * sizeof(Key))
        self.symbols = <Symbol*>malloc((num + 1) * sizeof(Symbol))
        key_of = <uint32_t*>malloc((num + 1) * sizeof(uint32_t))
        if self.known.keys == NULL or self.symbols == NULL or self.known.buckets == NULL \
                or key_of == NULL:
            free(key_of)
            raise MemoryError
        if num and names.shape[0]:
            with nogil:
                self.take(<const char*>&names[0], names.shape[0], &name_offset[0], num, key_of)
                self.group(&value[0], num, key_of)
        free(key_of)

    def __dealloc__(self):
        free(self.known.keys)
        free(self.symbols)
        free(self.known.buckets)

    def __len__(self) -> int:
        return self.num_keys

    cdef void take(self, const char* names, size_t names_size, const uint32_t* name_offset,
                   size_t num, uint32_t* key_of) noexcept nogil:
        """Note which key each symbol has, NO_KEY for none; count the symbols of each."""
        cdef const char* name
        cdef const char* end
        cdef const char* dot
        cdef Function few[FEW]
        cdef size_t i, num_few = 0
        for i in range(num):
            if num_few == FEW:
                self.take_few(few, num_few, key_of)
                num_few = 0
            key_of[i] = NO_KEY
            if i + FEW < num:
                prefetch(names + name_offset[i + FEW])
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
            few[num_few].symbol, few[num_few].name, few[num_few].size = i, name, dot - name
            few[num_few].is_optimized = dot != end and (
                holds(dot, end - dot, b".constprop") or holds(dot, end - dot, b".isra"))
            few[num_few].hash = hash_bytes(name, dot - name)
            prefetch(&self.known.buckets[few[num_few].hash & self.known.mask])
            num_few += 1
        self.take_few(few, num_few, key_of)

    cdef void take_few(self, const Function* few, size_t num, uint32_t* key_of) noexcept nogil:
        """Do that for a few symbols, whose misses overlap: two thirds of the time."""
        cdef size_t i
        cdef uint32_t bucket, key
        for i in range(num):
            bucket = self.known.buckets[few[i].hash & self.known.mask]
            prefetch(&self.known.keys[bucket - 1 if bucket else self.num_keys])
        for i in range(num):
            key = self.key_of(few[i].name, few[i].size, few[i].hash)
            self.known.keys[key].num_symbols += 1
            key_of[few[i].symbol] = key | (OPTIMIZED_SYMBOL if few[i].is_optimized else 0)

    cdef uint32_t key_of(self, const char* name, size_t size, uint32_t number) noexcept nogil:
        """Return the key of a name with a hash, a new one if need be."""
        cdef uint32_t at = place_of(&self.known, number, name, size)
        cdef Key* key
        if self.known.buckets[at] == 0:
            key = &self.known.keys[self.num_keys]
            key.name, key.size, key.hash = name, <uint32_t>size, number
            key.num_symbols = 0
            self.num_keys += 1
            self.known.buckets[at] = self.num_keys
        return self.known.buckets[at] - 1

    cdef void group(self, const uint64_t* value, size_t num, const uint32_t* key_of) noexcept nogil:
        """Put the symbols of a key side by side; with several addresses it is ambiguous."""
        cdef uint32_t i, at = 0
        cdef uint64_t addr
        cdef Key* key
        cdef Key* last = self.known.keys
        for i in range(self.num_keys):
            key = &self.known.keys[i]
            key.first_symbol = at
            at += key.num_symbols
            key.num_symbols = 0
            key.ambiguous = False
            if compare_names(last, key) < 0:
                last = key
        for i in range(num):
            if key_of[i] == NO_KEY:
                continue
            key = &self.known.keys[key_of[i] & ~OPTIMIZED_SYMBOL]
            at = key.first_symbol + key.num_symbols
            addr = self.symbols[at - 1].addr if key.num_symbols else 0
            key.num_symbols += 1
            self.symbols[at].addr = value[i]
            self.symbols[at].is_optimized = key_of[i] & OPTIMIZED_SYMBOL != 0
            if addr and addr != value[i]:
                key.ambiguous = True
        # pahole never looks at the last name's addresses, and has a FUNC for it.
        last.ambiguous = False

    cdef bint sort(self, uint32_t* keys, size_t num) noexcept nogil:
        """Sort keys by name, bytewise; False if memory ran out."""
        cdef Keyed* names = <Keyed*>malloc((2 * num + 1) * sizeof(Keyed))
        cdef size_t i
        if names == NULL:
            return False
        for i in range(num):
            names[i].value = <size_t>&self.known.keys[keys[i]]
        sort_names(names, names + num, num, 0)
        for i in range(num):
            keys[i] = <uint32_t>(<const Key*><size_t>names[i].value - self.known.keys)
        free(names)
        return True

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

        if len(offsets) and np.asarray(offsets).max() >= strings.shape[0]:
            raise IndexError(int(np.asarray(offsets).max()))
        keys_array = np.empty(offsets.shape[0], np.uint32)
        cdef uint32_t[::1] keys = keys_array
        cdef size_t num = offsets.shape[0], first = 0, few = FEW
        if num:
            with nogil:
                while first < num:
                    find_few(&self.known, &strings[0], strings.shape[0], &offsets[first],
                             min(num - first, few), &keys[first])
                    first += few
        return keys_array

    def by_name(self, const uint32_t[::1] keys):
        """Return the distinct keys among some, by name, uint32[num_distinct]."""
        import numpy as np

        cdef uint8_t[::1] met = np.zeros(self.num_keys + 1, np.uint8)
        cdef uint32_t[::1] found = np.empty(self.num_keys + 1, np.uint32)
        cdef size_t i, num = 0
        cdef bint sorted_
        for i in range(<size_t>keys.shape[0]):
            if keys[i] >= self.num_keys:
                raise IndexError(keys[i])
            met[keys[i]] = 1
        with nogil:
            for i in range(self.num_keys):
                if met[i]:
                    found[num] = <uint32_t>i
                    num += 1
            sorted_ = self.sort(&found[0], num)
        if not sorted_:
            raise MemoryError
        return np.asarray(found[:num])

    def name(self, key: int) -> bytes:
        """Return the name of a key."""
        if not 0 <= key < self.num_keys:
            raise IndexError(key)
        return self.known.keys[key].name[:self.known.keys[key].size]
