"""Text that grows: what writes listings, JSON and C puts its parts here.

Every part makes room for itself. Once memory runs out, or the text reaches its limit, nothing is
added any more and `full` is set; whoever drives the loop looks at it.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, strlen

cdef extern from *:
    """
    #define NO_LIMIT ((size_t)-1)
    """
    const size_t NO_LIMIT

cdef struct Text:
    char* start
    size_t used
    size_t room
    size_t limit       # bytes that it may hold
    bint full


cdef inline void text_init(Text* text, size_t limit) noexcept nogil:
    text.start, text.used, text.room, text.limit, text.full = NULL, 0, 0, limit, False


cdef inline void text_deinit(Text* text) noexcept nogil:
    free(text.start)
    text.start = NULL


cdef inline char* make_room(Text* text, size_t size) noexcept nogil:
    """Return where `size` more bytes go, or NULL."""
    cdef size_t room
    cdef char* moved
    if text.full:
        return NULL
    if text.room - text.used < size:
        room = text.room * 2 + size + 4096
        moved = NULL
        if size <= text.limit - text.used:
            moved = <char*>realloc(text.start, room)
        if moved == NULL:
            text.full = True
            return NULL
        text.start, text.room = moved, room
    return text.start + text.used


cdef inline void put_bytes(Text* text, const char* part, size_t size) noexcept nogil:
    cdef char* to = make_room(text, size)
    if to != NULL:
        memcpy(to, part, size)
        text.used += size


cdef inline void put(Text* text, const char* part) noexcept nogil:
    if not text.full:
        put_bytes(text, part, strlen(part))


cdef inline void put_number(Text* text, const char* label, uint64_t value) noexcept nogil:
    cdef char digits[20]
    cdef size_t first = 20
    put(text, label)
    while True:
        first -= 1
        digits[first] = <char>(48 + value % 10)
        value //= 10
        if value == 0:
            break
    put_bytes(text, digits + first, 20 - first)


cdef inline void put_signed(Text* text, const char* label, int64_t value) noexcept nogil:
    put(text, label)
    if value < 0:
        put_number(text, b"-", <uint64_t>0 - <uint64_t>value)
    else:
        put_number(text, b"", <uint64_t>value)
