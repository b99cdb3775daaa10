"""Types that `guesses` recognised become nodes, if what they refer to is what it was.

Of such a type the names and offsets of its members are known to be those of a record. Once the
types that it refers to have nodes these are compared with the record's; nearly always they are the
same, and nothing needs to be written, hashed or looked up. Otherwise the members are put into their
column as if they had been read, and the type is built like any other.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.interner cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.program cimport NO_REF
from dwarfless._core.walk cimport *


cdef inline uint64_t noted_ref(Interner* x, uint32_t offset) noexcept nogil:
    return x.base + offset if offset < x.span else NO_REF


cdef inline bint is_cut(Interner* x, uint32_t index, uint32_t node) noexcept nogil:
    """Say whether a type that nothing has referred to yet is a cut, and which; if so, refer to it.

    A record of an earlier unit has it, so where it was met first is settled.
    """
    cdef LocalType* t = local_type(x, index)
    if index == 0 or t.ordinal or t.cut != node or not t.flags & LOCAL_NAMED:
        return False
    u32s(&x.known)[index] = KNOWN | node
    return True


cdef inline uint32_t* noted_refs(Interner* x, LocalType* t) noexcept nogil:
    return u32s(&x.walker.refs) + t.first


cdef inline bint wait_for_noted(Interner* x, LocalType* t, bint* same) noexcept nogil:
    """Do what wait_for_children does; say whether what is known already is what was guessed."""
    cdef const uint32_t* word = node_at(x.nodes, t.node) + 4
    cdef const uint32_t* ref = noted_refs(x, t)
    cdef const uint32_t* end = ref + t.num
    cdef const uint32_t* places = u32s(&x.places)
    cdef const uint32_t* known = u32s(&x.known)
    cdef uint32_t index
    cdef bint waiting = False
    same[0] = True
    while ref < end:
        index = places[ref[0]] if ref[0] < x.span else 0
        if known[index] != (KNOWN | word[0]):
            if known[index] == 0:
                if local_type(x, index).state == STATE_NEW:
                    push_u32(&x.stack, index)
                    waiting = True
                same[0] = False
            elif known[index] != BY_NAME or not is_cut(x, index, word[0]):
                same[0] = False
        ref += 1
        word += 3
    return waiting


cdef inline bint is_same(Interner* x, LocalType* t) noexcept nogil:
    """Say whether a type that waits for nothing any more is what was guessed."""
    cdef bint same = False
    wait_for_noted(x, t, &same)
    return same


cdef inline uint32_t found(Interner* x, uint32_t node) noexcept nogil:
    """Do what `finish` does for a record that needn't be looked up."""
    cdef uint32_t* next = &node_of(x.nodes, x.latest).after
    if next[0] != node:
        next[0] = node
    x.latest = node
    list_node(x, node)
    return node


cdef inline void read_out(Interner* x, LocalType* t) noexcept nogil:
    """Give a type the children it would have if it hadn't been recognised."""
    cdef const uint32_t* word = node_at(x.nodes, t.node) + 3
    cdef uint32_t i, num = t.num
    cdef uint32_t* refs = noted_refs(x, t)
    cdef Walker* w = x.walker
    t.flags &= ~LOCAL_GUESSED
    t.num = t.first = 0
    if num == 0 or not array_reserve(&w.children, num):
        return
    t.first = <uint32_t>w.children.num + 1
    for i in range(num):
        (<LocalChild*>w.children.items)[w.children.num] = LocalChild(
            noted_ref(x, refs[i]), word[2], <uint32_t>w.children.num + 2, word[0], 0)
        w.children.num += 1
        word += 3
    (<LocalChild*>w.children.items)[w.children.num - 1].next = 0
    t.last = <uint32_t>w.children.num
    t.num = num
