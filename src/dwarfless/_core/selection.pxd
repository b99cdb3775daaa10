"""What the selection of functions looks at."""

from libc.stdint cimport uint32_t, uint64_t

cdef packed struct State:
    uint64_t addr          # low_pc
    uint64_t order         # unit index << 32 | index in the unit; states are kept in this order
    uint32_t key           # from FunctionTable
    uint32_t proto         # type id of the FUNC_PROTO
    uint32_t verdicts
    uint32_t name          # string id, equal to the key
