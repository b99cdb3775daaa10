"""What a unit's subprograms are: names, types, and whether arguments are where they should be.

In:  the subprogram and parameter DIEs of a unit (see functions.pxd).
Out: for each subprogram its name, return type, parameters and verdicts.

A FUNC is a promise to whoever attaches to it: arguments are where the calling convention puts
them. So a function is left out where the compiler broke the promise, and where a name stands for
several functions. The verdicts are pahole 1.32's, down to its order of evaluation.

A function inlined in some places has an abstract instance with names and types, and concrete ones
that refer to it and carry locations. What a concrete parameter shows is noted in the abstract one
too: both are states, and either may be the one that is written (_core/selection).
"""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from dwarfless._core.locations cimport (
    NO_REGISTER, Location, LocationSection, add_expression, read_list,
)

cdef void locate_params(
    ParamDie* params, size_t num_params, const LocationSection* section,
) noexcept nogil:
    """Fill in the registers of a unit's parameters."""
    cdef Location location
    cdef size_t i
    for i in range(num_params):
        location.reg = location.pair_reg = NO_REGISTER
        if params[i].location_class == LOCATION_EXPR:
            add_expression(params[i].expr, params[i].expr + params[i].expr_size, True, section,
                           &location)
        elif params[i].location_class == LOCATION_LIST:
            read_list(params[i].list_offset, section, &location)
        params[i].reg = location.reg
        params[i].pair_reg = location.pair_reg


cdef int64_t find_func(const FuncDie* funcs, size_t num_funcs, uint64_t offset) noexcept nogil:
    """Return the index of the subprogram at an offset, or -1."""
    cdef size_t low = 0, high = num_funcs, middle
    if offset == NO_REF:
        return -1
    while low < high:
        middle = (low + high) // 2
        if funcs[middle].offset < offset:
            low = middle + 1
        else:
            high = middle
    return <int64_t>low if low < num_funcs and funcs[low].offset == offset else -1


cdef int64_t find_param(const ParamDie* params, size_t num_params, uint64_t offset) noexcept nogil:
    """Return the index of the parameter at an offset, or -1."""
    cdef size_t low = 0, high = num_params, middle
    if offset == NO_REF:
        return -1
    while low < high:
        middle = (low + high) // 2
        if params[middle].offset < offset:
            low = middle + 1
        else:
            high = middle
    return <int64_t>low if low < num_params and params[low].offset == offset else -1


cdef bint analyze_functions(
    const FuncDie* funcs, size_t num_funcs, const ParamDie* params, size_t num_params,
    const UnitFacts* unit, FuncFacts* func_facts, ParamFacts* param_facts,
) noexcept nogil:
    """Fill func_facts[num_funcs] and param_facts[num_params]; False if memory ran out."""
    cdef uint32_t* slots = <uint32_t*>malloc((num_params + 1) * sizeof(uint32_t))
    cdef size_t i
    if slots == NULL:
        return False
    group_params(num_funcs, params, num_params, func_facts, slots)
    for i in range(num_params):
        init_param(params, num_params, i, &param_facts[slots[i]])
    for i in range(num_funcs):
        resolve_name(funcs, num_funcs, i, unit, func_facts)
    for i in range(num_params):
        share_with_origin(params, num_params, i, slots, func_facts, param_facts)
    free(slots)
    for i in range(num_funcs):
        resolve_return_type(funcs, num_funcs, i, func_facts)
        if funcs[i].declaration:
            func_facts[i].skip = SKIP_DECLARATION
            continue
        judge(&func_facts[i], &param_facts[func_facts[i].first_param], unit)
    return True


cdef void group_params(
    size_t num_funcs, const ParamDie* params, size_t num_params, FuncFacts* func_facts,
    uint32_t* slots,
) noexcept nogil:
    """Give each function a run of ParamFacts, and each parameter its place there."""
    cdef size_t i
    cdef uint32_t first = 0
    memset(func_facts, 0, num_funcs * sizeof(FuncFacts))
    for i in range(num_params):
        func_facts[params[i].func].num_params += 1
    for i in range(num_funcs):
        func_facts[i].first_param = first
        first += func_facts[i].num_params
        func_facts[i].num_params = 0
    for i in range(num_params):
        slots[i] = (func_facts[params[i].func].first_param
                    + func_facts[params[i].func].num_params)
        func_facts[params[i].func].num_params += 1


cdef void init_param(
    const ParamDie* params, size_t num_params, size_t i, ParamFacts* facts,
) noexcept nogil:
    cdef int64_t origin
    memset(facts, 0, sizeof(ParamFacts))
    facts.name = params[i].name
    facts.type_ref = facts.size_ref = params[i].type_ref
    facts.reg = params[i].reg
    facts.pair_reg = params[i].pair_reg
    facts.has_location = params[i].location_class != LOCATION_NONE
    facts.has_const_value = params[i].has_const_value
    if params[i].origin != NO_REF:
        facts.has_origin = True
        origin = find_param(params, num_params, params[i].origin)
        facts.size_ref = params[origin].type_ref if origin >= 0 else NO_REF


