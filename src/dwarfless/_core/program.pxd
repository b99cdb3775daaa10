"""Where DIEs come from (files, units), and the loop that runs abbreviation programs over them.

Every debug section of every file (main, dwz alternate, .dwo) that can hold DIEs has a place in one
64-bit space of *DIE addresses*: section base + offset. References of all forms become such
addresses as they are read, so nothing later cares which file or form they came from.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memchr

from dwarfless._core.abbrev cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.memory cimport *

cdef enum:
    NUM_SECTIONS = 10

cdef enum:  # SectionIndex
    SEC_INFO
    SEC_TYPES
    SEC_ABBREV
    SEC_STR
    SEC_LINE_STR
    SEC_STR_OFFSETS
    SEC_ADDR
    SEC_LOC
    SEC_LOCLISTS
    SEC_RNGLISTS

cdef extern from *:
    """
    #define NO_REF (~(uint64_t)0)
    """
    const uint64_t NO_REF

cdef struct Section:
    const uint8_t* start
    uint64_t size

cdef struct DebugFile:
    Section sections[NUM_SECTIONS]
    uint64_t info_base          # DIE address of .debug_info+0
    uint64_t types_base         # DIE address of .debug_types+0
    int32_t alternate           # index of the dwz alternate file, or -1
    bint swap
    bint is_split               # a .dwo

cdef struct UnitHeader:
    uint32_t file
    uint8_t in_types            # lives in .debug_types
    uint8_t version, address_size, offset_size, unit_type
    uint64_t start, dies, end   # offsets in the section
    uint64_t abbrev_offset
    uint64_t signature          # type signature or dwo id
    uint64_t type_offset        # DIE address of a type unit's type

cdef struct Signature:
    uint64_t signature
    uint64_t address

cdef struct Values:
    uint64_t value[NUM_SLOTS]
    uint64_t length[NUM_SLOTS]  # of a block, or of a string in the DIE
    uint8_t step[NUM_SLOTS]     # how the value was read
    uint64_t present            # bit a slot

cdef struct Reader:
    # set a file
    DebugFile* files
    DebugFile* file
    Signature* signatures       # sorted
    size_t num_signatures
    # set a unit
    UnitHeader header
    uint64_t section_base       # DIE address of the unit's section
    uint64_t unit_base          # DIE address of the unit
    uint64_t str_offsets_base, addr_base, loclists_base
    DebugFile* addr_file        # whose .debug_addr: a .dwo uses its skeleton's
    uint64_t missing_signatures
    AbbrevTable abbrevs
    Cursor cur


cdef inline bint has(Values* v, uint8_t slot) noexcept nogil:
    return (v.present >> slot) & 1


cdef inline uint64_t get(Values* v, uint8_t slot, uint64_t otherwise) noexcept nogil:
    return v.value[slot] if (v.present >> slot) & 1 else otherwise


cdef inline const char* string_in(Section* section, uint64_t offset, Cursor* cur) noexcept nogil:
    """Return a string of a section; sections are known to end with NUL (see sections_init)."""
    if offset >= section.size:
        fail(cur, b"string offset lies outside the string section")
        return NULL
    return <const char*>section.start + offset


cdef inline uint64_t read_sized(Cursor* cur, uint32_t size) noexcept nogil:
    if size == 4: return read_u32(cur)
    elif size == 8: return read_u64(cur)
    elif size == 1: return read_u8(cur)
    elif size == 2: return read_u16(cur)
    elif size == 3: return read_u24(cur)
    elif size == 0: return read_uleb128(cur)
    return fail(cur, b"value of an odd size")


cdef inline uint64_t read_at(Section* section, uint64_t offset, uint32_t size,
                             Cursor* cur) noexcept nogil:
    """Read an entry of an index table such as .debug_str_offsets."""
    cdef Cursor there
    if offset > section.size or size > section.size - offset:
        return fail(cur, b"index lies outside its table")
    there.start = there.pos = section.start + offset
    there.end = section.start + section.size
    there.error = NULL
    there.swap = cur.swap
    return read_sized(&there, size)


cdef inline uint64_t find_signature(Reader* r, uint64_t signature) noexcept nogil:
    cdef size_t low = 0, high = r.num_signatures, middle
    while low < high:
        middle = (low + high) // 2
        if r.signatures[middle].signature < signature:
            low = middle + 1
        else:
            high = middle
    if low < r.num_signatures and r.signatures[low].signature == signature:
        return r.signatures[low].address
    r.missing_signatures += 1
    return NO_REF


cdef inline void keep_block(Reader* r, Values* v, uint8_t slot, uint64_t length) noexcept nogil:
    v.value[slot] = <uint64_t><size_t>r.cur.pos
    v.length[slot] = length
    skip_bytes(&r.cur, length)


cdef inline uint64_t read_strx(Reader* r, uint32_t size) noexcept nogil:
    cdef uint64_t index = read_sized(&r.cur, size)
    cdef uint64_t offset
    if index >= MAX_U32:
        return fail(&r.cur, b"string index is absurd")
    offset = read_at(&r.file.sections[SEC_STR_OFFSETS],
                     r.str_offsets_base + index * r.header.offset_size,
                     r.header.offset_size, &r.cur)
    return <uint64_t><size_t>string_in(&r.file.sections[SEC_STR], offset, &r.cur)


cdef inline uint64_t address_at(Reader* r, uint64_t index) noexcept nogil:
    if index >= MAX_U32:
        return fail(&r.cur, b"address index is absurd")
    return read_at(&r.addr_file.sections[SEC_ADDR], r.addr_base + index * r.header.address_size,
                   r.header.address_size, &r.cur)


cdef inline void read_string(Reader* r, Values* v, uint8_t slot, uint8_t step,
                             uint32_t size) noexcept nogil:
    cdef DebugFile* file = r.file
    cdef const void* nul
    cdef uint64_t offset
    if step == STEP_STRING:
        nul = memchr(r.cur.pos, 0, r.cur.end - r.cur.pos)
        if nul == NULL:
            fail(&r.cur, b"string runs past the end")
            v.value[slot] = v.length[slot] = 0
            return
        v.value[slot] = <uint64_t><size_t>r.cur.pos
        v.length[slot] = <const uint8_t*>nul - r.cur.pos
        r.cur.pos = <const uint8_t*>nul + 1
    elif step == STEP_STRX:
        v.value[slot] = read_strx(r, size)
    elif step == STEP_LINE_STRP:
        offset = read_sized(&r.cur, size)
        v.value[slot] = <uint64_t><size_t>string_in(&file.sections[SEC_LINE_STR], offset, &r.cur)
    else:  # STEP_STRP_ALT
        offset = read_sized(&r.cur, size)
        if file.alternate < 0:
            v.value[slot] = 0
        else:
            file = &r.files[file.alternate]
            v.value[slot] = <uint64_t><size_t>string_in(&file.sections[SEC_STR], offset, &r.cur)


cdef inline uint64_t read_far_ref(Reader* r, uint8_t step, uint32_t size) noexcept nogil:
    cdef uint64_t offset = read_sized(&r.cur, size)
    if step == STEP_REF_ADDR:
        return r.file.info_base + offset if offset < r.file.sections[SEC_INFO].size else NO_REF
    elif step == STEP_REF_SIG:
        return find_signature(r, offset)
    elif r.file.alternate >= 0 and offset < r.files[r.file.alternate].sections[SEC_INFO].size:
        return r.files[r.file.alternate].info_base + offset
    return NO_REF


cdef inline void run_indirect(Reader* r, Values* v, uint8_t slot) noexcept nogil:
    """Read a form and then the value in it; slot S_NONE only moves on."""
    cdef uint64_t form = read_uleb128(&r.cur)
    cdef Op ops[1]
    cdef AbbrevTable* t = &r.abbrevs
    cdef int size = fixed_size(form, t)
    if form == DW_FORM_indirect or form == DW_FORM_implicit_const \
            or (size < 0 and skip_step(form) == 0):
        fail(&r.cur, b"bad form behind DW_FORM_indirect")
        return
    ops[0].slot = slot
    ops[0].constant = 1
    ops[0].arg = size if size > 0 else 0
    ops[0].step = keep_step(form)
    if slot == S_NONE or not fits(slot, ops[0].step):
        ops[0].step = 0
    if ops[0].step == 0:
        ops[0].slot = S_NONE
        ops[0].step = <uint8_t>STEP_SKIP if size >= 0 else skip_step(form)
    elif ops[0].step in (STEP_REF_ADDR, STEP_REF_SIG, STEP_REF_ALT):
        t.far = True
    run(r, ops, 1, v)


cdef inline void run(Reader* r, Op* op, uint32_t count, Values* v) noexcept nogil:
    """Run one program at the cursor. Bounds are checked once a step."""
    cdef Cursor* cur = &r.cur
    cdef Op* end = op + count
    cdef uint8_t slot, step
    cdef uint64_t offset
    while op < end:
        step = op.step
        slot = op.slot
        if step == STEP_SKIP:
            skip_bytes(cur, op.arg)
        elif step == STEP_STRP:
            offset = read_u32(cur) if op.arg == 4 else read_u64(cur)
            v.value[slot] = <uint64_t><size_t>string_in(&r.file.sections[SEC_STR], offset, cur)
        elif step == STEP_REF:
            offset = read_sized(cur, op.arg)
            v.value[slot] = r.unit_base + offset \
                if offset < r.header.end - r.header.start else NO_REF
        elif step == STEP_U1: v.value[slot] = read_u8(cur)
        elif step == STEP_U2: v.value[slot] = read_u16(cur)
        elif step == STEP_U4: v.value[slot] = read_u32(cur)
        elif step == STEP_U8: v.value[slot] = read_u64(cur)
        elif step == STEP_CONSTANT: v.value[slot] = <uint64_t>op.constant
        elif step == STEP_UDATA: v.value[slot] = read_uleb128(cur)
        elif step == STEP_SDATA: v.value[slot] = <uint64_t>read_sleb128(cur)
        elif step == STEP_SKIP_LEB: skip_leb128(cur)
        elif step == STEP_SKIP_BLOCK: skip_bytes(cur, read_uleb128(cur))
        elif step == STEP_BLOCK: keep_block(r, v, slot, read_uleb128(cur))
        elif step == STEP_ADDR: v.value[slot] = read_sized(cur, op.arg)
        elif step == STEP_SEC_OFFSET: v.value[slot] = read_sized(cur, op.arg)
        elif step == STEP_LOCLISTX: v.value[slot] = read_uleb128(cur)
        elif step == STEP_ADDRX: v.value[slot] = address_at(r, read_sized(cur, op.arg))
        elif step in (STEP_STRING, STEP_STRX, STEP_LINE_STRP, STEP_STRP_ALT):
            read_string(r, v, slot, step, op.arg)
        elif step in (STEP_REF_ADDR, STEP_REF_SIG, STEP_REF_ALT):
            v.value[slot] = read_far_ref(r, step, op.arg)
        elif step == STEP_SKIP_STRING:
            while cur.pos < cur.end and cur.pos[0] != 0:
                cur.pos += 1
            skip_bytes(cur, 1)
        elif step == STEP_SKIP_BLOCK1: skip_bytes(cur, read_u8(cur))
        elif step == STEP_SKIP_BLOCK2: skip_bytes(cur, read_u16(cur))
        elif step == STEP_SKIP_BLOCK4: skip_bytes(cur, read_u32(cur))
        elif step == STEP_BLOCK1: keep_block(r, v, slot, read_u8(cur))
        elif step == STEP_BLOCK2: keep_block(r, v, slot, read_u16(cur))
        elif step == STEP_BLOCK4: keep_block(r, v, slot, read_u32(cur))
        elif step == STEP_INDIRECT or step == STEP_SKIP_INDIRECT:
            run_indirect(r, v, slot)
            op += 1
            continue
        v.present |= <uint64_t>1 << slot
        v.step[slot] = step
        op += 1
