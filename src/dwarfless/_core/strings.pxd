"""Strings by content, with the pointer as a cache in front.

In a linked file equal names mostly share one place in .debug_str, so a table of recently seen
pointers answers nearly every question; content decides the rest. Names of up to five bytes, which
compilers put into the DIE itself, are their own key. Id 0 is the empty string.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, strlen

from dwarfless._core.memory cimport *

cdef enum:
    CACHE_BITS = 16         # sets of the cache; 2 MB: the names a kernel's units share fit in
    WAYS = 4                # entries of a set; half a cache line
    KEY_BITS = 48           # of a cache key: a pointer, or a short string behind bit 47
    SHORT = 5               # bytes of the longest name that is its own key
    STRING_IS_NAME = 1      # an identifier the kernel's verifier accepts
    STRING_IS_KEY = 2       # a function symbol of that name exists
    MAX_NAME = 512          # KSYM_NAME_LEN since Linux 6.1; the NUL counts

cdef struct CachedString:
    uint32_t rest           # of the key's image, below the bits that choose the set
    uint32_t id             # 0: the entry is free

cdef struct StringTable:
    Array bytes_            # all strings, each with its NUL
    Array offsets           # uint32[num]: where each starts in bytes_
    Array hashes            # uint32[num]
    Array flags             # uint8[num]
    uint32_t* slots
    uint32_t mask
    CachedString* cache
    StringTable* keys       # function symbols; ids of this table aren't shared


cdef inline bint strings_init(StringTable* t, bint cached, StringTable* keys) noexcept nogil:
    t.mask = (1 << 12) - 1
    t.slots = <uint32_t*>calloc(t.mask + 1, sizeof(uint32_t))
    t.cache = <CachedString*>calloc(WAYS << CACHE_BITS, sizeof(CachedString)) if cached else NULL
    t.keys = keys
    if not (array_init(&t.bytes_, 1, 1 << 16) and array_init(&t.offsets, 4, 1 << 11)
            and array_init(&t.hashes, 4, 1 << 11) and array_init(&t.flags, 1, 1 << 11)
            and t.slots != NULL and (t.cache != NULL or not cached)):
        return False
    push(&t.bytes_)
    push(&t.offsets)
    push(&t.hashes)
    push(&t.flags)
    return True


cdef inline void strings_deinit(StringTable* t) noexcept nogil:
    array_deinit(&t.bytes_)
    array_deinit(&t.offsets)
    array_deinit(&t.hashes)
    array_deinit(&t.flags)
    free(t.slots)
    free(t.cache)
    t.slots = NULL
    t.cache = NULL


cdef inline const char* string_at(StringTable* t, uint32_t id) noexcept nogil:
    return t.bytes_.items + u32s(&t.offsets)[id]


cdef inline uint8_t string_flags(StringTable* t, uint32_t id) noexcept nogil:
    return (<uint8_t*>t.flags.items)[id]


cdef inline uint32_t hash_bytes(const char* text, size_t length) noexcept nogil:
    cdef uint64_t h = length, word
    cdef size_t i = 0
    while i + 8 <= length:
        memcpy(&word, text + i, 8)
        h = mix(h, word)
        i += 8
    word = 0
    memcpy(&word, text + i, length - i)
    h = mix(h, word)
    return <uint32_t>(h ^ (h >> 32))


cdef inline uint8_t judge_name(const char* text, size_t length) noexcept nogil:
    cdef size_t i
    cdef char c
    if length == 0 or length >= MAX_NAME:
        return 0
    for i in range(length):
        c = text[i]
        if not (c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c == c'_' or c == c'.'
                or (i > 0 and c'0' <= c <= c'9')):
            return 0
    return STRING_IS_NAME


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
            and array_reserve(&t.hashes, 1) and array_reserve(&t.flags, 1)) \
            or t.offsets.failed or t.bytes_.num + length >= MAX_U32:
        t.offsets.failed = True
        return 0
    id = <uint32_t>t.offsets.num
    push_u32(&t.offsets, <uint32_t>t.bytes_.num)
    push_u32(&t.hashes, h)
    memcpy(t.bytes_.items + t.bytes_.num, text, length)
    t.bytes_.items[t.bytes_.num + length] = 0
    t.bytes_.num += length + 1
    (<uint8_t*>push(&t.flags))[0] = judge_name(text, length)
    if t.keys != NULL:
        if find_string(t.keys, text, length, h):
            (<uint8_t*>t.flags.items)[id] |= STRING_IS_KEY
    slot = h & t.mask
    while t.slots[slot]:
        slot = (slot + 1) & t.mask
    t.slots[slot] = id
    return id


cdef inline CachedString* cached(StringTable* t, uint64_t key) noexcept nogil:
    """Return a key's entry, its id 0 if it's new.

    New keys take the last place of their set and move up by one each time they are met again, so
    that names of one unit don't drive out those of all. Multiplying by an odd number takes no two
    keys to one image: set and rest tell them apart.
    """
    cdef uint64_t image = key * <uint64_t>0x9E3779B97F4A7C15 & (<uint64_t>1 << KEY_BITS) - 1
    cdef uint32_t rest = <uint32_t>image, i
    cdef CachedString* line = t.cache + (image >> (KEY_BITS - CACHE_BITS)) * WAYS
    cdef CachedString other
    if line[0].rest == rest:
        return line
    for i in range(1, WAYS):
        if line[i].rest == rest and line[i].id:
            other = line[i - 1]
            line[i - 1] = line[i]
            line[i] = other
            return &line[i - 1]
    line[WAYS - 1].rest = rest
    line[WAYS - 1].id = 0
    return &line[WAYS - 1]


cdef inline uint32_t intern_string(StringTable* t, const char* text) noexcept nogil:
    """Return the id of a NUL-terminated string that stays where it is."""
    cdef CachedString* line
    if <size_t>text >> (KEY_BITS - 1) or text == NULL:
        return add_string(t, text, strlen(text)) if text != NULL else 0
    line = cached(t, <size_t>text)
    if line.id == 0:
        line.id = add_string(t, text, strlen(text))
    return line.id


cdef inline uint32_t intern_short(StringTable* t, const char* text, uint64_t word,
                                  uint32_t length) noexcept nogil:
    """Return the id of a string of up to SHORT bytes; `word` holds them and nothing else."""
    cdef CachedString* line = cached(t, word | <uint64_t>1 << (KEY_BITS - 1))
    if line.id == 0:
        line.id = add_string(t, text, length)
    return line.id


cdef inline uint32_t intern_inline(StringTable* t, const char* text, size_t length) noexcept nogil:
    """Return the id of a string that stands in a DIE; its place is nobody else's."""
    cdef uint64_t word = 0
    if length > SHORT or length == 0:
        return add_string(t, text, length)
    memcpy(&word, text, length)
    return intern_short(t, text, word, <uint32_t>length)
