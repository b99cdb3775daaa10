"""What bpftool calls kinds, encodings and linkages."""

from libc.stdint cimport uint32_t

from dwarfless._core.btf cimport BTF_NUM_KINDS

cdef extern from *:
    """
    static const char* const btf_kind_names[] = {
        "UNKNOWN", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF",
        "VOLATILE", "CONST", "RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT",
        "DECL_TAG", "TYPE_TAG", "ENUM64"};
    """
    const char* btf_kind_names[]


cdef inline const char* kind_name(uint32_t kind) noexcept nogil:
    return btf_kind_names[kind if kind < BTF_NUM_KINDS else 0]


cdef inline const char* linkage_name(uint32_t linkage) noexcept nogil:
    if linkage == 0:
        return b"static"
    if linkage == 1:
        return b"global"
    if linkage == 2:
        return b"extern"
    return b"(unknown)"


cdef inline const char* encoding_name(uint32_t encoding) noexcept nogil:
    if encoding == 0:
        return b"(none)"
    if encoding == 1:
        return b"SIGNED"
    if encoding == 2:
        return b"CHAR"
    if encoding == 4:
        return b"BOOL"
    return b"UNKN"
