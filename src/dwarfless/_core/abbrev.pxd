"""Abbreviations, compiled once into short programs.

Each declaration becomes two programs: *keep* stores the attributes that matter for its tag and
skips the rest, *skip* only moves to the next DIE (and of a subprogram keeps the sibling, so that
its body can be stepped over too). Neighbouring fixed-size attributes become one skip, so a typical
member is four steps and an uninteresting DIE is one.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from dwarfless._core.cursor cimport (
    Cursor, fail, read_sleb128, read_uleb128)
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.memory cimport *

cdef enum:  # Step
    # skips
    STEP_SKIP = 1           # arg bytes
    STEP_SKIP_LEB
    STEP_SKIP_STRING
    STEP_SKIP_BLOCK1
    STEP_SKIP_BLOCK2
    STEP_SKIP_BLOCK4
    STEP_SKIP_BLOCK
    STEP_SKIP_INDIRECT
    # keeps, one a way of reading
    STEP_U1
    STEP_U2
    STEP_U4
    STEP_U8
    STEP_UDATA
    STEP_SDATA
    STEP_CONSTANT           # implicit_const, flag_present
    STEP_REF                # arg = size in the unit, 0 = ULEB128
    STEP_REF_ADDR           # arg = size
    STEP_REF_SIG
    STEP_REF_ALT            # arg = size
    STEP_STRING
    STEP_STRP               # arg = size
    STEP_LINE_STRP
    STEP_STRP_ALT
    STEP_STRX               # arg = size, 0 = ULEB128
    STEP_ADDR
    STEP_ADDRX
    STEP_SEC_OFFSET
    STEP_LOCLISTX
    STEP_BLOCK1
    STEP_BLOCK2
    STEP_BLOCK4
    STEP_BLOCK
    STEP_INDIRECT

cdef enum:  # Slot
    S_NONE = 0
    S_NAME
    S_TYPE
    S_BYTE_SIZE
    S_BIT_SIZE
    S_MEMBER_LOCATION
    S_DATA_BIT_OFFSET
    S_BIT_OFFSET
    S_ENCODING
    S_UPPER_BOUND
    S_COUNT
    S_CONST_VALUE
    S_DECLARATION
    S_EXTERNAL
    S_LOCATION
    S_LOW_PC
    S_ORIGIN
    S_SPECIFICATION
    S_SIBLING
    S_ARTIFICIAL
    S_SIGNATURE
    S_CALLING_CONVENTION
    S_LANGUAGE
    S_PRODUCER
    S_STR_OFFSETS_BASE
    S_ADDR_BASE
    S_LOCLISTS_BASE
    S_ANNOTATION
    S_INLINE
    S_ALIGNMENT
    S_IMPORT
    S_DWO_NAME
    S_DWO_ID
    S_RANGES
    S_COMP_DIR
    NUM_SLOTS

cdef enum:  # what a program keeps
    KEEP_NONE
    KEEP_SIBLING
    KEEP_REST               # all that matters but the sibling

cdef enum:  # InBody
    BODY_READ
    BODY_PASS               # nothing in it is wanted, and it has no children
    BODY_JUMP               # to its sibling
    BODY_ENTER              # a block: its children are read as the body's
    BODY_PARAM              # pass it where parameters are not wanted

cdef struct Op:
    uint8_t step
    uint8_t slot
    uint32_t arg
    int64_t constant

cdef struct Plain:              # how to read a common DIE without running its program; see `plans`
    uint8_t action              # Action
    uint8_t kind                # LocalKind of a type
    uint8_t is_child            # a member or the like that has no children itself
    uint8_t comparison          # how `alike` compares it: Comparison
    uint8_t inline_name         # the name comes first, in the DIE itself
    uint8_t type_flags          # Local flags of a type
    uint8_t has_children
    uint8_t shift               # of the number, to the left
    uint16_t size               # bytes after such a name
    uint16_t name_at, ref_at, value_at      # in those bytes; 0 if there is none
    uint16_t bits_at            # of a bit-field: one byte
    uint16_t sibling_at         # 1 + where four bytes name the sibling; 0: nowhere
    uint8_t bits_mask, bits     # of that byte, and what is added
    uint32_t name_mask          # 0: there is none
    uint32_t name_addend        # 1: a name is one more than its place; 0: there is none
    uint32_t no_ref             # all ones: there is none
    uint64_t value_mask         # of the one number: size, offset, value, count
    uint64_t addend             # to it, before it is shifted
    uint64_t limit              # what is left of it in the end

cdef struct Abbrev:
    uint64_t code
    uint32_t keep, num_keep     # into AbbrevTable.ops
    uint32_t skip, num_skip
    uint16_t tag
    uint8_t has_children
    uint8_t has_sibling
    uint16_t sibling_at         # 1 + the bytes before it, a name that comes first left out; 0: varies
    int32_t size                # bytes of all attributes; -1: varies
    uint8_t in_body             # InBody: what to do with it in a function
    Plain plain

cdef struct KnownAbbrev:        # a declaration compiled once, for all units that have it
    uint32_t size               # of what stands behind the code
    uint32_t hash
    uint32_t sizes              # version and sizes it was compiled for
    uint32_t bytes              # where a copy of it lies in AbbrevTable.bytes
    Abbrev abbrev

cdef struct Declaration:        # as it stands in a table
    uint64_t code
    const uint8_t* start        # what stands behind the code
    uint32_t size, hash

cdef struct AbbrevTable:
    uint64_t offset             # in .debug_abbrev, of the table held
    const void* section         # which .debug_abbrev
    uint8_t version, address_size, offset_size
    bint held
    bint dense                  # codes count from 1
    bint far                    # some reference may leave its unit
    Array abbrevs               # Abbrev, those of the table held
    Plain plains[256]           # of codes of one byte; of what is none, zero
    Array ops                   # Op, of all that are known
    Array known                 # KnownAbbrev; item 0 is unused
    Array slots                 # uint32: index into `known`, by hash; 0: free
    Array bytes                 # of all that are known, behind each other
    Array met                   # Declaration, of the table that is read


cdef inline bint abbrevs_init(AbbrevTable* t) noexcept nogil:
    t.held = t.far = False
    if not (array_init(&t.abbrevs, sizeof(Abbrev), 256) and array_init(&t.ops, sizeof(Op), 2048)
            and array_init(&t.known, sizeof(KnownAbbrev), 256)
            and array_init(&t.bytes, 1, 4096) and array_init(&t.met, sizeof(Declaration), 256)
            and array_init(&t.slots, 4, 1024) and grow_zeroed(&t.slots, 1024)):
        return False
    push(&t.known)
    return True


cdef inline void abbrevs_deinit(AbbrevTable* t) noexcept nogil:
    array_deinit(&t.abbrevs)
    array_deinit(&t.ops)
    array_deinit(&t.known)
    array_deinit(&t.slots)
    array_deinit(&t.bytes)
    array_deinit(&t.met)


cdef inline uint8_t slot_of(uint64_t attribute) noexcept nogil:
    if attribute == DW_AT_name: return S_NAME
    elif attribute == DW_AT_type: return S_TYPE
    elif attribute == DW_AT_sibling: return S_SIBLING
    elif attribute == DW_AT_location: return S_LOCATION
    elif attribute == DW_AT_byte_size: return S_BYTE_SIZE
    elif attribute == DW_AT_bit_offset: return S_BIT_OFFSET
    elif attribute == DW_AT_bit_size: return S_BIT_SIZE
    elif attribute == DW_AT_low_pc: return S_LOW_PC
    elif attribute == DW_AT_language: return S_LANGUAGE
    elif attribute == DW_AT_import: return S_IMPORT
    elif attribute == DW_AT_const_value: return S_CONST_VALUE
    elif attribute == DW_AT_inline: return S_INLINE
    elif attribute == DW_AT_producer: return S_PRODUCER
    elif attribute == DW_AT_upper_bound: return S_UPPER_BOUND
    elif attribute == DW_AT_abstract_origin: return S_ORIGIN
    elif attribute == DW_AT_artificial: return S_ARTIFICIAL
    elif attribute == DW_AT_calling_convention: return S_CALLING_CONVENTION
    elif attribute == DW_AT_count: return S_COUNT
    elif attribute == DW_AT_data_member_location: return S_MEMBER_LOCATION
    elif attribute == DW_AT_declaration: return S_DECLARATION
    elif attribute == DW_AT_encoding: return S_ENCODING
    elif attribute == DW_AT_external: return S_EXTERNAL
    elif attribute == DW_AT_specification: return S_SPECIFICATION
    elif attribute == DW_AT_ranges: return S_RANGES
    elif attribute == DW_AT_signature: return S_SIGNATURE
    elif attribute == DW_AT_data_bit_offset: return S_DATA_BIT_OFFSET
    elif attribute == DW_AT_str_offsets_base: return S_STR_OFFSETS_BASE
    elif attribute == DW_AT_addr_base or attribute == DW_AT_GNU_addr_base: return S_ADDR_BASE
    elif attribute == DW_AT_dwo_name or attribute == DW_AT_GNU_dwo_name: return S_DWO_NAME
    elif attribute == DW_AT_GNU_dwo_id: return S_DWO_ID
    elif attribute == DW_AT_alignment: return S_ALIGNMENT
    elif attribute == DW_AT_loclists_base: return S_LOCLISTS_BASE
    elif attribute == DW_AT_GNU_annotation: return S_ANNOTATION
    elif attribute == DW_AT_comp_dir: return S_COMP_DIR
    return S_NONE


cdef inline int fixed_size(uint64_t form, AbbrevTable* t) noexcept nogil:
    """Return the bytes a form takes, or -1 if that varies."""
    if form == DW_FORM_flag_present or form == DW_FORM_implicit_const: return 0
    elif form in (DW_FORM_data1, DW_FORM_flag, DW_FORM_ref1, DW_FORM_strx1, DW_FORM_addrx1):
        return 1
    elif form in (DW_FORM_data2, DW_FORM_ref2, DW_FORM_strx2, DW_FORM_addrx2): return 2
    elif form in (DW_FORM_strx3, DW_FORM_addrx3): return 3
    elif form in (DW_FORM_data4, DW_FORM_ref4, DW_FORM_strx4, DW_FORM_addrx4, DW_FORM_ref_sup4):
        return 4
    elif form in (DW_FORM_data8, DW_FORM_ref8, DW_FORM_ref_sig8, DW_FORM_ref_sup8): return 8
    elif form == DW_FORM_data16: return 16
    elif form == DW_FORM_addr: return t.address_size
    elif form == DW_FORM_ref_addr:
        return t.address_size if t.version <= 2 else t.offset_size
    elif form in (DW_FORM_strp, DW_FORM_sec_offset, DW_FORM_line_strp, DW_FORM_strp_sup,
                  DW_FORM_GNU_ref_alt, DW_FORM_GNU_strp_alt):
        return t.offset_size
    return -1


cdef inline uint8_t skip_step(uint64_t form) noexcept nogil:
    if form in (DW_FORM_sdata, DW_FORM_udata, DW_FORM_ref_udata, DW_FORM_strx, DW_FORM_addrx,
                DW_FORM_loclistx, DW_FORM_rnglistx, DW_FORM_GNU_addr_index,
                DW_FORM_GNU_str_index):
        return STEP_SKIP_LEB
    elif form == DW_FORM_string: return STEP_SKIP_STRING
    elif form == DW_FORM_block1: return STEP_SKIP_BLOCK1
    elif form == DW_FORM_block2: return STEP_SKIP_BLOCK2
    elif form == DW_FORM_block4: return STEP_SKIP_BLOCK4
    elif form == DW_FORM_block or form == DW_FORM_exprloc: return STEP_SKIP_BLOCK
    elif form == DW_FORM_indirect: return STEP_SKIP_INDIRECT
    return 0


cdef inline uint8_t keep_step(uint64_t form) noexcept nogil:
    if form in (DW_FORM_data1, DW_FORM_flag): return STEP_U1
    elif form == DW_FORM_data2: return STEP_U2
    elif form == DW_FORM_data4: return STEP_U4
    elif form == DW_FORM_data8: return STEP_U8
    elif form == DW_FORM_udata: return STEP_UDATA
    elif form == DW_FORM_sdata: return STEP_SDATA
    elif form in (DW_FORM_implicit_const, DW_FORM_flag_present): return STEP_CONSTANT
    elif form in (DW_FORM_ref1, DW_FORM_ref2, DW_FORM_ref4, DW_FORM_ref8, DW_FORM_ref_udata):
        return STEP_REF
    elif form == DW_FORM_ref_addr: return STEP_REF_ADDR
    elif form == DW_FORM_ref_sig8: return STEP_REF_SIG
    elif form in (DW_FORM_GNU_ref_alt, DW_FORM_ref_sup4, DW_FORM_ref_sup8): return STEP_REF_ALT
    elif form == DW_FORM_string: return STEP_STRING
    elif form == DW_FORM_strp: return STEP_STRP
    elif form == DW_FORM_line_strp: return STEP_LINE_STRP
    elif form in (DW_FORM_strp_sup, DW_FORM_GNU_strp_alt): return STEP_STRP_ALT
    elif form in (DW_FORM_strx, DW_FORM_strx1, DW_FORM_strx2, DW_FORM_strx3, DW_FORM_strx4,
                  DW_FORM_GNU_str_index):
        return STEP_STRX
    elif form == DW_FORM_addr: return STEP_ADDR
    elif form in (DW_FORM_addrx, DW_FORM_addrx1, DW_FORM_addrx2, DW_FORM_addrx3, DW_FORM_addrx4,
                  DW_FORM_GNU_addr_index):
        return STEP_ADDRX
    elif form == DW_FORM_sec_offset: return STEP_SEC_OFFSET
    elif form in (DW_FORM_loclistx, DW_FORM_rnglistx): return STEP_LOCLISTX
    elif form == DW_FORM_block1: return STEP_BLOCK1
    elif form == DW_FORM_block2: return STEP_BLOCK2
    elif form == DW_FORM_block4: return STEP_BLOCK4
    elif form in (DW_FORM_block, DW_FORM_exprloc): return STEP_BLOCK
    elif form == DW_FORM_indirect: return STEP_INDIRECT
    return 0


cdef inline bint is_string_step(uint8_t step) noexcept nogil:
    return step in (STEP_STRING, STEP_STRP, STEP_STRX, STEP_LINE_STRP, STEP_STRP_ALT)


cdef inline bint is_ref_step(uint8_t step) noexcept nogil:
    return step in (STEP_REF, STEP_REF_ADDR, STEP_REF_SIG, STEP_REF_ALT)


cdef inline bint is_block_step(uint8_t step) noexcept nogil:
    return step in (STEP_BLOCK, STEP_BLOCK1, STEP_BLOCK2, STEP_BLOCK4)


cdef inline bint fits(uint8_t slot, uint8_t step) noexcept nogil:
    """Say whether an attribute makes sense in the form it comes in; if not, it's skipped."""
    if step == STEP_INDIRECT:
        return True
    if slot in (S_NAME, S_PRODUCER, S_COMP_DIR):
        return is_string_step(step)
    elif slot in (S_TYPE, S_ORIGIN, S_SPECIFICATION, S_SIBLING, S_SIGNATURE, S_ANNOTATION,
                  S_IMPORT):
        return is_ref_step(step)
    elif slot in (S_CONST_VALUE, S_DWO_NAME):
        return not is_ref_step(step)
    elif slot in (S_LOCATION, S_MEMBER_LOCATION):
        return not is_string_step(step) and not is_ref_step(step)
    return not is_string_step(step) and not is_ref_step(step) and not is_block_step(step)


