"""A base, made ready to be looked up in by name and by content.

In:  the records and strings of a graph, all its levels as one.
Out: tables that any number of graphs can be matched against, from any thread.

A name's id is the offset of its string, the first of equal ones, so that equal names are equal
words wherever they stand: in what compilers and pahole make they are so already, and nothing is
copied. Types of the base that mean the same (sorted and patched kernels hold some) are one class,
of which the first stands for all; each class is found by the words of its first record.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport strlen, strncmp

from dwarfless._core.strings cimport hash_bytes

from dwarfless._core.equivalence import classes
from dwarfless.errors import LimitError, UnsupportedError

cdef enum:
    MAX_SPELLED = 1 << 26       # bytes of names that are tails; all names of a kernel are 3 MB


cdef bint slots_init(Slots* slots, size_t expected) noexcept nogil:
    """Make room for as many entries as expected; more is made when there are more."""
    slots.mask, slots.used = 1023, 0
    while slots.mask < 2 * expected:
        slots.mask = slots.mask * 2 + 1
    slots.items = <uint64_t*>calloc(<size_t>slots.mask + 1, sizeof(uint64_t))
    return slots.items != NULL


cdef bint slots_grow(Slots* slots) noexcept nogil:
    """Double the table once it is half full."""
    cdef Slots old = slots[0]
    cdef size_t i
    if 2 * slots.used <= slots.mask:
        return True
    if not slots_init(slots, old.mask):
        slots[0] = old
        return False
    slots.used = old.used
    for i in range(<size_t>old.mask + 1):
        if old.items[i]:
            put_slot(slots.items, slots.mask, <uint32_t>(old.items[i] >> 32),
                     <uint32_t>old.items[i])
    free(old.items)
    return True


cdef class BaseIndex:
    """What a graph is matched against.

    Args:
        words: uint32[num_words], records in wide form; kept, not copied, if no name has to change.
        starts: uint32[num_types + 1], where each begins; record 0 is void and empty.
        strings: The string section names are offsets into.

    Cost: 0.03 s for the 140,000 types of a kernel.
    """

    def __cinit__(self, const uint32_t[::1] words, const uint32_t[::1] starts, bytes strings):
        cdef uint32_t num = <uint32_t>starts.shape[0] - 1
        cdef const uint32_t[::1] kept
        cdef uint32_t[::1] renamed
        if len(strings) >= 1 << 32:
            raise LimitError("string section < 4 GiB", len(strings))
        self.strings, self.text, self.text_size = strings, strings, len(strings)
        if not (slots_init(&self.string_slots, len(strings) // 16)
                and slots_init(&self.content_slots, num) and self.take_strings()):
            raise MemoryError
        self.words, self.starts = np.asarray(words), np.asarray(starts)
        if num > 1 and not self.names_are_ids(&words[0], &starts[0], num):
            self.words = renamed = np.array(words, np.uint32)
            if not self.rename(&renamed[0], &starts[0], num):
                raise UnsupportedError("long names that are tails of each other", place="base")
        everything = np.arange(num, dtype=np.uint32)
        self.canonical = classes(self.words, self.starts, everything[1:], everything)
        self.has_equal_types = not np.array_equal(self.canonical, everything)
        if num > 1:
            kept = self.words
            self.record_words, self.record_starts = &kept[0], &starts[0]
            kept = self.canonical
            self.stands_for = &kept[0]
            if not self.take_contents(num):
                raise MemoryError

    def __dealloc__(self):
        free(self.string_slots.items)
        free(self.content_slots.items)
        array_deinit(&self.name_heads)
        array_deinit(&self.name_nexts)

    cdef uint64_t* string_slot(self, const char* text, size_t length,
                               uint32_t number) noexcept nogil:
        """Return where the table leads to a string with a hash, or where there is room for it."""
        cdef uint32_t slot = number & self.string_slots.mask
        cdef const char* known
        cdef uint64_t item
        while True:
            item = self.string_slots.items[slot]
            known = self.text + <uint32_t>item
            if item == 0 or (item >> 32 == number and strncmp(known, text, length) == 0
                             and known[length] == 0):
                return &self.string_slots.items[slot]
            slot = (slot + 1) & self.string_slots.mask

    cdef bint add_string(self, uint32_t place, size_t length) noexcept nogil:
        """Find a string from now on, unless an equal one is; False if memory ran out."""
        cdef uint32_t number = hash_bytes(self.text + place, length)
        cdef uint64_t* slot = self.string_slot(self.text + place, length, number)
        if slot[0]:
            self.has_equal_strings = True
            return True
        slot[0] = <uint64_t>number << 32 | place
        self.string_slots.used += 1
        return slots_grow(&self.string_slots)

    cdef bint take_strings(self) noexcept nogil:
        """Find every string; of equal ones the first counts."""
        cdef size_t at = 0, length
        while at < self.text_size:
            length = strlen(self.text + at)
            if length and not self.add_string(<uint32_t>at, length):
                return False
            at += length + 1
        return True

    cdef uint32_t name_id(self, const char* text) noexcept nogil:
        """Return the id of a string, or 0 if the base lacks it."""
        cdef size_t length = strlen(text)
        if length == 0:
            return 0
        return <uint32_t>self.string_slot(text, length, hash_bytes(text, length))[0]

    cdef bint names_are_ids(self, const uint32_t* words, const uint32_t* starts,
                            uint32_t num) noexcept nogil:
        """Say whether equal names are equal words: no string is there twice, no name is a tail."""
        cdef const char* text = self.text
        cdef uint32_t id, kind, at, name
        cdef const uint32_t* record
        if self.has_equal_strings:
            return False
        for id in range(1, num):
            record = words + starts[id]
            kind = kind_of(record[1])
            name = record[0]
            if name and (text[name - 1] or text[name] == 0):
                return False
            at = 3
            while role_of(kind, 3) == ROLE_NAME and at < starts[id + 1] - starts[id]:
                name = record[at]
                if name and (text[name - 1] or text[name] == 0):
                    return False
                at += record_stride(kind)
        return True

    cdef bint rename(self, uint32_t* words, const uint32_t* starts, uint32_t num) noexcept nogil:
        """Make equal names equal words; a tail that is no string of its own becomes one."""
        cdef uint32_t id, j, kind
        cdef uint32_t* word
        cdef const char* name
        cdef uint64_t spelled = 0
        for id in range(1, num):
            kind = kind_of(words[starts[id] + 1])
            for j in range(starts[id + 1] - starts[id]):
                word = words + starts[id] + j
                if role_of(kind, j) != ROLE_NAME or word[0] == 0:
                    continue
                name = self.text + word[0]
                if name[0] and self.name_id(name) == 0:
                    spelled += strlen(name)
                    if spelled > MAX_SPELLED or not self.add_string(word[0], strlen(name)):
                        return False
                word[0] = self.name_id(name)
        return True

    cdef bint same_content(self, uint32_t id, const uint32_t* words,
                           uint32_t length) noexcept nogil:
        """Say whether a type's record, children made canonical, has these words."""
        cdef const uint32_t* own = self.record_words + self.record_starts[id]
        cdef uint32_t kind, j, word
        if self.record_starts[id + 1] - self.record_starts[id] != length:
            return False
        if not self.has_equal_types:
            return same_words(own, words, length)
        kind = kind_of(own[1])
        for j in range(length):
            word = self.stands_for[own[j]] if role_of(kind, j) == ROLE_NODE else own[j]
            if word != words[j]:
                return False
        return True

    cdef uint64_t* content_slot(self, const uint32_t* words, uint32_t length,
                                uint32_t number) noexcept nogil:
        """Return where the table leads to a type of such a record, or where there is room."""
        cdef uint32_t slot = number & self.content_slots.mask
        cdef uint64_t item
        while True:
            item = self.content_slots.items[slot]
            if item == 0 or (item >> 32 == number
                             and self.same_content(<uint32_t>item, words, length)):
                return &self.content_slots.items[slot]
            slot = (slot + 1) & self.content_slots.mask

    cdef uint32_t find_content(self, const uint32_t* words, uint32_t length) noexcept nogil:
        """Return the first type that has such a record, children made canonical, or 0."""
        return <uint32_t>self.content_slot(words, length, hash_words(words, length))[0]

    cdef bint take_contents(self, uint32_t num) noexcept nogil:
        """List types by name and by content, the last first, so that chains ascend."""
        cdef uint32_t id, name, kind, j, length, number
        cdef const uint32_t* own
        cdef Array record
        cdef bint failed
        if not (array_init(&record, 4, 256)
                and array_init(&self.name_heads, 4, self.text_size + 1)
                and array_init(&self.name_nexts, 4, num)):
            array_deinit(&record)
            return False
        for id in range(num - 1, 0, -1):
            own = self.record_words + self.record_starts[id]
            length = self.record_starts[id + 1] - self.record_starts[id]
            kind = kind_of(own[1])
            if self.stands_for[id] != id or kind == BTF_VAR or kind == BTF_DATASEC:
                continue
            name = own[0]
            if name:
                u32s(&self.name_nexts)[id] = u32s(&self.name_heads)[name]
                u32s(&self.name_heads)[name] = id
            if self.has_equal_types:
                record.num = 0
                for j in range(length):
                    push_u32(&record, self.stands_for[own[j]] if role_of(kind, j) == ROLE_NODE
                             else own[j])
                own = u32s(&record)
            number = hash_words(own, length)
            self.content_slot(own, length, number)[0] = <uint64_t>number << 32 | id
        failed = record.failed
        array_deinit(&record)
        return not failed
