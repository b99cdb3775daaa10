"""Where a parameter is when its function starts, as far as its DWARF location tells.

In:  a location expression, or a location list.
Out: the register it names, in two readings (see Location).

Only registers 0 to 31 with opcodes of their own count. An expression that breaks its format ends
a list: what came before it stands. That is no error: a tool that only wants to know a register
may be shown anything, and pahole, whose verdicts are wanted, does the same.
"""

from libc.stdint cimport uint8_t, uint64_t

from dwarfless._core.cursor cimport (
    Cursor, fail, read_u8, read_u16, read_u32, read_u64, read_uleb128, skip_bytes, skip_leb128,
)

cdef enum:
    NO_REGISTER = 0xFF

cdef enum Op:
    OP_ADDR = 0x03
    OP_DEREF = 0x06
    OP_CONST1U = 0x08
    OP_CONST2U = 0x0A
    OP_CONST4U = 0x0C
    OP_CONST8U = 0x0E
    OP_CONSTU = 0x10
    OP_CONSTS = 0x11
    OP_DUP = 0x12
    OP_PICK = 0x15
    OP_PLUS_UCONST = 0x23
    OP_BRA = 0x28
    OP_SKIP = 0x2F
    OP_LIT0 = 0x30
    OP_REG0 = 0x50
    OP_REG31 = 0x6F
    OP_BREG0 = 0x70
    OP_BREG31 = 0x8F
    OP_REGX = 0x90
    OP_FBREG = 0x91
    OP_BREGX = 0x92
    OP_PIECE = 0x93
    OP_DEREF_SIZE = 0x94
    OP_XDEREF_SIZE = 0x95
    OP_NOP = 0x96
    OP_PUSH_OBJECT_ADDRESS = 0x97
    OP_CALL2 = 0x98
    OP_CALL4 = 0x99
    OP_CALL_REF = 0x9A
    OP_FORM_TLS_ADDRESS = 0x9B
    OP_CALL_FRAME_CFA = 0x9C
    OP_BIT_PIECE = 0x9D
    OP_IMPLICIT_VALUE = 0x9E
    OP_STACK_VALUE = 0x9F
    OP_IMPLICIT_POINTER = 0xA0
    OP_ADDRX = 0xA1
    OP_CONSTX = 0xA2
    OP_ENTRY_VALUE = 0xA3
    OP_CONST_TYPE = 0xA4
    OP_REGVAL_TYPE = 0xA5
    OP_DEREF_TYPE = 0xA6
    OP_XDEREF_TYPE = 0xA7
    OP_CONVERT = 0xA8
    OP_REINTERPRET = 0xA9
    OP_GNU_PUSH_TLS_ADDRESS = 0xE0
    OP_GNU_UNINIT = 0xF0
    OP_GNU_IMPLICIT_POINTER = 0xF2
    OP_GNU_ENTRY_VALUE = 0xF3
    OP_GNU_CONST_TYPE = 0xF4
    OP_GNU_REGVAL_TYPE = 0xF5
    OP_GNU_DEREF_TYPE = 0xF6
    OP_GNU_CONVERT = 0xF7
    OP_GNU_REINTERPRET = 0xF9
    OP_GNU_PARAMETER_REF = 0xFA
    OP_GNU_ADDR_INDEX = 0xFB
    OP_GNU_CONST_INDEX = 0xFC
    OP_GNU_VARIABLE_VALUE = 0xFD

cdef enum ListEntry:
    LLE_END_OF_LIST = 0
    LLE_BASE_ADDRESSX = 1
    LLE_STARTX_ENDX = 2
    LLE_STARTX_LENGTH = 3
    LLE_OFFSET_PAIR = 4
    LLE_DEFAULT_LOCATION = 5
    LLE_BASE_ADDRESS = 6
    LLE_START_END = 7
    LLE_START_LENGTH = 8

cdef struct LocationSection:  # what a unit's locations are read with
    const uint8_t* lists       # .debug_loc, or .debug_loclists from version 5; NULL if absent
    const uint8_t* lists_end
    uint8_t version            # of the unit
    uint8_t address_size
    uint8_t offset_size
    bint swap                  # the target's byte order is not ours

cdef struct Location:
    # The register at entry of a parameter that fits one (or where every aggregate has one):
    # only the first entry's own register counts, or any entry's entry_value(register).
    uint8_t reg
    # The same for an aggregate spread over registers: a register within any entry of several
    # operations counts as well.
    uint8_t pair_reg

