"""Which records of a graph mean the same.

Problem. Two types are equivalent when walking them in step meets no difference; coming back to a
pair already on the path counts as none, since graphs have cycles. Among 150,000 records, some of
them copies made for soundness' sake, find all that are equivalent and keep the first of each.

Method. Partition refinement. Give every record a colour: a hash of what it says itself. Then
recolour each by what it says and the colours of what it refers to, again and again: after n
rounds equal colours mean "equal as deep as n references". A round never makes two records equal
that were not, so when the number of colours stands still, equal colours mean equal at any depth.

    struct a { struct b *p; };  struct b { int x; };
    struct a { struct b *p; };  struct b { long x; };

Round 1 sees two structs b, but one PTR and one struct a; round 2 tells the pointers apart, and the
two a. Chains of pointers, typedefs and the like are coloured from their end, so that a round
takes a whole chain, and only named structs and unions, where circles close, wait for the next.
BTF of no compiler may have circles without them (a pointer to itself); then every record waits.

Hashes could lie, so the result is checked: each record must say what its class's first one says,
word for word, references by class. That proves all of it at once, by coinduction.

A knot starts with the colour of its name, kind and size; so in a kernel's BTF, whose types are
distinct, one round tells all of them apart, and there is nothing to prove.

Forward declarations. A declaration whose name has exactly one definition left stands for it, an
enum without values for the first enum of its name with some. Pointing them there may make
further records equal, and so further names unique: the whole is repeated until nothing changes.

Cost. A round reads each word once: 4 ms for 50,000 records of 390,000 words, some ten rounds.

In:  records in BTF's wide form (see TypeGraph), which of them are alive.
Out: for each record the one that stands for it.
"""

import numpy as np

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from dwarfless._core.memory cimport mix
from dwarfless._core.nodes cimport *

from dwarfless.errors import UnsupportedError

cdef extern from *:
    """
    #define MAX_COLOURINGS ((uint64_t)1 << 28)
    #define MAX_SPELLED ((uint64_t)1 << 28)
    """
    const uint64_t MAX_COLOURINGS   # about ten seconds
    const uint64_t MAX_SPELLED      # bytes; all names of a kernel are 3 MB


cdef inline bint is_knot(const uint32_t* record, bint all_wait) noexcept nogil:
    """Say whether a record can close a circle; in C, that is a named struct or union."""
    cdef uint32_t kind = kind_of(record[1])
    return all_wait or ((kind == BTF_STRUCT or kind == BTF_UNION) and record[0] != 0)


cdef uint64_t first_colour(const uint32_t* record, uint64_t seed) noexcept nogil:
    """Colour a knot before the first round: by its name, its kind and, if it has one, its size."""
    cdef uint32_t kind = kind_of(record[1])
    cdef uint64_t h = mix(mix(seed, record[0]), record[1])
    return mix(h, record[2]) if kind == BTF_STRUCT or kind == BTF_UNION else h


cdef uint64_t colour_of(const uint32_t* record, uint32_t length, const uint32_t* alias,
                        const uint64_t* colours) noexcept nogil:
    """Colour a record by what it says, and by the colours of what it refers to."""
    cdef uint32_t kind = kind_of(record[1]), j = 3
    cdef uint64_t h = mix(mix(length, record[0]), record[1])
    h = mix(h, colours[alias[record[2]]] + 1 if third_role(kind) == ROLE_NODE else record[2])
    if kind == BTF_STRUCT or kind == BTF_UNION:
        while j + 2 < length:
            h = mix(h, <uint64_t>record[j] << 32 | record[j + 2])
            h = mix(h, colours[alias[record[j + 1]]] + 1)
            j += 3
    elif kind == BTF_FUNC_PROTO:
        while j + 1 < length:
            h = mix(mix(h, record[j]), colours[alias[record[j + 1]]] + 1)
            j += 2
    elif kind == BTF_ARRAY and length >= 5:
        h = mix(mix(h, colours[alias[record[3]]] + 1), colours[alias[record[4]]] + 1)
        j = 5
    while j < length:
        h = mix(h, record[j])
        j += 1
    return mix(h, kind)


