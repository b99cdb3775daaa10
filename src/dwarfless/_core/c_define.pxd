"""Definitions and declarations in C, one at a time; _core/c_source.pyx says which, and when.

A declarator reads inside out: `int (*f[2])(void)` is an array of pointers to functions. So the
types from the declared thing to the named one at the end are stacked, and written from there
back; an array or a function puts what is declared by it in front of its own brackets.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from dwarfless._core.btf cimport (
    ARRAY, CONST, ENUM, ENUM64, FLOAT, FUNC_PROTO, FWD, INT, PTR, RESTRICT, STRUCT, TYPEDEF,
    TYPE_TAG, UNION, VOLATILE, kind_of, record_of, vlen_of)
from dwarfless._core.c_layout cimport (
    Place, alignment_of, is_modifier, is_packed, place_of, put_indent, put_padding,
    rounded_up, size_of)
from dwarfless._core.c_names cimport Label, label, next_number, put_numbered, put_type_name
from dwarfless._core.c_state cimport Source, complain, enter, leave, name_of, spend
from dwarfless._core.memory cimport push_u32, u32s
from dwarfless._core.text cimport put, put_number, put_signed


cdef inline void put_keyword(Source* s, uint32_t type_id, const uint32_t* record,
                             bint with_name = True) noexcept nogil:
    """Put struct, union or enum, with its name."""
    cdef uint32_t kind = kind_of(record[1])
    if kind == ENUM or kind == ENUM64:
        put(&s.text, b"enum")
    elif kind == UNION or (kind == FWD and record[1] >> 31):
        put(&s.text, b"union")
    else:
        put(&s.text, b"struct")
    if record[0] and with_name:
        put(&s.text, b" ")
        put_type_name(s, type_id)


cdef inline void put_enumerators(Source* s, uint32_t type_id, const uint32_t* record,
                                 int depth) noexcept nogil:
    cdef bint signed = record[1] >> 31, wide = kind_of(record[1]) == ENUM64
    cdef const uint32_t* element = record + 3
    cdef uint32_t i
    cdef uint64_t value
    for i in range(vlen_of(record[1])):
        if not spend(s, 1, type_id):
            return
        put_indent(s, depth + 1)
        put_numbered(s, element[0], next_number(s, &s.identifiers, element[0], type_id), type_id)
        value = element[1] | (<uint64_t>element[2] << 32 if wide else 0)
        if not signed:
            put_number(&s.text, b" = ", value)
        else:
            put_signed(&s.text, b" = ", <int64_t>value if wide else <int64_t><int32_t>value)
        if wide:
            put(&s.text, b"LL" if signed else b"ULL")
        put(&s.text, b",")
        element += 3 if wide else 2


cdef inline bint fits_word(const uint32_t* record) noexcept nogil:
    """Tell whether the values of an enum of 8 bytes would make it one of 4."""
    cdef uint32_t i
    if kind_of(record[1]) == ENUM64:
        for i in range(vlen_of(record[1])):
            if record[5 + 3 * i]:
                return False
    return True


cdef inline void define_enum(Source* s, uint32_t type_id, const uint32_t* record,
                             int depth) noexcept nogil:
    put_keyword(s, type_id, record)
    if vlen_of(record[1]) == 0:
        return
    put(&s.text, b" {")
    put_enumerators(s, type_id, record, depth)
    put_indent(s, depth)
    put(&s.text, b"}")
    if record[2] == 1:
        put(&s.text, b" __attribute__((mode(byte)))")
    elif record[2] == 8 and s.pointer_size == 8 and fits_word(record):
        put(&s.text, b" __attribute__((mode(word)))")


cdef inline uint32_t embedded(Source* s, const uint32_t* member, bint is_bitfield) noexcept nogil:
    """Return the struct or union that an unnamed member brings under a name of its own, or 0.

    Compilers take that only with -fms-extensions, with which kernels are built since 7.1; for all
    others the members are spelled out.
    """
    cdef uint32_t type_id = member[1], kind = 0
    if member[0] or is_bitfield or not s.repair:
        return 0
    while type_id and spend(s, 1, type_id):
        kind = kind_of(record_of(s.chain, type_id)[1])
        if kind != TYPEDEF and not is_modifier(kind):
            break
        type_id = record_of(s.chain, type_id)[2]
    return type_id if kind == STRUCT or kind == UNION else 0


cdef inline void define_members(Source* s, uint32_t type_id, const uint32_t* record, int depth,
                                bint with_name = True) noexcept nogil:
    """Put a struct or union with its members, and the padding that puts them where they are."""
    cdef bint is_struct = kind_of(record[1]) == STRUCT, after_bitfield = False
    cdef bint packed = is_struct and is_packed(s, record)
    cdef const uint32_t* member = record + 3
    cdef uint32_t i, alignment, inner
    cdef uint64_t at = 0, most = 0
    cdef Place place
    put_keyword(s, type_id, record, with_name)
    put(&s.text, b" {")
    for i in range(vlen_of(record[1])):
        if s.problem != NULL or not enter(s, type_id):
            return
        place = place_of(record, member)
        alignment = 1 if packed else alignment_of(s, member[1])
        put_padding(s, at, place.offset, 8 * alignment, after_bitfield and place.width != 0,
                    depth + 1, type_id)
        put_indent(s, depth + 1)
        inner = embedded(s, member, place.width != 0)
        if inner:
            define_members(s, inner, record_of(s.chain, inner), depth + 1, False)
        else:
            declare(s, member[1], label(member[0], 1), depth + 1)
        after_bitfield = place.width != 0
        if after_bitfield:
            put_number(&s.text, b": ", place.width)
        at = place.offset + (place.width if after_bitfield else 8 * size_of(s, member[1]))
        most = at if at > most else most
        put(&s.text, b";")
        member += 3
        leave(s)
    if is_struct:
        put_padding(s, at, 8 * <uint64_t>record[2], 8 * alignment_of(s, type_id), False,
                    depth + 1, type_id)
    elif s.repair:
        fill_union(s, type_id, record, most, depth + 1)
    if vlen_of(record[1]) or record[2]:
        put_indent(s, depth)
    put(&s.text, b"}")
    if packed:
        put(&s.text, b" __attribute__((packed))")


cdef inline void fill_union(Source* s, uint32_t type_id, const uint32_t* record, uint64_t most,
                            int depth) noexcept nogil:
    """Make a union as large as it is, if no member does so."""
    cdef uint64_t bits = 8 * <uint64_t>record[2]
    cdef uint32_t alignment = alignment_of(s, type_id)
    if rounded_up(most, 8 * (alignment if alignment else 1)) >= bits:
        return
    put_indent(s, depth)
    put(&s.text, b"struct {")
    put_padding(s, 0, bits, 8, False, depth + 1, type_id)
    put_indent(s, depth)
    put(&s.text, b"};")


cdef inline void declare(Source* s, uint32_t type_id, Label name, int depth) noexcept nogil:
    """Put the declaration of a member, parameter, typedef or variable."""
    cdef size_t start = s.stack.num
    cdef uint32_t kind
    cdef const uint32_t* record
    if not enter(s, type_id):
        return
    while True:
        push_u32(&s.stack, type_id)
        if type_id == 0 or s.stack.failed or not spend(s, 1, type_id):
            break
        record = record_of(s.chain, type_id)
        kind = kind_of(record[1])
        if kind == ARRAY:
            type_id = record[3]
        elif kind == PTR or kind == FUNC_PROTO or is_modifier(kind):
            type_id = record[2]
        else:
            break
    if s.stack.failed:
        complain(s, b"its declarator fits no memory", type_id)
    put_declarator(s, start, name, depth)
    s.stack.num = start
    leave(s)


cdef inline void put_modifiers(Source* s, size_t start) noexcept nogil:
    """Put the modifiers on top of the stack, which stand before a named type."""
    cdef uint32_t kind
    while s.stack.num > start:
        kind = kind_at_top(s)
        if kind == VOLATILE:
            put(&s.text, b"volatile ")
        elif kind == CONST:
            put(&s.text, b"const ")
        elif kind == RESTRICT:
            put(&s.text, b"restrict ")
        else:
            return
        s.stack.num -= 1


cdef inline uint32_t kind_at_top(Source* s) noexcept nogil:
    cdef uint32_t type_id = u32s(&s.stack)[s.stack.num - 1]
    return kind_of(record_of(s.chain, type_id)[1]) if type_id else 0


cdef inline void drop_modifiers(Source* s, size_t start) noexcept nogil:
    """Arrays and functions are not const; compilers say so of them all the same."""
    while s.stack.num > start and is_modifier(kind_at_top(s)):
        s.stack.num -= 1


cdef inline void put_end(Source* s, Label name, bint close) noexcept nogil:
    """Put what is declared, after a space unless a `*` or nothing stands before it."""
    if name.offset:
        if not close:
            put(&s.text, b" ")
        put_numbered(s, name.offset, name.number, 0)


cdef inline void put_declarator(Source* s, size_t start, Label name, int depth) noexcept nogil:
    """Write the stack from its top down to `start`, then the name."""
    cdef bint close = True
    cdef uint32_t type_id, kind
    cdef const uint32_t* record
    if not enter(s, 0):
        return
    while s.stack.num > start and s.problem == NULL:
        s.stack.num -= 1
        type_id = u32s(&s.stack)[s.stack.num]
        record = record_of(s.chain, type_id) if type_id else NULL
        kind = kind_of(record[1]) if type_id else 0
        if kind == ARRAY or kind == FUNC_PROTO:
            drop_modifiers(s, start)
            if kind == ARRAY:
                put_array(s, start, record, name, depth, close)
            else:
                put_function(s, start, record, name, depth, close)
            leave(s)
            return
        if kind == PTR:
            put(&s.text, b"*" if close else b" *")
        elif kind == VOLATILE:
            put(&s.text, b" volatile")
        elif kind == CONST:
            put(&s.text, b" const")
        elif kind == RESTRICT:
            put(&s.text, b" restrict")
        else:
            put_modifiers(s, start)
            put_named(s, type_id, record, kind, depth)
        close = kind == PTR
    put_end(s, name, close)
    leave(s)


cdef inline void put_named(Source* s, uint32_t type_id, const uint32_t* record, uint32_t kind,
                           int depth) noexcept nogil:
    """Put what a declaration starts with: a type by name, an anonymous one in full, a tag."""
    if kind == 0:
        put(&s.text, b"void")
    elif kind == INT or kind == FLOAT:
        if record[0]:
            put(&s.text, name_of(s, record[0], type_id))
    elif kind == TYPEDEF:
        put_type_name(s, type_id)
    elif (kind == STRUCT or kind == UNION) and record[0] == 0:
        define_members(s, type_id, record, depth)
    elif (kind == ENUM or kind == ENUM64) and record[0] == 0:
        define_enum(s, type_id, record, depth)
    elif kind == STRUCT or kind == UNION or kind == ENUM or kind == ENUM64 or kind == FWD:
        put_keyword(s, type_id, record)
    elif kind == TYPE_TAG:
        put(&s.text, b" __attribute__((")
        if record[1] >> 31:
            put(&s.text, name_of(s, record[0], type_id))
        else:
            put(&s.text, b"btf_type_tag(\"")
            put(&s.text, name_of(s, record[0], type_id))
            put(&s.text, b"\")")
        put(&s.text, b"))")
    else:
        complain(s, b"it is no type of C", type_id)


cdef inline void put_array(Source* s, size_t start, const uint32_t* record, Label name, int depth,
                           bint close) noexcept nogil:
    cdef bint inner
    if s.stack.num == start:
        put_end(s, name, close)
    else:
        inner = kind_at_top(s) != ARRAY
        if name.offset and not close:
            put(&s.text, b" ")
        if inner:
            put(&s.text, b"(")
        put_declarator(s, start, name, depth)
        if inner:
            put(&s.text, b")")
    put_number(&s.text, b"[", record[5])
    put(&s.text, b"]")


cdef inline void put_function(Source* s, size_t start, const uint32_t* record, Label name, int depth,
                              bint close) noexcept nogil:
    cdef uint32_t i, num = vlen_of(record[1])
    if s.stack.num > start:
        put(&s.text, b" (")
        put_declarator(s, start, name, depth)
        put(&s.text, b")")
    else:
        put_end(s, name, close)
    put(&s.text, b"(")
    if num == 0 or (num == 1 and record[4] == 0):
        put(&s.text, b"void")
        num = 0
    for i in range(num):
        if s.problem != NULL:
            return
        if i:
            put(&s.text, b", ")
        if i == num - 1 and record[4 + 2 * i] == 0:
            put(&s.text, b"...")
        else:
            declare(s, record[4 + 2 * i], label(record[3 + 2 * i], 1), depth)
    put(&s.text, b")")
