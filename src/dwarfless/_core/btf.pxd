"""Where ids and strings sit in a BTF record; a graph with its bases as C arrays.

The tables restate formats/btf.py for the loops; tests/unit/test_records.py compares them.
Every Chain comes from a GraphArrays (records.pyx), whose arrays passed index_types: records lie
inside their words, ids below end_id, string offsets below end_string, strings end with a NUL.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef extern from *:
    """
    #define BTF_NUM_KINDS 20
    #define BTF_MAX_LEVELS 16
    /* By kind: words after the third; words an element; whether the third is an id;
       which of the fixed words are ids; which words of an element are ids, are names. */
    static const uint8_t btf_fixed[BTF_NUM_KINDS] =
        {0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0};
    static const uint8_t btf_element[BTF_NUM_KINDS] =
        {0, 0, 0, 0, 3, 3, 2, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 3};
    static const uint8_t btf_third_is_id[BTF_NUM_KINDS] =
        {0, 0, 1, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0};
    static const uint8_t btf_fixed_ids[BTF_NUM_KINDS] =
        {0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t btf_element_ids[BTF_NUM_KINDS] =
        {0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0};
    static const uint8_t btf_element_names[BTF_NUM_KINDS] =
        {0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1};
    """
    enum:
        BTF_NUM_KINDS
        BTF_MAX_LEVELS
    const uint8_t btf_fixed[]
    const uint8_t btf_element[]
    const uint8_t btf_third_is_id[]
    const uint8_t btf_fixed_ids[]
    const uint8_t btf_element_ids[]
    const uint8_t btf_element_names[]

cdef enum:
    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19

cdef struct Level:
    const uint32_t* words
    const uint32_t* offsets   # word index of each own record
    const char* strings
    uint32_t first_id         # its own types are first_id <= id < end_id
    uint32_t end_id
    uint32_t first_string     # its own strings, likewise
    uint32_t end_string

cdef struct Chain:
    int num                            # at least 1
    Level levels[BTF_MAX_LEVELS]       # the graph itself first, then its base, its base's base …


cdef inline uint32_t kind_of(uint32_t info) noexcept nogil:
    return info >> 24 & 0x7F


cdef inline uint32_t vlen_of(uint32_t info) noexcept nogil:
    return info & 0xFFFFFF


cdef inline const uint32_t* record_of(const Chain* chain, uint32_t type_id) noexcept nogil:
    """The record of a type id that is in range and not 0."""
    cdef const Level* level = chain.levels
    while type_id < level.first_id:
        level += 1
    return level.words + level.offsets[type_id - level.first_id]


cdef inline uint32_t kind_at(const Chain* chain, uint32_t type_id) noexcept nogil:
    return kind_of(record_of(chain, type_id)[1]) if type_id else VOID


cdef inline const char* text_of(const Chain* chain, uint32_t offset) noexcept nogil:
    """The NUL-terminated string at an offset that is in range."""
    cdef const Level* level = chain.levels
    while offset < level.first_string:
        level += 1
    return level.strings + (offset - level.first_string)
