"""Whether a member fits its struct; the check_member functions of kernel/bpf/btf.c."""

from libc.stdint cimport uint32_t, uint64_t

from dwarfless._core.btf cimport ENUM, ENUM64, FLOAT, INT, Chain, kind_at, record_of
from dwarfless._core.findings cimport BITFIELD, MEMBER_ALIGNMENT, MEMBER_FIT

cdef extern from *:
    """
    #define BTF_NO_SIZE UINT64_MAX
    """
    const uint64_t NO_SIZE "BTF_NO_SIZE"

cdef struct Resolution:
    const Chain* chain
    uint32_t* target        # by type id: where a settled modifier's or VAR's chain ends; see step_func
    uint64_t* size          # by type id: bytes of a settled array


cdef inline uint32_t check_int_member(const uint32_t* type_record, uint64_t struct_size,
                                      uint64_t offset, uint32_t bits, bint flag) noexcept nogil:
    cdef uint32_t word = type_record[3], copied
    if flag:
        if (word & 0xFF) not in (8, 16, 32, 64, 128) or word >> 16 & 0xFF:
            return BITFIELD
        if not bits:
            if offset & 7:
                return MEMBER_ALIGNMENT
            bits = word & 0xFF
        elif bits > (word & 0xFF):
            return BITFIELD
    else:
        offset += word >> 16 & 0xFF
        bits = word & 0xFF
    copied = bits + (offset & 7)
    if copied > 128:
        return BITFIELD
    return MEMBER_FIT if offset // 8 + (copied + 7) // 8 > struct_size else 0


cdef inline uint32_t check_enum_member(uint64_t size, uint64_t struct_size, uint64_t offset,
                                       uint32_t bits, bint flag) noexcept nogil:
    if not flag:
        if offset & 7:
            return MEMBER_ALIGNMENT
        return MEMBER_FIT if offset // 8 + size > struct_size else 0
    if not bits:
        if offset & 7:
            return MEMBER_ALIGNMENT
        bits = 32                       # whatever the enum's size is: the kernel takes an int
    elif bits > 32:
        return BITFIELD
    return MEMBER_FIT if (offset + bits + 7) // 8 > struct_size else 0


cdef inline uint32_t check_member(const Chain* chain, const uint32_t* record,
                                  const uint32_t* member, uint32_t final_type,
                                  uint64_t size) noexcept nogil:
    """Return the rule that a member of a struct breaks, or 0.

    final_type is its type behind modifiers, size that type's bytes.
    """
    cdef bint flag = record[1] >> 31
    cdef uint64_t offset = member[2] & 0xFFFFFF if flag else member[2]
    cdef uint32_t bits = member[2] >> 24 if flag else 0
    cdef uint32_t kind = kind_at(chain, final_type)
    if kind == INT:
        return check_int_member(record_of(chain, final_type), record[2], offset, bits, flag)
    if kind == ENUM or kind == ENUM64:
        return check_enum_member(size, record[2], offset, bits, flag)
    if bits:
        return BITFIELD
    if offset & 7 or (kind == FLOAT and offset % (8 * min(max(size, <uint64_t>1), <uint64_t>8))):
        return MEMBER_ALIGNMENT
    return MEMBER_FIT if offset // 8 + size > record[2] else 0
