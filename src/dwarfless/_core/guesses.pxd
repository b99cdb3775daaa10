"""Types that were met before are recognised as they are read, not read again.

Headers bring the same structs into thousands of units. What a struct's DIE became last time is
remembered by its name (of one without, by the name before and how many came since). When the next
one comes, its children are compared with that record: each has to have the member's name and
offset. What a member refers to can't be known yet, so that is only noted; `recognised` compares it
when the unit's types are built. Nothing is taken on trust, so a wrong guess costs time and no more.

Effect: see `recognised`.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.abbrev cimport *
from dwarfless._core.columns cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.names cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.plain cimport *
from dwarfless._core.plans cimport *
from dwarfless._core.program cimport *


cdef inline uint32_t next_guess(Walker* w, LocalType* t) noexcept nogil:
    """Return where the guess about a type is kept."""
    if t.name:
        w.latest_name = t.name
        w.num_since = 0
    else:
        w.num_since += 1
    return <uint32_t>(mix(w.latest_name, w.num_since) >> 32) & (NUM_GUESSES - 1)


cdef inline bint same_members(Walker* w, const uint32_t* word, uint32_t count) noexcept nogil:
    """Compare the children that follow with a record's; if they are the same, move behind them."""
    cdef Reader* r = &w.reader
    cdef const Plain* plain
    cdef const uint8_t* die = r.cur.pos
    cdef const uint8_t* pos
    cdef const uint8_t* end = r.cur.end - SLACK
    cdef const uint32_t* last = word + 3 * <size_t>count
    cdef uint32_t* ref
    cdef uint32_t name
    if not array_reserve(&w.refs, count):
        return False
    ref = u32s(&w.refs) + w.refs.num
    while word < last:
        if die >= end:
            return False
        plain = &r.abbrevs.plains[die[0]]
        pos, name = die + 1, 0
        if not plain.is_child or (
                plain.inline_name and not read_inline_name(end, &pos, &name)):
            return False
        if end - pos < plain.size:
            return False
        name |= load_u32(pos + plain.name_at) + 1 & plain.name_mask
        if name != word[0] or read_value(plain, pos) != word[2]:
            return False
        if name == 0 and plain.name_mask:
            return False                # no place in a section is that far
        ref[0] = load_u32(pos + plain.ref_at) | plain.no_ref
        die = pos + plain.size
        ref += 1
        word += 3
    if die >= end or die[0] != 0:
        return False
    r.cur.pos = die + 1
    return True


cdef inline bint is_as_guessed(Walker* w, LocalType* t, uint32_t guess) noexcept nogil:
    """Compare a type whose children follow with a record; if it is that, note what it refers to."""
    cdef const uint32_t* words = node_at(<NodeTable*>w.nodes, guess)
    cdef uint32_t kind = BTF_UNION if t.kind == LK_UNION else BTF_STRUCT
    cdef uint32_t num = words[1] & 0xFFFFFF
    if words[0] != t.name or words[1] != (kind << 24 | num) or words[2] != t.size:
        return False
    if not same_members(w, words + 3, num):
        return False
    t.first = <uint32_t>w.refs.num
    t.num = num
    t.node = guess
    t.flags |= LOCAL_GUESSED
    w.refs.num += num
    w.num_dies += num
    return True


cdef inline bint recognise(Walker* w, uint32_t index) noexcept nogil:
    """Say whether a type just read, the cursor on its children, is probably known, and pass them."""
    cdef LocalType* t = &(<LocalType*>w.types.items)[index]
    cdef uint32_t slot, guess
    cdef Missed* missed
    if not w.guesses_here or (t.kind != LK_STRUCT and t.kind != LK_UNION):
        return False
    slot = next_guess(w, t)
    guess = u32s(&w.guesses)[slot]
    if guess and is_as_guessed(w, t, guess):
        return True
    missed = <Missed*>push(&w.missed)
    missed.slot = slot
    missed.type = index
    return False


cdef inline bint may_guess(Walker* w) noexcept nogil:
    """Say whether what `same_members` takes for granted holds in the unit."""
    return w.nodes != NULL and w.reader.abbrevs.dense \
        and <const char*>w.reader.file.sections[SEC_STR].start == w.names.pool.text


cdef inline void learn(Walker* w) noexcept nogil:
    """Guess, from now on, what the unit's types have become."""
    cdef Missed* missed = <Missed*>w.missed.items
    cdef size_t i
    for i in range(w.missed.num):
        u32s(&w.guesses)[missed[i].slot] = (<LocalType*>w.types.items)[missed[i].type].node
