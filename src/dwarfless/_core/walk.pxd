"""The DIE walk: one unit's DIEs become columns of local records.

Nothing is resolved here. References stay DIE addresses, members stay in the order met, and what a
function body holds besides types is stepped over, unless its static variables are asked for.
Where nothing in functions is, their bodies are stepped over whole. Records keep DIE order, so
their addresses ascend and a reference is found by a table of the unit's bytes or by bisection.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dwarfless._core.abbrev cimport *
from dwarfless._core.alike cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.declarations cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.functions cimport (
    LOCATION_EXPR, LOCATION_LIST, LOCATION_OTHER, FuncDie, ParamDie, locate_params)
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.program cimport *
from dwarfless._core.names cimport *
from dwarfless._core.columns cimport *
from dwarfless._core.local cimport *
from dwarfless._core.locations cimport LocationSection
from dwarfless._core.plain cimport *
from dwarfless._core.plans cimport *
from dwarfless._core.runs cimport *


cdef inline uint8_t type_kind(uint16_t tag) noexcept nogil:
    """Return the LocalKind of a tag, or LK_NONE if it isn't a type's."""
    cdef uint8_t kind = plain_kind(tag)
    if kind != LK_NONE: return kind
    elif tag == DW_TAG_base_type: return LK_BASE
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
        # What C declares is defined elsewhere, with parameters of its own.
        return SCOPE_BODY if w.is_c and has(&w.values, S_DECLARATION) else SCOPE_FUNC
    elif tag == DW_TAG_variable:
        if scope.kind == SCOPE_FUNC or scope.kind == SCOPE_BODY:
            if not may_be_static(w, scope.index + 1):
                return SCOPE_IGNORED
            add_var(w, address, False, scope.index + 1)
        else:
            add_var(w, address, scope.kind == SCOPE_TOP, 0)
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


cdef inline bint is_skipped_body(Walker* w, Abbrev* abbrev, uint32_t scope) noexcept nogil:
    """Say whether a DIE is a function of which nothing is needed and whose end is known."""
    return w.skips_bodies and scope == SCOPE_TOP and abbrev.tag == DW_TAG_subprogram \
        and abbrev.has_sibling


cdef inline bint is_type(uint16_t tag) noexcept nogil:
    """Say whether a DIE is one that a type may be referred to by."""
    return type_kind(tag) != LK_NONE or tag == DW_TAG_subrange_type or tag == DW_TAG_GNU_annotation


cdef inline bint is_uninteresting(Walker* w, Abbrev* abbrev, uint32_t scope) noexcept nogil:
    """Say whether a DIE's attributes can be skipped where it stands."""
    cdef uint16_t tag = abbrev.tag
    if scope == SCOPE_IGNORED or (w.passes_types and is_type(tag)):
        return True
    elif scope == SCOPE_BODY or scope == SCOPE_FUNC:
        if tag == DW_TAG_variable:
            return not w.wants_locals
        elif tag == DW_TAG_formal_parameter:
            return scope == SCOPE_BODY or not w.wants_params
        return tag == DW_TAG_lexical_block or tag == DW_TAG_label
    return is_skipped_body(w, abbrev, scope)


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


cdef inline void enter_inlined(Walker* w, Abbrev* abbrev, Scope scope) noexcept nogil:
    """Go on behind a DIE of which only the sibling was kept; its body may hold static variables."""
    if w.wants_locals and abbrev.tag == DW_TAG_inlined_subroutine \
            and (scope.kind == SCOPE_FUNC or scope.kind == SCOPE_BODY):
        scope_push(w, SCOPE_BODY, scope.index)
    else:
        skip_subtree(w)


cdef inline void enter_uninteresting(Walker* w, Abbrev* abbrev, Scope scope) noexcept nogil:
    """Go on behind a DIE whose attributes were skipped; blocks in functions are still entered."""
    cdef Span* body
    cdef uint64_t first
    if is_skipped_body(w, abbrev, scope.kind):
        first = w.reader.section_base + <uint64_t>(w.reader.cur.pos - w.reader.cur.start)
        skip_subtree(w)
        body = <Span*>push(&w.bodies)
        body.first = first
        body.last = w.reader.section_base + <uint64_t>(w.reader.cur.pos - w.reader.cur.start) - 1
    elif abbrev.tag == DW_TAG_lexical_block and scope.kind != SCOPE_IGNORED:
        scope_push(w, SCOPE_BODY, scope.index)
    else:
        scope_push(w, SCOPE_IGNORED, 0)


