"""Local records of one unit become nodes of the canonical store.

In:  the walker's columns of one unit (or of several that refer to each other).
Out: a node a local type, and the list of nodes the unit has.

Types are built children first, with an explicit stack, so depth costs no C stack. Named structs,
unions and enums are referred to by a cut and thus never waited for. What is left that runs in a
circle (a typedef of itself) can't be C; the reference that closes it becomes void and is counted.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dwarfless._core.alike cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.program cimport NO_REF
from dwarfless._core.names cimport *
from dwarfless._core.walk cimport *
from dwarfless._core.interner cimport *
from dwarfless._core.tags cimport *


cdef inline uint32_t int_node(Interner* x, uint32_t name, uint32_t size, uint32_t encoding) noexcept nogil:
    begin(x, name, BTF_INT, size)
    push_u32(&x.record, encoding << 24 | size * 8)
    return finish(x)


cdef inline uint32_t complex_node(Interner* x, LocalType* t) noexcept nogil:
    """A complex number is a struct of its two parts, as C lays it out."""
    cdef uint32_t half = <uint32_t>t.size // 2, part
    cdef const char* name = b"double"
    if half == 4:
        name = b"float"
    elif half > 8:
        name = b"long double"
    part = name_of_bytes(x.walker.names, name, 11 if half > 8 else (5 if half == 4 else 6))
    part = simple_node(x, BTF_FLOAT, part, half)
    begin(x, 0, BTF_STRUCT, half * 2)
    u32s(&x.record)[1] |= 2
    push_u32(&x.record, name_of_bytes(x.walker.names, b"real", 4))
    push_u32(&x.record, part)
    push_u32(&x.record, 0)
    push_u32(&x.record, name_of_bytes(x.walker.names, b"imag", 4))
    push_u32(&x.record, part)
    push_u32(&x.record, half * 8)
    return finish(x)


cdef inline uint32_t base_node(Interner* x, LocalType* t) noexcept nogil:
    cdef uint32_t encoding = 0, fake
    cdef bint floats = x.features & FEATURE_FLOAT != 0
    if t.name == 0:
        x.walker.counts[LEFT_BAD_NAME] += 1
    if t.encoding == DW_ATE_complex_float and floats and t.size in (8, 16, 32):
        return complex_node(x, t)
    if t.encoding == DW_ATE_float and floats and t.name and t.size in (2, 4, 8, 12, 16):
        return simple_node(x, BTF_FLOAT, t.name, <uint32_t>t.size)
    if t.size == 0 or t.size > 16 or t.size & (t.size - 1) or t.name == 0:
        x.walker.counts[LEFT_SIZE] += 1
        fake = name_of_bytes(x.walker.names, b"__SANITIZED_FAKE_INT__", 22)
        return int_node(x, fake, 4, 0)
    if t.encoding in (DW_ATE_signed, DW_ATE_signed_char):
        encoding = 1
    elif t.encoding == DW_ATE_boolean:
        encoding = 4
    return int_node(x, t.name, <uint32_t>t.size, encoding)


cdef inline uint32_t plain_node(Interner* x, uint32_t kind, uint32_t target) noexcept nogil:
    """Return a PTR or CONST, a third of all records; its target remembers which it is."""
    cdef Node* node = node_of(x.nodes, target)
    cdef uint32_t known = node.pointer if kind == BTF_PTR else node.constant
    if known == 0:
        known = simple_node(x, kind, 0, target)
        node = node_of(x.nodes, target)
        if kind == BTF_PTR:
            node.pointer = known
        else:
            node.constant = known
    else:
        list_node(x, known)
    return known


cdef inline uint32_t typedef_node(Interner* x, LocalType* t) noexcept nogil:
    """A name that is no identifier stands for its type; what was met before needs no look."""
    cdef uint32_t target = target_node(x, t.ref)
    cdef uint32_t expected
    begin(x, t.name, BTF_TYPEDEF, target)
    expected = expected_node(x)
    if expected == 0 and t.name and not is_identifier(x.walker.names, t.name):
        x.walker.counts[LEFT_BAD_NAME] += 1
        t.name, t.kind = 0, LK_SAME
        return target
    return take_record(x, expected)


cdef inline uint32_t pointer_node(Interner* x, LocalType* t) noexcept nogil:
    """Pointer -> tag nearest the star -> ... -> pointee."""
    cdef uint32_t target = target_node(x, t.ref), i, count
    if x.features & FEATURE_TYPE_TAG and (t.tags or t.annotation != NO_REF):
        collect_tags(x, t.tags, t.annotation, True)
        count = <uint32_t>x.order.num
        for i in range(count):
            # LLVM lists from the pointee's end, GCC's chain starts at the pointer
            target = simple_node(x, BTF_TYPE_TAG,
                                 u32s(&x.order)[i if t.tags else count - 1 - i], target)
    return plain_node(x, BTF_PTR, target)


cdef inline uint32_t index_node(Interner* x) noexcept nogil:
    """Return the int that counts an array's elements."""
    if x.index_type == 0:
        x.index_type = int_node(x, name_of_bytes(x.walker.names, b"int", 3), 4, 1)
    else:
        list_node(x, x.index_type)
    return x.index_type


