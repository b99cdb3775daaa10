"""What is known of a type's layout and of a member's place; what sorting members would save."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from dwarfless._core.btf cimport vlen_of

cdef struct Slot:
    uint64_t size               # bytes of the member's type
    uint32_t offset             # byte; of a bitfield its storage unit's
    uint32_t bit_offset         # of a bitfield, inside the unit
    uint32_t bits               # of a bitfield, else 0
    uint32_t alignment          # forced, else 0
    int32_t hole                # bytes after it
    int32_t bit_hole            # bits after it

cdef struct Shape:
    uint64_t size               # bytes
    uint32_t first              # its first Slot
    uint32_t natural            # alignment, at least 1
    uint32_t alignment          # forced, else 0
    int32_t hole_before         # before the first member
    int32_t bit_hole_before
    int32_t padding             # bytes after the last member
    int32_t bit_padding         # bits after it
    uint32_t num_holes
    uint32_t num_bit_holes
    uint32_t flexible
    uint32_t packed
    uint32_t sum_holes          # bytes
    uint32_t saved              # bytes that another order of members would save


cdef inline uint64_t align_up(uint64_t at, uint64_t alignment) noexcept nogil:
    return (at + alignment - 1) // alignment * alignment


cdef inline void sort_members(const Shape* shapes, Shape* shape, const Slot* slots,
                              const uint32_t* record) noexcept nogil:
    """Fill in what a struct would save with its members sorted by alignment, the largest first.

    A member that is aligned by force stays where it is among the others: what follows it up to the
    next such is sorted for itself. So does an array without elements, at the end. Bitfields in a
    row stay together, in as many bytes as the next power of two, or whole units.
    """
    cdef uint64_t[8] sizes      # of what is aligned to 1 << index; more than 128 counts as 128
    cdef uint32_t num = vlen_of(record[1]), i = 0, j, log
    cdef uint64_t at = 0, size, alignment, most = 1, bits
    while i < num:
        for j in range(8):
            sizes[j] = 0
        if slots[i].alignment:
            at = align_up(at, slots[i].alignment)
            most = max(most, slots[i].alignment)
            at += slots[i].size if slots[i].bits == 0 else (slots[i].bits + 7) // 8
            i += 1
        while i < num and slots[i].alignment == 0:
            size, alignment = slots[i].size, shapes[record[4 + 3 * i]].natural
            if slots[i].bits:
                bits = 0
                while i < num and slots[i].bits and slots[i].alignment == 0:
                    alignment = max(alignment, shapes[record[4 + 3 * i]].natural)
                    bits += slots[i].bits
                    i += 1
                size = 1
                while 8 * size < bits and size < alignment:
                    size *= 2
                alignment = size
                size = align_up((bits + 7) // 8, alignment)
            else:
                i += 1
            log = 0
            while log < 7 and alignment >> (log + 1):
                log += 1
            sizes[log] += size
        for j in range(8):
            if sizes[7 - j]:
                at = align_up(at, <uint64_t>1 << (7 - j)) + sizes[7 - j]
    at = align_up(at, max(most, max(<uint64_t>shape.natural, <uint64_t>shape.alignment)))
    if at < shape.size and shape.packed == 0:
        shape.saved = <uint32_t>min(shape.size - at, 0xFFFFFFFFU)
