from dwarfless._core.btf cimport Chain


cdef class GraphArrays:
    """A graph and its bases as C arrays, for the loops of other modules."""

    cdef Chain chain
    cdef object keep           # what the chain's pointers look into
    cdef object names          # NameTable, made by the eighth lookup
    cdef int lookups
