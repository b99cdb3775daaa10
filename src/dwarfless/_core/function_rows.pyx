"""Subprograms given as rows: what functions.pyx says about them, for tests and experiments.

In:  numpy rows of a unit's DIEs, as a walk would append them.
Out: numpy rows of verdicts.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc

import numpy as np

from dwarfless._core.functions cimport (
    LOCATION_EXPR, MAX_REGISTER_PARAMS, FuncDie, FuncFacts, MemberFacts, ParamDie, ParamFacts,
    TypeFacts, UnitFacts, analyze_functions, locate_params, looks_packed,
)
from dwarfless._core.locations cimport LocationSection

cdef struct TypeColumn:        # of TYPE, sorted by offset
    const TypeRow* rows
    size_t num

cdef struct TypeRow:
    uint64_t offset
    uint64_t byte_size
    uint8_t is_struct
    uint8_t is_packed


cdef const TypeRow* find_type(const TypeColumn* types, uint64_t offset) noexcept nogil:
    cdef size_t low = 0, high = types.num, middle
    while low < high:
        middle = (low + high) // 2
        if types.rows[middle].offset < offset:
            low = middle + 1
        else:
            high = middle
    return &types.rows[low] if low < types.num and types.rows[low].offset == offset else NULL


cdef TypeFacts facts_in_column(void* ctx, uint64_t offset) noexcept nogil:
    cdef const TypeRow* row = find_type(<const TypeColumn*>ctx, offset)
    cdef TypeFacts facts
    facts.byte_size = row.byte_size if row != NULL else 0
    facts.is_struct = row.is_struct if row != NULL else 0
    return facts


cdef bint packed_in_column(void* ctx, uint64_t offset) noexcept nogil:
    cdef const TypeRow* row = find_type(<const TypeColumn*>ctx, offset)
    return row != NULL and row.is_packed


def copy_rows(rows, dtype):
    """Return the bytes of rows and of one more, so that there is a first."""
    return np.append(np.asarray(rows, dtype), np.zeros(1, dtype)).view(np.uint8)


def analyze(
    funcs, params, types, *, const uint8_t[::1] expressions, const uint8_t[::1] lists,
    int version, int address_size, bint swap, bint is_clang, tuple registers, int num_registers,
    bint pairs,
):
    """Return the verdicts over a unit's subprograms.

    Args:
        funcs: FUNC_DIE[num_funcs], offsets ascending.
        params: PARAM_DIE[num_params], offsets ascending; expr is an offset in expressions.
        types: TYPE_ROW[num_types] of the parameters' types, offsets ascending.
        expressions: Location expressions.
        lists: .debug_loc or .debug_loclists, by version.
        version: Of the unit, 2-5.
        address_size: Bytes.
        swap: The bytes are not in our byte order.
        is_clang: The producer is clang.
        registers: DWARF register of each parameter that is in one, or ().
        num_registers: How many are.
        pairs: An aggregate of two words takes two registers.

    Returns:
        FUNC_FACTS[num_funcs] and PARAM_FACTS[num_params], as functions.pxd describes them.
    """
    cdef size_t num_funcs = len(funcs), num_params = len(params), i
    cdef uint64_t start
    cdef LocationSection section
    cdef UnitFacts unit
    cdef TypeColumn column
    func_facts = np.zeros(num_funcs + 1, FUNC_FACTS)
    param_facts = np.zeros(num_params + 1, PARAM_FACTS)
    cdef uint8_t[::1] func_bytes = copy_rows(funcs, FUNC_DIE)
    cdef uint8_t[::1] param_bytes = copy_rows(params, PARAM_DIE)
    cdef uint8_t[::1] type_bytes = copy_rows(types, TYPE_ROW)
    cdef uint8_t[::1] func_facts_bytes = func_facts.view(np.uint8)
    cdef uint8_t[::1] param_facts_bytes = param_facts.view(np.uint8)
    cdef ParamDie* param_dies = <ParamDie*>&param_bytes[0]
    column.rows = <const TypeRow*>&type_bytes[0]
    column.num = len(types)
    section.lists = &lists[0] if lists.shape[0] else NULL
    section.lists_end = section.lists + lists.shape[0]
    section.version, section.address_size, section.offset_size = version, address_size, 4
    section.swap = swap
    unit.type_facts, unit.packed, unit.ctx = facts_in_column, packed_in_column, &column
    unit.is_clang, unit.word_size, unit.pairs = is_clang, address_size, pairs
    unit.num_registers = num_registers
    for i in range(MAX_REGISTER_PARAMS):
        unit.registers[i] = registers[i] if i < <size_t>len(registers) else -1
    for i in range(num_params):
        if param_dies[i].func >= num_funcs:
            raise IndexError("a parameter's func is no index of funcs")
        if param_dies[i].location_class == LOCATION_EXPR:
            start = <uint64_t>param_dies[i].expr
            if start + param_dies[i].expr_size > <size_t>expressions.shape[0]:
                raise IndexError("an expression lies outside")
            param_dies[i].expr = &expressions[0] + start if expressions.shape[0] else NULL
    with nogil:
        locate_params(param_dies, num_params, &section)
        if not analyze_functions(<const FuncDie*>&func_bytes[0], num_funcs, param_dies, num_params,
                                 &unit, <FuncFacts*>&func_facts_bytes[0],
                                 <ParamFacts*>&param_facts_bytes[0]):
            with gil:
                raise MemoryError
    return func_facts[:num_funcs], param_facts[:num_params]


FUNC_DIE = np.dtype([
    ("offset", "u8"), ("type_ref", "u8"), ("origin", "u8"), ("specification", "u8"),
    ("low_pc", "u8"), ("name", "u4"), ("declaration", "u1"), ("inline", "u1"), ("nocall", "u1"),
    ("has_unspecified", "u1")], align=True)
PARAM_DIE = np.dtype([
    ("offset", "u8"), ("type_ref", "u8"), ("origin", "u8"), ("expr", "u8"), ("expr_size", "u8"),
    ("list_offset", "u8"), ("func", "u4"), ("name", "u4"), ("location_class", "u1"),
    ("has_const_value", "u1"), ("reg", "u1"), ("pair_reg", "u1")], align=True)
TYPE_ROW = np.dtype([
    ("offset", "u8"), ("byte_size", "u8"), ("is_struct", "u1"), ("is_packed", "u1")], align=True)
FUNC_FACTS = np.dtype([
    ("type_ref", "u8"), ("name", "u4"), ("first_param", "u4"), ("num_params", "u4"),
    ("verdicts", "u1"), ("skip", "u1"), ("has_unspecified", "u1")], align=True)
PARAM_FACTS = np.dtype([
    ("type_ref", "u8"), ("size_ref", "u8"), ("name", "u4"), ("reg", "u1"), ("pair_reg", "u1"),
    ("has_location", "u1"), ("has_const_value", "u1"), ("has_origin", "u1"), ("unexpected", "u1"),
    ("optimized", "u1")], align=True)


def members_look_packed(struct_size, members):
    """Tell whether a struct looks packed.

    Args:
        struct_size: Bytes.
        members: (bit_offset, byte_size, alignment, bitfield_size) of each, as MemberFacts.
    """
    cdef MemberFacts* rows = <MemberFacts*>malloc((len(members) + 1) * sizeof(MemberFacts))
    cdef size_t i
    if rows == NULL:
        raise MemoryError
    try:
        for i in range(len(members)):
            (rows[i].bit_offset, rows[i].byte_size, rows[i].alignment,
             rows[i].bitfield_size) = members[i]
        return bool(looks_packed(struct_size, rows, len(members)))
    finally:
        free(rows)
