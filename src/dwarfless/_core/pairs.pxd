"""Do two types of different graphs mean the same, as far as two encoders agree?

A *pair* is a type of ours and a type of the base that stand at the same place of two types which
may be the same. What the two say themselves is compared at once; what they refer to makes further
pairs. A pair that differs makes those that need it differ, whatever the number of steps; all
others are equal, circles included. Each pair is looked at once, so this is linear.

Encoders differ where the meaning is hardly touched. Inside a named type the following count as
equal; each true pair remembers whether it needed one of them, and which:

- an array of arrays and one array of as many elements (pahole 1.25 to 1.31 flattened them);
- a type tag that only one side has (pahole before 1.23, or told so by the kernel's build);
- a declaration where the other side has a definition of that name; an outline is equal to any
  definition of its name, kind and size;
- an enum of another signedness, or without its upper 32 bits (pahole before 1.24);
- a float written as an int (pahole without --btf_gen_floats);
- names of a prototype's parameters, inside a struct;
- the type that counts an array's elements.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.outlines cimport is_outline

cdef enum:  # Tolerance
    AS_IT_IS
    BY_FLATTENING
    BY_TAG
    BY_DECLARATION
    BY_ENUM
    BY_FLOAT
    BY_PARAM_NAMES
    BY_INDEX
    NUM_TOLERANCES

cdef enum:  # Verdict of a pair
    PAIR_EQUAL
    PAIR_DIFFERS        # in what the two say themselves
    PAIR_REFERS         # in what they refer to

cdef struct Pair:
    uint32_t own, other
    uint32_t users      # 1 + index of the latest edge to a pair that needs this one
    uint32_t where      # word of the own record that differs, or leads to what differs
    uint8_t verdict, tolerance

cdef struct Edge:
    uint32_t pair, next, where

cdef struct Side:
    const uint32_t* words   # names are ids of one table for both sides
    const uint32_t* starts

cdef struct Pairs:
    Side own, other
    Array pairs         # Pair; item 0 is unused
    Array edges         # Edge
    Array bad           # uint32: pairs whose users are still to be told
    uint32_t* slots
    uint32_t mask


cdef inline bint pairs_init(Pairs* p) noexcept nogil:
    p.mask = (1 << 12) - 1
    p.slots = <uint32_t*>calloc(p.mask + 1, 4)
    if not (array_init(&p.pairs, sizeof(Pair), 1 << 11) and array_init(&p.edges, sizeof(Edge), 1 << 11)
            and array_init(&p.bad, 4, 64) and p.slots != NULL):
        return False
    push(&p.pairs)
    return True


cdef inline void pairs_deinit(Pairs* p) noexcept nogil:
    array_deinit(&p.pairs)
    array_deinit(&p.edges)
    array_deinit(&p.bad)
    free(p.slots)
    p.slots = NULL


cdef inline Pair* pair_at(Pairs* p, uint32_t index) noexcept nogil:
    return &(<Pair*>p.pairs.items)[index]


cdef inline uint32_t pair_slot(Pairs* p, uint32_t own, uint32_t other) noexcept nogil:
    return <uint32_t>(mix(mix(1, own), other) >> 16) & p.mask


cdef inline void pairs_rehash(Pairs* p) noexcept nogil:
    cdef uint32_t i, slot, mask = p.mask * 2 + 1
    cdef uint32_t* slots = <uint32_t*>calloc(<size_t>mask + 1, 4)
    if slots == NULL:
        p.pairs.failed = True
        return
    free(p.slots)
    p.slots = slots
    p.mask = mask
    for i in range(1, <uint32_t>p.pairs.num):
        slot = pair_slot(p, pair_at(p, i).own, pair_at(p, i).other)
        while slots[slot]:
            slot = (slot + 1) & mask
        slots[slot] = i


cdef inline uint32_t pair_of(Pairs* p, uint32_t own, uint32_t other) noexcept nogil:
    """Return the pair of two types, made if it is new: those past the last looked at are open."""
    cdef uint32_t slot = pair_slot(p, own, other), index
    cdef Pair* pair
    while p.slots[slot]:
        index = p.slots[slot]
        pair = pair_at(p, index)
        if pair.own == own and pair.other == other:
            return index
        slot = (slot + 1) & p.mask
    index = <uint32_t>p.pairs.num
    pair = <Pair*>push(&p.pairs)
    pair.own = own
    pair.other = other
    p.slots[slot] = index
    if p.pairs.num * 2 > p.mask:
        pairs_rehash(p)
    return index


cdef inline const uint32_t* record(Side* side, uint32_t id) noexcept nogil:
    return side.words + side.starts[id]


cdef inline uint32_t kind_in(Side* side, uint32_t id) noexcept nogil:
    return kind_of(record(side, id)[1]) if id else BTF_VOID


cdef inline void differ(Pairs* p, uint32_t index, uint32_t where) noexcept nogil:
    cdef Pair* pair = pair_at(p, index)
    if pair.verdict == PAIR_EQUAL:
        pair.verdict = PAIR_DIFFERS
        pair.where = where
        push_u32(&p.bad, index)


cdef inline void tolerate(Pairs* p, uint32_t index, uint8_t tolerance) noexcept nogil:
    pair_at(p, index).tolerance = tolerance


cdef inline void need(Pairs* p, uint32_t index, uint32_t own, uint32_t other,
                      uint32_t where) noexcept nogil:
    """Let a pair depend on that of two types it refers to."""
    cdef uint32_t child, steps
    cdef Edge* edge
    cdef bint tagged, other_tagged
    # Tags in a circle have no end; the pair that is left then differs.
    for steps in range(64):
        tagged = kind_in(&p.own, own) == BTF_TYPE_TAG
        other_tagged = kind_in(&p.other, other) == BTF_TYPE_TAG
        if tagged == other_tagged:
            break
        if tagged:
            own = record(&p.own, own)[2]
        else:
            other = record(&p.other, other)[2]
        tolerate(p, index, BY_TAG)
    if own == 0 or other == 0:
        if own != other:
            differ(p, index, where)
        return
    child = pair_of(p, own, other)
    edge = <Edge*>push(&p.edges)
    edge.pair = index
    edge.where = where
    edge.next = pair_at(p, child).users
    pair_at(p, child).users = <uint32_t>p.edges.num


cdef inline uint32_t flat(Side* side, uint32_t id, uint32_t* count) noexcept nogil:
    """Return the element behind all dimensions of an array, and how many there are."""
    cdef uint32_t steps
    count[0] = 1
    for steps in range(32):
        if kind_in(side, id) != BTF_ARRAY:
            break
        count[0] *= record(side, id)[5]
        id = record(side, id)[3]
    return id


cdef inline bint same_index(Pairs* p, uint32_t own, uint32_t other) noexcept nogil:
    """Say whether two types that count elements are one int."""
    if kind_in(&p.own, own) != BTF_INT or kind_in(&p.other, other) != BTF_INT:
        return own == 0 and other == 0
    return same_words(record(&p.own, own), record(&p.other, other), 4)


cdef inline void compare_arrays(Pairs* p, uint32_t index, uint32_t own,
                                uint32_t other) noexcept nogil:
    cdef const uint32_t* a = record(&p.own, own)
    cdef const uint32_t* b = record(&p.other, other)
    cdef uint32_t count = 0, other_count = 0, element, other_element
    if not same_index(p, a[4], b[4]):
        tolerate(p, index, BY_INDEX)
    if a[5] == b[5] and (kind_in(&p.own, a[3]) == BTF_ARRAY) == (kind_in(&p.other, b[3]) == BTF_ARRAY):
        need(p, index, a[3], b[3], 3)
        return
    element = flat(&p.own, own, &count)
    other_element = flat(&p.other, other, &other_count)
    if count != other_count:
        differ(p, index, 5)
        return
    tolerate(p, index, BY_FLATTENING)
    need(p, index, element, other_element, 3)


cdef inline void compare_members(Pairs* p, uint32_t index, const uint32_t* a,
                                 const uint32_t* b) noexcept nogil:
    cdef uint32_t i, at, bits, other_bits, where, other_where
    cdef bint flag = a[1] >> 31, other_flag = b[1] >> 31
    if a[2] != b[2] or vlen_of(a[1]) != vlen_of(b[1]):
        differ(p, index, 2 if a[2] != b[2] else 1)
        return
    for i in range(vlen_of(a[1])):
        at = 3 + 3 * i
        where, other_where = a[at + 2], b[at + 2]
        bits = where >> 24 if flag else 0
        other_bits = other_where >> 24 if other_flag else 0
        if flag: where &= 0xFFFFFF
        if other_flag: other_where &= 0xFFFFFF
        if a[at] != b[at] or where != other_where or bits != other_bits:
            differ(p, index, at)
            return
    for i in range(vlen_of(a[1])):
        need(p, index, a[4 + 3 * i], b[4 + 3 * i], 4 + 3 * i)


cdef inline void compare_enums(Pairs* p, uint32_t index, const uint32_t* a,
                               const uint32_t* b) noexcept nogil:
    cdef uint32_t kind = kind_of(a[1]), other_kind = kind_of(b[1]), i
    cdef uint32_t step = record_stride(kind), other_step = record_stride(other_kind)
    if vlen_of(a[1]) != vlen_of(b[1]) and a[0] and (vlen_of(a[1]) == 0 or vlen_of(b[1]) == 0):
        tolerate(p, index, BY_DECLARATION)
        return
    if vlen_of(a[1]) != vlen_of(b[1]) or a[2] != b[2]:
        differ(p, index, 2 if a[2] != b[2] else 1)
        return
    for i in range(vlen_of(a[1])):
        if a[3 + i * step] != b[3 + i * other_step] \
                or a[4 + i * step] != b[4 + i * other_step] \
                or (step == 3 and other_step == 3 and a[5 + i * 3] != b[5 + i * 3]):
            differ(p, index, 3 + i * step)
            return
    if kind != other_kind or a[1] >> 31 != b[1] >> 31:
        tolerate(p, index, BY_ENUM)


cdef inline void compare_params(Pairs* p, uint32_t index, const uint32_t* a,
                                const uint32_t* b) noexcept nogil:
    cdef uint32_t i
    if vlen_of(a[1]) != vlen_of(b[1]):
        differ(p, index, 1)
        return
    need(p, index, a[2], b[2], 2)
    for i in range(vlen_of(a[1])):
        if a[3 + 2 * i] != b[3 + 2 * i]:
            tolerate(p, index, BY_PARAM_NAMES)
        need(p, index, a[4 + 2 * i], b[4 + 2 * i], 4 + 2 * i)


cdef inline bint is_enum(uint32_t kind) noexcept nogil:
    return kind == BTF_ENUM or kind == BTF_ENUM64


cdef inline bint is_composite(uint32_t kind) noexcept nogil:
    return kind == BTF_STRUCT or kind == BTF_UNION


cdef inline bint declares(const uint32_t* forward, const uint32_t* definition) noexcept nogil:
    """Say whether a FWD is for a struct or union of that sort; names are known to be equal."""
    return kind_of(forward[1]) == BTF_FWD and is_composite(kind_of(definition[1])) \
        and (forward[1] >> 31 != 0) == (kind_of(definition[1]) == BTF_UNION)


cdef inline void compare_kinds(Pairs* p, uint32_t index, const uint32_t* a,
                               const uint32_t* b) noexcept nogil:
    """Compare two records of different kinds and equal name."""
    cdef uint32_t kind = kind_of(a[1]), other_kind = kind_of(b[1])
    if declares(a, b) or declares(b, a):
        tolerate(p, index, BY_DECLARATION)
    elif is_enum(kind) and is_enum(other_kind):
        compare_enums(p, index, a, b)
    elif (kind == BTF_FLOAT and other_kind == BTF_INT or kind == BTF_INT and other_kind == BTF_FLOAT) \
            and a[2] == b[2]:
        tolerate(p, index, BY_FLOAT)
    else:
        differ(p, index, 1)


cdef inline void compare_pair(Pairs* p, uint32_t index) noexcept nogil:
    """Compare what two types say themselves, and make the pairs they need."""
    cdef uint32_t own = pair_at(p, index).own, other = pair_at(p, index).other
    cdef const uint32_t* a = record(&p.own, own)
    cdef const uint32_t* b = record(&p.other, other)
    cdef uint32_t kind = kind_of(a[1])
    if a[0] != b[0]:
        differ(p, index, 0)
    elif is_outline(a) and (kind == kind_of(b[1]) or is_enum(kind_of(b[1]))):
        if a[2] != b[2]:
            differ(p, index, 2)
    elif kind != kind_of(b[1]):
        compare_kinds(p, index, a, b)
    elif is_composite(kind):
        compare_members(p, index, a, b)
    elif kind == BTF_ARRAY:
        compare_arrays(p, index, own, other)
    elif is_enum(kind):
        compare_enums(p, index, a, b)
    elif kind == BTF_FUNC_PROTO:
        compare_params(p, index, a, b)
    elif third_role(kind) == ROLE_NODE:
        need(p, index, a[2], b[2], 2)
    elif kind == BTF_INT and (a[2] != b[2] or a[3] != b[3]) or kind == BTF_FLOAT and a[2] != b[2]:
        differ(p, index, 2)
    elif kind == BTF_FWD and a[1] >> 31 != b[1] >> 31:
        differ(p, index, 1)


cdef inline void settle_pairs(Pairs* p) noexcept nogil:
    """Compare all open pairs and those they need; then tell users of what differs."""
    cdef uint32_t index = 1, link
    cdef Edge* edge
    cdef Pair* user
    while index < p.pairs.num:
        compare_pair(p, index)
        index += 1
    while p.bad.num:
        p.bad.num -= 1
        link = pair_at(p, u32s(&p.bad)[p.bad.num]).users
        while link:
            edge = &(<Edge*>p.edges.items)[link - 1]
            user = pair_at(p, edge.pair)
            if user.verdict == PAIR_EQUAL:
                user.verdict = PAIR_REFERS
                user.where = edge.where
                push_u32(&p.bad, edge.pair)
            link = edge.next


cdef inline bint pairs_failed(Pairs* p) noexcept nogil:
    return p.pairs.failed or p.edges.failed or p.bad.failed
