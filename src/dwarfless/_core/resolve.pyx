"""The verifier's second look: what types refer to.

In:  a graph whose records are sound one by one.
Out: findings.

The kernel visits the types by id and descends, depth first, into what a type needs settled
before itself, on a stack of 32. What is settled is not entered again, so the order of ids decides
how deep a chain of references may be; therefore we walk exactly as it does. What it descends into
depends on how the walk began (its mode): a walk that began at a pointer passes through pointers
and modifiers only, one that began at a struct or array through structs, arrays and modifiers, so
no legal type can be part of a loop. Where the kernel gives up we note why, call all that is on
the stack settled, and go on.

Source: btf_resolve and the functions it calls, kernel/bpf/btf.c.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from dwarfless._core.btf cimport (
    ARRAY, CONST, Chain, DATASEC, DECL_TAG, ENUM, ENUM64, FLOAT, FUNC, FUNC_PROTO, FWD, INT, PTR,
    RESTRICT, STRUCT, TYPEDEF, TYPE_TAG, UNION, VAR, VOID, VOLATILE, kind_at, kind_of, record_of,
    vlen_of)
from dwarfless._core.findings cimport *
from dwarfless._core.members cimport NO_SIZE, Resolution, check_member

cdef enum:
    NOT_VISITED, VISITED, RESOLVED
cdef enum:
    ANY, POINTERS, COMPOSITES       # modes
cdef enum:
    DEEPEST = 64                    # room on the stack; the limit in force is max_depth

cdef struct Frame:
    uint32_t type_id
    uint32_t next                   # the element to look at next

cdef struct Walk:
    Resolution known
    Findings* found
    uint8_t* state                  # by type id
    Frame stack[DEEPEST]
    uint32_t depth
    uint32_t max_depth
    uint32_t mode


cdef inline bint is_modifier(uint32_t kind) noexcept nogil:
    return kind in (TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG)


cdef inline bint needs_resolve(uint32_t kind) noexcept nogil:
    return is_modifier(kind) or kind in (PTR, STRUCT, UNION, ARRAY, VAR, FUNC, DECL_TAG, DATASEC)


cdef inline bint is_source_only(uint32_t kind) noexcept nogil:
    return kind in (VAR, DECL_TAG, DATASEC)


cdef bint is_sink(const Walk* walk, uint32_t kind) noexcept nogil:
    """Whether this walk does not enter a kind."""
    if walk.mode == POINTERS:
        return not is_modifier(kind) and kind != PTR
    if walk.mode == COMPOSITES:
        return not is_modifier(kind) and kind not in (ARRAY, STRUCT, UNION)
    return not needs_resolve(kind)


cdef bint give_up(Walk* walk, uint32_t rule, uint32_t element, uint32_t value) noexcept nogil:
    """Note what is wrong with the type on top; end the walk."""
    note(walk.found, walk.stack[walk.depth - 1].type_id, rule, element, value)
    while walk.depth:
        walk.depth -= 1
        walk.state[walk.stack[walk.depth].type_id] = RESOLVED
    return True


cdef void enter(Walk* walk, uint32_t type_id, uint32_t kind) noexcept nogil:
    walk.state[type_id] = VISITED
    walk.stack[walk.depth].type_id, walk.stack[walk.depth].next = type_id, 0
    walk.depth += 1
    if walk.mode == ANY:
        if kind == PTR:
            walk.mode = POINTERS
        elif kind in (STRUCT, UNION, ARRAY):
            walk.mode = COMPOSITES


cdef bint descend(Walk* walk, uint32_t type_id, uint32_t element) noexcept nogil:
    """Enter a type that must be settled first, or give up; False if there is no need."""
    cdef uint32_t kind = kind_at(walk.known.chain, type_id)
    if not type_id or is_sink(walk, kind) or walk.state[type_id] == RESOLVED:
        return False
    if walk.state[type_id] == VISITED:
        return give_up(walk, LOOP, element, type_id)
    if walk.depth == walk.max_depth:
        return give_up(walk, DEPTH, element, walk.depth)
    enter(walk, type_id, kind)
    return True


cdef uint32_t final_id(const Resolution* known, uint32_t type_id) noexcept nogil:
    """Follow modifiers, which are settled, to what they modify."""
    if type_id and (is_modifier(kind_at(known.chain, type_id))
                    or kind_at(known.chain, type_id) == VAR):
        return known.target[type_id]
    return type_id


cdef uint64_t size_of(const Resolution* known, uint32_t type_id) noexcept nogil:
    """Bytes of a type, or NO_SIZE."""
    cdef uint32_t kind
    type_id = final_id(known, type_id)
    kind = kind_at(known.chain, type_id)
    if kind in (INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, DATASEC):
        return record_of(known.chain, type_id)[2]
    if kind == PTR:
        return 8
    return known.size[type_id] if kind == ARRAY else NO_SIZE


cdef bint is_regular_int(const Chain* chain, uint32_t type_id) noexcept nogil:
    cdef uint32_t word
    if kind_at(chain, type_id) != INT:
        return False
    word = record_of(chain, type_id)[3]
    return not word >> 16 & 0xFF and (word & 0xFF) in (8, 16, 32, 64, 128)


cdef bint may_lack_size(const Walk* walk, uint32_t type_id) noexcept nogil:
    """Whether a pointer or modifier may refer to a type, with or without a size.

    A settled FUNC has settled to void in the kernel, so it passes.
    """
    cdef uint32_t kind
    if size_of(&walk.known, type_id) != NO_SIZE:
        return True
    kind = kind_at(walk.known.chain, final_id(&walk.known, type_id))
    return kind in (VOID, FWD, FUNC_PROTO) or (kind == FUNC and walk.state[type_id] == RESOLVED)


cdef bint step_reference(Walk* walk, const uint32_t* record, uint32_t kind) noexcept nogil:
    """A pointer, modifier or VAR; True if the walk goes on elsewhere."""
    cdef uint32_t next_id = record[2], behind
    cdef uint32_t next_kind = kind_at(walk.known.chain, next_id)
    cdef uint32_t own = walk.stack[walk.depth - 1].type_id
    if is_source_only(next_kind):
        return give_up(walk, TARGET, 0, next_id)
    if descend(walk, next_id, 0):
        return True
    if kind != PTR:
        # A modifier keeps where its chain ends; a VAR too.
        walk.known.target[own] = final_id(&walk.known, next_id)
    if (kind == PTR or kind == VAR) and is_modifier(next_kind):
        # A walk through structs may have settled that modifier but not the pointer behind it.
        behind = final_id(&walk.known, next_id)
        if kind_at(walk.known.chain, behind) == PTR and descend(walk, behind, 0):
            return True
    if kind == VAR:
        if size_of(&walk.known, next_id) == NO_SIZE:
            return give_up(walk, TARGET, 0, next_id)
    elif not may_lack_size(walk, next_id):
        return give_up(walk, TARGET, 0, next_id)
    return False


cdef bint lacks_size(const Chain* chain, uint32_t type_id) noexcept nogil:
    return kind_at(chain, type_id) in (VOID, FWD, FUNC, FUNC_PROTO, VAR, DECL_TAG, DATASEC)


cdef bint step_array(Walk* walk, const uint32_t* record) noexcept nogil:
    cdef const Chain* chain = walk.known.chain
    cdef uint64_t size
    if lacks_size(chain, record[4]):
        return give_up(walk, ARRAY_INDEX, 0, record[4])
    if descend(walk, record[4], 0):
        return True
    if not is_regular_int(chain, final_id(&walk.known, record[4])):
        return give_up(walk, ARRAY_INDEX, 0, record[4])
    if lacks_size(chain, record[3]):
        return give_up(walk, ARRAY_ELEMENT, 0, record[3])
    if descend(walk, record[3], 0):
        return True
    size = size_of(&walk.known, record[3])
    if size == NO_SIZE or (kind_at(chain, final_id(&walk.known, record[3])) == INT and
                           not is_regular_int(chain, final_id(&walk.known, record[3]))):
        return give_up(walk, ARRAY_ELEMENT, 0, record[3])
    if size * record[5] > 0xFFFFFFFFu:
        return give_up(walk, ARRAY_SIZE, 0, record[5])
    walk.known.size[walk.stack[walk.depth - 1].type_id] = size * record[5]
    return False


cdef bint step_members(Walk* walk, const uint32_t* record) noexcept nogil:
    cdef Frame* frame = &walk.stack[walk.depth - 1]
    cdef const uint32_t* member
    cdef uint32_t i, rule
    for i in range(frame.next, vlen_of(record[1])):
        member = record + 3 + 3 * <uint64_t>i
        if lacks_size(walk.known.chain, member[1]):
            if member[1]:                      # void was noted with the record
                return give_up(walk, MEMBER_TARGET, i, member[1])
            continue
        frame.next = i
        if descend(walk, member[1], i):
            return True
        if size_of(&walk.known, member[1]) == NO_SIZE:
            return give_up(walk, MEMBER_TARGET, i, member[1])
        rule = check_member(walk.known.chain, record, member,
                            final_id(&walk.known, member[1]), size_of(&walk.known, member[1]))
        if rule:
            note(walk.found, frame.type_id, rule, i, member[2])
    return False


cdef bint step_entries(Walk* walk, const uint32_t* record) noexcept nogil:
    cdef Frame* frame = &walk.stack[walk.depth - 1]
    cdef const uint32_t* entry
    cdef uint64_t size
    cdef uint32_t i
    for i in range(frame.next, vlen_of(record[1])):
        entry = record + 3 + 3 * <uint64_t>i
        if kind_at(walk.known.chain, entry[0]) != VAR:
            return give_up(walk, ENTRY_TARGET, i, entry[0])
        frame.next = i
        if descend(walk, entry[0], i):
            return True
        size = size_of(&walk.known, entry[0])
        if size != NO_SIZE and entry[2] < size:     # a VAR without size is noted itself
            note(walk.found, frame.type_id, ENTRY_SHORT, i, <uint32_t>size)
    return False


cdef bint step_tag(Walk* walk, const uint32_t* record) noexcept nogil:
    cdef const Chain* chain = walk.known.chain
    cdef uint32_t kind = kind_at(chain, record[2]), limit
    cdef const uint32_t* target
    if kind not in (FUNC, STRUCT, UNION, VAR, TYPEDEF):
        return give_up(walk, TAG_TARGET, 0, record[2])
    if descend(walk, record[2], 0):
        return True
    if <int32_t>record[3] != -1:
        if kind == VAR or kind == TYPEDEF:
            return give_up(walk, TAG_COMPONENT, 0, record[3])
        target = record_of(chain, record[2])
        if kind == FUNC:
            if kind_at(chain, target[2]) != FUNC_PROTO:
                return False                   # noted with the FUNC
            target = record_of(chain, target[2])
        limit = vlen_of(target[1])
        if record[3] >= limit:
            return give_up(walk, TAG_COMPONENT, 0, record[3])
    return False


cdef bint step_func(Walk* walk, const uint32_t* record) noexcept nogil:
    """A function's prototype must name its parameters; the prototype itself is checked later."""
    cdef const uint32_t* proto
    cdef uint32_t i
    if kind_at(walk.known.chain, record[2]) != FUNC_PROTO:
        return give_up(walk, FUNC_TARGET, 0, record[2])
    # What the first FUNC of a prototype found is kept in the prototype's target: 1 all named,
    # else 2 + the first that is not; so that many may share a long one.
    if not walk.known.target[record[2]]:
        walk.known.target[record[2]] = 1
        proto = record_of(walk.known.chain, record[2])
        for i in range(vlen_of(proto[1])):
            if proto[4 + 2 * <uint64_t>i] and not proto[3 + 2 * <uint64_t>i]:
                walk.known.target[record[2]] = 2 + i
                break
    if walk.known.target[record[2]] > 1:
        return give_up(walk, PARAM_NAME, walk.known.target[record[2]] - 2, record[2])
    return False


