"""One number for each name of a program, whatever its numbers were while units were read.

All names in use are looked at once, by text, those of .debug_str in the order they stand there.
In a linked kernel no two are the same text, and then there is nothing more to do: `canonical` gives
back what it gets. In a module .debug_str is not merged, and the first of equal ones counts.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport strcmp, strlen

from dwarfless._core.memory cimport *
from dwarfless._core.names cimport *
from dwarfless._core.strings cimport *

cdef enum:
    NUM_SHORT = 1 << 24         # numbers that names of up to three bytes may have, less NAME_SHORT
    NUM_WAITING = 16

cdef extern from *:
    """
    #define NAME_NONE (~(uint32_t)0)
    """
    const uint32_t NAME_NONE    # in `other`: the name is empty

cdef extern from *:
    int count_ones "__builtin_popcountll"(uint64_t) nogil
    int lowest_bit "__builtin_ctzll"(uint64_t) nogil

cdef struct Spellings:
    Names* first                # of the store whose numbers count
    uint64_t* used              # bit a place in the pool, then a bit a short name
    uint64_t* met               # bit a word of `used` that is not zero
    uint64_t* slots             # hash << 32 | name; 0: free
    uint32_t mask, num
    Array other_in_pool         # uint32 a place: the canonical number if it's another; or empty
    Array other_short           # uint64: a short name without NAME_SHORT, above its other number
    bint failed


cdef inline bint spellings_init(Spellings* s, Names* first) noexcept nogil:
    cdef size_t words = (<size_t>first.pool.size + NUM_SHORT) // 64 + 1
    s.first = first
    s.used = <uint64_t*>calloc(words, 8)
    s.met = <uint64_t*>calloc(words // 64 + 1, 8)
    s.mask = (1 << 12) - 1
    s.slots = <uint64_t*>calloc(<size_t>s.mask + 1, sizeof(uint64_t))
    return array_init(&s.other_in_pool, 4, 0) and array_init(&s.other_short, 8, 0) \
        and s.used != NULL and s.met != NULL and s.slots != NULL


cdef inline void spellings_deinit(Spellings* s) noexcept nogil:
    free(s.used)
    free(s.met)
    free(s.slots)
    array_deinit(&s.other_in_pool)
    array_deinit(&s.other_short)
    s.used = s.met = NULL
    s.slots = NULL


cdef inline void use_name(Spellings* s, uint32_t name) noexcept nogil:
    """Note that a name occurs, unless it is a store's own, which are few."""
    cdef uint32_t place
    if name == 0 or name >= NAME_OWN:
        return
    place = name - 1 if name < NAME_SHORT else s.first.pool.size + (name & (NUM_SHORT - 1))
    s.used[place >> 6] |= <uint64_t>1 << (place & 63)
    s.met[place >> 12] |= <uint64_t>1 << (place >> 6 & 63)


cdef inline uint32_t next_used(Spellings* s, uint32_t word, uint32_t end) noexcept nogil:
    """Return the first word of `used` from one on that is not zero, or the end."""
    cdef uint64_t bits
    while word < end:
        bits = s.met[word >> 6] >> (word & 63)
        if bits:
            return min(word + <uint32_t>lowest_bit(bits), end)
        word = (word | 63) + 1
    return end


cdef inline void grow_slots(Spellings* s, uint32_t mask) noexcept nogil:
    cdef uint32_t i, slot
    cdef uint64_t* slots = <uint64_t*>calloc(<size_t>mask + 1, sizeof(uint64_t))
    if slots == NULL:
        s.failed = True
        return
    for i in range(s.mask + 1):
        if s.slots[i]:
            slot = <uint32_t>(s.slots[i] >> 32) & mask
            while slots[slot]:
                slot = (slot + 1) & mask
            slots[slot] = s.slots[i]
    free(s.slots)
    s.slots = slots
    s.mask = mask


cdef inline uint32_t spell(Spellings* s, const char* text, uint32_t hash,
                           uint32_t name) noexcept nogil:
    """Return the name that has this text; `name`, of the first store, if none has it yet."""
    cdef char space[4]
    cdef uint32_t slot
    if s.num * 2 > s.mask:
        grow_slots(s, s.mask * 2 + 1)
    slot = hash & s.mask
    while s.slots[slot]:
        if s.slots[slot] >> 32 == hash \
                and strcmp(text_of_name(s.first, <uint32_t>s.slots[slot], space), text) == 0:
            return <uint32_t>s.slots[slot]
        slot = (slot + 1) & s.mask
    if not s.failed:
        s.slots[slot] = <uint64_t>hash << 32 | name
        s.num += 1
    return name


