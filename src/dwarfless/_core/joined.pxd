"""Joined, declared for the steps that build on it."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from dwarfless._core.ingest cimport FuncState, StateTag, Store, UnitNodes, VarState
from dwarfless._core.intern cimport DUPLICATE_MARK
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.names cimport *
from dwarfless._core.spellings cimport *
from dwarfless._core.strings cimport *

cdef struct UnitPlace:
    uint32_t store
    uint32_t index              # into the store's units
    uint32_t unit


cdef class Joined:
    cdef list stores
    cdef Names* names           # the first store's
    cdef Spellings spellings
    cdef NodeTable own_nodes    # should the first store's not do
    cdef NodeTable* nodes
    cdef Array places           # UnitPlace, by unit
    cdef Array cuts             # uint32[nodes]: definition -> its plain cut
    cdef Array ambiguous        # uint8[nodes]: by cut
    cdef Array baseline         # uint32[nodes]: by cut
    cdef Array bound            # uint64[nodes]: by cut: 1 + unit << 32 | definition
    cdef void use_names(self, Store store) noexcept nogil
    cdef bint has_other_names(self, Store store) noexcept nogil
    cdef join(self, Store other)
    cdef move_states(self, Store store, const uint32_t* ids)
    cdef place_units(self)
    cdef uint32_t* listed(self, size_t place, uint32_t* count, uint32_t* types) except? NULL
    cdef list_cuts(self)
    cdef define(self)
    cdef void note_rivals(self, uint8_t* states) noexcept nogil
    cdef void bind(self, uint32_t* nodes, uint32_t types, uint32_t stamp) noexcept nogil

cdef sized(Array* a, size_t item_size, size_t num)
