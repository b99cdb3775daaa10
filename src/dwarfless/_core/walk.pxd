"""The DIE walk: one unit's DIEs become columns of local records.

Nothing is resolved here. References stay DIE addresses, members stay in the order met, and what a
function body holds besides types is stepped over. Records keep DIE order, so their addresses
ascend and a reference is found by a table of the unit's bytes or by bisection.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dwarfless._core.abbrev cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.functions cimport (
    LOCATION_EXPR, LOCATION_LIST, LOCATION_OTHER, FuncDie, ParamDie)
from dwarfless._core.memory cimport *
from dwarfless._core.program cimport *
from dwarfless._core.strings cimport *

cdef enum:
    NUM_LEFT = 16           # reasons of LeftOut

cdef enum:  # LocalKind
    LK_NONE
    LK_BASE
    LK_POINTER
    LK_CONST
    LK_VOLATILE
    LK_RESTRICT
    LK_TYPEDEF
    LK_ARRAY
    LK_STRUCT
    LK_UNION
    LK_ENUM
    LK_PROTO
    LK_SAME             # a qualifier BTF has no word for: the type itself
    LK_VOID             # nothing BTF can say
    LK_ANNOTATION       # GCC's, reached by a chain of references

cdef enum:
    LOCAL_DECLARATION = 1
    LOCAL_VARIADIC = 2
    LOCAL_REFERENCE = 4     # a C++ reference, written as a pointer
    LOCAL_DUPLICATE = 8     # a further definition of its name in this unit
    LOCAL_TYPE_TAG = 16     # an annotation named btf_type_tag
    LOCAL_DECL_TAG = 32
    LOCAL_HAS_SIZE = 64
    LOCAL_DROPPED = 128     # a child that must not be written

cdef struct LocalType:
    uint64_t address        # DIE address
    uint64_t ref
    uint64_t size
    uint64_t annotation     # DIE address of the first of a GCC chain, or NO_REF
    uint32_t name
    uint32_t first, last    # children: 1 + index into `children`, 0 = none
    uint32_t num
    uint32_t tags           # 1 + index into `tags`
    uint32_t node           # filled in by the interner
    uint32_t ordinal        # of a LOCAL_DUPLICATE
    uint8_t kind, flags, encoding, state

cdef struct LocalChild:     # member, enumerator, parameter or subrange
    uint64_t ref
    uint64_t value          # bit offset, value, count
    uint64_t bit_size
    uint64_t annotation
    uint32_t next
    uint32_t name
    uint32_t tags
    uint32_t byte_size
    int64_t old_bit_offset
    uint8_t flags
    uint8_t has_old_bit_offset

cdef struct LocalTag:
    uint32_t next
    uint32_t value          # string id
    uint8_t is_type_tag

cdef struct LocalVar:
    uint64_t die, ref, specification, annotation
    uint64_t address        # of the object
    uint32_t name
    uint32_t tags
    uint8_t has_address, has_location, external, declaration, artificial, top, has_offset_piece

cdef enum:  # ScopeKind
    SCOPE_TOP               # a unit, a namespace
    SCOPE_TYPE
    SCOPE_FUNC
    SCOPE_BODY              # a block in a function
    SCOPE_CHILD
    SCOPE_PARAM
    SCOPE_VAR
    SCOPE_IGNORED

cdef struct Scope:
    uint32_t kind
    uint32_t index

cdef struct Walker:
    Reader reader
    StringTable* strings
    Values values
    Array types             # LocalType; item 0 is unused
    Array children          # LocalChild
    Array tags              # LocalTag
    Array funcs             # FuncDie
    Array params            # ParamDie
    Array vars              # LocalVar
    Array scopes            # Scope
    Array func_notes        # Note, one a FuncDie
    Array param_notes       # Note, one a ParamDie
    uint32_t language, unit_name
    bint is_clang
    uint64_t num_dies
    uint64_t counts[NUM_LEFT]  # by LeftOut

cdef struct Note:           # annotations of a function or a parameter
    uint64_t annotation
    uint32_t tags
    bint is_external

cdef enum:  # LeftOut
    LEFT_INHERITANCE
    LEFT_STATIC_MEMBER
    LEFT_VARIANT
    LEFT_REFERENCE
    LEFT_QUALIFIER
    LEFT_UNSAID
    LEFT_CYCLE
    LEFT_DANGLING
    LEFT_BAD_NAME
    LEFT_MEMBER
    LEFT_COMPLEX
    LEFT_ENUM_VALUE
    LEFT_SKELETON
    LEFT_LOCATION
    LEFT_SIZE
    NUM_LEFT_OUT


cdef inline bint walker_init(Walker* w, StringTable* strings) noexcept nogil:
    w.strings = strings
    return (array_init(&w.types, sizeof(LocalType), 4096)
            and array_init(&w.children, sizeof(LocalChild), 16384)
            and array_init(&w.tags, sizeof(LocalTag), 64)
            and array_init(&w.funcs, sizeof(FuncDie), 1024)
            and array_init(&w.params, sizeof(ParamDie), 4096)
            and array_init(&w.vars, sizeof(LocalVar), 1024)
            and array_init(&w.func_notes, sizeof(Note), 1024)
            and array_init(&w.param_notes, sizeof(Note), 4096)
            and array_init(&w.scopes, sizeof(Scope), 64)
            and abbrevs_init(&w.reader.abbrevs))


cdef inline void walker_deinit(Walker* w) noexcept nogil:
    array_deinit(&w.types)
    array_deinit(&w.children)
    array_deinit(&w.tags)
    array_deinit(&w.funcs)
    array_deinit(&w.params)
    array_deinit(&w.vars)
    array_deinit(&w.func_notes)
    array_deinit(&w.param_notes)
    array_deinit(&w.scopes)
    abbrevs_deinit(&w.reader.abbrevs)


cdef inline void walker_reset(Walker* w) noexcept nogil:
    w.types.num = 0
    push(&w.types)
    w.children.num = w.tags.num = w.funcs.num = w.params.num = w.vars.num = 0
    w.func_notes.num = w.param_notes.num = 0


cdef inline bint walker_failed(Walker* w) noexcept nogil:
    return (w.types.failed or w.children.failed or w.tags.failed or w.funcs.failed
            or w.params.failed or w.vars.failed or w.scopes.failed or w.func_notes.failed or w.param_notes.failed
            or w.reader.abbrevs.abbrevs.failed or w.reader.abbrevs.ops.failed
            or w.strings.offsets.failed or w.strings.bytes_.failed)


cdef inline uint32_t name_of(Walker* w) noexcept nogil:
    if has(&w.values, S_NAME):
        return intern_string(w.strings, <const char*><size_t>w.values.value[S_NAME])
    return 0


cdef inline LocalType* new_type(Walker* w, uint64_t address, uint8_t kind) noexcept nogil:
    cdef LocalType* t = <LocalType*>push(&w.types)
    cdef Values* v = &w.values
    t.address = address
    t.kind = kind
    t.ref = get(v, S_TYPE, NO_REF)
    t.annotation = get(v, S_ANNOTATION, NO_REF)
    t.name = name_of(w)
    if has(v, S_BYTE_SIZE):
        t.size = v.value[S_BYTE_SIZE]
        t.flags |= LOCAL_HAS_SIZE
    if get(v, S_DECLARATION, 0):
        t.flags |= LOCAL_DECLARATION
    return t


cdef inline LocalChild* new_child(Walker* w, uint32_t parent) noexcept nogil:
    cdef LocalChild* c = <LocalChild*>push(&w.children)
    cdef LocalType* t = &(<LocalType*>w.types.items)[parent]
    cdef uint32_t index = <uint32_t>w.children.num
    if t.last:
        (<LocalChild*>w.children.items)[t.last - 1].next = index
    else:
        t.first = index
    t.last = index
    t.num += 1
    c.ref = get(&w.values, S_TYPE, NO_REF)
    c.annotation = get(&w.values, S_ANNOTATION, NO_REF)
    c.name = name_of(w)
    return c


cdef inline uint64_t member_offset(Walker* w) noexcept nogil:
    """Return DW_AT_data_member_location in bytes."""
    cdef Values* v = &w.values
    cdef Cursor cur
    cdef uint8_t op
    if not has(v, S_MEMBER_LOCATION):
        return 0
    if not is_block_step(v.step[S_MEMBER_LOCATION]):
        return v.value[S_MEMBER_LOCATION]
    cur = w.reader.cur
    cur.pos = <const uint8_t*><size_t>v.value[S_MEMBER_LOCATION]
    cur.end = cur.pos + v.length[S_MEMBER_LOCATION]
    cur.error = NULL
    op = read_u8(&cur)
    if op == DW_OP_plus_uconst or op == DW_OP_constu:
        return read_uleb128(&cur)
    w.counts[LEFT_LOCATION] += 1
    return 0


cdef inline void add_member(Walker* w, uint32_t parent) noexcept nogil:
    cdef Values* v = &w.values
    cdef LocalChild* c
    if get(v, S_EXTERNAL, 0) or get(v, S_DECLARATION, 0):
        w.counts[LEFT_STATIC_MEMBER] += 1
        return
    c = new_child(w, parent)
    c.bit_size = get(v, S_BIT_SIZE, 0)
    c.byte_size = <uint32_t>get(v, S_BYTE_SIZE, 0)
    if has(v, S_DATA_BIT_OFFSET):
        c.value = v.value[S_DATA_BIT_OFFSET]
    else:
        c.value = member_offset(w) * 8
        if c.bit_size and has(v, S_BIT_OFFSET):
            c.has_old_bit_offset = True
            c.old_bit_offset = <int64_t>v.value[S_BIT_OFFSET]


cdef inline void add_subrange(Walker* w, uint32_t parent) noexcept nogil:
    """One dimension; anything but a constant bound counts as 0."""
    cdef Values* v = &w.values
    cdef LocalChild* c = new_child(w, parent)
    cdef uint8_t slot = S_UPPER_BOUND if has(v, S_UPPER_BOUND) else S_COUNT
    cdef uint8_t step
    c.value = 0
    if not has(v, slot):
        return
    step = v.step[slot]
    if step in (STEP_U1, STEP_U2, STEP_U4, STEP_U8, STEP_UDATA, STEP_SDATA, STEP_CONSTANT):
        c.value = <uint32_t>(v.value[slot] + (1 if slot == S_UPPER_BOUND else 0))


cdef inline void add_enumerator(Walker* w, uint32_t parent) noexcept nogil:
    cdef LocalChild* c = new_child(w, parent)
    c.value = get(&w.values, S_CONST_VALUE, 0)


cdef inline uint32_t* tags_of(Walker* w, Scope* scope) noexcept nogil:
    if scope.kind == SCOPE_TYPE:
        return &(<LocalType*>w.types.items)[scope.index].tags
    elif scope.kind == SCOPE_CHILD:
        return &(<LocalChild*>w.children.items)[scope.index].tags
    elif scope.kind == SCOPE_VAR:
        return &(<LocalVar*>w.vars.items)[scope.index].tags
    elif scope.kind == SCOPE_FUNC:
        return &(<Note*>w.func_notes.items)[scope.index].tags
    elif scope.kind == SCOPE_PARAM:
        return &(<Note*>w.param_notes.items)[scope.index].tags
    return NULL


cdef inline bint same_text(const char* text, const char* other) noexcept nogil:
    cdef size_t i = 0
    while text[i] == other[i]:
        if text[i] == 0:
            return True
        i += 1
    return False


cdef inline uint8_t annotation_flag(Values* v) noexcept nogil:
    """Say which of the two BTF annotations a DIE is, if any."""
    cdef const char* text
    if not has(v, S_NAME) or v.value[S_NAME] == 0 or not has(v, S_CONST_VALUE) \
            or not is_string_step(v.step[S_CONST_VALUE]) or v.value[S_CONST_VALUE] == 0:
        return 0
    text = <const char*><size_t>v.value[S_NAME]
    if same_text(text, b"btf_type_tag"):
        return LOCAL_TYPE_TAG
    if same_text(text, b"btf_decl_tag"):
        return LOCAL_DECL_TAG
    return 0


cdef inline void add_annotation(Walker* w, uint64_t address, Scope* scope) noexcept nogil:
    """A child annotation goes to its parent's list; a free one is a link of a GCC chain."""
    cdef Values* v = &w.values
    cdef uint8_t flag = annotation_flag(v)
    cdef uint32_t value = 0
    cdef uint32_t* head
    cdef LocalTag* tag
    cdef LocalType* t
    if flag:
        value = intern_string(w.strings, <const char*><size_t>v.value[S_CONST_VALUE])
    head = tags_of(w, scope)
    if head == NULL or (scope.kind == SCOPE_TYPE and flag == 0):
        if scope.kind == SCOPE_TOP:
            t = new_type(w, address, LK_ANNOTATION)
            t.name = value
            t.flags |= flag
        return
    if flag == 0:
        return
    tag = <LocalTag*>push(&w.tags)
    tag.value = value
    tag.is_type_tag = flag == LOCAL_TYPE_TAG
    while head[0]:
        head = &(<LocalTag*>w.tags.items)[head[0] - 1].next
    head[0] = <uint32_t>w.tags.num


