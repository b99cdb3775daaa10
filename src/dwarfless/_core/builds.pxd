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


cdef inline bint waits(Interner* x, LocalType* t) noexcept nogil:
    """Say whether a type must wait for others, which are then on the stack."""
    if t.flags & LOCAL_ALIKE and t.kind != LK_PROTO and t.kind != LK_ENUM and t.ref == NO_REF \
            and refers_alike(x, t):
        return False
    return t.kind != LK_ANNOTATION and wait_for_children(x, t)


cdef inline void build_all(Interner* x) noexcept nogil:
    """Build every local type; `node` of each is then set."""
    cdef uint32_t i, top
    cdef LocalType* t
    for i in range(1, <uint32_t>x.walker.types.num):
        t = local_type(x, i)
        if t.state != STATE_NEW:
            continue
        u32s(&x.stack)[0] = i       # which has room for one always
        x.stack.num = 1
        t.state = STATE_OPEN
        if not waits(x, t):
            settle(x, i, t)
            continue
        while x.stack.num and not x.stack.failed:
            top = u32s(&x.stack)[x.stack.num - 1]
            t = local_type(x, top)
            if t.state == STATE_NEW:
                t.state = STATE_OPEN
                if waits(x, t):
                    continue
            if t.state == STATE_OPEN:
                settle(x, top, t)
            x.stack.num -= 1
