from libc.stdint cimport uint32_t

from dwarfless._core.btf cimport Chain
from dwarfless._core.findings cimport Findings

cdef void resolve_all(Findings* found, const Chain* chain, uint32_t max_depth) noexcept nogil
