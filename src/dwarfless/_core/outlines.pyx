"""Tell which structs, unions and enums a base defines once.

In:  the records of a graph without a base.
Out: a table by name and kind, for the threads that read units (`outlines.pxd`).
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport strlen


cdef uint8_t local_kind(const uint32_t* record) noexcept nogil:
    """Return what a record defines as a LocalKind, or LK_NONE."""
    cdef uint32_t kind = kind_of(record[1])
    if kind == BTF_STRUCT: return LK_STRUCT
    elif kind == BTF_UNION: return LK_UNION
    elif kind == BTF_ENUM64 or (kind == BTF_ENUM and vlen_of(record[1])): return LK_ENUM
    return LK_NONE


cdef class OutlineTable:
    """What a base defines, by name and kind.

    Args:
        words: uint32[num_words], records in wide form.
        starts: uint32[num_types + 1], where each begins, from the first type on.
        strings: The string section names are offsets into; NUL-terminated strings.

    Cost: 2 ms for a kernel's 140,000 types.
    """

    def __cinit__(self, const uint32_t[::1] words, const uint32_t[::1] starts, bytes strings):
        cdef const char* text = strings
        cdef Py_ssize_t i, num = starts.shape[0] - 1
        cdef uint32_t count = 0
        cdef const uint32_t* record
        self.strings = strings
        for i in range(num):
            count += local_kind(&words[starts[i]]) != LK_NONE
        self.table.mask = 1023
        while self.table.mask < 2 * count:
            self.table.mask = self.table.mask * 2 + 1
        self.table.items = <Outline*>calloc(count + 1, sizeof(Outline))
        self.table.slots = <uint32_t*>calloc(<size_t>self.table.mask + 1, 4)
        if self.table.items == NULL or self.table.slots == NULL:
            raise MemoryError
        with nogil:
            for i in range(num):
                record = &words[starts[i]]
                if record[0] and local_kind(record) != LK_NONE:
                    self.add(text + record[0], record[2], local_kind(record))

    def __dealloc__(self):
        free(self.table.items)
        free(self.table.slots)

    def __len__(self):
        """Return the number of names and kinds."""
        return self.table.num

    cdef void add(self, const char* name, uint32_t size, uint8_t kind) noexcept nogil:
        cdef size_t length = strlen(name)
        cdef uint32_t hash = hash_bytes(name, length)
        cdef uint32_t* slot = outline_slot(&self.table, hash, name, length, kind)
        cdef Outline* item
        if slot[0] == 0:
            self.table.num += 1
            slot[0] = self.table.num
            item = &self.table.items[self.table.num - 1]
            item.name, item.length, item.hash = name, <uint32_t>length, hash
            item.size, item.kind = size, kind
        self.table.items[slot[0] - 1].definitions += 1