cdef void resolve_name(
    const FuncDie* funcs, size_t num_funcs, size_t i, const UnitFacts* unit,
    FuncFacts* func_facts,
) noexcept nogil:
    """Set name, unspecified parameters and changed signature; one step, in DIE order."""
    cdef int64_t origin = find_func(funcs, num_funcs, funcs[i].origin)
    cdef int64_t named = origin
    func_facts[i].name = funcs[i].name
    func_facts[i].has_unspecified = funcs[i].has_unspecified
    if funcs[i].name == 0:
        if named < 0:
            named = find_func(funcs, num_funcs, funcs[i].specification)
        if named >= 0:
            # What an earlier DIE was given counts; a later one has only its own name as yet.
            func_facts[i].name = func_facts[named].name if named < <int64_t>i \
                else funcs[named].name
    if unit.is_clang and not funcs[i].inline_:
        if funcs[i].origin == NO_REF:
            if funcs[i].nocall:
                func_facts[i].verdicts |= CHANGED_SIGNATURE
        elif origin >= 0 and funcs[origin].nocall:
            func_facts[i].verdicts |= CHANGED_SIGNATURE


cdef void resolve_return_type(
    const FuncDie* funcs, size_t num_funcs, size_t i, FuncFacts* func_facts,
) noexcept nogil:
    cdef int64_t origin
    func_facts[i].type_ref = funcs[i].type_ref
    if funcs[i].type_ref == NO_REF and funcs[i].origin != NO_REF:
        origin = find_func(funcs, num_funcs, funcs[i].origin)
        if origin >= 0:
            func_facts[i].type_ref = func_facts[origin].type_ref if origin < <int64_t>i \
                else funcs[origin].type_ref


cdef void share_with_origin(
    const ParamDie* params, size_t num_params, size_t i, const uint32_t* slots,
    FuncFacts* func_facts, ParamFacts* param_facts,
) noexcept nogil:
    """Take name and type from the abstract parameter and note there what is known here.

    Only for a parameter without a type of its own.
    """
    cdef ParamFacts* own = &param_facts[slots[i]]
    cdef ParamFacts* abstract
    cdef int64_t origin
    if params[i].type_ref != NO_REF or params[i].origin == NO_REF:
        return
    origin = find_param(params, num_params, params[i].origin)
    if origin < 0:
        return
    abstract = &param_facts[slots[origin]]
    own.name = abstract.name
    own.type_ref = abstract.type_ref
    if slots[i] - func_facts[params[i].func].first_param \
            != slots[origin] - func_facts[params[origin].func].first_param:
        func_facts[params[i].func].verdicts |= REORDERED
    abstract.has_location |= own.has_location
    abstract.has_const_value |= own.has_const_value
    # By size only one of the two is ever looked at, so each may be noted by itself.
    if own.reg != NO_REGISTER:
        abstract.reg = own.reg
    if own.pair_reg != NO_REGISTER:
        abstract.pair_reg = own.pair_reg


cdef inline bint in_pair(uint64_t size, const UnitFacts* unit) noexcept nogil:
    return unit.pairs and size > unit.word_size


cdef inline uint64_t num_slots(uint64_t size, const UnitFacts* unit) noexcept nogil:
    """Return how many registers a parameter takes."""
    return (size + unit.word_size - 1) // unit.word_size if in_pair(size, unit) else 1


cdef uint64_t param_size(const ParamFacts* param, const UnitFacts* unit) noexcept nogil:
    if param.size_ref == NO_REF:
        return 0
    # 32 bits, as in pahole: what is larger isn't in registers anyway.
    return unit.type_facts(unit.ctx, param.size_ref).byte_size & 0x7FFFFFFF


cdef void judge(FuncFacts* func, ParamFacts* params, const UnitFacts* unit) noexcept nogil:
    """Set the verdicts over a function's parameters, and skip."""
    cdef uint32_t i
    cdef bint any_location = False
    cdef bint has_unexpected = False
    if func.name == 0:
        func.skip = SKIP_NAMELESS
        return
    for i in range(func.num_params):
        if params[i].name == 0:
            func.skip = SKIP_NAMELESS_PARAM
            return
        any_location |= params[i].has_location
    # Without any location all are optimized, whatever their registers.
    if any_location:
        if not unit.is_clang or func.verdicts & CHANGED_SIGNATURE:
            check_locations(func, params, unit)
        else:
            check_registers(func, params, unit)
    for i in range(func.num_params):
        if params[i].optimized or not params[i].has_location:
            func.verdicts |= OPTIMIZED
        has_unexpected |= params[i].unexpected
    if has_unexpected and not takes_struct(func, params, unit):
        func.verdicts |= UNEXPECTED
    if func.num_params >= unit.num_registers:
        for i in range(unit.num_registers, func.num_params):
            if params[i].type_ref != NO_REF and unit.packed(unit.ctx, params[i].type_ref):
                func.verdicts |= UNCERTAIN
                break