cdef struct Expression:
    unsigned int num_ops
    uint8_t first              # opcode of the first operation
    uint8_t last
    uint8_t any_reg            # first operation OP_REG0..31 anywhere, or NO_REGISTER
    bint later_stack_value     # OP_STACK_VALUE after the first operation
    const uint8_t* entry       # block of a leading entry_value
    const uint8_t* entry_end


cdef inline void skip_operands(
    Cursor* cur, uint8_t op, const LocationSection* section,
) noexcept nogil:
    """Skip what follows an opcode; an unknown one fails."""
    if OP_LIT0 <= op <= OP_REG31:
        return
    if OP_BREG0 <= op <= OP_BREG31 or op == OP_FBREG:
        skip_leb128(cur)
    elif op == OP_STACK_VALUE or op == OP_DEREF or op == OP_CALL_FRAME_CFA or op == OP_NOP:
        return
    elif op in (OP_ENTRY_VALUE, OP_GNU_ENTRY_VALUE, OP_IMPLICIT_VALUE):
        skip_bytes(cur, read_uleb128(cur))
    elif op in (OP_CONSTU, OP_CONSTS, OP_PLUS_UCONST, OP_REGX, OP_PIECE, OP_ADDRX, OP_CONSTX,
                OP_CONVERT, OP_REINTERPRET, OP_GNU_CONVERT, OP_GNU_REINTERPRET,
                OP_GNU_ADDR_INDEX, OP_GNU_CONST_INDEX):
        skip_leb128(cur)
    elif op in (OP_BREGX, OP_BIT_PIECE, OP_REGVAL_TYPE, OP_GNU_REGVAL_TYPE):
        skip_leb128(cur)
        skip_leb128(cur)
    elif op == OP_ADDR:
        skip_bytes(cur, section.address_size)
    elif op in (OP_IMPLICIT_POINTER, OP_GNU_IMPLICIT_POINTER):
        skip_bytes(cur, section.address_size if section.version == 2 else section.offset_size)
        skip_leb128(cur)
    elif op in (OP_CALL_REF, OP_GNU_VARIABLE_VALUE):
        skip_bytes(cur, section.address_size if section.version == 2 else section.offset_size)
    elif OP_CONST1U <= op < OP_CONSTU:
        skip_bytes(cur, 1 << (op - OP_CONST1U) // 2)
    elif op in (OP_PICK, OP_DEREF_SIZE, OP_XDEREF_SIZE):
        skip_bytes(cur, 1)
    elif op in (OP_BRA, OP_SKIP, OP_CALL2):
        skip_bytes(cur, 2)
    elif op in (OP_CALL4, OP_GNU_PARAMETER_REF):
        skip_bytes(cur, 4)
    elif op in (OP_DEREF_TYPE, OP_XDEREF_TYPE, OP_GNU_DEREF_TYPE):
        skip_bytes(cur, 1)
        skip_leb128(cur)
    elif op in (OP_CONST_TYPE, OP_GNU_CONST_TYPE):
        skip_leb128(cur)
        skip_bytes(cur, read_u8(cur))
    elif not (OP_DUP <= op < OP_LIT0 or op in (OP_PUSH_OBJECT_ADDRESS, OP_FORM_TLS_ADDRESS,
                                               OP_GNU_PUSH_TLS_ADDRESS, OP_GNU_UNINIT)):
        fail(cur, b"unknown operation in a location expression")


cdef inline bint read_expression(
    const uint8_t* start, const uint8_t* end, const LocationSection* section, Expression* out,
) noexcept nogil:
    """Fill out; False if the bytes are no expression."""
    cdef Cursor cur
    cdef uint8_t op
    cdef const uint8_t* operands
    out.num_ops = 0
    out.first = out.last = 0
    out.any_reg = NO_REGISTER
    out.later_stack_value = False
    out.entry = out.entry_end = NULL
    cur.start = cur.pos = start
    cur.end = end
    cur.error = NULL
    cur.swap = section.swap
    while cur.pos < cur.end:
        op = read_u8(&cur)
        operands = cur.pos
        skip_operands(&cur, op, section)
        if out.num_ops == 0:
            out.first = op
            if (op == OP_ENTRY_VALUE or op == OP_GNU_ENTRY_VALUE) and cur.error == NULL:
                out.entry_end = cur.pos
                cur.pos = operands
                skip_leb128(&cur)
                out.entry = cur.pos
                cur.pos = out.entry_end
        elif op == OP_STACK_VALUE:
            out.later_stack_value = True
        if OP_REG0 <= op <= OP_REG31 and out.any_reg == NO_REGISTER:
            out.any_reg = op - OP_REG0
        out.last = op
        out.num_ops += 1
    return cur.error == NULL


cdef inline bint add_expression(
    const uint8_t* start, const uint8_t* end, bint is_first, const LocationSection* section,
    Location* location,
) noexcept nogil:
    """Take one entry's expression into account; False ends the list."""
    cdef Expression expr
    cdef Expression inner
    cdef uint8_t reg = NO_REGISTER
    cdef uint8_t pair_reg
    cdef bint is_single
    if not read_expression(start, end, section, &expr):
        return False
    if expr.num_ops == 0:
        return True
    is_single = expr.num_ops == 1 or expr.num_ops == 2 and expr.last == OP_STACK_VALUE
    if is_first:
        if OP_REG0 <= expr.first <= OP_REG31:
            reg = expr.first - OP_REG0
        elif OP_BREG0 <= expr.first <= OP_BREG31 and expr.later_stack_value:
            reg = expr.first - OP_BREG0
    if is_single:
        if expr.entry != NULL and read_expression(expr.entry, expr.entry_end, section, &inner) \
                and inner.num_ops == 1 and OP_REG0 <= inner.first <= OP_REG31:
            reg = inner.first - OP_REG0
        pair_reg = reg
    elif OP_LIT0 <= expr.first < OP_REG0 or expr.first == OP_CONSTU or expr.first == OP_CONSTS:
        reg = pair_reg = NO_REGISTER
    else:
        pair_reg = expr.any_reg
    if location.reg == NO_REGISTER:
        location.reg = reg
    if location.pair_reg == NO_REGISTER:
        location.pair_reg = pair_reg
    return True


cdef inline bint skip_range(Cursor* cur, uint8_t kind, uint8_t address_size) noexcept nogil:
    """Skip the bounds of a .debug_loclists entry; False if it has no location."""
    if kind == LLE_OFFSET_PAIR or kind == LLE_STARTX_LENGTH or kind == LLE_STARTX_ENDX:
        skip_leb128(cur)
        skip_leb128(cur)
    elif kind == LLE_START_END:
        skip_bytes(cur, 2 * address_size)
    elif kind == LLE_START_LENGTH:
        skip_bytes(cur, address_size)
        skip_leb128(cur)
    else:
        return kind == LLE_DEFAULT_LOCATION
    return True


cdef inline uint64_t read_address(Cursor* cur, uint8_t size) noexcept nogil:
    return read_u64(cur) if size == 8 else read_u32(cur)


cdef inline void read_list(
    uint64_t offset, const LocationSection* section, Location* location,
) noexcept nogil:
    """Read the location list at an offset of its section."""
    cdef Cursor cur
    cdef uint64_t begin, end, length
    cdef uint64_t escape = 0xFFFFFFFF if section.address_size == 4 else 0xFFFFFFFFFFFFFFFF
    cdef uint8_t kind
    cdef bint is_first = True
    if section.lists == NULL or offset >= <uint64_t>(section.lists_end - section.lists):
        return
    cur.start = section.lists
    cur.pos = section.lists + offset
    cur.end = section.lists_end
    cur.error = NULL
    cur.swap = section.swap
    while location.reg == NO_REGISTER or location.pair_reg == NO_REGISTER:
        if section.version < 5:
            begin = read_address(&cur, section.address_size)
            end = read_address(&cur, section.address_size)
            if begin == escape:
                continue
            if begin == 0 and end == 0:
                return
            length = read_u16(&cur)
        else:
            kind = read_u8(&cur)
            if kind == LLE_BASE_ADDRESSX:
                skip_leb128(&cur)
                continue
            if kind == LLE_BASE_ADDRESS:
                skip_bytes(&cur, section.address_size)
                continue
            if not skip_range(&cur, kind, section.address_size):
                return
            length = read_uleb128(&cur)
        if cur.error != NULL or <uint64_t>(cur.end - cur.pos) < length:
            return
        if not add_expression(cur.pos, cur.pos + length, is_first, section, location):
            return
        cur.pos += length
        is_first = False