cdef inline void place_var(Walker* w, LocalVar* var) noexcept nogil:
    """Read a location that is one address, optionally with an offset on top."""
    cdef Values* v = &w.values
    cdef Cursor cur
    cdef uint8_t op
    if not has(v, S_LOCATION):
        return
    var.has_location = True
    if not is_block_step(v.step[S_LOCATION]):
        return
    cur = w.reader.cur
    cur.pos = <const uint8_t*><size_t>v.value[S_LOCATION]
    cur.end = cur.pos + v.length[S_LOCATION]
    cur.error = NULL
    if cur.pos == cur.end:
        return
    op = read_u8(&cur)
    if op == DW_OP_addr:
        var.address = read_sized(&cur, w.reader.header.address_size)
    elif op == DW_OP_addrx or op == DW_OP_GNU_addr_index:
        var.address = address_at(&w.reader, read_uleb128(&cur))
    else:
        return
    var.has_address = cur.error == NULL
    if var.has_address and cur.pos < cur.end:
        if read_u8(&cur) == DW_OP_plus_uconst:
            var.address += read_uleb128(&cur)
            var.has_address = cur.error == NULL and cur.pos == cur.end
        else:
            var.has_address = False


cdef inline void add_var(Walker* w, uint64_t address, bint top) noexcept nogil:
    cdef Values* v = &w.values
    cdef LocalVar* var = <LocalVar*>push(&w.vars)
    var.die = address
    var.ref = get(v, S_TYPE, NO_REF)
    # GCC's LTO splits a variable into an abstract instance and one that has the address.
    var.specification = get(v, S_SPECIFICATION, get(v, S_ORIGIN, NO_REF))
    var.annotation = get(v, S_ANNOTATION, NO_REF)
    var.name = name_of(w)
    var.external = get(v, S_EXTERNAL, 0) != 0
    var.declaration = get(v, S_DECLARATION, 0) != 0
    var.artificial = get(v, S_ARTIFICIAL, 0) != 0
    var.top = top
    place_var(w, var)


