"""How the DIEs that most of a kernel's DWARF is made of are read, settled once a declaration.

A name, a reference and one number at fixed places: each is a load, and a mask that says whether it
is there and how wide. `plain` does the reading.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from dwarfless._core.abbrev cimport *
from dwarfless._core.columns cimport LOCAL_DECLARATION, LOCAL_HAS_SIZE
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *

cdef enum:  # Action
    ACTION_LONG             # run the program
    ACTION_BIT_FIELD        # run the program, should it be no record's
    ACTION_TYPE
    ACTION_MEMBER
    ACTION_ENUMERATOR
    ACTION_PARAM            # of a function type
    ACTION_BOUND            # of an array: a count
    ACTION_UPPER            # the same as an upper bound

cdef enum:  # Comparison: bits
    COMPARE_PLAIN = 1
    COMPARE_NAME = 2            # its name stands in the DIE
    COMPARE_BITS = 4            # a bit-field
    COMPARE_PARAM = 8           # a parameter without a name
    COMPARE_BOUND = 16          # a subrange without a name
    COMPARE_TYPE = 32           # a type; see `runs`
    COMPARE_FUNC = 64           # a function, by its name alone
    COMPARE_LONGEST = 64        # bytes behind such a name

cdef enum:
    SLACK = 8                   # bytes behind a DIE that may be loaded, but don't count


cdef inline uint8_t plain_kind(uint16_t tag) noexcept nogil:
    """Return the LocalKind of a tag that needs nothing special, or LK_NONE."""
    if tag == DW_TAG_pointer_type: return LK_POINTER
    elif tag == DW_TAG_structure_type: return LK_STRUCT
    elif tag == DW_TAG_const_type: return LK_CONST
    elif tag == DW_TAG_array_type: return LK_ARRAY
    elif tag == DW_TAG_typedef: return LK_TYPEDEF
    elif tag == DW_TAG_union_type: return LK_UNION
    elif tag == DW_TAG_enumeration_type: return LK_ENUM
    elif tag == DW_TAG_subroutine_type: return LK_PROTO
    elif tag == DW_TAG_volatile_type: return LK_VOLATILE
    elif tag == DW_TAG_restrict_type: return LK_RESTRICT
    return LK_NONE


cdef inline uint8_t number_slot(Plain* plain) noexcept nogil:
    """Return the slot of the one number that a DIE may have."""
    if plain.action == ACTION_MEMBER: return S_MEMBER_LOCATION
    elif plain.action == ACTION_ENUMERATOR: return S_CONST_VALUE
    elif plain.action == ACTION_UPPER: return S_UPPER_BOUND
    elif plain.action == ACTION_BIT_FIELD: return S_DATA_BIT_OFFSET
    elif plain.action == ACTION_BOUND: return S_COUNT
    elif plain.action == ACTION_TYPE: return S_BYTE_SIZE
    return S_NONE


cdef inline bint is_unread(Plain* plain, uint8_t slot) noexcept nogil:
    """Say whether the long way would read an attribute and make nothing of it."""
    if slot in (S_ALIGNMENT, S_ARTIFICIAL, S_CALLING_CONVENTION):
        return True
    return plain.action == ACTION_TYPE and slot in (S_ENCODING, S_EXTERNAL)


cdef inline uint16_t number_width(uint8_t step) noexcept nogil:
    if step == STEP_U1: return 1
    elif step == STEP_U2: return 2
    elif step == STEP_U4: return 4
    elif step == STEP_U8: return 8
    return 0


cdef inline bint place_attribute(Plain* plain, Op* op, bint is_first) noexcept nogil:
    """Note where one attribute lies; return whether it can be read the short way."""
    cdef uint16_t width = number_width(op.step)
    if op.step == STEP_SKIP:
        plain.size += <uint16_t>op.arg
        return op.arg < 256
    elif op.step == STEP_STRING and op.slot == S_NAME and is_first:
        plain.inline_name = True
    elif op.step == STEP_STRP and op.slot == S_NAME and op.arg == 4 \
            and not plain.inline_name and plain.name_mask == 0:
        plain.name_at = plain.size
        plain.name_mask = <uint32_t>MAX_U32
        plain.name_addend = 1
        plain.size += 4
    elif op.step == STEP_REF and op.slot == S_TYPE and op.arg == 4:
        plain.ref_at = plain.size
        plain.no_ref = 0
        plain.size += 4
    elif (width or op.step == STEP_CONSTANT) and op.slot == number_slot(plain):
        plain.type_flags |= LOCAL_HAS_SIZE
        plain.value_at = plain.size
        plain.value_mask = ~<uint64_t>0 >> (64 - 8 * width) if width else 0
        plain.addend = <uint64_t>op.constant if width == 0 else 0
        plain.size += width
    elif (width == 1 or (op.step == STEP_CONSTANT and 0 <= op.constant < 256)) \
            and op.slot == S_BIT_SIZE and plain.action == ACTION_BIT_FIELD:
        plain.comparison = COMPARE_BITS
        plain.bits_at = plain.size
        plain.bits_mask = 0xFF if width else 0
        plain.bits = 0 if width else <uint8_t>op.constant
        plain.size += width
    elif op.step == STEP_CONSTANT and op.slot == S_DECLARATION and plain.action == ACTION_TYPE:
        plain.type_flags |= LOCAL_DECLARATION if op.constant else 0
    elif (width or op.step == STEP_CONSTANT) and is_unread(plain, op.slot):
        plain.size += width
    else:
        return False
    return True


cdef inline uint8_t comparison_of(Plain* plain) noexcept nogil:
    cdef bint has_name = plain.inline_name or plain.name_mask
    if plain.size > COMPARE_LONGEST:
        return 0
    elif plain.action == ACTION_TYPE:
        return COMPARE_TYPE
    elif plain.has_children:
        return 0
    elif plain.action in (ACTION_MEMBER, ACTION_BIT_FIELD, ACTION_ENUMERATOR):
        return plain.comparison | (COMPARE_NAME if plain.inline_name else COMPARE_PLAIN)
    elif plain.action == ACTION_PARAM:
        return 0 if has_name else COMPARE_PARAM
    elif plain.action == ACTION_BOUND or plain.action == ACTION_UPPER:
        return 0 if has_name else COMPARE_BOUND
    return 0


cdef inline bint keeps(Abbrev* abbrev, Op* ops, uint8_t slot) noexcept nogil:
    cdef uint32_t i
    for i in range(abbrev.keep, abbrev.keep + abbrev.num_keep):
        if ops[i].slot == slot:
            return True
    return False


cdef inline void plan_func(Abbrev* abbrev, Op* ops) noexcept nogil:
    """Settle how a function is passed of which nothing is wanted, should its name tell that."""
    cdef Plain* plain = &abbrev.plain
    cdef Op* op = ops + abbrev.keep
    cdef Op* stop = op + abbrev.num_keep
    cdef uint32_t size = 0
    while op < stop:
        if op.step == STEP_STRP and op.slot == S_NAME and op.arg == 4:
            plain.name_at = <uint16_t>size
            plain.name_mask = <uint32_t>MAX_U32
        elif not (op.step in (STEP_SKIP, STEP_ADDR, STEP_CONSTANT) or number_width(op.step)
                  or (op.step == STEP_REF and op.slot == S_TYPE and op.arg)):
            return
        size += op.arg
        if size > COMPARE_LONGEST:
            return
        op += 1
    plain.size = <uint16_t>size
    if plain.name_mask:
        plain.comparison = COMPARE_FUNC


cdef inline void plan(Abbrev* abbrev, Op* ops) noexcept nogil:
    """Settle how DIEs of an abbreviation are read."""
    cdef Plain* plain = &abbrev.plain
    cdef uint32_t i
    plain.kind = plain_kind(abbrev.tag)
    plain.has_children = abbrev.has_children
    plain.no_ref = <uint32_t>MAX_U32
    plain.limit = ~<uint64_t>0
    if plain.kind != LK_NONE or abbrev.tag == DW_TAG_subprogram:
        plain.sibling_at = abbrev.sibling_at
    if plain.kind != LK_NONE: plain.action = ACTION_TYPE
    elif abbrev.tag == DW_TAG_member:
        plain.action = ACTION_BIT_FIELD if keeps(abbrev, ops, S_DATA_BIT_OFFSET) else ACTION_MEMBER
    elif abbrev.tag == DW_TAG_enumerator: plain.action = ACTION_ENUMERATOR
    elif abbrev.tag == DW_TAG_formal_parameter: plain.action = ACTION_PARAM
    elif abbrev.tag == DW_TAG_subrange_type:
        plain.action = ACTION_UPPER if keeps(abbrev, ops, S_UPPER_BOUND) else ACTION_BOUND
    else:
        plain.inline_name = abbrev.num_keep and ops[abbrev.keep].step == STEP_STRING
        if abbrev.tag == DW_TAG_subprogram:
            plan_func(abbrev, ops)
        return
    for i in range(abbrev.num_keep):
        if not place_attribute(plain, &ops[abbrev.keep + i], i == 0) or plain.size > 0x4000:
            plain.action = ACTION_LONG
            plain.comparison = 0
            return
    if plain.action == ACTION_MEMBER:
        plain.shift = 3         # bytes to bits
    elif plain.action == ACTION_BOUND or plain.action == ACTION_UPPER:
        plain.limit = MAX_U32
        plain.addend += plain.action == ACTION_UPPER
    plain.is_child = plain.action > ACTION_TYPE and not abbrev.has_children
    plain.comparison = comparison_of(plain)
