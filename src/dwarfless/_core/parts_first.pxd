"""Order types so that what one is made of comes before it, without recursion.

What a type is made of is the caller's to say. A circle is cut where it closes.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free, realloc

from dwarfless._core.btf cimport Chain, record_of

#: How many parts a record has, and the type of one; 0 for none.
ctypedef uint32_t (*NumParts)(const uint32_t* record) noexcept nogil
ctypedef uint32_t (*Part)(const uint32_t* record, uint32_t index) noexcept nogil

cdef struct Stack:
    uint32_t* ids
    size_t num
    size_t room


cdef inline bint push_id(Stack* stack, uint32_t id) noexcept nogil:
    cdef uint32_t* moved
    if stack.num == stack.room:
        moved = <uint32_t*>realloc(stack.ids, (2 * stack.room + 1024) * sizeof(uint32_t))
        if moved == NULL:
            return False
        stack.ids, stack.room = moved, 2 * stack.room + 1024
    stack.ids[stack.num] = id
    stack.num += 1
    return True


cdef inline bint sort_rest(const Chain* chain, uint32_t num, NumParts num_parts, Part part,
                           uint8_t* state, Stack* stack, uint32_t* order) noexcept nogil:
    cdef uint32_t root, id, i, child, done = 0
    cdef const uint32_t* record
    for root in range(1, num):
        if state[root] == 0 and not push_id(stack, root):
            return False
        while stack.num:
            id = stack.ids[stack.num - 1]
            if state[id] == 0:
                state[id] = 1
                record = record_of(chain, id)
                for i in range(num_parts(record)):
                    child = part(record, i)
                    if child and state[child] == 0 and not push_id(stack, child):
                        return False
                if stack.ids[stack.num - 1] != id:
                    continue
            stack.num -= 1
            if state[id] == 1:
                state[id] = 2
                order[done] = id
                done += 1
    return True


cdef inline bint sort_parts_first(const Chain* chain, uint32_t num, NumParts num_parts, Part part,
                                  uint32_t* order) noexcept nogil:
    """Fill in uint32[num - 1], all types but void; return whether memory sufficed."""
    cdef uint8_t* state = <uint8_t*>calloc(num, 1)
    cdef Stack stack
    cdef bint done
    stack.ids, stack.num, stack.room = NULL, 0, 0
    done = state != NULL and sort_rest(chain, num, num_parts, part, state, &stack, order)
    free(stack.ids)
    free(state)
    return done
