"""Sort types so that C made of them changes little from kernel to kernel.

In:  a graph.
Out: the ids of its types that C can define, those that C starts with first.

Enums come first, then numbers, structs, function types; within these by the name of the type at
the end of a chain of modifiers, and by the own name. What is still equal, such as several structs
of one name, is put in order by a number mixed from the names of their members.

Source: order of bpftool 7.8's `btf dump format c`, down to the mixing.
"""

from cpython.array cimport array as CArray, clone, resize
from libc.stdint cimport int8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, qsort
from libc.string cimport strncmp

from dwarfless._core.btf cimport (
    ARRAY, Chain, DATASEC, DECL_TAG, ENUM, ENUM64, FLOAT, FUNC, FUNC_PROTO, INT, PTR, STRUCT,
    TYPEDEF, UNION, VAR, kind_of, record_of, text_of, vlen_of)
from dwarfless._core.c_layout cimport is_modifier
from dwarfless._core.records cimport GraphArrays
from dwarfless._core.strings cimport start_of

from array import array

cdef CArray NO_WORDS = array("I")     # of what clone() makes

cdef enum:
    LAST = 10
    # Longest chain of types that is followed, and bytes of a name: kernels take no longer ones.
    MAX_CHAIN = 32
    MAX_NAME = 512

cdef struct Key:
    uint32_t rank
    uint32_t type_id
    uint64_t start        # of target, so that most of them need no look at the text
    const char* target    # name of the type at the chain's end
    const char* name
    uint64_t mixture


cdef inline uint32_t next_of(const uint32_t* record, uint32_t kind) noexcept nogil:
    """Return the next type of a chain; 0 at its end."""
    if kind == ARRAY:
        return record[3]
    if kind == PTR or kind == TYPEDEF or kind == DECL_TAG or is_modifier(kind):
        return record[2]
    return 0


cdef uint32_t rank_of(const Chain* chain, uint32_t type_id) noexcept nogil:
    """Return a type's rank; what has no name all along its chain comes last."""
    cdef const uint32_t* record
    cdef uint32_t kind
    cdef bint named = False
    cdef int i
    for i in range(MAX_CHAIN):
        if type_id == 0:
            break
        record = record_of(chain, type_id)
        kind = kind_of(record[1])
        named = named or record[0] != 0
        if kind == ENUM or kind == ENUM64:
            return 1 if named else 0
        if kind == INT or kind == FLOAT:
            return 2
        if not named:
            break
        if kind == STRUCT or kind == UNION:
            return 3
        if kind == FUNC_PROTO:
            return 4
        type_id = next_of(record, kind)
    return LAST


cdef const char* target_of(const Chain* chain, uint32_t type_id) noexcept nogil:
    """Return the name at a chain's end; of an anonymous enum itself, its first enumerator's."""
    cdef const uint32_t* record
    cdef uint32_t kind, target
    cdef int i
    for i in range(MAX_CHAIN):
        if type_id == 0:
            break
        record = record_of(chain, type_id)
        kind = kind_of(record[1])
        target = next_of(record, kind)
        if target == 0 and (kind == PTR or kind == TYPEDEF or kind == DECL_TAG
                            or is_modifier(kind) or kind == ARRAY):
            break
        if target == 0:
            if record[0] == 0 and i == 0 and (kind == ENUM or kind == ENUM64):
                return text_of(chain, record[3] if vlen_of(record[1]) else 0)
            return text_of(chain, record[0])
        type_id = target
    return text_of(chain, 0)


cdef inline uint64_t mix_name(uint64_t mixture, const Chain* chain, uint32_t name) noexcept nogil:
    """Fold a name in; an empty one is no name."""
    cdef const char* text
    cdef const char* end
    cdef uint64_t value = 0
    if name == 0:
        return mixture
    text = text_of(chain, name)
    end = text + MAX_NAME
    while text[0] and text != end:
        value = value * 31 + <uint64_t><int8_t>text[0]
        text += 1
    return mixture * 31 + value