cdef struct Waiting:            # a few names, whose slots are on their way into the cache
    uint32_t places[NUM_WAITING]
    uint32_t hashes[NUM_WAITING]
    uint32_t num


cdef inline void note_other(Spellings* s, uint32_t place, uint32_t other, bint short) noexcept nogil:
    """Note that the name at a place has another number; places ascend."""
    cdef uint64_t* item
    if short:
        item = <uint64_t*>push(&s.other_short)
        item[0] = <uint64_t>place << 32 | other
    elif grow_zeroed(&s.other_in_pool, s.first.pool.size):
        u32s(&s.other_in_pool)[place] = other
    s.failed = s.failed or s.other_short.failed or s.other_in_pool.failed


cdef inline void spell_waiting(Spellings* s, Waiting* few, uint32_t first_name) noexcept nogil:
    """Look names up; note those that have another number."""
    cdef uint32_t i, name, other
    cdef char space[4]
    cdef const char* text
    for i in range(few.num):
        name = first_name + few.places[i]
        text = text_of_name(s.first, name, space)
        other = spell(s, text, few.hashes[i], name) if text[0] else NAME_NONE
        if other != name:
            note_other(s, few.places[i], other, first_name == NAME_SHORT)
    few.num = 0


cdef inline void spell_used(Spellings* s, uint32_t first, uint32_t end,
                            uint32_t first_name) noexcept nogil:
    """Look up the names in use from one bit to another."""
    cdef uint32_t place, hash, word = first >> 6, end_word = (end + 63) >> 6
    cdef uint64_t bits
    cdef char space[4]
    cdef const char* text
    cdef Waiting few
    few.num = 0
    while True:
        word = next_used(s, word, end_word)
        if word == end_word:
            break
        bits = s.used[word]
        while bits:
            place = (word << 6) + lowest_bit(bits)
            bits &= bits - 1
            if place < first or place >= end:
                continue
            text = text_of_name(s.first, first_name + (place - first), space)
            hash = hash_bytes(text, strlen(text))
            prefetch(&s.slots[hash & s.mask])
            few.places[few.num] = place - first
            few.hashes[few.num] = hash
            few.num += 1
            if few.num == NUM_WAITING:
                spell_waiting(s, &few, first_name)
        word += 1
    spell_waiting(s, &few, first_name)


cdef inline void spell_all(Spellings* s) noexcept nogil:
    """Look at all names in use."""
    cdef uint32_t size = s.first.pool.size, mask = s.mask, word = 0
    cdef uint32_t end = (size + NUM_SHORT) // 64 + 1
    cdef size_t num = 0
    while True:
        word = next_used(s, word, end)
        if word == end:
            break
        num += count_ones(s.used[word])
        word += 1
    while num * 2 > mask:
        mask = mask * 2 + 1
    grow_slots(s, mask)
    spell_used(s, 0, size, 1)
    spell_used(s, size, size + NUM_SHORT, NAME_SHORT)


cdef inline uint32_t other_short(Spellings* s, uint32_t place) noexcept nogil:
    """Return the other number of a short name, or 0."""
    cdef size_t at = first_not_below(&s.other_short, <uint64_t>place << 32)
    cdef uint64_t item = u64s(&s.other_short)[at] if at < s.other_short.num else 0
    return <uint32_t>item if item >> 32 == place else 0


cdef inline uint32_t canonical(Spellings* s, Names* names, uint32_t name) noexcept nogil:
    """Return the one number of a store's name."""
    if name == 0 or (name < NAME_OWN and s.other_in_pool.num == s.other_short.num == 0):
        return name
    return looked_up(s, names, name)


cdef inline uint32_t looked_up(Spellings* s, Names* names, uint32_t name) noexcept nogil:
    cdef uint32_t other = 0
    cdef const char* text
    if name < NAME_SHORT:
        if s.other_in_pool.num:
            other = u32s(&s.other_in_pool)[name - 1]
    elif name < NAME_OWN:
        other = other_short(s, name & (NUM_SHORT - 1))
    else:
        text = string_at(&names.own, name - NAME_OWN)
        if names != s.first:
            name = name_of_bytes(s.first, text, strlen(text))
        other = spell(s, text, hash_bytes(text, strlen(text)), name)
    return name if other == 0 else (0 if other == NAME_NONE else other)
