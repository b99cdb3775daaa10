"""What the function analysis asks about types, answered from a unit's local records."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.functions cimport MemberFacts, TypeFacts, looks_packed
from dwarfless._core.intern cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.program cimport NO_REF
from dwarfless._core.walk cimport *

cdef enum:
    MAX_DEPTH = 64
    MAX_VISITS = 100000     # types looked at for one alignment; structs nest, and may repeat


cdef inline TypeFacts type_facts_of(void* ctx, uint64_t die) noexcept nogil:
    cdef Interner* x = <Interner*>ctx
    cdef TypeFacts facts
    cdef LocalType* t
    cdef uint32_t index = find_local(x, die), steps
    cdef uint32_t next_index = index
    facts.byte_size = 0
    facts.is_struct = False
    for steps in range(MAX_DEPTH):
        if next_index == 0:
            break
        t = local_type(x, next_index)
        if t.size:
            facts.byte_size = t.size
            break
        if t.kind == LK_POINTER:
            facts.byte_size = x.walker.reader.header.address_size
            break
        next_index = find_local(x, t.ref)
    for steps in range(MAX_DEPTH):
        if index == 0:
            break
        t = local_type(x, index)
        facts.is_struct = t.kind == LK_STRUCT
        if t.kind != LK_CONST and t.kind != LK_TYPEDEF:
            break
        index = find_local(x, t.ref)
    return facts


cdef inline uint64_t size_of(Interner* x, uint64_t ref, uint32_t depth) noexcept nogil:
    """Return a type's size in bytes, arrays multiplied out."""
    cdef uint32_t index = find_local(x, ref), link
    cdef LocalType* t
    cdef uint64_t size
    if index == 0 or depth > MAX_DEPTH:
        return 0
    t = local_type(x, index)
    if t.size:
        return t.size
    if t.kind == LK_POINTER:
        return x.walker.reader.header.address_size
    size = size_of(x, t.ref, depth + 1)
    link = t.first if t.kind == LK_ARRAY else 0
    while link:
        size *= local_child(x, link).value
        link = local_child(x, link).next
    return size


cdef inline uint32_t first_child(Interner* x, LocalType* t) noexcept nogil:
    """Return the link of a type's first child; see `unfold`."""
    unfold(x, t)
    return t.first


cdef inline uint64_t alignment_of(Interner* x, uint64_t ref, uint32_t depth,
                                  uint32_t* budget) noexcept nogil:
    """Return a type's natural alignment in bytes, the largest within for composites."""
    cdef uint32_t index = find_local(x, ref), link
    cdef LocalType* t
    cdef uint64_t most = 1, one
    if index == 0 or depth > MAX_DEPTH or budget[0] == 0:
        return 1
    budget[0] -= 1
    t = local_type(x, index)
    if t.kind == LK_POINTER:
        return x.walker.reader.header.address_size
    elif t.kind in (LK_BASE, LK_ENUM):
        return t.size if t.size else 1
    elif t.kind in (LK_STRUCT, LK_UNION):
        link = first_child(x, t)
        while link:
            one = alignment_of(x, local_child(x, link).ref, depth + 1, budget)
            most = max(most, one)
            link = local_child(x, link).next
        return most
    return alignment_of(x, t.ref, depth + 1, budget)


cdef inline bint is_packed(void* ctx, uint64_t die) noexcept nogil:
    cdef Interner* x = <Interner*>ctx
    cdef uint32_t index = find_local(x, die), link
    cdef Array facts
    cdef MemberFacts* m
    cdef LocalType* t
    cdef LocalChild* c
    cdef bint packed
    cdef uint32_t budget = MAX_VISITS
    if index == 0:
        return False
    t = local_type(x, index)
    if t.kind != LK_STRUCT or t.name == 0 or not array_init(&facts, sizeof(MemberFacts), t.num):
        return False
    link = first_child(x, t)
    while link:
        c = local_child(x, link)
        settle_bit_offset(x, c)
        m = <MemberFacts*>push(&facts)
        m.bit_offset = c.value
        m.byte_size = size_of(x, c.ref, 0)
        m.bitfield_size = <uint32_t>more_of(x.walker, c).bit_size
        link = c.next
        m.alignment = alignment_of(x, c.ref, 0, &budget)    # may move the children
    packed = looks_packed(t.size, <MemberFacts*>facts.items, facts.num)
    array_deinit(&facts)
    return packed