cdef inline void add_skip(AbbrevTable* t, uint32_t first, uint64_t form, int size) noexcept nogil:
    cdef Op* op
    if size == 0:
        return
    if size > 0 and t.ops.num > first:
        op = &(<Op*>t.ops.items)[t.ops.num - 1]
        if op.step == STEP_SKIP:
            op.arg += size
            return
    op = <Op*>push(&t.ops)
    if size > 0:
        op.step = STEP_SKIP
        op.arg = size
    else:
        op.step = skip_step(form)


cdef inline void read_pair(Cursor* cur, uint64_t* attribute, uint64_t* form,
                           int64_t* constant) noexcept nogil:
    attribute[0] = read_uleb128(cur)
    form[0] = read_uleb128(cur)
    constant[0] = 0
    if form[0] == DW_FORM_implicit_const:
        constant[0] = read_sleb128(cur)
    elif form[0] == DW_FORM_flag_present:
        constant[0] = 1


cdef inline void compile_program(AbbrevTable* t, Cursor cur, Abbrev* abbrev, int keep,
                                 uint32_t* begin, uint32_t* num, Cursor* after) noexcept nogil:
    """Compile one declaration's attribute list; `after` gets the cursor behind it."""
    cdef uint64_t attribute = 1, form = 1
    cdef int64_t constant = 0
    cdef uint32_t first = <uint32_t>t.ops.num, at = 1
    cdef int size
    cdef uint8_t slot
    cdef bint is_first = True
    cdef Op* op
    while True:
        read_pair(&cur, &attribute, &form, &constant)
        if (attribute == 0 and form == 0) or cur.error != NULL:
            break
        size = fixed_size(form, t)
        if size < 0 and skip_step(form) == 0:
            fail(&cur, b"unknown form of an attribute")
            break
        slot = slot_of(attribute) if keep != KEEP_NONE else <uint8_t>S_NONE
        if attribute == DW_AT_sibling:
            abbrev.has_sibling = True
            abbrev.sibling_at = <uint16_t>at if form == DW_FORM_ref4 else 0
        if size >= 0 and at:
            at = at + size if at + size < 0x4000 else 0
        elif not (is_first and attribute == DW_AT_name and form == DW_FORM_string):
            at = 0
        is_first = False
        if (slot == S_SIBLING) != (keep == KEEP_SIBLING):
            slot = S_NONE
        if slot == S_NONE or keep_step(form) == 0 or not fits(slot, keep_step(form)):
            add_skip(t, first, form, size)
            continue
        op = <Op*>push(&t.ops)
        op.step = keep_step(form)
        op.slot = slot
        op.arg = size if size > 0 else 0
        op.constant = constant
        if op.step in (STEP_REF_ADDR, STEP_REF_SIG, STEP_REF_ALT):
            t.far = True
    begin[0] = first
    num[0] = <uint32_t>(t.ops.num - first)
    after[0] = cur
