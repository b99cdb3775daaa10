"""In which order types are written so that C understands them.

A struct must be complete where one is embedded; where it is only pointed to, its name will do.
What stands between a type and its name matters: a pointer to an anonymous struct spells that
struct out, with all that it embeds. So the walk tells at every type whether whoever asks needs it
complete, and puts a type into the queue after all that it needs.
"""

from libc.stdint cimport uint32_t

from dwarfless._core.btf cimport (
    ARRAY, ENUM, ENUM64, FLOAT, FUNC_PROTO, FWD, INT, PTR, STRUCT, TYPEDEF, UNION, kind_of,
    record_of, vlen_of)
from dwarfless._core.c_layout cimport is_modifier
from dwarfless._core.c_state cimport (
    ON_PATH, ORDERED, REFERENCED, Source, complain, enter, leave)
from dwarfless._core.memory cimport push_u32


cdef inline bint order(Source* s, uint32_t type_id, bint by_pointer) noexcept nogil:
    """Queue what must be written for a type; tell whether it is needed complete.

    Args:
        s: Takes the queue.
        type_id: Any.
        by_pointer: Whether a pointer was followed since the last name.
    """
    cdef const uint32_t* record
    cdef uint32_t kind
    cdef bint complete
    if s.marks[type_id] & ORDERED:
        return True
    record = record_of(s.chain, type_id)
    kind = kind_of(record[1])
    if s.marks[type_id] & ON_PATH:
        if (kind == STRUCT or kind == UNION) and by_pointer and record[0]:
            return False
        complain(s, b"it holds itself", type_id)
        return False
    if not enter(s, type_id):
        return False
    if kind == STRUCT or kind == UNION:
        complete = order_members(s, type_id, record, by_pointer)
    elif kind == TYPEDEF:
        complete = order(s, record[2], by_pointer)
        if complete or not by_pointer:
            push_u32(&s.queue, type_id)
            s.marks[type_id] |= ORDERED
            complete = True
    elif kind == FUNC_PROTO:
        complete = order_parameters(s, record, by_pointer)
    elif kind == ARRAY:
        complete = order(s, record[3], False)
    elif is_modifier(kind):
        complete = order(s, record[2], by_pointer)
    elif kind == PTR:
        complete = order(s, record[2], True)
        s.marks[type_id] |= ORDERED
    else:
        complete = order_leaf(s, type_id, record, kind)
    leave(s)
    return complete


cdef inline bint order_members(Source* s, uint32_t type_id, const uint32_t* record,
                               bint by_pointer) noexcept nogil:
    cdef uint32_t i
    if by_pointer and record[0]:
        return False
    s.marks[type_id] |= ON_PATH
    for i in range(vlen_of(record[1])):
        order(s, record[4 + 3 * i], False)
        if s.problem != NULL:
            return False
    if record[0]:
        push_u32(&s.queue, type_id)
    s.marks[type_id] = s.marks[type_id] & ~ON_PATH | ORDERED
    return True


cdef inline bint order_parameters(Source* s, const uint32_t* record,
                                  bint by_pointer) noexcept nogil:
    cdef bint complete = order(s, record[2], by_pointer)
    cdef uint32_t i
    for i in range(vlen_of(record[1])):
        if s.problem != NULL:
            return False
        if order(s, record[4 + 2 * i], by_pointer):
            complete = True
    return complete


cdef inline bint order_leaf(Source* s, uint32_t type_id, const uint32_t* record,
                            uint32_t kind) noexcept nogil:
    """An anonymous enum that nothing refers to only declares its enumerators."""
    s.marks[type_id] |= ORDERED
    if kind != ENUM and kind != ENUM64 and kind != FWD:
        return False
    if record[0] or not s.marks[type_id] & REFERENCED:
        push_u32(&s.queue, type_id)
    return True
