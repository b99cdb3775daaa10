"""What building nodes needs: types by DIE address, cuts, the record in the making.

The Interner of a thread goes from unit to unit. `intern` opens with the idea; the records of each
kind are built there.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dwarfless._core.alike cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.features cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.local cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.program cimport NO_REF
from dwarfless._core.names cimport *
from dwarfless._core.walk cimport *

cdef enum:
    NUM_CUTS = 1 << 14      # that are remembered
    MAX_PLACED = 0xFFFF     # types of a unit in which they are found by `places`

cdef enum:
    STATE_NEW
    STATE_OPEN
    STATE_DONE

cdef extern from *:
    """
    #define DUPLICATE_MARK ((uint32_t)1 << 31)
    """
    const uint32_t DUPLICATE_MARK   # on a listed node: a further definition of its name

cdef extern from *:
    """
    #define KNOWN ((uint32_t)1 << 31)
    #define BY_NAME ((uint32_t)1 << 30)
    """
    const uint32_t KNOWN            # on an item of Interner.known: the rest is the node
    const uint32_t BY_NAME          # it is a cut that nothing has referred to yet, or there's no type

cdef struct Interner:
    Walker* walker
    NodeTable* nodes
    uint32_t unit
    uint32_t place          # records asked for so far in the unit
    uint32_t features
    bint little_endian
    uint64_t span           # DIE addresses covered by `places`, from the unit's base
    uint64_t base           # DIE address of the unit
    Array places            # uint16: local index by address - base; zero between units
    Array known             # uint32 a local type: what stands for it in a record, once that is known
    uint32_t index_type     # the int that counts elements
    uint32_t latest         # the node asked for before
    Array stack             # uint32
    Array record            # uint32: the record being built
    Array order             # uint32: member order, where it must be sorted
    uint32_t mark           # DUPLICATE_MARK while a duplicate is built
    Array unit_nodes        # uint32: nodes of all units of this thread
    Array duplicates        # uint32 pairs: an ordinal's cut, and its definition
    Array definitions       # uint64[nodes]: 1 + unit << 32 | definitions so far, by cut
    Array cuts              # uint64[NUM_CUTS]: name << 32 | cut << 2 | class, of late


cdef inline bint interner_init(Interner* x) noexcept nogil:
    return (array_init(&x.places, 2, 1 << 16) and array_init(&x.known, 4, 1 << 12)
            and array_init(&x.stack, 4, 1 << 10)
            and array_init(&x.record, 4, 1 << 12) and array_init(&x.order, 4, 64)
            and array_init(&x.unit_nodes, 4, 1 << 16)
            and array_init(&x.cuts, 8, NUM_CUTS) and grow_zeroed(&x.cuts, NUM_CUTS)
            and array_init(&x.duplicates, 4, 64) and array_init(&x.definitions, 8, 1 << 12))


cdef inline void interner_close(Interner* x) noexcept nogil:
    """Give up all but the lists of the units, when there are no more to come."""
    array_deinit(&x.places)
    array_deinit(&x.known)
    array_deinit(&x.stack)
    array_deinit(&x.record)
    array_deinit(&x.order)
    array_deinit(&x.definitions)
    array_deinit(&x.cuts)


cdef inline void interner_deinit(Interner* x) noexcept nogil:
    interner_close(x)
    array_deinit(&x.unit_nodes)
    array_deinit(&x.duplicates)


cdef inline bint interner_failed(Interner* x) noexcept nogil:
    return (x.places.failed or x.known.failed or x.stack.failed or x.record.failed or x.order.failed
            or x.unit_nodes.failed or x.duplicates.failed or x.definitions.failed or nodes_failed(x.nodes))


cdef inline LocalType* local_type(Interner* x, uint32_t index) noexcept nogil:
    return &(<LocalType*>x.walker.types.items)[index]


cdef inline LocalChild* local_child(Interner* x, uint32_t link) noexcept nogil:
    return &(<LocalChild*>x.walker.children.items)[link - 1]


cdef inline uint32_t find_local(Interner* x, uint64_t address) noexcept nogil:
    """Return the local type at a DIE address, or 0."""
    cdef uint64_t place = address - x.base
    cdef uint32_t low
    if place < x.span:
        return u16s(&x.places)[place]
    if x.span or address == NO_REF:
        return 0
    low = <uint32_t>first_not_below(&x.walker.types, address)
    return low if low < x.walker.types.num and local_type(x, low).address == address else 0


cdef inline void index_unit(Interner* x, uint64_t span) noexcept nogil:
    """Make local types findable by address; `span` 0: by bisection."""
    cdef uint32_t i
    cdef LocalType* types = <LocalType*>x.walker.types.items
    x.known.num = 0
    if not grow_zeroed(&x.known, x.walker.types.num) or not grow_zeroed(&x.places, span):
        x.walker.types.num, span = 1, 0  # Out of memory: no types until that is seen.
    u32s(&x.known)[0] = BY_NAME
    x.base = x.walker.reader.unit_base
    x.span = span
    if span:
        for i in range(1, <uint32_t>x.walker.types.num):
            u16s(&x.places)[types[i].address - x.base] = <uint16_t>i


cdef inline void forget_unit(Interner* x) noexcept nogil:
    """Undo index_unit."""
    cdef uint32_t i
    cdef LocalType* types = <LocalType*>x.walker.types.items
    if x.span:
        for i in range(1, <uint32_t>x.walker.types.num):
            u16s(&x.places)[types[i].address - x.base] = 0


cdef inline uint64_t next_place(Interner* x) noexcept nogil:
    """Return a number for each record asked for, ascending in file order: it settles ids."""
    x.place += 1
    return <uint64_t>x.unit << 32 | x.place


cdef inline uint32_t cut_class(uint8_t kind) noexcept nogil:
    if kind == LK_STRUCT: return CUT_STRUCT
    elif kind == LK_UNION: return CUT_UNION
    return CUT_ENUM


cdef inline bint is_named(Interner* x, LocalType* t) noexcept nogil:
    return t.kind in (LK_STRUCT, LK_UNION, LK_ENUM) and t.name != 0


cdef inline uint32_t intern_cut(Interner* x, LocalType* t, uint64_t place) noexcept nogil:
    cdef uint32_t words[4]
    words[0] = t.name
    words[1] = <uint32_t>NODE_CUT << 24 | cut_class(t.kind)
    words[2] = t.ordinal
    words[3] = x.unit + 1 if t.ordinal else 0
    return intern_node(x.nodes, words, 4, place)


cdef inline uint32_t named_cut(Interner* x, LocalType* t) noexcept nogil:
    """Return what stands for a name, or 0 if that is no identifier; most were looked up before.

    That is not to say that the cut was met.
    """
    cdef uint64_t key = <uint64_t>t.name << 32 | cut_class(t.kind)
    cdef uint64_t* slot = &u64s(&x.cuts)[(mix(0, key) >> 20) & (NUM_CUTS - 1)]
    cdef uint32_t node = <uint32_t>slot[0] >> 2
    if slot[0] >> 32 == t.name and (slot[0] & 3) == cut_class(t.kind):
        return node
    if not is_identifier(x.walker.names, t.name):
        return 0
    node = intern_cut(x, t, NO_PLACE)
    if node < <uint32_t>1 << 30:
        slot[0] = <uint64_t>t.name << 32 | node << 2 | cut_class(t.kind)
    return node


cdef inline uint32_t cut_of(Interner* x, LocalType* t) noexcept nogil:
    """Return what stands for a named type, met here if nowhere earlier."""
    cdef uint64_t place = next_place(x)
    if t.ordinal:
        return intern_cut(x, t, place)
    if place < node_of(x.nodes, t.cut).first:
        node_of(x.nodes, t.cut).first = place
    return t.cut


cdef inline void number_definitions(Interner* x) noexcept nogil:
    """Give each further definition of a name within the unit an ordinal of its own.

    Two functions of one file may each have their own struct of one name; only the first may be
    reached by the name alone.
    """
    cdef uint32_t i
    cdef LocalType* t
    cdef uint64_t* seen
    for i in range(1, <uint32_t>x.walker.types.num):
        t = local_type(x, i)
        if not is_named(x, t):
            continue
        if t.flags & LOCAL_ALIKE and node_of(x.nodes, t.node).pointer:
            t.cut = node_of(x.nodes, t.node).pointer
        else:
            t.cut = named_cut(x, t)
            if t.cut == 0:
                x.walker.counts[LEFT_BAD_NAME] += 1
                t.name = 0
                continue
            if t.flags & LOCAL_ALIKE:
                node_of(x.nodes, t.node).pointer = t.cut
        t.flags |= LOCAL_NAMED
        u32s(&x.known)[i] = BY_NAME
        if t.flags & LOCAL_DECLARATION:
            continue
        if not grow_zeroed(&x.definitions, num_nodes(x.nodes)):
            return
        seen = &u64s(&x.definitions)[t.cut]
        if seen[0] >> 32 != x.unit + 1:
            seen[0] = <uint64_t>(x.unit + 1) << 32
        elif t.size or t.num:
            t.ordinal = <uint32_t>(seen[0] & MAX_U32) + 1
            seen[0] += 1


cdef inline bint is_in_body(Walker* w, uint64_t ref) noexcept nogil:
    """Say whether a reference leads into a function that was stepped over.

    GCC puts pointers to a function's own types at the top of the unit. Nothing that is asked for
    has such a type, or the function would have been read.
    """
    cdef size_t place = first_not_below(&w.bodies, ref)
    return place < w.bodies.num and (<Span*>w.bodies.items)[place].first <= ref


cdef inline uint32_t meet_target(Interner* x, uint32_t index, uint64_t ref) noexcept nogil:
    """Return the node of a type that is referred to by name for the first time, else void."""
    cdef LocalType* t = local_type(x, index)
    if index == 0:
        if ref != NO_REF and not is_in_body(x.walker, ref):
            x.walker.counts[LEFT_DANGLING] += 1
        return 0
    if not t.flags & LOCAL_NAMED:
        x.walker.counts[LEFT_CYCLE] += 1
        return 0
    u32s(&x.known)[index] = KNOWN | cut_of(x, t)
    return u32s(&x.known)[index] & ~KNOWN


cdef inline uint32_t target_node(Interner* x, uint64_t ref) noexcept nogil:
    """Return the node a reference stands for; void for what can't be followed."""
    cdef uint32_t index = find_local(x, ref)
    cdef uint32_t known = u32s(&x.known)[index]
    return known & ~KNOWN if known & KNOWN else meet_target(x, index, ref)


