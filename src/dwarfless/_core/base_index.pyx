"""A base, made ready to be looked up in by name and by content.

In:  the records and strings of a graph, all its levels as one.
Out: tables that any number of graphs can be matched against, from any thread.

Names become string ids, so that equal names are equal words wherever they stand. Types of the base
that mean the same (sorted and patched kernels hold some) are one class, of which the first stands
for all; each class is found by the words of its first record.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport strlen

from dwarfless._core.equivalence import classes
from dwarfless.errors import UnsupportedError

cdef enum:
    MAX_SPELLED = 1 << 26       # bytes of names that are tails; all names of a kernel are 3 MB

cdef class BaseIndex:
    """What a graph is matched against.

    Args:
        words: uint32[num_words], records in wide form.
        starts: uint32[num_types + 1], where each begins; record 0 is void and empty.
        strings: The string section names are offsets into.

    Cost: 0.15 s for the 107,000 types of a kernel.
    """

    def __cinit__(self, const uint32_t[::1] words, const uint32_t[::1] starts, bytes strings):
        cdef uint32_t num = <uint32_t>starts.shape[0] - 1
        cdef const char* text = strings
        cdef size_t size = len(strings)
        cdef uint32_t[::1] renamed
        cdef const uint32_t[::1] canonical
        if not (strings_init(&self.strings) and nodes_init(&self.contents)
                and array_init(&self.string_offsets, 4, 1 << 16)
                and array_init(&self.content_ids, 4, num)
                and array_init(&self.name_heads, 4, 1)
                and array_init(&self.name_nexts, 4, num)):
            raise MemoryError
        if not self.take_strings(text, size):
            raise MemoryError
        self.words = np.array(words, np.uint32)
        self.starts = np.asarray(starts)
        renamed = self.words
        if num > 1:
            if not self.rename(&words[0], &starts[0], num, text, &renamed[0]):
                raise UnsupportedError("long names that are tails of each other", place="base")
        self.canonical = classes(self.words, self.starts, np.arange(1, num, dtype=np.uint32),
                                 np.arange(num, dtype=np.uint32))
        canonical = self.canonical
        if num > 1 and not self.take_contents(&renamed[0], &starts[0], &canonical[0], num):
            raise MemoryError

    def __dealloc__(self):
        strings_deinit(&self.strings)
        nodes_deinit(&self.contents)
        array_deinit(&self.string_offsets)
        array_deinit(&self.content_ids)
        array_deinit(&self.name_heads)
        array_deinit(&self.name_nexts)

    def string_places(self):
        """Return uint32[num_strings]: the base's offset of each string id."""
        cdef size_t num = self.string_offsets.num
        return np.asarray(
            <const uint32_t[:num]><const uint32_t*>self.string_offsets.items).copy()

    cdef bint take_strings(self, const char* text, size_t size) noexcept nogil:
        """Give every string an id; of equal ones the first counts."""
        cdef size_t at = 0, length
        cdef uint32_t id
        push_u32(&self.string_offsets, 0)
        while at < size:
            length = strlen(text + at)
            id = add_string(&self.strings, text + at, length)
            if id == self.string_offsets.num:
                push_u32(&self.string_offsets, <uint32_t>at)
            at += length + 1
        return not (self.strings.offsets.failed or self.string_offsets.failed)

    cdef uint32_t name_id(self, const char* text) noexcept nogil:
        """Return the id of a string, or 0 if the base lacks it."""
        cdef size_t length = strlen(text)
        if length == 0:
            return 0
        return find_string(&self.strings, text, length, hash_bytes(text, length))

    cdef bint rename(self, const uint32_t* words, const uint32_t* starts, uint32_t num,
                     const char* text, uint32_t* out) noexcept nogil:
        """Write string ids where the records have offsets; a name may be a string's tail."""
        cdef uint32_t id, j, kind, place
        cdef uint64_t spelled = 0
        for id in range(1, num):
            kind = kind_of(words[starts[id] + 1])
            for j in range(starts[id + 1] - starts[id]):
                if role_of(kind, j) != ROLE_NAME or words[starts[id] + j] == 0:
                    continue
                place = words[starts[id] + j]
                out[starts[id] + j] = self.name_id(text + place)
                if out[starts[id] + j] or text[place] == 0:
                    continue
                spelled += strlen(text + place)
                out[starts[id] + j] = add_string(&self.strings, text + place,
                                                 strlen(text + place))
                push_u32(&self.string_offsets, place)
                if spelled > MAX_SPELLED or self.string_offsets.failed:
                    return False
        return True

    cdef bint take_contents(self, const uint32_t* words, const uint32_t* starts,
                            const uint32_t* canonical, uint32_t num) noexcept nogil:
        """List types by name and by content, the last first, so that chains ascend."""
        cdef uint32_t id, name, node, kind, j
        cdef Array record
        cdef bint failed
        if not array_init(&record, 4, 256) \
                or not array_reserve(&self.name_heads, self.strings.offsets.num) \
                or not array_reserve(&self.name_nexts, num):
            return False
        self.name_heads.num = self.strings.offsets.num
        memset(self.name_heads.items, 0, self.name_heads.num * 4)
        self.name_nexts.num = num
        push_u32(&self.content_ids, 0)
        for id in range(num - 1, 0, -1):
            kind = kind_of(words[starts[id] + 1])
            u32s(&self.name_nexts)[id] = 0
            if canonical[id] != id or kind == BTF_VAR or kind == BTF_DATASEC:
                continue
            name = words[starts[id]]
            if name and name < self.name_heads.num:
                u32s(&self.name_nexts)[id] = u32s(&self.name_heads)[name]
                u32s(&self.name_heads)[name] = id
            record.num = 0
            for j in range(starts[id + 1] - starts[id]):
                push_u32(&record, canonical[words[starts[id] + j]]
                         if role_of(kind, j) == ROLE_NODE else words[starts[id] + j])
            node = intern_node(&self.contents, u32s(&record), <uint32_t>record.num, 0)
            if node == self.content_ids.num:
                push_u32(&self.content_ids, id)
            else:
                u32s(&self.content_ids)[node] = id
        failed = record.failed or nodes_failed(&self.contents) or self.content_ids.failed
        array_deinit(&record)
        return not failed
