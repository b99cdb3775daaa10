"""In which order the types of a unit are built: what they refer to first.

There is an explicit stack, so depth costs no C stack; but most types wait for nothing and never get
there.
"""

from libc.stdint cimport uint8_t, uint32_t

from dwarfless._core.intern cimport *
from dwarfless._core.interner cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.walk cimport *


cdef inline uint32_t build(Interner* x, LocalType* t) noexcept nogil:
    cdef uint8_t kind = t.kind
    if kind == LK_POINTER: return pointer_node(x, t)
    elif kind == LK_CONST: return plain_node(x, BTF_CONST, target_node(x, t.ref))
    elif kind == LK_VOLATILE: return simple_node(x, BTF_VOLATILE, 0, target_node(x, t.ref))
    elif kind == LK_RESTRICT: return simple_node(x, BTF_RESTRICT, 0, target_node(x, t.ref))
    elif kind == LK_TYPEDEF: return typedef_node(x, t)
    elif kind == LK_BASE: return base_node(x, t)
    elif kind == LK_ARRAY: return array_node(x, t)
    elif t.flags & LOCAL_OUTLINE: return outline_node(x, t)
    elif kind == LK_STRUCT or kind == LK_UNION:
        if t.flags & LOCAL_DECLARATION:
            return cut_of(x, t) if t.name else 0
        return alike_node(x, t) if t.flags & LOCAL_ALIKE else struct_node(x, t)
    elif kind == LK_ENUM:
        if t.flags & LOCAL_DECLARATION:
            return cut_of(x, t) if t.name else 0
        return alike_node(x, t) if t.flags & LOCAL_ALIKE else enum_node(x, t)
    elif kind == LK_PROTO: return proto_node(x, t)
    elif kind == LK_SAME: return target_node(x, t.ref)
    return 0


cdef inline void settle(Interner* x, uint32_t index, LocalType* t) noexcept nogil:
    """Build a type that waits for nothing any more."""
    x.mark = DUPLICATE_MARK if t.ordinal else 0
    t.node = build(x, t)
    t.state = STATE_DONE
    if not t.flags & LOCAL_NAMED:
        u32s(&x.known)[index] = KNOWN | t.node
    if t.ordinal:
        push_u32(&x.duplicates, cut_of(x, t))
        push_u32(&x.duplicates, t.node)
    elif t.flags & LOCAL_DECLARATION:
        list_node(x, t.node)
    x.mark = 0


cdef inline bint settle_plain(Interner* x, uint32_t index, LocalType* t) noexcept nogil:
    """Settle a pointer or const, if its target is built and was met so before; else do nothing."""
    cdef uint64_t offset = t.ref - x.base
    cdef uint32_t place, target, node
    if offset >= x.span or t.annotation != NO_REF or t.tags:
        return False
    place = u16s(&x.places)[offset]
    target = u32s(&x.known)[place]
    if target == BY_NAME and place:
        target = KNOWN | meet_target(x, place, t.ref)
    if not target & KNOWN:
        return False
    node = node_of(x.nodes, target & ~KNOWN).pointer if t.kind == LK_POINTER \
        else node_of(x.nodes, target & ~KNOWN).constant
    if node == 0:
        return False
    list_node(x, node)
    t.node = node
    t.state = STATE_DONE
    u32s(&x.known)[index] = KNOWN | node
    return True


cdef inline bint settle_alike(Interner* x, uint32_t index, LocalType* t) noexcept nogil:
    """Settle a struct or union that is a known record, references included; else do nothing."""
    if t.ordinal or t.ref != NO_REF or t.flags & LOCAL_DECLARATION or not refers_alike(x, t):
        return False
    list_node(x, t.node)
    t.state = STATE_DONE
    if not t.flags & LOCAL_NAMED:
        u32s(&x.known)[index] = KNOWN | t.node
    return True


cdef inline bint settle_quickly(Interner* x, uint32_t index, LocalType* t) noexcept nogil:
    """Settle a type of the sorts that most are, if nothing has to be built for it."""
    cdef uint8_t kind = t.kind
    if kind == LK_POINTER or kind == LK_CONST:
        return settle_plain(x, index, t)
    elif t.flags & LOCAL_ALIKE and (kind == LK_STRUCT or kind == LK_UNION):
        return settle_alike(x, index, t)
    return False


cdef inline bint waits(Interner* x, LocalType* t) noexcept nogil:
    """Begin a type; say whether it must wait for others, which are then on the stack."""
    t.state = STATE_OPEN
    return t.kind != LK_ANNOTATION and wait_for_children(x, t)


cdef inline void build_waiting(Interner* x) noexcept nogil:
    """Build the types on the stack, the top one first, and what they wait for before them."""
    cdef uint32_t top
    cdef LocalType* t
    while x.stack.num and not x.stack.failed:
        top = u32s(&x.stack)[x.stack.num - 1]
        t = local_type(x, top)
        if t.state != STATE_DONE and not settle_quickly(x, top, t):
            if t.state == STATE_NEW and waits(x, t):
                continue
            settle(x, top, t)
        x.stack.num -= 1


cdef inline void build_all(Interner* x) noexcept nogil:
    """Build every local type; `node` of each is then set."""
    cdef uint32_t i
    cdef LocalType* t
    for i in range(1, <uint32_t>x.walker.types.num):
        t = local_type(x, i)
        if t.state != STATE_NEW or settle_quickly(x, i, t):
            continue
        u32s(&x.stack)[0] = i       # which has room for one always
        x.stack.num = 1
        if waits(x, t):
            build_waiting(x)
        else:
            settle(x, i, t)