cdef inline uint32_t array_node(Interner* x, LocalType* t) noexcept nogil:
    """One ARRAY a dimension, the innermost first; or one for all if they are flattened."""
    cdef uint32_t element = target_node(x, t.ref), index_type, i, link
    cdef uint32_t count = 1
    if element == 0:
        return 0
    index_type = index_node(x)
    x.order.num = 0
    link = t.first
    while link:
        push_u32(&x.order, <uint32_t>local_child(x, link).value)
        count *= <uint32_t>local_child(x, link).value
        link = local_child(x, link).next
    if x.order.num == 0 or x.features & FEATURE_FLAT_ARRAYS:
        if x.order.num == 0:
            count = 0
        x.order.num = 0
        push_u32(&x.order, count)
    for i in range(<uint32_t>x.order.num, 0, -1):
        begin(x, 0, BTF_ARRAY, 0)
        push_u32(&x.record, element)
        push_u32(&x.record, index_type)
        push_u32(&x.record, u32s(&x.order)[i - 1])
        element = finish(x)
    return element


cdef inline uint64_t stripped_size(Interner* x, uint64_t ref) noexcept nogil:
    """Return the size behind typedefs and qualifiers, for DWARF 2 bit-fields."""
    cdef uint32_t index, steps
    cdef LocalType* t
    for steps in range(64):
        index = find_local(x, ref)
        if index == 0:
            return 0
        t = local_type(x, index)
        if t.kind not in (LK_TYPEDEF, LK_CONST, LK_VOLATILE, LK_RESTRICT, LK_SAME):
            return t.size
        ref = t.ref
    return 0


cdef inline void settle_bit_offset(Interner* x, LocalChild* c) noexcept nogil:
    cdef uint64_t storage
    cdef More* more = more_of(x.walker, c)
    if not more.has_old_bit_offset:
        return
    more.has_old_bit_offset = False
    if x.little_endian:
        storage = more.byte_size if more.byte_size else stripped_size(x, c.ref)
        c.value += storage * 8 - more.old_bit_offset - more.bit_size
    else:
        c.value += more.old_bit_offset


cdef inline bint sort_members(Interner* x, LocalType* t) noexcept nogil:
    """Put the links of a struct's members into `order`, by offset; say if they were sorted."""
    cdef uint32_t link = t.first, i, j
    cdef uint64_t last = 0
    cdef bint was_sorted = True
    cdef LocalChild* c
    x.order.num = 0
    while link:
        c = local_child(x, link)
        settle_bit_offset(x, c)
        if c.value < last:
            was_sorted = False
        last = c.value
        push_u32(&x.order, link)
        link = c.next
    if was_sorted or t.kind == LK_UNION:
        return True
    for i in range(1, <uint32_t>x.order.num):
        link = u32s(&x.order)[i]
        last = local_child(x, link).value
        j = i
        while j > 0 and local_child(x, u32s(&x.order)[j - 1]).value > last:
            u32s(&x.order)[j] = u32s(&x.order)[j - 1]
            j -= 1
        u32s(&x.order)[j] = link
    return False