cdef bint step(Walk* walk) noexcept nogil:
    """Look at the type on top; True if it is not settled yet, or the walk ended."""
    cdef uint32_t type_id = walk.stack[walk.depth - 1].type_id
    cdef const uint32_t* record = record_of(walk.known.chain, type_id)
    cdef uint32_t kind = kind_of(record[1])
    if kind == STRUCT or kind == UNION:
        return step_members(walk, record)
    if kind == ARRAY:
        return step_array(walk, record)
    if kind == DATASEC:
        return step_entries(walk, record)
    if kind == DECL_TAG:
        return step_tag(walk, record)
    if kind == FUNC:
        return step_func(walk, record)
    return step_reference(walk, record, kind)


cdef void resolve(Walk* walk, uint32_t type_id) noexcept nogil:
    """Settle a type and all it needs."""
    if walk.state[type_id] == RESOLVED:
        return
    walk.depth, walk.mode = 0, ANY
    enter(walk, type_id, kind_at(walk.known.chain, type_id))
    while walk.depth:
        if not step(walk):
            walk.depth -= 1
            walk.state[walk.stack[walk.depth].type_id] = RESOLVED


cdef void check_proto(Walk* walk, uint32_t type_id) noexcept nogil:
    """A prototype's return type and parameters have a size."""
    cdef const Chain* chain = walk.known.chain
    cdef const uint32_t* record = record_of(chain, type_id)
    cdef uint32_t i, target = record[2], num = vlen_of(record[1])
    if needs_resolve(kind_at(chain, target)) and not is_source_only(kind_at(chain, target)):
        resolve(walk, target)
    if target and (is_source_only(kind_at(chain, target))
                   or size_of(&walk.known, target) == NO_SIZE):
        note(walk.found, type_id, RETURN_TYPE, 0, target)
    for i in range(num):
        target = record[4 + 2 * <uint64_t>i]
        if not target:
            if i + 1 < num or record[3 + 2 * <uint64_t>i]:
                note(walk.found, type_id, PARAM_VOID, i, 0)
            continue
        if not is_source_only(kind_at(chain, target)):
            if needs_resolve(kind_at(chain, target)):
                resolve(walk, target)
            if size_of(&walk.known, target) != NO_SIZE:
                continue
        note(walk.found, type_id, PARAM_TYPE, i, target)


cdef void resolve_all(Findings* found, const Chain* chain, uint32_t max_depth) noexcept nogil:
    cdef Walk walk
    cdef uint32_t type_id, kind, end = chain.levels[0].end_id
    walk.found, walk.known.chain, walk.max_depth = found, chain, min(max_depth, DEEPEST)
    walk.state = <uint8_t*>calloc(end, sizeof(uint8_t))
    walk.known.target = <uint32_t*>calloc(end, sizeof(uint32_t))
    walk.known.size = <uint64_t*>calloc(end, sizeof(uint64_t))
    if walk.state == NULL or walk.known.target == NULL or walk.known.size == NULL:
        found.full = True
    else:
        for type_id in range(1, end):
            kind = kind_at(chain, type_id)
            if needs_resolve(kind):
                resolve(&walk, type_id)
            elif kind == FUNC_PROTO:
                check_proto(&walk, type_id)
    free(walk.state)
    free(walk.known.target)
    free(walk.known.size)
