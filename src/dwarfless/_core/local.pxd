"""How one DIE becomes one local record: types, members, tags, variables, functions.

Each function here takes what the reader has put into `values` and adds a record to the columns.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from dwarfless._core.abbrev cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.functions cimport (
    LOCATION_EXPR, LOCATION_LIST, LOCATION_OTHER, FuncDie, ParamDie)
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.program cimport *
from dwarfless._core.names cimport *
from dwarfless._core.columns cimport *


cdef inline uint32_t name_of(Walker* w) noexcept nogil:
    cdef const char* text = <const char*><size_t>w.values.value[S_NAME]
    if not has(&w.values, S_NAME):
        return 0
    if w.values.step[S_NAME] == STEP_STRING:
        return name_of_bytes(w.names, text, w.values.length[S_NAME])
    return name_of_text(w.names, text)


cdef inline uint32_t place_of_name(Walker* w) noexcept nogil:
    """Return a name without a look at its text, which most names of functions never get."""
    cdef const char* text = <const char*><size_t>w.values.value[S_NAME]
    if not has(&w.values, S_NAME):
        return 0
    if w.values.step[S_NAME] == STEP_STRING:
        return name_of_bytes(w.names, text, w.values.length[S_NAME])
    return name_at(w.names, text)


cdef inline LocalType* new_type(Walker* w, uint64_t address, uint8_t kind) noexcept nogil:
    cdef LocalType* t = <LocalType*>push(&w.types)
    cdef Values* v = &w.values
    t.address = address
    t.kind = kind
    t.ref = get(v, S_TYPE, NO_REF)
    t.annotation = get(v, S_ANNOTATION, NO_REF)
    w.has_annotations |= t.annotation != NO_REF
    t.name = name_of(w)
    if has(v, S_BYTE_SIZE):
        t.size = v.value[S_BYTE_SIZE]
        t.flags |= LOCAL_HAS_SIZE
    if get(v, S_DECLARATION, 0):
        t.flags |= LOCAL_DECLARATION
    return t


cdef inline More* add_more(Walker* w, LocalChild* c) noexcept nogil:
    """Return a child's own More, for what few have."""
    cdef More* more
    if c.more == 0:
        more = <More*>push(&w.mores)
        more.annotation = NO_REF
        c.more = <uint32_t>w.mores.num - 1
    return more_of(w, c)


cdef inline LocalChild* new_child(Walker* w, uint32_t parent) noexcept nogil:
    cdef LocalChild* c = append_child(w, parent)
    c.ref = get(&w.values, S_TYPE, NO_REF)
    c.name = name_of(w)
    c.value = 0
    if has(&w.values, S_ANNOTATION):
        add_more(w, c).annotation = w.values.value[S_ANNOTATION]
        w.has_annotations = True
        (<LocalType*>w.types.items)[parent].flags |= LOCAL_TANGLED
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
    cdef More* more
    if get(v, S_EXTERNAL, 0) or get(v, S_DECLARATION, 0):
        w.counts[LEFT_STATIC_MEMBER] += 1
        return
    c = new_child(w, parent)
    if has(v, S_BIT_SIZE) or has(v, S_BYTE_SIZE):
        more = add_more(w, c)
        more.bit_size = get(v, S_BIT_SIZE, 0)
        more.byte_size = <uint32_t>get(v, S_BYTE_SIZE, 0)
    if has(v, S_DATA_BIT_OFFSET):
        c.value = v.value[S_DATA_BIT_OFFSET]
    else:
        c.value = member_offset(w) * 8
        if c.more and more_of(w, c).bit_size and has(v, S_BIT_OFFSET):
            more = more_of(w, c)
            more.has_old_bit_offset = True
            more.old_bit_offset = <int64_t>v.value[S_BIT_OFFSET]
    note_order(w, parent, c)


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
    cdef Scope* parent
    if scope.kind == SCOPE_TYPE:
        return &(<LocalType*>w.types.items)[scope.index].tags
    elif scope.kind == SCOPE_CHILD:
        parent = &(<Scope*>w.scopes.items)[w.scopes.num - 2]
        (<LocalType*>w.types.items)[parent.index].flags |= LOCAL_TANGLED
        return &add_more(w, &(<LocalChild*>w.children.items)[scope.index]).tags
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
        value = name_of_text(w.names, <const char*><size_t>v.value[S_CONST_VALUE])
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


cdef inline bint may_be_static(Walker* w, uint32_t func) noexcept nogil:
    """Say whether a variable in a body may lie at an address, or tell the name of one that does.

    An abstract instance has the name and the type, its concrete ones may have the address.
    """
    cdef Values* v = &w.values
    cdef uint8_t op
    if has(v, S_LOCATION):
        if not is_block_step(v.step[S_LOCATION]) or v.length[S_LOCATION] == 0:
            return False
        op = (<const uint8_t*><size_t>v.value[S_LOCATION])[v.length[S_LOCATION] - 1]
        if op == DW_OP_stack_value and v.length[S_LOCATION] > 2:
            return False  # an address is its value
        op = (<const uint8_t*><size_t>v.value[S_LOCATION])[0]
        return op == DW_OP_addr or op == DW_OP_addrx or op == DW_OP_GNU_addr_index
    if has(v, S_DECLARATION):
        return True
    return not has(v, S_ORIGIN) and func and (<FuncDie*>w.funcs.items)[func - 1].inline_


cdef inline void add_var(Walker* w, uint64_t address, bint top, uint32_t func) noexcept nogil:
    cdef Values* v = &w.values
    cdef LocalVar* var = <LocalVar*>push(&w.vars)
    var.die = address
    var.file = w.unit_name
    var.func = func
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
    cdef FuncDie* f = <FuncDie*>appended(&w.funcs)
    cdef Note* note = <Note*>appended(&w.func_notes)
    if w.func_notes.num != w.funcs.num:
        # Out of memory, which ends it soon: no index lies outside of either until then.
        w.funcs.num = w.func_notes.num = 1
    memset(f, 0, sizeof(FuncDie))
    memset(note, 0, sizeof(Note))
    note.annotation = get(v, S_ANNOTATION, NO_REF)
    note.is_external = get(v, S_EXTERNAL, 0) != 0
    note.file = w.unit_name
    f.offset = address
    f.type_ref = get(v, S_TYPE, NO_REF)
    f.origin = get(v, S_ORIGIN, NO_REF)
    f.specification = get(v, S_SPECIFICATION, NO_REF)
    f.low_pc = get(v, S_LOW_PC, 0)
    f.name = place_of_name(w)
    f.declaration = has(v, S_DECLARATION)
    f.inline_ = get(v, S_INLINE, 0) != 0
    f.nocall = get(v, S_CALLING_CONVENTION, 0) == DW_CC_nocall


cdef inline void add_func_param(Walker* w, uint64_t address, uint32_t func) noexcept nogil:
    cdef Values* v = &w.values
    cdef ParamDie* p = <ParamDie*>appended(&w.params)
    cdef Note* note = <Note*>appended(&w.param_notes)
    if w.param_notes.num != w.params.num:
        w.params.num = w.param_notes.num = 1
    memset(p, 0, sizeof(ParamDie))
    memset(note, 0, sizeof(Note))
    note.annotation = get(v, S_ANNOTATION, NO_REF)
    p.offset = address
    p.type_ref = get(v, S_TYPE, NO_REF)
    p.origin = get(v, S_ORIGIN, NO_REF)
    p.func = func
    p.name = place_of_name(w)
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
