"""Program, declared for the threads that read its units."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from dwarfless._core.memory cimport Array
from dwarfless._core.program cimport DebugFile, Reader, UnitHeader, Values
from dwarfless._core.names cimport Pool

cdef struct Skeleton:
    uint64_t dwo_id
    uint64_t addr_base

cdef class Program:
    cdef DebugFile* files
    cdef Py_ssize_t num_files
    cdef Array units            # UnitHeader
    cdef Array signatures       # Signature
    cdef Array skeletons        # Skeleton
    cdef uint32_t left_languages[64]
    cdef uint32_t num_left_languages
    cdef Pool pool
    cdef list buffers
    cdef readonly list names
    cdef uint64_t size
    cdef uint64_t next_unit
    cdef bint cancelled
    cdef bint little_endian
    cdef bint is_left_out(self, uint32_t language) noexcept nogil
    cdef uint64_t add_file(self, Py_ssize_t index, sections, int32_t alternate, bint is_split,
                           uint64_t base) except? 0
    cdef scan(self, Py_ssize_t index, bint in_types)
    cdef index_skeletons(self)

cdef void reader_init(Reader* r, DebugFile* files, Array* signatures) noexcept
cdef void begin_unit(Reader* r, UnitHeader* header, Values* v, Array* skeletons) noexcept nogil
