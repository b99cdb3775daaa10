"""Bound, declared for the step that writes it out."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from dwarfless._core.joined cimport Joined
from dwarfless._core.memory cimport Array

cdef struct Pair:               # a composite and an ambiguous name it refers to
    uint32_t cut, definition    # the definition seen first
    uint32_t defined_in, declared_in    # 1 + first unit, 0 = none
    uint32_t next


cdef class Bound(Joined):
    cdef Array forwards         # uint32[nodes]: cut -> forward record of its own, or 0
    cdef Array defined_units    # uint32[nodes]: by cut
    cdef Array declared_units   # uint32[nodes]: by cut
    cdef Array taints           # uint64[nodes]: 1 + unit << 32 | copy
    cdef Array live             # uint8[nodes + copies]
    cdef Array pairs            # Pair
    cdef Array pair_heads       # uint32[nodes]
    cdef Array touching         # uint8[nodes]: has pairs, or defines an ambiguous name
    cdef Array touched          # uint8[units]: lists any of these
    cdef Array copies           # uint32: words of copies
    cdef Array copy_starts      # uint32
    cdef readonly dict figures
    cdef void add_pair(self, uint32_t node, uint32_t cut) noexcept nogil
    cdef void find_pairs(self) noexcept nogil
    cdef bint touches_ambiguous(self, uint32_t* nodes, uint32_t count) noexcept nogil
    cdef void mark_live(self, uint32_t* nodes, uint32_t types) noexcept nogil
    cdef void see_pairs(self, uint32_t* nodes, uint32_t types, uint32_t stamp) noexcept nogil
    cdef choose_baselines(self)
    cdef bint is_before(self, Pair* pair) noexcept nogil
    cdef void choose_disputed(self, uint32_t cut) noexcept nogil
    cdef bint odd(self, uint32_t cut, uint32_t stamp) noexcept nogil
    cdef bint is_odd_unit(self, uint32_t* nodes, uint32_t count, uint32_t stamp) noexcept nogil
    cdef bint reaches_taint(self, uint32_t node, uint32_t stamp) noexcept nogil
    cdef uint32_t meaning(self, uint32_t child, uint32_t stamp) noexcept nogil
    cdef void taint_unit(self, uint32_t* nodes, uint32_t count, uint32_t stamp) noexcept nogil
    cdef copy_tainted(self)
    cdef void mark_copy(self, uint32_t copy) noexcept nogil
    cdef follow_taints(self, size_t place, uint32_t stamp)