cdef inline uint32_t tangled_node(Interner* x, LocalType* t) noexcept nogil:
    """A struct whose members want sorting, or have bit-fields among them."""
    cdef uint32_t kind = BTF_UNION if t.kind == LK_UNION else BTF_STRUCT
    cdef uint32_t i, node, num = 0, kflag = 0, limit
    cdef uint64_t bits, bit_size
    cdef LocalChild* c
    cdef bint was_sorted = sort_members(x, t)
    for i in range(<uint32_t>x.order.num):
        c = local_child(x, u32s(&x.order)[i])
        if more_of(x.walker, c).bit_size:
            kflag = 1
    begin(x, t.name, kind, <uint32_t>t.size)
    limit = 0xFFFFFF if kflag else <uint32_t>MAX_U32
    for i in range(<uint32_t>x.order.num):
        c = local_child(x, u32s(&x.order)[i])
        node = target_node(x, c.ref)
        bits = c.value
        bit_size = more_of(x.walker, c).bit_size
        if node == 0 or bits > limit or bit_size > 0xFF or num >= 0xFFFFFF:
            x.walker.counts[LEFT_MEMBER] += 1
            continue
        push_u32(&x.record, c.name)
        push_u32(&x.record, node)
        push_u32(&x.record, <uint32_t>bit_size << 24 | <uint32_t>bits)
        num += 1
    u32s(&x.record)[1] |= (kflag << 31 | num) if num else 0
    node = finish(x)
    if num == t.num and was_sorted:
        remember_record(x.walker, node)
    return node


cdef inline uint32_t struct_node(Interner* x, LocalType* t) noexcept nogil:
    """Write the members as they come: all in order, none a bit-field; else see tangled_node."""
    cdef uint32_t link = t.first, node, num = 0
    cdef uint32_t* word
    cdef LocalChild* c
    cdef const LocalChild* children = <LocalChild*>x.walker.children.items - 1
    cdef const uint16_t* places = u16s(&x.places)
    cdef const uint32_t* known = u32s(&x.known)
    cdef uint64_t base = x.base, span = x.span
    if t.size > MAX_U32:
        x.walker.counts[LEFT_SIZE] += 1
    if t.flags & LOCAL_TANGLED or t.num >= 0xFFFFFF:
        return tangled_node(x, t)
    begin(x, t.name, BTF_UNION if t.kind == LK_UNION else BTF_STRUCT, <uint32_t>t.size)
    if not array_reserve(&x.record, 3 * <size_t>t.num):
        return 0
    word = u32s(&x.record) + 3
    while link:
        c = <LocalChild*>&children[link]
        link = c.next
        node = known[places[c.ref - base]] if c.ref - base < span else 0
        node = node & ~KNOWN if node & KNOWN else target_node(x, c.ref)
        if node == 0 or c.value > MAX_U32:
            x.walker.counts[LEFT_MEMBER] += 1
            continue
        word[0] = c.name
        word[1] = node
        word[2] = <uint32_t>c.value
        word += 3
        num += 1
    x.record.num = 3 + 3 * <size_t>num
    u32s(&x.record)[1] |= num
    node = finish(x)
    if num == t.num:
        remember_record(x.walker, node)
    return node


cdef inline void unfold(Interner* x, LocalType* t) noexcept nogil:
    """Give a struct that was compared with a record children of its own."""
    cdef const uint32_t* word = node_at(x.nodes, t.node) + 3
    cdef const uint32_t* refs = u32s(&x.walker.refs) + t.first - 1
    cdef bint has_bits = node_at(x.nodes, t.node)[1] >> 31
    cdef LocalChild* c
    cdef uint32_t i, index = <uint32_t>(t - local_type(x, 0))
    if not t.flags & LOCAL_ALIKE or t.kind == LK_ENUM:
        return
    t.flags = t.flags & ~LOCAL_ALIKE | (LOCAL_TANGLED if has_bits else 0)
    t.first = t.last = t.num = 0
    for i in range(vlen_of(word[-2])):
        c = append_child(x.walker, index)
        c.ref = x.base + refs[i] if refs[i] < x.span else NO_REF
        c.name = word[0]
        c.value = word[2] & MAX_BIT_OFFSET if has_bits else word[2]
        if has_bits and word[2] >> 24:
            add_more(x.walker, c).bit_size = word[2] >> 24
        word += 3


