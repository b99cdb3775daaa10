"""The canonical store: one node a meaning, as far as one unit can tell.

A node is a BTF record (name, info, size or type, then the kind's data) in which string ids stand
for string offsets and node ids for type ids. Equal records are one node. A reference to a named
struct, union or enum is a *cut*: a node that holds only the name, so that records are finite,
cycles end, and what a header brings into thousands of units is one node. Node 0 is void.

Children have lower ids than their parents; cuts are leaves.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from dwarfless._core.memory cimport *

cdef enum:  # BtfKind
    BTF_VOID = 0
    BTF_INT = 1
    BTF_PTR = 2
    BTF_ARRAY = 3
    BTF_STRUCT = 4
    BTF_UNION = 5
    BTF_ENUM = 6
    BTF_FWD = 7
    BTF_TYPEDEF = 8
    BTF_VOLATILE = 9
    BTF_CONST = 10
    BTF_RESTRICT = 11
    BTF_FUNC = 12
    BTF_FUNC_PROTO = 13
    BTF_VAR = 14
    BTF_DATASEC = 15
    BTF_FLOAT = 16
    BTF_DECL_TAG = 17
    BTF_TYPE_TAG = 18
    BTF_ENUM64 = 19
    NODE_CUT = 127          # name, info (vlen = class), ordinal, unit

cdef extern from *:
    """
    #define NO_PLACE (~(uint64_t)0)
    """
    const uint64_t NO_PLACE     # what was met nowhere

cdef enum:  # CutClass
    CUT_STRUCT = 1
    CUT_UNION = 2
    CUT_ENUM = 3

cdef struct Node:               # half a cache line: what looking up a record touches
    uint64_t first              # lowest (unit << 32 | place) that has it
    uint32_t start, length      # in words
    uint32_t stamp              # 1 + the last unit that listed it
    # The node of the plain PTR, or CONST, to it; 0: not met. Of a definition `pointer` is its cut,
    # as references to that go to the cut.
    uint32_t pointer, constant
    uint32_t after              # the node that was asked for next, when this one last was

cdef struct NodeTable:
    Array words             # uint32: all records
    Array nodes             # Node
    uint64_t* slots         # hash << 32 | node; 0: free
    uint32_t mask


cdef inline uint32_t kind_of(uint32_t info) noexcept nogil:
    return (info >> 24) & 0x7F


cdef inline uint32_t vlen_of(uint32_t info) noexcept nogil:
    return info & 0xFFFFFF


cdef inline uint32_t num_nodes(NodeTable* t) noexcept nogil:
    return <uint32_t>t.nodes.num


cdef inline Node* node_of(NodeTable* t, uint32_t id) noexcept nogil:
    return &(<Node*>t.nodes.items)[id]


cdef inline uint32_t* node_at(NodeTable* t, uint32_t id) noexcept nogil:
    return u32s(&t.words) + node_of(t, id).start


cdef inline uint32_t node_length(NodeTable* t, uint32_t id) noexcept nogil:
    return node_of(t, id).length


cdef inline bint nodes_init(NodeTable* t) noexcept nogil:
    t.mask = (1 << 14) - 1
    t.slots = <uint64_t*>calloc(t.mask + 1, sizeof(uint64_t))
    if not (array_init(&t.words, 4, 1 << 16) and array_init(&t.nodes, sizeof(Node), 1 << 13)
            and t.slots != NULL):
        return False
    push(&t.nodes)
    return True


cdef inline void nodes_deinit(NodeTable* t) noexcept nogil:
    array_deinit(&t.words)
    array_deinit(&t.nodes)
    free(t.slots)
    t.slots = NULL


cdef inline bint nodes_failed(NodeTable* t) noexcept nogil:
    return t.words.failed or t.nodes.failed


cdef inline uint32_t hash_words(const uint32_t* words, uint32_t count) noexcept nogil:
    cdef uint64_t h = count, pair
    cdef uint32_t i = 0
    while i + 2 <= count:
        memcpy(&pair, words + i, 8)
        h = mix(h, pair)
        i += 2
    if i < count:
        h = mix(h, words[i])
    return <uint32_t>(h ^ (h >> 32))


cdef inline void put_slot(uint64_t* slots, uint32_t mask, uint32_t hash, uint32_t id) noexcept nogil:
    cdef uint32_t slot = hash & mask
    while slots[slot]:
        slot = (slot + 1) & mask
    slots[slot] = <uint64_t>hash << 32 | id


cdef inline void nodes_rehash(NodeTable* t) noexcept nogil:
    cdef uint32_t mask = t.mask * 2 + 1, id, slot
    cdef uint64_t* slots = <uint64_t*>calloc(<size_t>mask + 1, sizeof(uint64_t))
    if slots == NULL:
        t.words.failed = True
        return
    for slot in range(t.mask + 1):
        id = <uint32_t>t.slots[slot]
        if id:
            put_slot(slots, mask, <uint32_t>(t.slots[slot] >> 32), id)
    free(t.slots)
    t.slots = slots
    t.mask = mask


cdef inline bint same_words(const uint32_t* a, const uint32_t* b, uint32_t count) noexcept nogil:
    """Compare records, of which most are three words long."""
    if a[0] != b[0] or a[1] != b[1] or a[2] != b[2]:
        return False
    return count == 3 or memcmp(a + 3, b + 3, (count - 3) * 4) == 0


cdef inline uint32_t find_node(NodeTable* t, const uint32_t* words, uint32_t count,
                               uint32_t h) noexcept nogil:
    """Return the node of a record of three words or more whose hash is `h`, or 0."""
    cdef uint32_t slot = h & t.mask, id
    while True:
        id = <uint32_t>t.slots[slot]
        if id == 0:
            return 0
        if t.slots[slot] >> 32 == h and node_length(t, id) == count \
                and same_words(node_at(t, id), words, count):
            return id
        slot = (slot + 1) & t.mask


cdef inline uint32_t intern_node(NodeTable* t, const uint32_t* words, uint32_t count,
                                 uint64_t first) noexcept nogil:
    """Return the node of a record, adding it if it's new; `first` is where it was met."""
    cdef uint32_t h = hash_words(words, count), id = find_node(t, words, count, h)
    cdef Node* node
    if id:
        node = node_of(t, id)
        if first < node.first:
            node.first = first
        return id
    if not (array_reserve(&t.words, count) and array_reserve(&t.nodes, 1)):
        return 0
    id = num_nodes(t)
    node = <Node*>push(&t.nodes)
    node.start = <uint32_t>t.words.num
    node.length = count
    node.first = first
    memcpy(u32s(&t.words) + t.words.num, words, count * 4)
    t.words.num += count
    if t.words.num > MAX_U32:
        t.words.failed = True
    put_slot(t.slots, t.mask, h, id)
    if t.nodes.num * 2 > t.mask:
        nodes_rehash(t)
    return id