cdef inline void add_func(Walker* w, uint64_t address) noexcept nogil:
    cdef Values* v = &w.values
    cdef FuncDie* f = <FuncDie*>push(&w.funcs)
    cdef Note* note = <Note*>push(&w.func_notes)
    note.annotation = get(v, S_ANNOTATION, NO_REF)
    note.is_external = get(v, S_EXTERNAL, 0) != 0
    f.offset = address
    f.type_ref = get(v, S_TYPE, NO_REF)
    f.origin = get(v, S_ORIGIN, NO_REF)
    f.specification = get(v, S_SPECIFICATION, NO_REF)
    f.low_pc = get(v, S_LOW_PC, 0)
    f.name = name_of(w)
    f.declaration = has(v, S_DECLARATION)
    f.inline_ = get(v, S_INLINE, 0) != 0
    f.nocall = get(v, S_CALLING_CONVENTION, 0) == DW_CC_nocall


cdef inline void add_func_param(Walker* w, uint64_t address, uint32_t func) noexcept nogil:
    cdef Values* v = &w.values
    cdef ParamDie* p = <ParamDie*>push(&w.params)
    (<Note*>push(&w.param_notes)).annotation = get(v, S_ANNOTATION, NO_REF)
    p.offset = address
    p.type_ref = get(v, S_TYPE, NO_REF)
    p.origin = get(v, S_ORIGIN, NO_REF)
    p.func = func
    p.name = name_of(w)
    p.has_const_value = has(v, S_CONST_VALUE)
    if not has(v, S_LOCATION):
        return
    if is_block_step(v.step[S_LOCATION]):
        p.location_class = LOCATION_EXPR
        p.expr = <const uint8_t*><size_t>v.value[S_LOCATION]
        p.expr_size = v.length[S_LOCATION]
    elif v.step[S_LOCATION] == STEP_LOCLISTX:
        p.location_class = LOCATION_LIST
        p.list_offset = w.reader.loclists_base + read_at(
            &w.reader.file.sections[SEC_LOCLISTS],
            w.reader.loclists_base + v.value[S_LOCATION] * w.reader.header.offset_size,
            w.reader.header.offset_size, &w.reader.cur)
    elif v.step[S_LOCATION] == STEP_SEC_OFFSET or (
            w.reader.header.version < 4 and v.step[S_LOCATION] in (STEP_U4, STEP_U8)):
        p.location_class = LOCATION_LIST
        p.list_offset = v.value[S_LOCATION]
    else:
        p.location_class = LOCATION_OTHER


