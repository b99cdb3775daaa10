"""The verifier's first look: each record by itself, then the order of type tags.

In:  a graph and what the target kernel knows.
Out: (type id, rule, element, value) for each broken rule, by type id.

Source: the check_meta functions and btf_check_type_tags of kernel/bpf/btf.c.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free

from dwarfless._core.btf cimport (
    ARRAY, BTF_NUM_KINDS, CONST, Chain, DATASEC, DECL_TAG, ENUM, ENUM64, FLOAT, FUNC, FUNC_PROTO,
    FWD, INT, PTR, RESTRICT, STRUCT, TYPEDEF, TYPE_TAG, UNION, VAR, VOLATILE, btf_element,
    kind_at, kind_of, record_of, text_of, vlen_of)
from dwarfless._core.findings cimport *
from dwarfless._core.records cimport GraphArrays
from dwarfless._core.resolve cimport resolve_all

cdef struct Target:
    uint32_t kinds              # bit k: kind k is known
    uint32_t max_vlen
    uint32_t name_limit         # most bytes of a name
    uint32_t max_linkage        # of a FUNC
    bint enum_flag
    bint tag_flag
    bint free_section_names


cdef inline bint is_letter(uint8_t byte) noexcept nogil:
    return 97 <= (byte | 0x20) <= 122 or byte == 95 or byte == 46      # A-Z a-z _ .


cdef uint32_t judge_name(const char* name, uint32_t limit, bint printable,
                         uint32_t invalid) noexcept nogil:
    """Return the rule a name breaks, or NUM_RULES; looks at no more than limit + 1 bytes.

    printable: any printable text will do, not only an identifier; invalid: rule for the rest.
    """
    cdef const uint8_t* at = <const uint8_t*>name
    cdef const uint8_t* end = at + limit
    if not (32 <= at[0] < 127 if printable else is_letter(at[0])):
        return invalid
    while at != end and (32 <= at[0] < 127 if printable
                         else is_letter(at[0]) or 48 <= at[0] <= 57):
        at += 1
    if at[0] == 0:
        return NUM_RULES
    return NAME_TOO_LONG if at == end else invalid


cdef void check_element_name(Findings* found, const Chain* chain, const Target* target,
                             uint32_t type_id, uint32_t element, uint32_t offset) noexcept nogil:
    cdef uint32_t rule
    if offset:
        rule = judge_name(text_of(chain, offset), target.name_limit, False, ELEMENT_NAME_INVALID)
        if rule != NUM_RULES:
            note(found, type_id, rule, element, target.name_limit)


cdef void check_name(Findings* found, const Chain* chain, const Target* target, uint32_t type_id,
                     uint32_t kind, uint32_t offset) noexcept nogil:
    """Judge a type's own name by its kind."""
    cdef const char* name
    cdef uint32_t rule
    if kind in (PTR, ARRAY, VOLATILE, CONST, RESTRICT, FUNC_PROTO):
        if offset:
            note(found, type_id, NAME_GIVEN, 0, offset)
        return
    if kind == INT or kind == FLOAT:
        return
    if not offset:
        if kind not in (STRUCT, UNION, ENUM, ENUM64):
            note(found, type_id, NAME_MISSING, 0, 0)
        return
    name = text_of(chain, offset)
    if kind == DECL_TAG or kind == TYPE_TAG:
        if not name[0]:
            note(found, type_id, NAME_MISSING, 0, 0)
        return
    rule = judge_name(name, target.name_limit, kind == DATASEC and target.free_section_names,
                      NAME_INVALID)
    if rule != NUM_RULES:
        note(found, type_id, rule, 0, target.name_limit)


cdef void check_int(Findings* found, uint32_t type_id, const uint32_t* record) noexcept nogil:
    cdef uint32_t word = record[3], bits = (word & 0xFF) + (word >> 16 & 0xFF)
    if word & 0xF000FF00u or (word >> 24 & (word >> 24) - 1) or word >> 24 > 4:
        note(found, type_id, INT_ENCODING, 0, word)
    if bits > 128 or (bits + 7) // 8 > record[2]:
        note(found, type_id, INT_BITS, 0, bits)


