"""Layouts of all structs and unions of a graph: where there are holes, what is aligned by force.

In:  a graph.
Out: a Shape a type, a Slot a member.

First what a type is by itself, its parts before it: size, natural alignment, whether an array
without elements ends it or is inside. A struct that holds itself by value, which is in no sound
BTF, counts as empty there. Then each composite member by member.

BTF knows no alignments. One is taken as forced where a member starts farther from the end of the
one before it than its type asks for. judge_packing says what is taken as packed.

Bitfields: what is not a member's in the storage unit that one started is a bit hole; whole units
left out before the next are a hole.

Source: what pahole 1.32 prints of BTF, compared by tests/peers/test_layout.py.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

from dwarfless._core.btf cimport (
    ARRAY, CONST, Chain, ENUM, ENUM64, FLOAT, INT, PTR, RESTRICT, STRUCT, TYPEDEF, TYPE_TAG, UNION,
    VOLATILE, kind_at, kind_of, record_of, vlen_of)
from dwarfless._core.parts_first cimport sort_parts_first
from dwarfless._core.records cimport GraphArrays
from dwarfless._core.shapes cimport Shape, Slot, sort_members

from struct import calcsize

cdef extern from *:
    """
    #define MAX_TYPE_SIZE ((uint64_t)1 << 40)
    """
    const uint64_t MAX_TYPE_SIZE    # bytes; sizes stop there

cdef enum:  # Shape.flexible
    FLEXIBLE_END = 1
    FLEXIBLE_INSIDE = 2

#: A Slot and a Shape for struct.unpack; graph/layout.py names the fields.
SLOT = "=QIIIIii"
SHAPE = "=QIIIiiiiIIIIII4x"


cdef inline bint is_composite(uint32_t kind) noexcept nogil:
    return kind == STRUCT or kind == UNION


cdef inline bint is_alias(uint32_t kind) noexcept nogil:
    return kind == TYPEDEF or kind == CONST or kind == VOLATILE or kind == RESTRICT \
        or kind == TYPE_TAG


cdef uint32_t strip(const Chain* chain, uint32_t id) noexcept nogil:
    """Return a type without typedefs and modifiers; of a loop of such some link."""
    cdef const uint32_t* record
    cdef uint32_t steps
    for steps in range(512):
        if id == 0:
            return 0
        record = record_of(chain, id)
        if not is_alias(kind_of(record[1])):
            return id
        id = record[2]
    return id


cdef uint32_t num_parts(const uint32_t* record) noexcept nogil:
    """Return how many types a type holds by value."""
    cdef uint32_t kind = kind_of(record[1])
    if is_composite(kind):
        return vlen_of(record[1])
    return kind == ARRAY or is_alias(kind)


cdef uint32_t part(const uint32_t* record, uint32_t index) noexcept nogil:
    cdef uint32_t kind = kind_of(record[1])
    if is_composite(kind):
        return record[4 + 3 * index]
    return record[3] if kind == ARRAY else record[2]


cdef void measure(const Chain* chain, Shape* shapes, uint32_t id,
                  uint32_t pointer_size) noexcept nogil:
    """Fill in what a type is by itself, from its parts."""
    cdef const uint32_t* record = record_of(chain, id)
    cdef uint32_t kind = kind_of(record[1]), i, inner
    cdef Shape* shape = shapes + id
    cdef Shape* target
    shape.natural = 1
    if kind == PTR:
        shape.size = shape.natural = pointer_size
    elif kind == INT or kind == FLOAT or kind == ENUM or kind == ENUM64:
        shape.size = record[2]
        shape.natural = record[2] if record[2] else 1
    elif is_alias(kind) and record[2]:
        shape.size, shape.natural = shapes[record[2]].size, shapes[record[2]].natural
    elif kind == ARRAY and record[3]:
        target = shapes + record[3]
        shape.natural = target.natural
        shape.size = target.size * record[5]
        if record[5] and target.size > MAX_TYPE_SIZE // record[5]:
            shape.size = MAX_TYPE_SIZE
    elif is_composite(kind):
        shape.size = record[2]
        for i in range(vlen_of(record[1])):
            target = shapes + record[4 + 3 * i]
            if target.natural > shape.natural:
                shape.natural = target.natural
            inner = strip(chain, record[4 + 3 * i])
            if kind == STRUCT and kind_at(chain, inner) == STRUCT and shapes[inner].flexible:
                shape.flexible |= FLEXIBLE_INSIDE
        i = vlen_of(record[1])
        if kind == STRUCT and i and ends_open(chain, record[1 + 3 * i]):
            shape.flexible |= FLEXIBLE_END


cdef inline bint ends_open(const Chain* chain, uint32_t id) noexcept nogil:
    return kind_at(chain, id) == ARRAY and record_of(chain, id)[5] == 0


cdef uint32_t forced_alignment(uint64_t offset, uint64_t end, uint32_t natural,
                               uint32_t line) noexcept nogil:
    """Return what alignment a start at `offset` shows, the last member having ended at `end`."""
    cdef uint32_t found = 1
    if offset <= end or offset % 2:
        return 0
    while found <= offset - end:
        found *= 2
        if found > 1 << 30:
            return 0
    if found <= natural or found == 1:
        return 0
    if found < line and line % found == 0 and offset % line == 0:
        return line
    return found


cdef void place(const Chain* chain, const Shape* shapes, Shape* shape, Slot* slots,
                const uint32_t* record, uint32_t line) noexcept nogil:
    """Fill in where a composite's members are, and how they are aligned."""
    cdef bint flag = record[1] >> 31
    cdef uint32_t i, kind, bit_offset, unit
    cdef uint64_t end = 0
    cdef Slot* slot
    for i in range(vlen_of(record[1])):
        slot = slots + i
        bit_offset = record[5 + 3 * i]
        if flag:
            slot.bits, bit_offset = bit_offset >> 24, bit_offset & 0xFFFFFF
        slot.size = shapes[record[4 + 3 * i]].size
        slot.offset = bit_offset // 8
        kind = kind_at(chain, strip(chain, record[4 + 3 * i]))
        if slot.bits and 0 < slot.size <= 16 \
                and (kind == INT or kind == FLOAT or kind == ENUM or kind == ENUM64):
            unit = <uint32_t>slot.size * 8
            slot.offset = bit_offset // unit * <uint32_t>slot.size
            slot.bit_offset = bit_offset - slot.offset * 8
        slot.alignment = forced_alignment(slot.offset, end, shapes[record[4 + 3 * i]].natural, line)
        if slot.size:
            end = slot.offset + (slot.size if slot.bits == 0
                                 else (slot.bit_offset + slot.bits + 7) // 8)
    shape.alignment = forced_alignment(shape.size, end, shape.natural, line)


cdef void find_holes(Shape* shape, Slot* slots, const uint32_t* record) noexcept nogil:
    """Fill in a struct's holes and padding."""
    cdef uint32_t i, num = vlen_of(record[1])
    cdef bint flag = record[1] >> 31
    cdef int64_t start, end, bits, hole, seen = 0, unit_start, limit
    cdef int64_t unit_end = 8 * <int64_t>shape.size, unit_size = 0
    cdef bint in_unit = False
    cdef Slot* slot
    for i in range(num):
        slot = slots + i
        start = record[5 + 3 * i] & (0xFFFFFF if flag else 0xFFFFFFFFU)
        end = start + (slot.bits if slot.bits else 8 * <int64_t>slot.size)
        bits = hole = 0
        if in_unit:
            limit = min(start, unit_end)
            bits = limit - seen
            seen = limit
        if slot.bits:
            unit_start = 8 * <int64_t>slot.offset
            if seen < unit_start <= start:
                hole = slot.offset - seen // 8
                seen = unit_start
            bits += start - seen
        else:
            hole = start // 8 - seen // 8
        seen = end
        if slot.bits and (end > unit_end or 8 * <int64_t>slot.size > unit_size):
            unit_size = 8 * <int64_t>slot.size
            unit_end = 8 * <int64_t>slot.offset + unit_size
            if end > unit_end:
                unit_end += unit_size
        elif slot.bits == 0:
            unit_size, unit_end = 0, end
        in_unit = slot.bits != 0
        if i:
            slots[i - 1].hole, slots[i - 1].bit_hole = <int32_t>hole, <int32_t>bits
        else:
            shape.hole_before, shape.bit_hole_before = <int32_t>hole, <int32_t>bits
        shape.num_bit_holes += bits != 0
        if hole > 0:
            shape.num_holes += 1
            shape.sum_holes += <uint32_t>hole
    if in_unit:
        limit = min(8 * <int64_t>shape.size, unit_end)
        shape.bit_padding = <int32_t>(limit - seen)
        seen = limit
    shape.padding = <int32_t>(<int64_t>shape.size - seen // 8)


cdef void judge_packing(const Chain* chain, Shape* shapes, uint32_t id,
                        const Slot* slots) noexcept nogil:
    """Mark a struct that must be packed, and those it embeds where only packed ones may be.

    A struct inside, off its natural place, tells that one of the two is packed: the outer one if
    it has no hole, and no padding or what is no struct off its place too; else the inner one. (A
    hole and an integer off its place is what a typedef with a smaller alignment looks like.)
    """
    cdef const uint32_t* record = record_of(chain, id)
    cdef Shape* shape = shapes + id
    cdef uint32_t i, inner, natural, most = 1
    cdef bint is_struct = kind_of(record[1]) == STRUCT, off = False, inner_off = False
    for i in range(vlen_of(record[1])):
        natural = shapes[record[4 + 3 * i]].natural
        most = max(most, natural)
        if (slots[i].offset if is_struct else shape.size) % natural:
            if kind_at(chain, strip(chain, record[4 + 3 * i])) == STRUCT:
                inner_off = True
            else:
                off = True
    if is_struct and shape.padding == 0 and shape.num_holes == 0:
        off = off or inner_off or shape.size % most != 0
    if is_struct and off and shape.num_holes == 0:
        shape.packed = 1
    elif inner_off and not off:
        for i in range(vlen_of(record[1])):
            inner = strip(chain, record[4 + 3 * i])
            natural = shapes[record[4 + 3 * i]].natural
            if kind_at(chain, inner) == STRUCT \
                    and (slots[i].offset if is_struct else shape.size) % natural:
                shapes[inner].packed = 1


def lay_out(GraphArrays arrays, uint32_t pointer_size, uint32_t line):
    """Return the shapes of all types, void included, and the slots of all members, by type.

    Args:
        arrays: The graph.
        pointer_size: Bytes of a pointer.
        line: Bytes of a cache line, a power of two.

    Returns:
        A SHAPE a type and a SLOT a member.

    Cost: 8 ms for 108,000 types with 150,000 members.
    """
    cdef const Chain* chain = &arrays.chain
    cdef uint32_t num = chain.levels[0].end_id, id, i
    cdef uint64_t total = 0
    cdef const uint32_t* record
    cdef bint done
    cdef bytearray order = bytearray(4 * num), shape_bytes = bytearray(num * sizeof(Shape))
    cdef bytearray slot_bytes
    cdef uint32_t* sorted_ids = <uint32_t*><char*>order
    cdef Shape* shapes = <Shape*><char*>shape_bytes
    for id in range(1, num):
        record = record_of(chain, id)
        shapes[id].first = <uint32_t>total
        shapes[id].natural = 1      # what a circle meets before it is measured
        if is_composite(kind_of(record[1])):
            total += vlen_of(record[1])
    slot_bytes = bytearray(total * sizeof(Slot))
    cdef Slot* slots = <Slot*><char*>slot_bytes
    assert calcsize(SHAPE) == sizeof(Shape) and calcsize(SLOT) == sizeof(Slot)
    with nogil:
        done = sort_parts_first(chain, num, num_parts, part, sorted_ids)
        if done:
            for i in range(num - 1):
                measure(chain, shapes, sorted_ids[i], pointer_size)
            lay_out_all(chain, shapes, slots, num, line)
    if not done:
        raise MemoryError("the layouts fit no memory")
    return shape_bytes, slot_bytes


cdef void lay_out_all(const Chain* chain, Shape* shapes, Slot* slots, uint32_t num,
                      uint32_t line) noexcept nogil:
    cdef uint32_t id, kind
    cdef const uint32_t* record
    shapes[0].natural = 1
    for id in range(1, num):
        record = record_of(chain, id)
        kind = kind_of(record[1])
        if is_composite(kind):
            place(chain, shapes, shapes + id, slots + shapes[id].first, record, line)
        if kind == STRUCT:
            find_holes(shapes + id, slots + shapes[id].first, record)
    for id in range(1, num):
        if is_composite(kind_of(record_of(chain, id)[1])):
            judge_packing(chain, shapes, id, slots + shapes[id].first)
    for id in range(1, num):
        record = record_of(chain, id)
        if kind_of(record[1]) == STRUCT:
            sort_members(shapes, shapes + id, slots + shapes[id].first, record)
