"""Which variables of a unit are kept, and what is kept of them in a word."""

from libc.stdint cimport uint32_t

from dwarfless._core.columns cimport LocalVar
from dwarfless._core.interner cimport FEATURE_DECLARATIONS, FEATURE_LOCALS, FEATURE_VARIABLES
from dwarfless._core.names cimport Names, is_identifier
from dwarfless._core.program cimport NO_REF

cdef enum:  # VarFlag
    VAR_EXTERNAL = 1
    VAR_DECLARATION = 2
    VAR_ARTIFICIAL = 4
    VAR_LOCATED = 8         # has a location at all
    VAR_ADDRESS = 16        # and it is an address
    VAR_LOCAL = 32          # stands in a function
    VAR_NAMED = 64          # by an identifier


cdef inline bint is_kept(const LocalVar* var, uint32_t features) noexcept nogil:
    """Say whether a variable is of a sort that is asked for."""
    if var.declaration and not var.has_location and (var.func or var.specification == NO_REF):
        return (var.func or var.top) and features & FEATURE_DECLARATIONS
    if var.func:
        return var.has_location and features & FEATURE_LOCALS
    return var.top and features & FEATURE_VARIABLES


cdef inline uint32_t var_flags(const LocalVar* var, const Names* names) noexcept nogil:
    return (VAR_EXTERNAL if var.external else 0) \
        | (VAR_NAMED if is_identifier(names, var.name) else 0) \
        | (VAR_DECLARATION if var.declaration else 0) \
        | (VAR_ARTIFICIAL if var.artificial else 0) \
        | (VAR_LOCATED if var.has_location else 0) \
        | (VAR_ADDRESS if var.has_address else 0) \
        | (VAR_LOCAL if var.func and var.has_location else 0)