cdef void check_members(Findings* found, const Chain* chain, const Target* target,
                        uint32_t type_id, const uint32_t* record) noexcept nogil:
    cdef bint flag = record[1] >> 31, union_ = kind_of(record[1]) == UNION
    cdef uint32_t i, offset, last = 0
    cdef const uint32_t* member = record + 3
    for i in range(vlen_of(record[1])):
        offset = member[2] & 0xFFFFFF if flag else member[2]
        check_element_name(found, chain, target, type_id, i, member[0])
        if not member[1]:
            note(found, type_id, ELEMENT_VOID, i, 0)
        if union_ and offset:
            note(found, type_id, UNION_OFFSET, i, offset)
        elif offset < last:
            note(found, type_id, MEMBER_ORDER, i, offset)
        if (<uint64_t>offset + 7) // 8 > record[2]:
            note(found, type_id, MEMBER_OUTSIDE, i, offset)
        last = offset
        member += 3


cdef void check_enumerators(Findings* found, const Chain* chain, const Target* target,
                            uint32_t type_id, const uint32_t* record) noexcept nogil:
    cdef uint32_t i, size = record[2], step = btf_element[kind_of(record[1])]
    if size not in (1, 2, 4, 8):
        note(found, type_id, ENUM_SIZE, 0, size)
    for i in range(vlen_of(record[1])):
        if not record[3 + <uint64_t>i * step]:
            note(found, type_id, ELEMENT_NAME_MISSING, i, 0)
        check_element_name(found, chain, target, type_id, i, record[3 + <uint64_t>i * step])


cdef void check_params(Findings* found, const Chain* chain, const Target* target,
                       uint32_t type_id, const uint32_t* record) noexcept nogil:
    cdef uint32_t i
    for i in range(vlen_of(record[1])):
        check_element_name(found, chain, target, type_id, i, record[3 + 2 * <uint64_t>i])


cdef void check_entries(Findings* found, uint32_t type_id, const uint32_t* record) noexcept nogil:
    cdef uint64_t last_end = 0
    cdef uint32_t i
    cdef const uint32_t* entry = record + 3
    if not record[2]:
        note(found, type_id, SECTION_SIZE, 0, 0)
    for i in range(vlen_of(record[1])):
        if not entry[0]:
            note(found, type_id, ELEMENT_VOID, i, 0)
        if entry[1] < last_end or entry[1] >= record[2]:
            note(found, type_id, ENTRY_OFFSET, i, entry[1])
        if not entry[2] or entry[2] > record[2]:
            note(found, type_id, ENTRY_SIZE, i, entry[2])
        last_end = <uint64_t>entry[1] + entry[2]
        if last_end > record[2]:
            note(found, type_id, ENTRY_OUTSIDE, i, <uint32_t>last_end)
        entry += 3


cdef void check_counts(Findings* found, const Target* target, uint32_t type_id, uint32_t kind,
                       const uint32_t* record) noexcept nogil:
    """Judge what any record has: the kind flag, vlen, and a third word that must be 0."""
    cdef uint32_t vlen = vlen_of(record[1])
    if record[1] >> 31 and not (
            kind in (STRUCT, UNION, FWD) or (target.enum_flag and kind in (ENUM, ENUM64))
            or (target.tag_flag and kind in (DECL_TAG, TYPE_TAG))):
        note(found, type_id, FLAG_SET, 0, 1)
    if kind == FUNC:
        if vlen > target.max_linkage:
            note(found, type_id, LINKAGE, 0, vlen)
    elif kind in (STRUCT, UNION, ENUM, ENUM64, FUNC_PROTO, DATASEC):
        if vlen > target.max_vlen:
            note(found, type_id, VLEN_TOO_LARGE, 0, vlen)
    elif vlen:
        note(found, type_id, VLEN_SET, 0, vlen)
    if (kind == ARRAY or kind == FWD) and record[2]:
        note(found, type_id, THIRD_SET, 0, record[2])


