"""What a check found, and the rules it may find broken; graph/check.py puts them into words."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport realloc

cdef enum:
    # Per record.
    KIND_TOO_NEW, FLAG_SET, VLEN_SET, VLEN_TOO_LARGE, NAME_MISSING, NAME_GIVEN, NAME_INVALID
    NAME_TOO_LONG, THIRD_SET, INT_ENCODING, INT_BITS, ENUM_SIZE, FLOAT_SIZE, ARRAY_VOID
    ELEMENT_NAME_MISSING, ELEMENT_NAME_INVALID, ELEMENT_VOID, MEMBER_ORDER, UNION_OFFSET
    MEMBER_OUTSIDE, VAR_VOID, LINKAGE, SECTION_SIZE, ENTRY_OFFSET, ENTRY_SIZE, ENTRY_OUTSIDE
    COMPONENT_NEGATIVE
    # Type tags.
    TAG_ORDER, CHAIN_LENGTH
    # Resolve.
    LOOP, DEPTH, TARGET, ARRAY_INDEX, ARRAY_ELEMENT, ARRAY_SIZE, MEMBER_TARGET, MEMBER_FIT
    MEMBER_ALIGNMENT, BITFIELD, ENTRY_TARGET, ENTRY_SHORT, FUNC_TARGET, PARAM_NAME, RETURN_TYPE
    PARAM_TYPE, PARAM_VOID, TAG_TARGET, TAG_COMPONENT
    NUM_RULES

cdef struct Finding:
    uint32_t type_id
    uint32_t rule
    uint32_t element      # which member, parameter …; 0 where there is none
    uint32_t value        # what broke the rule

cdef struct Findings:
    Finding* start
    size_t num
    size_t room
    uint32_t first_id     # findings on lower ids, the base's, are not noted
    bint full             # memory ran out


cdef inline void note(Findings* found, uint32_t type_id, uint32_t rule, uint32_t element,
                      uint32_t value) noexcept nogil:
    cdef Finding* moved
    if type_id < found.first_id or found.full:
        return
    if found.num == found.room:
        moved = <Finding*>realloc(found.start, (found.room * 2 + 64) * sizeof(Finding))
        if moved == NULL:
            found.full = True
            return
        found.start, found.room = moved, found.room * 2 + 64
    found.start[found.num].type_id = type_id
    found.start[found.num].rule = rule
    found.start[found.num].element = element
    found.start[found.num].value = value
    found.num += 1
