"""What other stages use of the partition refinement."""

from libc.stdint cimport uint8_t, uint32_t

cdef bint sort_children_first(const uint32_t* words, const uint32_t* starts,
                              const uint32_t* order, uint32_t num_order, const uint32_t* alias,
                              uint8_t* state, uint32_t* stack, uint32_t* sorted_) noexcept nogil