cdef inline uint8_t type_kind(uint16_t tag) noexcept nogil:
    if tag == DW_TAG_pointer_type: return LK_POINTER
    elif tag == DW_TAG_structure_type: return LK_STRUCT
    elif tag == DW_TAG_const_type: return LK_CONST
    elif tag == DW_TAG_array_type: return LK_ARRAY
    elif tag == DW_TAG_typedef: return LK_TYPEDEF
    elif tag == DW_TAG_union_type: return LK_UNION
    elif tag == DW_TAG_enumeration_type: return LK_ENUM
    elif tag == DW_TAG_subroutine_type: return LK_PROTO
    elif tag == DW_TAG_base_type: return LK_BASE
    elif tag == DW_TAG_volatile_type: return LK_VOLATILE
    elif tag == DW_TAG_restrict_type: return LK_RESTRICT
    elif tag in (DW_TAG_class_type, DW_TAG_interface_type): return LK_STRUCT
    elif tag in (DW_TAG_reference_type, DW_TAG_rvalue_reference_type): return LK_POINTER
    elif tag in (DW_TAG_atomic_type, DW_TAG_packed_type, DW_TAG_shared_type,
                 DW_TAG_immutable_type):
        return LK_SAME
    elif tag in (DW_TAG_unspecified_type, DW_TAG_ptr_to_member_type, DW_TAG_string_type,
                 DW_TAG_set_type, DW_TAG_file_type, DW_TAG_coarray_type, DW_TAG_dynamic_type):
        return LK_VOID
    return LK_NONE


