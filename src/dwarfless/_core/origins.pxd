"""What units, subprograms and variables are called, through the DIEs they are instances of.

An inlined or specialised instance has neither name nor type but refers to its abstract one, a
definition to its declaration.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport strlen, strncmp

from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.functions cimport FuncDie
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.program cimport *
from dwarfless._core.names cimport *
from dwarfless._core.walk cimport *


cdef inline bint has_block_scopes(uint32_t language) noexcept nogil:
    """Say whether what a function's body defines can't be named outside: in C and assembler."""
    return language in (DW_LANG_C89, DW_LANG_C, DW_LANG_C99, DW_LANG_C11, DW_LANG_C17,
                        DW_LANG_Assembly, DW_LANG_Mips_Assembler)


cdef inline void name_unit(Walker* w) noexcept nogil:
    """Name the unit as its build does: without the folder it was compiled in."""
    cdef const char* name
    cdef const char* folder
    cdef size_t length
    w.unit_name = 0
    if not has(&w.values, S_NAME) or w.values.value[S_NAME] == 0:
        return
    name = <const char*><size_t>w.values.value[S_NAME]
    if has(&w.values, S_COMP_DIR) and w.values.value[S_COMP_DIR]:
        folder = <const char*><size_t>w.values.value[S_COMP_DIR]
        length = strlen(folder)
        if length and strncmp(name, folder, length) == 0 and name[length] == c'/':
            name += length + 1
    w.unit_name = name_of_text(w.names, name)


cdef inline size_t func_behind(Walker* w, size_t index) noexcept nogil:
    """Return the subprogram that one is an instance or a definition of; none: their number."""
    cdef FuncDie* funcs = <FuncDie*>w.funcs.items
    cdef uint64_t target = funcs[index].origin if funcs[index].origin != NO_REF \
        else funcs[index].specification
    index = first_not_below(&w.funcs, target)
    return index if index < w.funcs.num and funcs[index].offset == target else w.funcs.num


cdef inline bint is_external(Walker* w, size_t index) noexcept nogil:
    """Say whether a subprogram, or the declaration or abstract one behind it, is external."""
    cdef int step
    for step in range(3):
        if index >= w.funcs.num:
            return False
        if (<Note*>w.func_notes.items)[index].is_external:
            return True
        index = func_behind(w, index)
    return False


cdef inline uint32_t func_name(Walker* w, size_t index) noexcept nogil:
    """Return the name of a subprogram, or of the declaration or abstract one behind it."""
    cdef int step
    for step in range(3):
        if index >= w.funcs.num:
            return 0
        if (<FuncDie*>w.funcs.items)[index].name:
            return (<FuncDie*>w.funcs.items)[index].name
        index = func_behind(w, index)
    return 0


cdef inline LocalVar* find_var(Walker* w, uint64_t die) noexcept nogil:
    cdef size_t place = first_not_below(&w.vars, die)
    cdef LocalVar* found = &(<LocalVar*>w.vars.items)[place]
    return found if place < w.vars.num and found.die == die else NULL


cdef inline void complete_var(Walker* w, LocalVar* var) noexcept nogil:
    """Take what a definition lacks from what it refers to: an abstract one, a declaration."""
    cdef LocalVar* other = var
    cdef int step
    for step in range(4):
        other = find_var(w, other.specification)
        if other == NULL:
            return
        if var.name == 0:
            var.name = other.name
        if var.ref == NO_REF:
            var.ref = other.ref
        if var.tags == 0:
            var.tags = other.tags
        var.external |= other.external
        if var.func and other.func:
            var.func = other.func  # an inlined variable is its own function's