cdef uint64_t mixture_of(const Chain* chain, uint64_t* known, uint32_t type_id, bint members,
                         int depth) noexcept nogil:
    """Return a number that tells types of one name apart: of names, and of members' types.

    Args:
        chain: The graph.
        known: By type: what was found with `members`, 0 if nothing; many point to a large struct.
        type_id: A type.
        members: Whether those of a struct count.
        depth: Of the chain so far.
    """
    cdef const uint32_t* record
    cdef uint32_t kind, i
    cdef uint64_t mixture
    if type_id == 0 or depth > MAX_CHAIN:
        return 0
    if members and known[type_id]:
        return known[type_id]
    record = record_of(chain, type_id)
    kind = kind_of(record[1])
    mixture = mix_name(0, chain, record[0])
    if kind == ENUM or kind == ENUM64:
        if not members and known[type_id]:
            return known[type_id]
        for i in range(vlen_of(record[1])):
            mixture = mix_name(mixture, chain, record[3 + (2 if kind == ENUM else 3) * i])
        known[type_id] = mixture
    elif kind == STRUCT or kind == UNION:
        if members:
            for i in range(vlen_of(record[1])):
                mixture = mix_name(mixture, chain, record[3 + 3 * i])
                mixture = mixture * 31 + mixture_of(
                    chain, known, record[4 + 3 * i], False, depth + 1)
            known[type_id] = mixture
    elif kind == ARRAY:
        mixture = mixture * 31 + record[5]
        mixture = mixture * 31 + mixture_of(chain, known, record[3], members, depth + 1)
    elif kind == PTR or kind == TYPEDEF or kind == DECL_TAG or is_modifier(kind):
        mixture = mixture * 31 + mixture_of(chain, known, record[2], members, depth + 1)
    return mixture


cdef int compare(const void* left, const void* right) noexcept nogil:
    cdef const Key* a = <const Key*>left
    cdef const Key* b = <const Key*>right
    cdef int by_name
    if a.rank != b.rank:
        return -1 if a.rank < b.rank else 1
    if a.start != b.start:
        return -1 if a.start < b.start else 1
    by_name = strncmp(a.target, b.target, MAX_NAME)
    if by_name == 0:
        by_name = strncmp(a.name, b.name, MAX_NAME)
    if by_name:
        return by_name
    if a.mixture != b.mixture:
        return -1 if a.mixture < b.mixture else 1
    return -1 if a.type_id < b.type_id else a.type_id > b.type_id


cdef inline bint is_definable(const Chain* chain, uint32_t type_id) noexcept nogil:
    cdef uint32_t kind = kind_of(record_of(chain, type_id)[1])
    return kind != FUNC and kind != VAR and kind != DATASEC and kind != DECL_TAG


def sorted_ids(GraphArrays arrays):
    """Return the ids of a graph's types and its bases' that C can define, uint32[any].

    Cost: 12 ms for 125,000 types and functions.
    """
    cdef const Chain* chain = &arrays.chain
    cdef uint32_t i, type_id, num = 0, end_id = chain.levels[0].end_id
    cdef Key* keys = <Key*>malloc(end_id * sizeof(Key))
    cdef Key* key
    cdef uint64_t* known = <uint64_t*>calloc(end_id, sizeof(uint64_t))
    cdef CArray ids = clone(NO_WORDS, end_id, zero=False)
    cdef uint32_t* out = <uint32_t*>ids.data.as_uints
    if keys == NULL or known == NULL:
        free(keys)
        free(known)
        raise MemoryError("the types fit no memory")
    with nogil:
        for type_id in range(1, end_id):
            if not is_definable(chain, type_id):
                continue
            key = &keys[num]
            num += 1
            key.type_id = type_id
            key.rank = rank_of(chain, type_id)
            key.target = target_of(chain, type_id)
            key.start = start_of(key.target, 8)
            key.name = text_of(chain, record_of(chain, type_id)[0])
            key.mixture = mixture_of(chain, known, type_id, True, 0)
        qsort(keys, num, sizeof(Key), compare)
        for i in range(num):
            out[i] = keys[i].type_id
    free(keys)
    free(known)
    resize(ids, num)
    return ids