cdef inline bint wait_for(Interner* x, uint64_t ref) noexcept nogil:
    """Put a referenced type on the stack unless it's built or reached by a cut."""
    cdef uint32_t index = find_local(x, ref)
    if u32s(&x.known)[index] or local_type(x, index).state != STATE_NEW:
        return False
    push_u32(&x.stack, index)
    return True


cdef inline bint wait_for_refs(Interner* x, LocalType* t) noexcept nogil:
    cdef const uint32_t* refs = u32s(&x.walker.refs) + t.first - 1
    cdef const uint16_t* places = u16s(&x.places)
    cdef const uint32_t* known = u32s(&x.known)
    cdef uint32_t i, place
    cdef bint waiting = False
    for i in range(t.last, t.num):
        place = places[refs[i]] if refs[i] < x.span else 0
        if known[place] == 0 and local_type(x, place).state == STATE_NEW:
            push_u32(&x.stack, place)
            waiting = True
    return waiting


cdef inline bint is_cut(Interner* x, uint32_t ref, uint32_t node) noexcept nogil:
    """Say whether a type that nothing referred to yet is reached by a certain cut; then it's met."""
    cdef uint32_t index = u16s(&x.places)[ref]
    cdef LocalType* t = local_type(x, index)
    if index == 0 or u32s(&x.known)[index] != BY_NAME or t.ordinal or t.cut != node:
        return False
    u32s(&x.known)[index] = KNOWN | node
    return True


