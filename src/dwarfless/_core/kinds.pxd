"""What a local type is, before it becomes BTF."""

cdef enum:  # LocalKind
    LK_NONE
    LK_BASE
    LK_POINTER
    LK_CONST
    LK_VOLATILE
    LK_RESTRICT
    LK_TYPEDEF
    LK_ARRAY
    LK_STRUCT
    LK_UNION
    LK_ENUM
    LK_PROTO
    LK_SAME             # a qualifier BTF has no word for: the type itself
    LK_VOID             # nothing BTF can say
    LK_ANNOTATION       # GCC's, reached by a chain of references