cdef void colour_all(const uint32_t* words, const uint32_t* starts, const uint32_t* order,
                     uint32_t num_order, const uint32_t* alias, uint64_t* colours,
                     uint64_t* next_, bint all_wait) noexcept nogil:
    """Recolour records, given children first; knots take their new colour when all are done."""
    cdef uint32_t i, id, kind
    cdef const uint32_t* record
    cdef uint64_t colour
    for i in range(num_order):
        id = order[i]
        record = words + starts[id]
        kind = kind_of(record[1])
        if kind == BTF_VAR or kind == BTF_DATASEC:
            colour = mix(colours[0], id)    # never merged
        else:
            colour = colour_of(record, starts[id + 1] - starts[id], alias, colours)
        (next_ if is_knot(record, all_wait) else colours)[id] = colour
    for i in range(num_order):
        id = order[i]
        if is_knot(words + starts[id], all_wait):
            colours[id] = next_[id]


cdef bint sort_children_first(const uint32_t* words, const uint32_t* starts,
                              const uint32_t* order, uint32_t num_order, const uint32_t* alias,
                              uint8_t* state, uint32_t* stack, uint32_t* sorted_) noexcept nogil:
    """Order records so that what one refers to comes before it, knots aside.

    Returns whether that can't be, since there is a circle without a knot.
    """
    cdef uint32_t i, j, top, id, child, at, kind, done = 0
    cdef bint waits, circle = False
    for i in range(num_order):
        stack[0] = order[i]
        top = 1
        while top:
            id = stack[top - 1]
            if state[id] == 2:
                top -= 1
                continue
            waits = False
            if state[id] == 0:
                state[id] = 1
                at = starts[id]
                kind = kind_of(words[at + 1])
                for j in range(2, starts[id + 1] - at):
                    if role_of(kind, j) != ROLE_NODE:
                        continue
                    child = alias[words[at + j]]
                    if child == 0 or is_knot(words + starts[child], False):
                        continue
                    if state[child] == 0:
                        stack[top] = child
                        top += 1
                        waits = True
                    elif state[child] == 1:
                        circle = True
            if not waits:
                state[id] = 2
                sorted_[done] = id
                done += 1
                top -= 1
    return circle


cdef uint32_t count_colours(const uint64_t* colours, const uint8_t* live, const uint32_t* alias,
                            uint32_t num, uint64_t* slots, uint64_t mask) noexcept nogil:
    cdef uint32_t i, count = 0
    cdef uint64_t slot, colour
    memset(slots, 0, (mask + 1) * sizeof(uint64_t))
    for i in range(1, num):
        if not live[i] or alias[i] != i:
            continue
        colour = colours[i] | 1
        slot = (colour >> 20) & mask
        while slots[slot] and slots[slot] != colour:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            slots[slot] = colour
            count += 1
    return count


cdef bint same_record(const uint32_t* words, const uint32_t* starts, const uint32_t* alias,
                      const uint32_t* canonical, uint32_t a, uint32_t b) noexcept nogil:
    cdef uint32_t length = starts[a + 1] - starts[a], j, kind
    cdef uint32_t x, y
    if length != starts[b + 1] - starts[b]:
        return False
    kind = kind_of(words[starts[a] + 1])
    for j in range(length):
        x = words[starts[a] + j]
        y = words[starts[b] + j]
        if role_of(kind, j) == ROLE_NODE and j >= 2:
            x = canonical[alias[x]]
            y = canonical[alias[y]]
        if x != y:
            return False
    return True


cdef uint32_t assign(const uint32_t* words, const uint32_t* starts, const uint64_t* colours,
                     const uint32_t* order, uint32_t num_order, const uint32_t* alias,
                     uint32_t* canonical, uint32_t* slots, uint64_t mask) noexcept nogil:
    """Let the first record of each colour stand for all; return how many stand."""
    cdef uint32_t i, id, count = 0, compared = 0
    cdef uint64_t slot
    memset(slots, 0, (mask + 1) * sizeof(uint32_t))
    for i in range(num_order):
        id = order[i]
        if alias[id] != id:
            continue
        slot = (colours[id] >> 20) & mask
        while slots[slot] and colours[slots[slot]] != colours[id]:
            slot = (slot + 1) & mask
        if slots[slot] == 0:
            slots[slot] = id
            count += 1
        canonical[id] = slots[slot]
        compared += canonical[id] != id
    for i in range(num_order if compared else 0):
        id = order[i]
        if alias[id] == id and canonical[id] != id \
                and not same_record(words, starts, alias, canonical, id, canonical[id]):
            return 0
    return count


def live_closure(const uint32_t[::1] words, const uint32_t[::1] starts, uint8_t[::1] live):
    """Mark what live records refer to, directly or not."""
    cdef uint32_t num = starts.shape[0] - 1
    cdef uint32_t[::1] stack = np.empty(num + 1, np.uint32)
    with nogil:
        spread_all(&words[0], &starts[0], num, &live[0], &stack[0])