cdef inline bint refers_alike(Interner* x, LocalType* t) noexcept nogil:
    """Say whether a struct's members have the types that they have in the record it was compared with.

    A cut in that record was met before, so that meeting it here again changes nothing. `last` is
    how many were looked at; the next one may not be built yet.
    """
    cdef const uint32_t* word = node_at(x.nodes, t.node) + 4 + 3 * <size_t>t.last
    cdef const uint32_t* first = u32s(&x.walker.refs) + t.first - 1
    cdef const uint32_t* ref = first + t.last
    cdef const uint32_t* stop = first + t.num
    cdef const uint16_t* places = u16s(&x.places)
    cdef const uint32_t* known = u32s(&x.known)
    cdef uint32_t span = <uint32_t>min(x.span, MAX_U32), offset
    while ref < stop:
        offset = ref[0]
        if offset >= span:
            break
        if known[places[offset]] != (KNOWN | word[0]) and not is_cut(x, offset, word[0]):
            break
        ref += 1
        word += 3
    t.last = <uint32_t>(ref - first)
    return ref >= stop


cdef inline bint wait_for_children(Interner* x, LocalType* t) noexcept nogil:
    cdef bint waiting = wait_for(x, t.ref)
    cdef uint32_t link
    cdef LocalChild* c
    cdef const LocalChild* children = <LocalChild*>x.walker.children.items - 1
    cdef const uint16_t* places = u16s(&x.places)
    cdef const uint32_t* known = u32s(&x.known)
    cdef uint64_t base = x.base, span = x.span
    if t.kind not in (LK_STRUCT, LK_UNION, LK_PROTO):
        return waiting
    if t.flags & LOCAL_ALIKE:
        return wait_for_refs(x, t) or waiting
    link = t.first
    while link:
        c = <LocalChild*>&children[link]
        link = c.next
        if c.ref - base < span and known[places[c.ref - base]]:
            continue
        if wait_for(x, c.ref):
            waiting = True
    return waiting