cdef inline void add_type(Walker* w, uint64_t address, uint16_t tag, uint8_t kind) noexcept nogil:
    cdef LocalType* t = new_type(w, address, kind)
    if kind == LK_BASE:
        t.encoding = <uint8_t>get(&w.values, S_ENCODING, 0)
        if t.encoding in (DW_ATE_complex_float, DW_ATE_imaginary_float):
            w.counts[LEFT_COMPLEX] += 1
    elif tag in (DW_TAG_reference_type, DW_TAG_rvalue_reference_type):
        w.counts[LEFT_REFERENCE] += 1
    elif kind == LK_SAME:
        w.counts[LEFT_QUALIFIER] += 1
    elif kind == LK_VOID and tag != DW_TAG_unspecified_type:
        w.counts[LEFT_UNSAID] += 1
    if kind in (LK_STRUCT, LK_UNION, LK_ENUM) and has(&w.values, S_SIGNATURE):
        # a stub for a type unit's type
        t.ref = w.values.value[S_SIGNATURE]
        t.kind = LK_SAME


cdef inline void scope_push(Walker* w, uint32_t kind, uint32_t index) noexcept nogil:
    cdef Scope* scope = <Scope*>push(&w.scopes)
    scope.kind = kind
    scope.index = index


cdef inline uint32_t visit(Walker* w, uint64_t address, Abbrev* abbrev, Scope scope,
                           uint32_t* index) noexcept nogil:
    """Record one DIE whose attributes are in `values`; return the scope its children are in."""
    cdef uint16_t tag = abbrev.tag
    cdef uint8_t kind
    if tag == DW_TAG_member:
        if scope.kind == SCOPE_TYPE:
            add_member(w, scope.index)
            index[0] = <uint32_t>w.children.num - 1
            return SCOPE_CHILD if w.children.num else SCOPE_IGNORED
        return SCOPE_IGNORED
    kind = type_kind(tag)
    if kind != LK_NONE:
        add_type(w, address, tag, kind)
        index[0] = <uint32_t>w.types.num - 1
        return SCOPE_TYPE
    elif tag == DW_TAG_formal_parameter:
        if scope.kind == SCOPE_FUNC:
            add_func_param(w, address, scope.index)
            index[0] = <uint32_t>w.params.num - 1
            return SCOPE_PARAM if w.params.num else SCOPE_IGNORED
        elif scope.kind == SCOPE_TYPE:
            new_child(w, scope.index)
        return SCOPE_IGNORED
    elif tag == DW_TAG_subrange_type:
        if scope.kind == SCOPE_TYPE:
            add_subrange(w, scope.index)
        else:
            add_type(w, address, tag, LK_SAME)
        return SCOPE_IGNORED
    elif tag == DW_TAG_enumerator:
        if scope.kind == SCOPE_TYPE:
            add_enumerator(w, scope.index)
        return SCOPE_IGNORED
    elif tag == DW_TAG_subprogram:
        add_func(w, address)
        index[0] = <uint32_t>w.funcs.num - 1
        return SCOPE_FUNC
    elif tag == DW_TAG_variable:
        add_var(w, address, scope.kind == SCOPE_TOP)
        index[0] = <uint32_t>w.vars.num - 1
        return SCOPE_VAR
    elif tag == DW_TAG_unspecified_parameters:
        if scope.kind == SCOPE_FUNC:
            (<FuncDie*>w.funcs.items)[scope.index].has_unspecified = True
        elif scope.kind == SCOPE_TYPE:
            (<LocalType*>w.types.items)[scope.index].flags |= LOCAL_VARIADIC
        return SCOPE_IGNORED
    elif tag in (DW_TAG_LLVM_annotation, DW_TAG_GNU_annotation):
        add_annotation(w, address, &scope)
        return SCOPE_IGNORED
    elif tag in (DW_TAG_namespace, DW_TAG_module):
        return SCOPE_TOP
    elif tag == DW_TAG_inheritance:
        w.counts[LEFT_INHERITANCE] += 1
        return SCOPE_IGNORED
    elif tag == DW_TAG_variant_part:
        w.counts[LEFT_VARIANT] += 1
        return SCOPE_IGNORED
    elif tag == DW_TAG_lexical_block:
        return SCOPE_BODY
    return SCOPE_IGNORED