cdef void check_record(Findings* found, const Chain* chain, const Target* target,
                       uint32_t type_id) noexcept nogil:
    cdef const uint32_t* record = record_of(chain, type_id)
    cdef uint32_t kind = kind_of(record[1])
    if kind >= BTF_NUM_KINDS or not target.kinds >> kind & 1:
        note(found, type_id, KIND_TOO_NEW, 0, kind)
        return
    check_counts(found, target, type_id, kind, record)
    check_name(found, chain, target, type_id, kind, record[0])
    if kind == INT:
        check_int(found, type_id, record)
    elif kind == STRUCT or kind == UNION:
        check_members(found, chain, target, type_id, record)
    elif kind == ENUM or kind == ENUM64:
        check_enumerators(found, chain, target, type_id, record)
    elif kind == FUNC_PROTO:
        check_params(found, chain, target, type_id, record)
    elif kind == DATASEC:
        check_entries(found, type_id, record)
    elif kind == ARRAY:
        if not record[3] or not record[4]:
            note(found, type_id, ARRAY_VOID, 0, 0)
    elif kind == VAR:
        if not record[2]:
            note(found, type_id, VAR_VOID, 0, 0)
        if record[3] > 1:
            note(found, type_id, LINKAGE, 0, record[3])
    elif kind == FLOAT:
        if record[2] not in (2, 4, 8, 12, 16):
            note(found, type_id, FLOAT_SIZE, 0, record[2])
    elif kind == DECL_TAG:
        if <int32_t>record[3] < -1:
            note(found, type_id, COMPONENT_NEGATIVE, 0, record[3])


cdef inline bint is_modifier(uint32_t kind) noexcept nogil:
    return kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)


cdef void check_tags(Findings* found, const Chain* chain, uint32_t type_id, uint32_t good_id,
                     uint32_t max_chain) noexcept nogil:
    """Walk the modifiers that start at a type, up to one that was walked before: tags first."""
    cdef uint32_t current = type_id, length = 0, kind = kind_at(chain, type_id)
    cdef bint in_tags = kind == TYPE_TAG
    while is_modifier(kind):
        if length == max_chain:
            note(found, type_id, CHAIN_LENGTH, 0, length)
            return
        if kind != TYPE_TAG:
            in_tags = False
        elif not in_tags:
            note(found, type_id, TAG_ORDER, 0, current)
            return
        if current <= good_id:
            return
        current = record_of(chain, current)[2]
        kind = kind_at(chain, current)
        length += 1


def check_types(GraphArrays arrays, *, uint32_t kinds, uint32_t max_vlen, uint32_t name_limit,
                uint32_t max_linkage, bint enum_flag, bint tag_flag, bint free_section_names,
                uint32_t max_chain, uint32_t max_depth):
    """Return (type id, rule, element, value) of each broken rule, pass by pass.

    Cost: 15 ms for 125,000 types.
    """
    cdef Target target
    cdef Findings found
    cdef uint32_t type_id, good_id
    cdef const Chain* chain = &arrays.chain
    target.kinds, target.max_vlen, target.name_limit = kinds, max_vlen, name_limit
    target.max_linkage, target.enum_flag, target.tag_flag = max_linkage, enum_flag, tag_flag
    target.free_section_names = free_section_names
    found.start, found.num, found.room, found.full = NULL, 0, 0, False
    found.first_id = chain.levels[0].first_id
    try:
        with nogil:
            for type_id in range(found.first_id, chain.levels[0].end_id):
                check_record(&found, chain, &target, type_id)
            good_id = found.first_id - 1
            for type_id in range(found.first_id, chain.levels[0].end_id):
                if is_modifier(kind_at(chain, type_id)):
                    check_tags(&found, chain, type_id, good_id, max_chain)
                    good_id = type_id
            resolve_all(&found, chain, max_depth)
        if found.full:
            raise MemoryError("the list of violations fits no memory")
        return [(found.start[i].type_id, found.start[i].rule, found.start[i].element,
                 found.start[i].value) for i in range(found.num)]
    finally:
        free(found.start)


def num_rules():
    """Return how many rules findings.pxd has, for the test."""
    return NUM_RULES
