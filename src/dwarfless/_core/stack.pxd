"""A stack of type ids, for walks that need no recursion."""

from libc.stddef cimport size_t
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, realloc

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


cdef inline void free_stack(Stack* stack) noexcept nogil:
    free(stack.ids)