cdef enum:  # WordRole
    ROLE_PLAIN
    ROLE_NAME
    ROLE_NODE


cdef inline uint32_t record_stride(uint32_t kind) noexcept nogil:
    """Return the words of one list element."""
    if kind in (BTF_STRUCT, BTF_UNION, BTF_ENUM64, BTF_DATASEC): return 3
    elif kind in (BTF_ENUM, BTF_FUNC_PROTO): return 2
    return 0


cdef struct Roles:              # of a kind's words: looked up once a record, not once a word
    uint32_t third
    uint32_t stride             # 0: the words from the fourth on have roles of their own
    uint32_t first, second      # of a list element's words; a third one is plain


cdef inline Roles roles_of(uint32_t kind) noexcept nogil:
    cdef Roles roles
    roles.third = third_role(kind)
    roles.stride = record_stride(kind)
    roles.first, roles.second = role_of(kind, 3), role_of(kind, 4)
    return roles


cdef inline uint32_t third_role(uint32_t kind) noexcept nogil:
    """Say what the third word of a record is."""
    if kind in (BTF_PTR, BTF_TYPEDEF, BTF_VOLATILE, BTF_CONST, BTF_RESTRICT, BTF_FUNC,
                BTF_FUNC_PROTO, BTF_VAR, BTF_DECL_TAG, BTF_TYPE_TAG):
        return ROLE_NODE
    return ROLE_PLAIN


cdef inline uint32_t role_of(uint32_t kind, uint32_t place) noexcept nogil:
    """Say what word `place` of a record is: one table for every walk over nodes."""
    if place < 3:
        if place == 0: return ROLE_NAME
        return third_role(kind) if place == 2 else ROLE_PLAIN
    if kind == BTF_STRUCT or kind == BTF_UNION:
        place = (place - 3) % 3
        return ROLE_NAME if place == 0 else (ROLE_NODE if place == 1 else ROLE_PLAIN)
    elif kind == BTF_FUNC_PROTO: return ROLE_NAME if (place - 3) % 2 == 0 else ROLE_NODE
    elif kind == BTF_ENUM: return ROLE_NAME if (place - 3) % 2 == 0 else ROLE_PLAIN
    elif kind == BTF_ENUM64: return ROLE_NAME if (place - 3) % 3 == 0 else ROLE_PLAIN
    elif kind == BTF_ARRAY: return ROLE_NODE if place < 5 else ROLE_PLAIN
    elif kind == BTF_DATASEC: return ROLE_NODE if (place - 3) % 3 == 0 else ROLE_PLAIN
    return ROLE_PLAIN
