"""Structs, unions and enums that another unit had, too: compared, not read.

Headers bring the same types into thousands of units. So the children of such a type are compared
with the record that came next last time, or with the one that begins in the same way: name for
name, place for place, value for value. If all agree, only the references of the members are kept;
`intern` compares what they stand for with the record's. Where anything differs the type is read
and built like any other.

Effect: members and enumerators, half of a kernel's DIEs, took 150 instructions each, now 70.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from dwarfless._core.abbrev cimport *
from dwarfless._core.columns cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.plain cimport *
from dwarfless._core.plans cimport *
from dwarfless._core.program cimport *

cdef enum:
    MAX_BIT_OFFSET = 0xFFFFFF       # of a member of a struct that has bit-fields
    COMPARE_ROOM = COMPARE_LONGEST + 16     # for a code, a name in the DIE, and SLACK


cdef inline uint32_t* likely_slot(Walker* w, uint32_t name, uint32_t kind, uint32_t size,
                                  uint32_t first_name) noexcept nogil:
    """Return where the record is kept that begins like this."""
    cdef uint64_t h = mix(<uint64_t>size << 8 | kind, <uint64_t>name << 32 | first_name)
    return &u32s(&w.likely)[(h ^ h >> 32) & (NUM_LIKELY - 1)]


cdef inline void remember_record(Walker* w, uint32_t node) noexcept nogil:
    """Make a record findable for types of later units."""
    cdef uint32_t* words = node_at(w.nodes, node)
    if words[1] & 0xFFFFFF:
        likely_slot(w, words[0], kind_of(words[1]), words[2], words[3])[0] = node


cdef inline bint read_child(Plain* plain, const uint8_t* end, uint64_t limit, const uint8_t** pos,
                            uint32_t* name, uint64_t* value) noexcept nogil:
    """Read a child that can be compared as read_children does; `end` leaves room for the longest.

    `pos` goes behind a name that stands in the DIE. A bit-field's size lies above its offset, as it
    does in a record that has some: then no offset is above its `limit`.
    """
    cdef uint32_t offset
    name[0] = 0
    if plain.comparison != COMPARE_PLAIN and (
            not plain.comparison & (COMPARE_PLAIN | COMPARE_NAME)
            or (plain.inline_name and not read_inline_name(end, pos, name))):
        return False
    offset = load_u32(pos[0] + plain.name_at) & plain.name_mask
    name[0] |= offset + 1 & plain.name_mask
    memcpy(value, pos[0] + plain.value_at, 8)
    value[0] = ((value[0] & plain.value_mask) + plain.addend) << plain.shift
    if value[0] > limit:
        return False
    if plain.comparison & COMPARE_BITS:
        if limit != MAX_BIT_OFFSET:
            return False
        value[0] |= <uint64_t>((pos[0][plain.bits_at] & plain.bits_mask) + plain.bits) << 24
    return True


cdef inline bint compare_members(Walker* w, LocalType* t, const uint32_t* record) noexcept nogil:
    """Say whether a struct's members are a record's but for their types; if so, pass them."""
    cdef Plain* plains = w.reader.abbrevs.plains
    cdef uint32_t num = vlen_of(record[1]), name = 0, place, last_place = 0
    cdef bint has_bits = record[1] >> 31
    cdef uint64_t limit = MAX_BIT_OFFSET if has_bits else MAX_U32, value = 0
    cdef const uint32_t* word = record + 3
    cdef const uint32_t* stop = word + 3 * <size_t>num
    cdef const uint8_t* die = w.reader.cur.pos
    cdef const uint8_t* end = w.reader.cur.end - COMPARE_ROOM
    cdef uint32_t* ref
    cdef Plain* plain
    if w.refs.capacity - w.refs.num < num and not array_reserve(&w.refs, num):
        return False
    ref = u32s(&w.refs) + w.refs.num
    while word < stop:
        if die >= end:
            return False
        plain = &plains[die[0]]
        die += 1
        if plain.comparison == COMPARE_PLAIN and not has_bits:
            # What read_child does, for what nearly all members are.
            place = load_u32(die + plain.name_at) & plain.name_mask
            memcpy(&value, die + plain.value_at, 8)
            value = ((value & plain.value_mask) + plain.addend) << plain.shift
            name = place + plain.name_addend
        elif read_child(plain, end, limit, &die, &name, &value):
            place = name - 1 & plain.name_mask
        else:
            return False
        if (name ^ word[0]) | (value ^ word[2]):
            return False
        last_place = max(last_place, place)
        ref[0] = load_u32(die + plain.ref_at) | plain.no_ref
        ref += 1
        die += plain.size
        word += 3
    # A name may be a place or its own text; here no place may have passed for a text.
    if last_place and last_place >= w.names.pool.size:
        return False
    if die >= end or die[0] != 0:
        return False
    w.reader.cur.pos = die + 1
    t.first = <uint32_t>w.refs.num + 1
    w.refs.num += num
    return True


cdef inline bint compare_enumerators(Walker* w, const uint32_t* record) noexcept nogil:
    """Say whether an enum's children are a record's; if so, pass them."""
    cdef Plain* plains = w.reader.abbrevs.plains
    cdef uint32_t strings_size = w.names.pool.size, name = 0
    cdef const uint32_t* word = record + 3
    cdef const uint32_t* stop = word + 2 * <size_t>vlen_of(record[1])
    cdef const uint8_t* die = w.reader.cur.pos
    cdef const uint8_t* end = w.reader.cur.end - COMPARE_ROOM
    cdef uint64_t negative = 0, value = 0
    cdef Plain* plain
    while word < stop:
        if die >= end:
            return False
        plain = &plains[die[0]]
        die += 1
        if not read_child(plain, end, ~<uint64_t>0, &die, &name, &value) \
                or name != word[0] or (name > strings_size and plain.name_mask) \
                or (value != word[1] and <int64_t>value != <int32_t>word[1]):
            return False
        negative |= value
        die += plain.size
        word += 2
    if die >= end or die[0] != 0 or negative >> 63 != record[1] >> 31:
        return False
    w.reader.cur.pos = die + 1
    return True


cdef inline bint is_alike(Walker* w, LocalType* t, uint32_t node) noexcept nogil:
    """Say whether a type whose children follow is a record but for references; if so, pass them."""
    cdef uint32_t* record = node_at(w.nodes, node)
    cdef uint32_t kind = kind_of(record[1])
    if node == 0 or record[0] != t.name or record[2] != t.size:
        return False
    if kind == BTF_ENUM and t.kind == LK_ENUM:
        return t.flags & LOCAL_HAS_SIZE and t.size in (1, 2, 4) and compare_enumerators(w, record)
    return kind == (BTF_UNION if t.kind == LK_UNION else BTF_STRUCT) and t.kind != LK_ENUM \
        and compare_members(w, t, record)


cdef inline uint32_t begins_alike(Walker* w, LocalType* t) noexcept nogil:
    """Return a record whose head and first child's name are those of a type, or 0."""
    cdef const uint8_t* die = w.reader.cur.pos
    cdef const uint8_t* end = w.reader.cur.end - COMPARE_ROOM
    cdef Plain* plain = &w.reader.abbrevs.plains[die[0] if die < end else 0]
    cdef uint32_t kind = BTF_STRUCT, name = 0
    cdef uint64_t value = 0
    die += 1
    if not read_child(plain, end, MAX_BIT_OFFSET, &die, &name, &value) and plain.comparison == 0:
        return 0
    if t.kind != LK_STRUCT:
        kind = BTF_UNION if t.kind == LK_UNION else BTF_ENUM
    return likely_slot(w, t.name, kind, <uint32_t>t.size, name)[0]


cdef inline bint read_alike(Walker* w, uint32_t index) noexcept nogil:
    """Pass a type's children if they are those of a known record; else do nothing."""
    cdef LocalType* t = &(<LocalType*>w.types.items)[index]
    cdef uint32_t node, expected, second
    if not w.compares or t.kind not in (LK_STRUCT, LK_UNION, LK_ENUM):
        return False
    if not grow_zeroed(&w.followers, num_nodes(w.nodes)):
        return False
    expected = node = u32s(&w.followers)[w.latest_alike]
    if not is_alike(w, t, node):
        # Next but one is often right: this unit lacks a type that the one before had.
        node = u32s(&w.followers)[node]
        if not is_alike(w, t, node):
            second = node
            node = begins_alike(w, t)
            if node == expected or node == second or not is_alike(w, t, node):
                return False
        u32s(&w.followers)[w.latest_alike] = node
    w.latest_alike = t.node = node
    t.num = vlen_of(node_at(w.nodes, node)[1])
    t.flags |= LOCAL_ALIKE
    w.num_dies += t.num
    return True
