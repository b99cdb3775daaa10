"""Growable arrays of C structs.

``push`` returns a zeroed item. When memory runs out it returns a spare item and sets ``failed``,
so a loop needs no check of its own; whoever drives the loop looks at ``failed`` once a unit.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memset

cdef extern from *:
    """
    #define MAX_U32 ((uint64_t)0xffffffff)
    #define MAX_S32 ((int64_t)0x7fffffff)
    """
    const uint64_t MAX_U32
    const int64_t MAX_S32

cdef extern from "<sys/mman.h>" nogil:
    int madvise(void*, size_t, int)
    const int MADV_HUGEPAGE
    const int MADV_DONTNEED

cdef extern from *:
    void prefetch "__builtin_prefetch"(const void*) nogil

cdef enum:
    PAGE = 4096
    HEAP_STEP = 31 << 20        # bytes; from 32 MB on, malloc maps each block for itself

cdef struct Array:
    char* items
    size_t num
    size_t capacity
    size_t item_size
    bint failed


cdef inline void* advised(size_t size) noexcept nogil:
    """Return a block that is to lie in large pages, where the system has them."""
    cdef char* block = <char*>malloc(size)
    cdef size_t inside = PAGE - <size_t>block % PAGE
    if block != NULL:
        madvise(block + inside, size - inside, MADV_HUGEPAGE)
    return block


cdef inline void prepare_heap() noexcept nogil:
    """Ask for large pages for what the heap will grow by.

    Stores grow to tens of megabytes in many steps; taking them page by page is a tenth of an
    encode's time. glibc keeps up to 64 MB of freed heap once a block of nearly 32 MB was freed;
    nothing of it is in memory before it is used. Where malloc works otherwise, nothing happens.
    """
    cdef void* first
    cdef void* second
    free(advised(HEAP_STEP + (1 << 19)))
    first = advised(HEAP_STEP)
    second = advised(HEAP_STEP)
    free(first)
    free(second)


cdef inline void extend_heap() noexcept nogil:
    """Do so for what comes behind what is taken by now."""
    free(advised(HEAP_STEP))


cdef inline bint array_init(Array* a, size_t item_size, size_t capacity) noexcept nogil:
    a.items = <char*>calloc(capacity + 1, item_size)
    a.num = 0
    a.capacity = capacity if a.items != NULL else 0
    a.item_size = item_size
    a.failed = a.items == NULL
    return not a.failed


cdef inline void array_deinit(Array* a) noexcept nogil:
    free(a.items)
    a.items = NULL
    a.num = a.capacity = 0


cdef inline bint array_reserve(Array* a, size_t more) noexcept nogil:
    cdef size_t wanted = a.num + more
    cdef size_t capacity
    cdef void* moved
    if wanted <= a.capacity:
        return True
    capacity = a.capacity + a.capacity // 2 + 64
    if capacity < wanted:
        capacity = wanted
    moved = realloc(a.items, (capacity + 1) * a.item_size)
    if moved == NULL:
        a.failed = True
        return False
    a.items = <char*>moved
    a.capacity = capacity
    return True


cdef inline void* push(Array* a) noexcept nogil:
    cdef void* item
    if a.num >= a.capacity and not array_reserve(a, 1):
        memset(a.items, 0, a.item_size)
        return a.items
    item = a.items + a.num * a.item_size
    memset(item, 0, a.item_size)
    a.num += 1
    return item


cdef inline void* appended(Array* a) noexcept nogil:
    """Return a new item that is not zeroed; for loops in which `push` shows."""
    if a.num >= a.capacity and not array_reserve(a, 1):
        return a.items
    a.num += 1
    return a.items + (a.num - 1) * a.item_size


cdef inline void push_u32(Array* a, uint32_t value) noexcept nogil:
    if a.num >= a.capacity and not array_reserve(a, 1):
        return
    (<uint32_t*>a.items)[a.num] = value
    a.num += 1


cdef inline bint grow_zeroed(Array* a, size_t num) noexcept nogil:
    """Make an array at least `num` items long; new ones are zero."""
    if num <= a.num:
        return True
    if not array_reserve(a, num - a.num):
        return False
    memset(a.items + a.num * a.item_size, 0, (num - a.num) * a.item_size)
    a.num = num
    return True


cdef inline uint16_t* u16s(Array* a) noexcept nogil:
    return <uint16_t*>a.items


cdef inline uint32_t* u32s(Array* a) noexcept nogil:
    return <uint32_t*>a.items


cdef inline uint64_t* u64s(Array* a) noexcept nogil:
    return <uint64_t*>a.items


cdef inline size_t first_not_below(Array* a, uint64_t key) noexcept nogil:
    """Return the first item not below a key; items ascend by the uint64 they begin with."""
    cdef size_t low = 0, high = a.num, middle
    while low < high:
        middle = (low + high) // 2
        if (<uint64_t*>(a.items + middle * a.item_size))[0] < key:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline uint64_t mix(uint64_t h, uint64_t value) noexcept nogil:
    """Fold one word into a hash; multiply, then bring the high bits down."""
    h = (h ^ value) * <uint64_t>0x9E3779B97F4A7C15
    return h ^ (h >> 29)
