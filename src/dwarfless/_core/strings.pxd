"""Strings by content: each is kept once. Id 0 is the empty string."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, strlen

from dwarfless._core.memory cimport *

cdef struct StringTable:
    Array bytes_            # all strings, each with its NUL
    Array offsets           # uint32[num]: where each starts in bytes_
    Array hashes            # uint32[num]
    uint32_t* slots
    uint32_t mask


cdef inline bint strings_init(StringTable* t) noexcept nogil:
    t.mask = (1 << 12) - 1
    t.slots = <uint32_t*>calloc(t.mask + 1, sizeof(uint32_t))
    if not (array_init(&t.bytes_, 1, 1 << 16) and array_init(&t.offsets, 4, 1 << 11)
            and array_init(&t.hashes, 4, 1 << 11) and t.slots != NULL):
        return False
    push(&t.bytes_)
    push(&t.offsets)
    push(&t.hashes)
    return True


cdef inline void strings_deinit(StringTable* t) noexcept nogil:
    array_deinit(&t.bytes_)
    array_deinit(&t.offsets)
    array_deinit(&t.hashes)
    free(t.slots)
    t.slots = NULL


cdef inline const char* string_at(StringTable* t, uint32_t id) noexcept nogil:
    return t.bytes_.items + u32s(&t.offsets)[id]


cdef inline uint32_t hash_bytes(const char* text, size_t length) noexcept nogil:
    """Hash a string in words; the last one overlaps that before it, so that no byte is alone."""
    cdef uint64_t h = length, word = 0
    cdef uint32_t half
    cdef size_t i
    if length >= 8:
        for i in range(0, length - 8, 8):
            memcpy(&word, text + i, 8)
            h = mix(h, word)
        memcpy(&word, text + length - 8, 8)
    elif length >= 4:
        memcpy(&word, text, 4)
        memcpy(&half, text + length - 4, 4)
        word = word << 32 | half
    elif length:
        word = <uint8_t>text[0] | <uint32_t><uint8_t>text[length >> 1] << 8 \
            | <uint32_t><uint8_t>text[length - 1] << 16
    h = mix(h, word)
    return <uint32_t>(h ^ (h >> 32))


cdef inline uint64_t start_of(const char* text, size_t length) noexcept nogil:
    """Return the first eight bytes, up to a NUL, as a number that orders as they do."""
    cdef uint64_t value = 0
    cdef size_t i
    for i in range(8):
        value = value << 8
        if i < length and text[0]:
            value |= <uint8_t>text[0]
            text += 1
    return value


cdef inline uint32_t find_string(StringTable* t, const char* text, size_t length,
                                 uint32_t h) noexcept nogil:
    """Return the id of a string, or 0 if it isn't there (or is empty)."""
    cdef uint32_t slot = h & t.mask, id
    while True:
        id = t.slots[slot]
        if id == 0:
            return 0
        if u32s(&t.hashes)[id] == h and memcmp(string_at(t, id), text, length) == 0 \
                and string_at(t, id)[length] == 0:
            return id
        slot = (slot + 1) & t.mask


cdef inline void strings_rehash(StringTable* t) noexcept nogil:
    cdef uint32_t mask = t.mask * 2 + 1, id, slot
    cdef uint32_t* slots = <uint32_t*>calloc(<size_t>mask + 1, sizeof(uint32_t))
    if slots == NULL:
        t.offsets.failed = True
        return
    for id in range(1, <uint32_t>t.offsets.num):
        slot = u32s(&t.hashes)[id] & mask
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot] = id
    free(t.slots)
    t.slots = slots
    t.mask = mask


cdef inline uint32_t add_string(StringTable* t, const char* text, size_t length) noexcept nogil:
    """Return the id of a string, adding it if it's new."""
    cdef uint32_t h, id, slot
    if length == 0:
        return 0
    h = hash_bytes(text, length)
    id = find_string(t, text, length, h)
    if id:
        return id
    if t.offsets.num * 2 > t.mask:
        strings_rehash(t)
    if not (array_reserve(&t.bytes_, length + 1) and array_reserve(&t.offsets, 1)
            and array_reserve(&t.hashes, 1)) \
            or t.offsets.failed or t.bytes_.num + length >= MAX_U32:
        t.offsets.failed = True
        return 0
    id = <uint32_t>t.offsets.num
    push_u32(&t.offsets, <uint32_t>t.bytes_.num)
    push_u32(&t.hashes, h)
    memcpy(t.bytes_.items + t.bytes_.num, text, length)
    t.bytes_.items[t.bytes_.num + length] = 0
    t.bytes_.num += length + 1
    slot = h & t.mask
    while t.slots[slot]:
        slot = (slot + 1) & t.mask
    t.slots[slot] = id
    return id