cdef inline void enter_plain(Walker* w, Abbrev* abbrev) noexcept nogil:
    """Go on behind a DIE that was read the short way."""
    if abbrev.plain.action == ACTION_TYPE:
        if not read_alike(w, <uint32_t>w.types.num - 1) \
                and not read_children(w, <uint32_t>w.types.num - 1):
            scope_push(w, SCOPE_TYPE, <uint32_t>w.types.num - 1)
    elif abbrev.plain.action == ACTION_MEMBER:
        scope_push(w, SCOPE_CHILD, <uint32_t>w.children.num - 1)
    else:
        scope_push(w, SCOPE_IGNORED, 0)


cdef inline Abbrev* next_die(Reader* r) noexcept nogil:
    """Read a DIE's code; NULL ends a list of siblings, or it is in no table and that fails."""
    cdef const uint8_t* first = r.cur.pos
    cdef uint64_t code = first[0]
    cdef Abbrev* abbrev
    if code < 0x80:
        r.cur.pos += 1
    else:
        code = read_uleb128(&r.cur)
    if code == 0:
        return NULL
    abbrev = find_abbrev(&r.abbrevs, code)
    if abbrev == NULL:
        r.cur.pos = first
        fail(&r.cur, b"abbreviation code is not in the unit's table")
    return abbrev


cdef inline void walk_die(Walker* w) noexcept nogil:
    """Read the DIE at the cursor, or the mark that ends the children of the innermost scope."""
    cdef Reader* r = &w.reader
    cdef uint64_t address = r.section_base + <uint64_t>(r.cur.pos - r.cur.start)
    cdef Abbrev* abbrev = next_die(r)
    cdef Op* ops
    cdef Scope scope
    cdef uint32_t kind, index
    if abbrev == NULL:
        w.scopes.num -= 1
        return
    w.num_dies += 1
    ops = <Op*>r.abbrevs.ops.items
    scope = (<Scope*>w.scopes.items)[w.scopes.num - 1]
    if not w.passes_types and is_plain(w, abbrev, scope.kind) \
            and read_plain(w, &abbrev.plain, address, scope.index):
        if abbrev.has_children:
            enter_plain(w, abbrev)
        return
    w.values.present = 0
    if is_uninteresting(w, abbrev, scope.kind) and not wants_sibling(abbrev.tag):
        run(r, ops + abbrev.skip, abbrev.num_skip, &w.values)
        if abbrev.has_children:
            enter_uninteresting(w, abbrev, scope)
        return
    run(r, ops + abbrev.keep, abbrev.num_keep, &w.values)
    if wants_sibling(abbrev.tag):
        if abbrev.has_children:
            enter_inlined(w, abbrev, scope)
        return
    index = 0
    kind = visit(w, address, abbrev, scope, &index)
    if abbrev.has_children:
        scope_push(w, kind, index)
    if w.scopes.failed:
        fail(&r.cur, b"out of memory")


cdef inline void walk_unit(Walker* w) noexcept nogil:
    """Walk all DIEs behind the unit's own, the reader's cursor being on the first."""
    cdef Reader* r = &w.reader
    w.scopes.num = 0
    w.compares = w.alone and r.abbrevs.dense and not r.cur.swap and not HOST_IS_BIG \
        and <const char*>r.file.sections[SEC_STR].start == w.names.pool.text
    w.passes_types = w.compares and w.outlines != NULL and w.is_c
    scope_push(w, SCOPE_TOP, 0)
    while r.cur.pos < r.cur.end and w.scopes.num:
        if w.scopes.num == 1 and w.compares:
            if w.passes_types:
                pass_types(w)
            elif not read_types(w):
                scope_push(w, SCOPE_TYPE, <uint32_t>w.types.num - 1)
            if r.cur.pos >= r.cur.end:
                return
            if not w.wants_locals and pass_func(w):
                continue
        elif w.compares and not w.wants_locals and is_body(w):
            pass_body(w)
            if r.cur.pos >= r.cur.end:
                return
            if w.scopes.num < 2:
                continue
        walk_die(w)


cdef inline void locate_walked(Walker* w, size_t first_param) noexcept nogil:
    """Read the locations of the parameters just walked; they need their unit's sections."""
    cdef Reader* r = &w.reader
    cdef LocationSection section
    cdef Section* lists = &r.file.sections[SEC_LOCLISTS if r.header.version >= 5 else SEC_LOC]
    section.lists = lists.start
    section.lists_end = lists.start + lists.size
    section.version = r.header.version
    section.address_size = r.header.address_size
    section.offset_size = r.header.offset_size
    section.swap = r.file.swap
    locate_params(<ParamDie*>w.params.items + first_param, w.params.num - first_param, &section)
