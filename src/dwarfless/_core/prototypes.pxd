"""Loose comparison of prototypes: would a caller by one be right by the other?

In:  two FUNC_PROTO type ids of one graph.
Out: whether they agree. Names stand for structs, unions, enums and typedefs, a FWD for what it
     announces; const and parameter names don't count. Source: pahole 1.32's verdicts.
"""

from libc.stdint cimport uint32_t
from libc.string cimport strcmp

from dwarfless._core cimport btf
from dwarfless._core.btf cimport Chain, kind_of, record_of, text_of, vlen_of

cdef enum:
    # Types are written by people; a chain this long is a loop.
    MAX_CHAIN = 512
    MAX_DEPTH = 32


cdef inline uint32_t loose_kind(const uint32_t* record) noexcept nogil:
    """Return the kind, a FWD being what it stands for."""
    cdef uint32_t kind = kind_of(record[1])
    if kind == btf.FWD:
        return btf.UNION if record[1] >> 31 else btf.STRUCT
    return kind


cdef inline bint same_name(
    const Chain* chain, const uint32_t* a, const uint32_t* b,
) noexcept nogil:
    return a[0] == b[0] or strcmp(text_of(chain, a[0]), text_of(chain, b[0])) == 0


cdef inline bint types_consistent(
    const Chain* chain, uint32_t a, uint32_t b, unsigned int depth,
) noexcept nogil:
    cdef const uint32_t* x
    cdef const uint32_t* y
    cdef uint32_t kind, other, i, num
    cdef unsigned int steps
    for steps in range(MAX_CHAIN):
        if a == b:
            return True
        if a == 0 or b == 0:
            return False
        x = record_of(chain, a)
        y = record_of(chain, b)
        kind, other = loose_kind(x), loose_kind(y)
        if kind != other:
            if kind == btf.CONST:
                a = x[2]
            elif other == btf.CONST:
                b = y[2]
            else:
                return False
        elif kind == btf.INT:
            return x[2] == y[2] and x[3] == y[3] and same_name(chain, x, y)
        elif kind == btf.FLOAT:
            return x[2] == y[2] and same_name(chain, x, y)
        elif kind in (btf.TYPEDEF, btf.STRUCT, btf.UNION, btf.ENUM, btf.ENUM64):
            return same_name(chain, x, y)
        elif kind in (btf.PTR, btf.VOLATILE, btf.CONST, btf.RESTRICT, btf.TYPE_TAG):
            a, b = x[2], y[2]
        elif kind == btf.ARRAY:
            if x[5] != y[5]:
                return False
            a, b = x[3], y[3]
        elif kind == btf.FUNC_PROTO:
            num = vlen_of(x[1])
            if num != vlen_of(y[1]) or depth >= MAX_DEPTH:
                return False
            if not types_consistent(chain, x[2], y[2], depth + 1):
                return False
            for i in range(num):
                if not types_consistent(chain, x[4 + 2 * i], y[4 + 2 * i], depth + 1):
                    return False
            return True
        else:
            return False
    return False


cdef inline bint protos_consistent(const Chain* chain, uint32_t a, uint32_t b) noexcept nogil:
    """Tell whether callers by the name can't go wrong between two prototypes.

    Names stand for structs, unions, enums and typedefs; const and parameter names don't count.
    """
    return types_consistent(chain, a, b, 0)
