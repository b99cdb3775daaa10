"""One thread's share of the ingest, declared for the stages that read it."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t

from dwarfless._core.function_table cimport FunctionTable
from dwarfless._core.functions cimport FuncFacts, UnitFacts
from dwarfless._core.intern cimport Interner
from dwarfless._core.memory cimport Array
from dwarfless._core.nodes cimport NodeTable
from dwarfless._core.names cimport Names
from dwarfless._core.outlines cimport OutlineTable
from dwarfless._core.units cimport Program
from dwarfless._core.walk cimport LocalVar, Walker

cdef struct UnitNodes:
    uint32_t unit
    uint32_t start, end         # in unit_nodes: types
    uint32_t protos_end         # up to here: prototypes of candidate functions
    uint32_t first_var, end_var     # in vars
    uint32_t first_func, end_func   # in funcs
    uint32_t first_tag, end_tag     # in tags

cdef struct VarState:
    uint64_t address
    uint32_t name, node, flags
    uint32_t file               # the unit's name
    uint32_t func               # name of the function it stands in

cdef struct FuncState:
    uint64_t address
    uint32_t name, proto, flags
    uint32_t file

cdef struct StateTag:           # a decl tag of a variable or function
    uint32_t state              # index into vars or funcs
    uint32_t value              # a name
    int32_t component
    uint32_t of_func

cdef class Store:
    cdef readonly Program program
    cdef Names names
    cdef NodeTable nodes
    cdef Walker walker
    cdef Interner interner
    cdef Array units            # UnitNodes
    cdef Array vars             # VarState
    cdef Array funcs            # FuncState
    cdef Array tags             # StateTag
    cdef Array lost_names       # bit a name: has a variable that is nowhere
    cdef Array func_facts       # FuncFacts, of one unit
    cdef Array param_facts      # ParamFacts, of one unit
    cdef UnitFacts abi
    cdef Array left_units       # uint32: units left out by language
    cdef FunctionTable symbols
    cdef OutlineTable outlines
    cdef finish(self, bint sound)
    cdef bint read_unit(self, uint64_t index) noexcept nogil
    cdef bint read_alone(self, uint64_t index) noexcept nogil
    cdef bint read_types_of_vars(self) noexcept nogil
    cdef bint intern_unit(self, uint32_t unit, uint64_t span) noexcept nogil
    cdef void keep_vars(self) noexcept nogil
    cdef bint is_repeated(self, LocalVar* var) noexcept nogil
    cdef void keep_tags(self, uint32_t links, uint64_t annotation, uint32_t state,
                        int32_t component, bint of_func) noexcept nogil
    cdef void keep_funcs(self) noexcept nogil
    cdef void keep_param_tags(self, size_t index) noexcept nogil
    cdef uint32_t func_proto(self, FuncFacts* facts) noexcept nogil
