"""Where a compiler would put things: sizes, alignments, and padding that moves them.

Source: what BTF leaves out, alignment above all, is guessed as bpftool does it, so that both say
the same: from the members, unless one of them doesn't lie where its type would.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from dwarfless._core.btf cimport (
    ARRAY, CONST, DATASEC, ENUM, ENUM64, FLOAT, INT, PTR, RESTRICT, STRUCT, TYPEDEF, TYPE_TAG,
    UNION, VOLATILE, kind_of, record_of, vlen_of)
from dwarfless._core.c_state cimport Source, enter, leave, spend
from dwarfless._core.text cimport put, put_number

cdef struct Place:
    uint32_t offset    # bits
    uint32_t width     # bits of a bitfield, 0 for an ordinary member


cdef inline Place place_of(const uint32_t* record, const uint32_t* member) noexcept nogil:
    """Return where a member is; the struct's kind flag says how its offset is written."""
    cdef Place place
    if record[1] >> 31:
        place.offset, place.width = member[2] & 0xFFFFFF, member[2] >> 24
    else:
        place.offset, place.width = member[2], 0
    return place


cdef inline bint is_modifier(uint32_t kind) noexcept nogil:
    return kind == VOLATILE or kind == CONST or kind == RESTRICT or kind == TYPE_TAG


cdef inline uint64_t size_of(Source* s, uint32_t type_id) noexcept nogil:
    """Return a type's bytes; 0 for void and functions."""
    cdef const uint32_t* record
    cdef uint32_t kind
    cdef uint64_t count = 1
    while type_id and spend(s, 1, type_id):
        record = record_of(s.chain, type_id)
        kind = kind_of(record[1])
        if kind == ARRAY:
            count *= record[5]
            type_id = record[3]
        elif is_modifier(kind) or kind == TYPEDEF:
            type_id = record[2]
        elif kind == PTR:
            return count * s.pointer_size
        elif (kind == INT or kind == STRUCT or kind == UNION or kind == ENUM or kind == ENUM64
              or kind == FLOAT or kind == DATASEC):
            return count * record[2]
        else:
            return 0
    return 0


cdef inline uint32_t members_alignment(Source* s, const uint32_t* record) noexcept nogil:
    """Return the bytes that a struct is aligned to: 1 if a compiler would lay it out otherwise."""
    cdef const uint32_t* member = record + 3
    cdef uint32_t i, own, most = 1
    cdef Place place
    for i in range(vlen_of(record[1])):
        own = alignment_of(s, member[1])
        if own == 0:
            return 0
        most = own if own > most else most
        place = place_of(record, member)
        if place.width == 0 and place.offset % (8 * own):
            return 1
        member += 3
    return 1 if record[2] % most else most


cdef inline uint32_t alignment_of(Source* s, uint32_t type_id) noexcept nogil:
    """Return a type's alignment in bytes; 0 for void and functions, which have none."""
    cdef const uint32_t* record
    cdef uint32_t kind, found
    if type_id == 0 or s.alignments[type_id]:
        return s.alignments[type_id]
    if not enter(s, type_id):
        return 1
    record = record_of(s.chain, type_id)
    kind = kind_of(record[1])
    found = 0
    if kind == PTR:
        found = s.pointer_size
    elif kind == INT or kind == ENUM or kind == ENUM64 or kind == FLOAT:
        found = record[2] if record[2] < s.pointer_size else s.pointer_size
    elif kind == ARRAY:
        found = alignment_of(s, record[3])
    elif is_modifier(kind) or kind == TYPEDEF:
        found = alignment_of(s, record[2])
    elif kind == STRUCT or kind == UNION:
        found = members_alignment(s, record)
    s.alignments[type_id] = found
    leave(s)
    return found


cdef inline bint is_packed(Source* s, const uint32_t* record) noexcept nogil:
    """Tell whether a struct's members lie closer than a compiler would put them."""
    cdef const uint32_t* member = record + 3
    cdef uint32_t i, own, most = 1
    cdef Place place
    for i in range(vlen_of(record[1])):
        own = alignment_of(s, member[1])
        place = place_of(record, member)
        if own and place.width == 0 and place.offset % (8 * own):
            return True
        most = own if own > most else most
        member += 3
    return record[2] % most != 0


cdef inline uint64_t rounded_up(uint64_t value, uint64_t to) noexcept nogil:
    return (value + to - 1) // to * to


cdef inline void put_indent(Source* s, int depth) noexcept nogil:
    put(&s.text, b"\n")
    for _ in range(depth):
        put(&s.text, b"\t")


cdef inline const char* unit_name(int unit) noexcept nogil:
    """Return the type of 64 (or the pointer's), 32, 16 or 8 bits whose bitfields pad."""
    if unit == 0:
        return b"long: "
    if unit == 1:
        return b"int: "
    return b"short: " if unit == 2 else b"char: "


cdef inline uint32_t unit_bits(Source* s, int unit) noexcept nogil:
    return 8 * s.pointer_size if unit == 0 else 64 >> unit


cdef inline void put_filler(Source* s, int unit, uint64_t bits, int depth) noexcept nogil:
    put_indent(s, depth)
    put_number(&s.text, unit_name(unit), bits)
    put(&s.text, b";")


cdef inline void put_padding(Source* s, uint64_t at, uint64_t to, uint64_t alignment,
                             bint in_bitfield, int depth, uint32_t type_id) noexcept nogil:
    """Put unnamed bitfields between two bit offsets, for a member of some alignment in bits.

    The widest type is chosen one of whose borders lies in between: up to it the compiler fills by
    itself, unless told the bits, or with `: 0`; from there the rest is said in whole units.
    """
    cdef int unit = 0, small
    cdef uint64_t border, bits
    if at >= to:
        return
    border = rounded_up(at, unit_bits(s, 0))
    while unit < 3 and border > to:
        unit += 1
        border = rounded_up(at, unit_bits(s, unit))
    if at < border <= to:
        if in_bitfield:
            put_filler(s, unit, border - at, depth)
        elif border == to:
            if alignment == 0 or rounded_up(at, alignment) != border:
                put_filler(s, unit, 0, depth)
        elif to - border <= border - at:
            put_filler(s, unit, 0, depth)
        at = border
    while at < to and spend(s, 1, type_id):
        bits, small = unit_bits(s, unit), unit
        if to - at < bits:
            bits, small = to - at, 3
            while unit_bits(s, small) < bits:
                small -= 1
        put_filler(s, small, bits, depth)
        at += bits
