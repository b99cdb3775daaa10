"""Loose comparison of prototypes: would a caller by one be right by the other?

In:  two FUNC_PROTO type ids of one graph.
Out: whether they agree. Names stand for structs, unions, enums and typedefs, a FWD for what it
     announces; const and parameter names don't count. Source: pahole 1.32's verdicts.
"""

from libc.stdint cimport uint32_t

cdef struct GraphView:     # BTF records in host order: info has the kind in bits 24-30
    const uint32_t* words
    const uint32_t* offsets  # word index of each type id; [0] is not read
    const char* strings
    uint32_t num_types     # counts void
    uint32_t strings_size  # bytes

cdef enum Kind:
    KIND_INT = 1
    KIND_PTR = 2
    KIND_ARRAY = 3
    KIND_STRUCT = 4
    KIND_UNION = 5
    KIND_ENUM = 6
    KIND_FWD = 7
    KIND_TYPEDEF = 8
    KIND_VOLATILE = 9
    KIND_CONST = 10
    KIND_RESTRICT = 11
    KIND_FUNC_PROTO = 13
    KIND_FLOAT = 16
    KIND_TYPE_TAG = 18
    KIND_ENUM64 = 19

cdef enum:
    # Types are written by people; a chain this long is a loop.
    MAX_CHAIN = 512
    MAX_DEPTH = 32


cdef inline uint32_t loose_kind(const uint32_t* record) noexcept nogil:
    """Return the kind, a FWD being what it stands for."""
    cdef uint32_t kind = record[1] >> 24 & 0x7F
    if kind == KIND_FWD:
        return KIND_UNION if record[1] >> 31 else KIND_STRUCT
    return kind


cdef inline bint same_name(
    const GraphView* graph, const uint32_t* a, const uint32_t* b,
) noexcept nogil:
    cdef uint32_t i = a[0], j = b[0]
    if i == j:
        return True
    while i < graph.strings_size and j < graph.strings_size:
        if graph.strings[i] != graph.strings[j]:
            return False
        if graph.strings[i] == 0:
            return True
        i += 1
        j += 1
    return False


cdef inline bint types_consistent(
    const GraphView* graph, uint32_t a, uint32_t b, unsigned int depth,
) noexcept nogil:
    cdef const uint32_t* x
    cdef const uint32_t* y
    cdef uint32_t kind, other, i, num
    cdef unsigned int steps
    for steps in range(MAX_CHAIN):
        if a == b:
            return True
        if a == 0 or b == 0 or a >= graph.num_types or b >= graph.num_types:
            return False
        x = graph.words + graph.offsets[a]
        y = graph.words + graph.offsets[b]
        kind, other = loose_kind(x), loose_kind(y)
        if kind != other:
            if kind == KIND_CONST:
                a = x[2]
            elif other == KIND_CONST:
                b = y[2]
            else:
                return False
        elif kind == KIND_INT:
            return x[2] == y[2] and x[3] == y[3] and same_name(graph, x, y)
        elif kind == KIND_FLOAT:
            return x[2] == y[2] and same_name(graph, x, y)
        elif kind in (KIND_TYPEDEF, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_ENUM64):
            return same_name(graph, x, y)
        elif kind in (KIND_PTR, KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_TYPE_TAG):
            a, b = x[2], y[2]
        elif kind == KIND_ARRAY:
            if x[5] != y[5]:
                return False
            a, b = x[3], y[3]
        elif kind == KIND_FUNC_PROTO:
            num = x[1] & 0xFFFFFF
            if num != (y[1] & 0xFFFFFF) or depth >= MAX_DEPTH:
                return False
            if not types_consistent(graph, x[2], y[2], depth + 1):
                return False
            for i in range(num):
                if not types_consistent(graph, x[4 + 2 * i], y[4 + 2 * i], depth + 1):
                    return False
            return True
        else:
            return False
    return False


cdef inline bint protos_consistent(const GraphView* graph, uint32_t a, uint32_t b) noexcept nogil:
    """Tell whether callers by the name can't go wrong between two prototypes.

    Names stand for structs, unions, enums and typedefs; const and parameter names don't count.
    """
    return types_consistent(graph, a, b, 0)
