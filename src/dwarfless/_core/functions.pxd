"""Which subprograms become FUNCs: what a unit's DIE walk hands over, and what it gets back.

A walk appends a FuncDie for every DW_TAG_subprogram and a ParamDie for every formal parameter
that is a direct child of one, both in DIE order, so that offsets ascend. At the end of a unit:

  1. locate_params    reads the locations (needs the unit's own sections and address size);
  2. analyze_functions resolves origins and gives the verdicts. Units that refer to each other's
     DIEs (LTO) are located one by one, then analyzed as one, their arrays joined in file order;
  3. each candidate becomes a State, if FunctionTable knows its name.
"""

from libc.stdint cimport int8_t, uint8_t, uint32_t, uint64_t

from dwarfless._core.locations cimport LocationSection

cdef enum:
    MAX_REGISTER_PARAMS = 8

cdef extern from *:
    """
    #define DWARFLESS_NO_REF (~(unsigned long long)0)
    """
    const uint64_t NO_REF "DWARFLESS_NO_REF"

cdef enum LocationClass:
    LOCATION_NONE = 0   # no DW_AT_location
    LOCATION_EXPR = 1   # exprloc, or a block form before DWARF 4
    LOCATION_LIST = 2   # sec_offset, data4 or data8 (before DWARF 4), loclistx
    LOCATION_OTHER = 3  # an attribute is there but can't be read: any other form

cdef struct FuncDie:
    uint64_t offset         # in .debug_info, as every reference here
    uint64_t type_ref       # DW_AT_type, or NO_REF
    uint64_t origin         # DW_AT_abstract_origin, or NO_REF
    uint64_t specification  # DW_AT_specification, or NO_REF
    uint64_t low_pc         # DW_AT_low_pc alone, addrx resolved; 0 if absent, whatever the ranges
    uint32_t name           # DW_AT_name of this very DIE (see `names`), 0 = none
    uint8_t declaration     # DW_AT_declaration is there
    uint8_t inline_         # DW_AT_inline is not 0
    uint8_t nocall          # DW_AT_calling_convention is DW_CC_nocall
    uint8_t has_unspecified  # DW_TAG_unspecified_parameters is a direct child

cdef struct ParamDie:
    uint64_t offset
    uint64_t type_ref
    uint64_t origin
    const uint8_t* expr       # LOCATION_EXPR
    uint64_t expr_size        # bytes
    uint64_t list_offset      # LOCATION_LIST, in LocationSection.lists
    uint32_t func             # index of its FuncDie
    uint32_t name
    uint8_t location_class
    uint8_t has_const_value   # DW_AT_const_value is there
    uint8_t reg               # written by locate_params
    uint8_t pair_reg          # written by locate_params

cdef struct TypeFacts:
    # Bytes: follow DW_AT_type from this type until a DIE has a non-zero DW_AT_byte_size or is a
    # DW_TAG_pointer_type (address size); 0 if the chain ends first.
    uint64_t byte_size
    uint8_t is_struct         # DW_TAG_structure_type behind any const and typedef, nothing else

ctypedef TypeFacts (*type_facts_fn)(void* ctx, uint64_t die_offset) noexcept nogil
# True for a named DW_TAG_structure_type, class or interface type of which looks_packed is true;
# nothing is stripped. Asked for few types only: parameters after those in registers.
ctypedef bint (*packed_fn)(void* ctx, uint64_t die_offset) noexcept nogil

cdef struct UnitFacts:
    type_facts_fn type_facts
    packed_fn packed
    void* ctx
    uint8_t is_clang          # DW_AT_producer contains "clang"; units joined: the first one's
    uint8_t word_size         # bytes, the unit's address size
    uint8_t pairs             # an aggregate of two words takes two registers
    uint8_t num_registers     # how many parameters go in registers
    int8_t registers[MAX_REGISTER_PARAMS]  # DWARF register of the nth, -1 if not known

cdef enum Verdict:
    UNEXPECTED = 1         # a parameter is in a register of another
    UNCERTAIN = 2          # a packed struct on the stack
    REORDERED = 4          # parameters are not in the source's order
    OPTIMIZED = 8          # a parameter has no location or no register
    CHANGED_SIGNATURE = 16  # clang says so

cdef enum Skip:            # why a subprogram is no candidate; 0 = it is one
    CANDIDATE = 0
    SKIP_DECLARATION = 1
    SKIP_NAMELESS = 2
    SKIP_NAMELESS_PARAM = 3

cdef struct FuncFacts:
    uint64_t type_ref      # return type, NO_REF = void
    uint32_t name          # through origin or specification
    uint32_t first_param   # in the ParamFacts array
    uint32_t num_params    # without the unspecified ones
    uint8_t verdicts
    uint8_t skip
    uint8_t has_unspecified  # one more parameter, nameless and void, comes last

cdef struct ParamFacts:    # grouped by function, in DIE order within
    uint64_t type_ref      # NO_REF = void
    uint64_t size_ref      # type whose size counts
    uint32_t name
    uint8_t reg
    uint8_t pair_reg
    uint8_t has_location
    uint8_t has_const_value
    uint8_t has_origin
    uint8_t unexpected
    uint8_t optimized

cdef struct MemberFacts:   # of one struct, static members left out, in DIE order
    uint64_t bit_offset    # of the first bit, as BTF counts
    uint64_t byte_size     # of the type (bit-fields: of the declared one), arrays: all of it
    uint64_t alignment     # natural_alignment of the type behind typedefs and modifiers
    uint32_t bitfield_size  # bits, 0 = no bit-field

cdef void locate_params(
    ParamDie* params, size_t num_params, const LocationSection* section) noexcept nogil
cdef bint analyze_functions(
    const FuncDie* funcs, size_t num_funcs, const ParamDie* params, size_t num_params,
    const UnitFacts* unit, FuncFacts* func_facts, ParamFacts* param_facts) noexcept nogil
cdef bint looks_packed(
    uint64_t struct_size, const MemberFacts* members, size_t num_members) noexcept nogil