cdef inline void begin(Interner* x, uint32_t name, uint32_t kind, uint32_t third) noexcept nogil:
    cdef uint32_t* words = u32s(&x.record)    # which has room for three always
    words[0] = name
    words[1] = kind << 24
    words[2] = third
    x.record.num = 3


cdef inline void list_node(Interner* x, uint32_t node) noexcept nogil:
    """Add a node to the unit's list, once."""
    cdef uint32_t* stamp = &node_of(x.nodes, node).stamp
    if node == 0 or stamp[0] == x.unit + 1:
        return
    stamp[0] = x.unit + 1
    if x.unit_nodes.num < x.unit_nodes.capacity or array_reserve(&x.unit_nodes, 1):
        u32s(&x.unit_nodes)[x.unit_nodes.num] = node | x.mark
        x.unit_nodes.num += 1


cdef inline bint is_record(Interner* x, uint32_t node) noexcept nogil:
    """Say whether the record just built is a node's."""
    return node and node_length(x.nodes, node) == x.record.num \
        and same_words(node_at(x.nodes, node), u32s(&x.record), <uint32_t>x.record.num)


cdef inline uint32_t expected_node(Interner* x) noexcept nogil:
    """Return the node that came next last time, or next but one, if it has the record just built."""
    cdef uint32_t node = node_of(x.nodes, x.latest).after
    if is_record(x, node):
        return node
    node = node_of(x.nodes, node).after
    return node if is_record(x, node) else 0


cdef inline uint32_t take_record(Interner* x, uint32_t node) noexcept nogil:
    """Return the node of the record just built, which may be known, and list it."""
    cdef uint64_t place = next_place(x)
    if node == 0:
        node = intern_node(x.nodes, u32s(&x.record), <uint32_t>x.record.num, place)
    node_of(x.nodes, x.latest).after = node
    x.latest = node
    list_node(x, node)
    return node


cdef inline uint32_t finish(Interner* x) noexcept nogil:
    """Return the node of the record just built, and list it.

    Headers bring types in the same order everywhere, so the node that came next last time is
    looked at first.
    """
    return take_record(x, expected_node(x))


cdef inline uint32_t simple_node(Interner* x, uint32_t kind, uint32_t name, uint32_t third) noexcept nogil:
    begin(x, name, kind, third)
    return finish(x)