cdef void spread_all(const uint32_t* words, const uint32_t* starts, uint32_t num, uint8_t* live,
                     uint32_t* stack) noexcept nogil:
    cdef uint32_t i, top = 0, j, kind, child, at, id
    for i in range(1, num):
        if live[i]:
            stack[top] = i
            top += 1
    while top:
        top -= 1
        id = stack[top]
        at = starts[id]
        kind = kind_of(words[at + 1])
        for j in range(2, starts[id + 1] - at):
            if role_of(kind, j) == ROLE_NODE:
                child = words[at + j]
                if child and not live[child]:
                    live[child] = 1
                    stack[top] = child
                    top += 1


def classes(const uint32_t[::1] words, const uint32_t[::1] starts, const uint32_t[::1] order,
            const uint32_t[::1] alias):
    """Return uint32[num_records]: the record that stands for each of `order`, 0 elsewhere.

    Args:
        words: uint32[num_words], records in wide form.
        starts: uint32[num_records + 1].
        order: uint32[num_live], live records; closed under reference.
        alias: uint32[num_records]: what a reference to a record goes to instead.
    """
    cdef uint32_t num = starts.shape[0] - 1, i, id, count = 0, last = 0, most = 0
    cdef uint64_t rounds = 0
    cdef uint64_t mask = 1023, seed
    cdef bint all_wait
    cdef uint64_t[::1] colours = np.zeros(num, np.uint64)
    cdef uint64_t[::1] next_ = np.empty(num, np.uint64)
    cdef uint8_t[::1] live = np.zeros(num, np.uint8)
    cdef uint32_t[::1] canonical = np.zeros(num, np.uint32)
    cdef uint64_t[::1] slots
    cdef uint32_t[::1] small_slots
    cdef uint32_t[::1] children_first = np.empty(order.shape[0], np.uint32)
    cdef uint8_t[::1] state = np.zeros(num, np.uint8)
    cdef uint32_t[::1] stack = np.empty(words.shape[0] + num + 1, np.uint32)
    while mask < 3 * <uint64_t>num:
        mask = mask * 2 + 1
    slots = np.empty(mask + 1, np.uint64)
    small_slots = np.empty(mask + 1, np.uint32)
    if order.shape[0] == 0:
        return np.asarray(canonical)
    for i in range(order.shape[0]):
        live[order[i]] = 1
        most += alias[order[i]] == order[i]
    all_wait = sort_children_first(&words[0], &starts[0], &order[0], <uint32_t>order.shape[0],
                                   &alias[0], &state[0], &stack[0], &children_first[0])
    for seed in range(1, 9):
        with nogil:
            colours[0] = seed
            for i in range(order.shape[0]):
                colours[order[i]] = first_colour(&words[starts[order[i]]], seed)
            last = 0
            while True:
                colour_all(&words[0], &starts[0], &children_first[0], order.shape[0], &alias[0],
                           &colours[0], &next_[0], all_wait)
                count = count_colours(&colours[0], &live[0], &alias[0], num, &slots[0], mask)
                rounds += 1
                # All differ, or no more than before.
                if count == most or count == last or rounds * order.shape[0] > MAX_COLOURINGS:
                    break
                last = count
            if count != last and count != most:
                with gil:
                    raise UnsupportedError(f"a difference {rounds} structs deep", place="dedup")
            count = assign(&words[0], &starts[0], &colours[0], &order[0], order.shape[0], &alias[0],
                           &canonical[0], &small_slots[0], mask)
        if count:
            return np.asarray(canonical)
    raise AssertionError("eight hashes in a row collided")


def unify_names(const uint32_t[::1] words, const uint32_t[::1] starts,
                const uint8_t[::1] strings):
    """Return a copy of the records in which equal names have equal offsets.

    A name may be the tail of another; many tails of a long string are refused.
    """
    cdef uint32_t i, j, kind, at
    out_array = np.array(words, np.uint32)
    cdef uint32_t[::1] out = out_array
    first = {}
    text = bytes(strings)
    seen = {}
    spelled = 0
    for i in range(1, starts.shape[0] - 1):
        at = starts[i]
        kind = kind_of(words[at + 1])
        for j in range(starts[i + 1] - at):
            if role_of(kind, j) == ROLE_NAME and words[at + j]:
                offset = words[at + j]
                if offset not in seen:
                    name = text[offset:text.index(0, offset)]
                    spelled += len(name)
                    if spelled > MAX_SPELLED:
                        raise UnsupportedError("long names that are tails of each other",
                                               place="dedup")
                    seen[offset] = first.setdefault(name, offset if name else 0)
                out[at + j] = seen[offset]
    return out_array