cdef bint takes_struct(
    const FuncFacts* func, const ParamFacts* params, const UnitFacts* unit,
) noexcept nogil:
    cdef uint32_t i
    for i in range(func.num_params):
        if params[i].type_ref != NO_REF \
                and unit.type_facts(unit.ctx, params[i].type_ref).is_struct:
            return True
    return False


cdef void check_locations(
    const FuncFacts* func, ParamFacts* params, const UnitFacts* unit,
) noexcept nogil:
    """Each parameter must be in the very next register."""
    cdef uint32_t i
    cdef uint64_t at = 0
    cdef uint64_t size, taken
    cdef uint8_t reg
    for i in range(func.num_params):
        size = param_size(&params[i], unit)
        # One in memory counts as a register: pahole's way, kept.
        taken = 1 if size > unit.word_size * <uint64_t>(2 if unit.pairs else 1) \
            else num_slots(size, unit)
        if params[i].has_location:
            if at >= unit.num_registers:
                continue
            reg = params[i].pair_reg if in_pair(size, unit) else params[i].reg
            if reg == NO_REGISTER:
                params[i].optimized = True
            elif unit.registers[at] >= 0 and unit.registers[at] != reg:
                params[i].unexpected = True
        elif params[i].has_const_value and not unit.is_clang:
            params[i].optimized = True
        at += taken


cdef void check_registers(
    const FuncFacts* func, ParamFacts* params, const UnitFacts* unit,
) noexcept nogil:
    """Each parameter whose register is known must be in one of its own."""
    cdef uint32_t i
    cdef uint64_t at = 0
    cdef uint64_t size, taken, k
    cdef uint8_t reg
    cdef bint found
    for i in range(func.num_params):
        size = param_size(&params[i], unit)
        if size > unit.word_size * <uint64_t>(2 if unit.pairs else 1):
            continue
        if at >= unit.num_registers:
            break
        taken = num_slots(size, unit)
        reg = params[i].pair_reg if in_pair(size, unit) else params[i].reg
        if reg != NO_REGISTER:
            found = False
            for k in range(at, min(at + taken, <uint64_t>unit.num_registers)):
                found |= unit.registers[k] == reg
            params[i].unexpected = not found
        at += taken


cdef inline uint64_t unit_offset(const MemberFacts* member) noexcept nogil:
    """Return the byte where a member starts, or its bit-field's storage unit."""
    if member.bitfield_size and member.byte_size:
        return member.bit_offset // (member.byte_size * 8) * member.byte_size
    return member.bit_offset // 8


cdef bint has_gap(
    uint64_t struct_size, const MemberFacts* members, size_t num_members,
) noexcept nogil:
    """Tell whether a byte belongs to no member; the rest of a bit-field's unit does."""
    cdef uint64_t last_bit = 0, start, end, unit_bits, unit_start
    cdef uint64_t field_end = struct_size * 8, field_bits = 0
    cdef bint in_bitfield = False
    cdef size_t i
    for i in range(num_members):
        start = members[i].bit_offset
        unit_bits = members[i].byte_size * 8
        unit_start = unit_offset(&members[i]) * 8
        if in_bitfield:
            last_bit = min(start, field_end)
        if members[i].bitfield_size:
            if last_bit < unit_start <= start:
                return True
            end = start + members[i].bitfield_size
            if end > field_end or unit_bits > field_bits:
                field_bits = unit_bits
                field_end = unit_start + field_bits
                if end > field_end:
                    field_end += field_bits
        else:
            if start // 8 > last_bit // 8:
                return True
            end = start + unit_bits
            field_bits = 0
            field_end = end
        last_bit = end
        in_bitfield = members[i].bitfield_size != 0
    if in_bitfield:
        last_bit = min(struct_size * 8, field_end)
    return struct_size != last_bit // 8


cdef bint looks_packed(
    uint64_t struct_size, const MemberFacts* members, size_t num_members,
) noexcept nogil:
    """Tell whether a struct without holes or padding breaks natural alignment.

    The alignment of a struct, union or array member is the largest natural alignment within,
    whether or not that type is packed itself.
    """
    cdef uint64_t max_alignment = 1
    cdef size_t i
    if has_gap(struct_size, members, num_members):
        return False
    for i in range(num_members):
        if members[i].alignment > 1:
            if unit_offset(&members[i]) % members[i].alignment:
                return True
            max_alignment = max(max_alignment, members[i].alignment)
    return struct_size % max_alignment != 0