cdef inline uint32_t alike_node(Interner* x, LocalType* t) noexcept nogil:
    """Return the record a type was compared with, or build it should their references differ."""
    if t.kind != LK_ENUM and not refers_alike(x, t):
        unfold(x, t)
        return struct_node(x, t)
    list_node(x, t.node)
    return t.node


cdef inline uint32_t outline_node(Interner* x, LocalType* t) noexcept nogil:
    """Return what stands for the base's type of a name."""
    cdef uint32_t kind = BTF_ENUM
    if t.kind != LK_ENUM:
        kind = BTF_UNION if t.kind == LK_UNION else BTF_STRUCT
    begin(x, t.name, kind, <uint32_t>t.size)
    u32s(&x.record)[1] |= OUTLINE_MARK
    return finish(x)


cdef inline uint32_t enum_node(Interner* x, LocalType* t) noexcept nogil:
    """ENUM, or ENUM64 for eight bytes. Only values tell an ENUM's sign, its type an ENUM64's."""
    cdef bint wide = t.size == 8 and x.features & FEATURE_ENUM64 != 0
    cdef uint32_t link = t.first, num = 0, kflag = 0, index, node
    cdef uint32_t* word
    cdef int64_t value
    cdef LocalChild* c
    if wide:
        index = find_local(x, t.ref)
        if index and local_type(x, index).encoding in (DW_ATE_signed, DW_ATE_signed_char):
            kflag = 1
    if not array_reserve(&x.record, 3 + 3 * <size_t>t.num):
        return 0
    begin(x, t.name, BTF_ENUM64 if wide else BTF_ENUM,
          <uint32_t>t.size if t.flags & LOCAL_HAS_SIZE and t.size in (1, 2, 4, 8) else 4)
    word = u32s(&x.record) + 3
    while link:
        c = local_child(x, link)
        link = c.next
        value = <int64_t>c.value
        if c.name == 0 or not is_identifier(x.walker.names, c.name):
            x.walker.counts[LEFT_BAD_NAME] += 1
            continue
        word[0] = c.name
        word[1] = <uint32_t>c.value
        word += 2
        if wide:
            word[0] = <uint32_t>(c.value >> 32)
            word += 1
        elif t.size != 8 and value < 0:
            kflag = 1
        if not wide and (value < -MAX_S32 - 1 or value > <int64_t>MAX_U32):
            x.walker.counts[LEFT_ENUM_VALUE] += 1
        num += 1
    x.record.num = word - u32s(&x.record)
    u32s(&x.record)[1] |= kflag << 31 | num
    node = finish(x)
    if num == t.num and not wide:
        remember_record(x.walker, node)
    return node


cdef inline uint32_t proto_node(Interner* x, LocalType* t) noexcept nogil:
    cdef uint32_t link = t.first, num = 0, known
    cdef LocalChild* c
    cdef uint32_t* word
    cdef const uint32_t* ref
    begin(x, 0, BTF_FUNC_PROTO, target_node(x, t.ref))
    if not array_reserve(&x.record, 2 * <size_t>t.num + 2):
        return 0
    word = u32s(&x.record) + 3
    if t.flags & LOCAL_ALIKE:
        ref = u32s(&x.walker.refs) + t.first - 1
        for num in range(t.num):
            known = u32s(&x.known)[u16s(&x.places)[ref[num]]] if ref[num] < x.span else 0
            word[0] = 0
            word[1] = known & ~KNOWN if known & KNOWN else target_node(
                x, x.base + ref[num] if ref[num] < x.span else NO_REF)
            word += 2
        num, link = t.num, 0
    while link:
        c = local_child(x, link)
        word[0] = c.name
        word[1] = target_node(x, c.ref)
        word += 2
        num += 1
        link = c.next
    if t.flags & LOCAL_VARIADIC:
        word[0] = word[1] = 0
        num += 1
    x.record.num = 3 + 2 * <size_t>num
    u32s(&x.record)[1] |= num
    return finish(x)