cdef inline bint is_uninteresting(uint16_t tag, uint32_t scope) noexcept nogil:
    """Say whether a DIE's attributes can be skipped where it stands."""
    if scope == SCOPE_IGNORED:
        return True
    elif scope == SCOPE_BODY or scope == SCOPE_FUNC:
        if tag in (DW_TAG_variable, DW_TAG_lexical_block, DW_TAG_label):
            return True
        return tag == DW_TAG_formal_parameter and scope == SCOPE_BODY
    return False


cdef inline void skip_subtree(Walker* w) noexcept nogil:
    """Move to a DIE's sibling if it names one that lies ahead; else its children are ignored."""
    cdef Reader* r = &w.reader
    cdef uint64_t target = get(&w.values, S_SIBLING, NO_REF)
    cdef uint64_t here
    if target != NO_REF:
        here = r.section_base + <uint64_t>(r.cur.pos - r.cur.start)
        if target >= here and target - r.section_base <= <uint64_t>(r.cur.end - r.cur.start):
            r.cur.pos = r.cur.start + (target - r.section_base)
            return
    scope_push(w, SCOPE_IGNORED, 0)


cdef inline void walk_unit(Walker* w) noexcept nogil:
    """Walk all DIEs behind the unit's own, the reader's cursor being on the first."""
    cdef Reader* r = &w.reader
    cdef Op* ops
    cdef Abbrev* abbrev
    cdef Scope scope
    cdef uint64_t address, code
    cdef uint32_t kind, index
    w.scopes.num = 0
    scope_push(w, SCOPE_TOP, 0)
    while r.cur.pos < r.cur.end:
        address = r.section_base + <uint64_t>(r.cur.pos - r.cur.start)
        code = r.cur.pos[0]
        if code < 0x80:
            r.cur.pos += 1
        else:
            code = read_uleb128(&r.cur)
        if code == 0:
            w.scopes.num -= 1
            if w.scopes.num == 0:
                return
            continue
        abbrev = find_abbrev(&r.abbrevs, code)
        if abbrev == NULL:
            r.cur.pos = r.cur.start + (address - r.section_base)
            fail(&r.cur, b"abbreviation code is not in the unit's table")
            return
        w.num_dies += 1
        ops = <Op*>r.abbrevs.ops.items
        scope = (<Scope*>w.scopes.items)[w.scopes.num - 1]
        w.values.present = 0
        if is_uninteresting(abbrev.tag, scope.kind) and not wants_sibling(abbrev.tag):
            run(r, ops + abbrev.skip, abbrev.num_skip, &w.values)
            if abbrev.has_children:
                kind = scope.kind if scope.kind == SCOPE_IGNORED else (
                    SCOPE_BODY if abbrev.tag == DW_TAG_lexical_block else SCOPE_IGNORED)
                scope_push(w, kind, 0)
            continue
        run(r, ops + abbrev.keep, abbrev.num_keep, &w.values)
        if wants_sibling(abbrev.tag):
            if abbrev.has_children:
                skip_subtree(w)
            continue
        index = 0
        kind = visit(w, address, abbrev, scope, &index)
        if abbrev.has_children:
            scope_push(w, kind, index)
        if w.scopes.failed:
            fail(&r.cur, b"out of memory")
