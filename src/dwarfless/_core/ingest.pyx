"""Read all units, in parallel, into stores of nodes, functions and variables.

In:  the debug sections of a program.
Out: a Store a thread, which `join` joins: nodes, and for each unit the list of nodes it has.

Threads take the next unit from a shared counter, so big units balance out; each fills a store of
its own and no lock is taken. Where references may leave their unit (LTO, dwz, type units) all
units are read as one, as the standard's "one program" demands.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport strstr

from dwarfless._core.builds cimport *
from dwarfless._core.intern cimport *
from dwarfless._core.functions cimport (
    FuncDie, FuncFacts, ParamDie, ParamFacts, UnitFacts, analyze_functions)
from dwarfless._core.type_facts cimport is_packed, type_facts_of
from dwarfless._core.kept_vars cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.met_names cimport learn_names
from dwarfless._core.nodes cimport *
from dwarfless._core.origins cimport *
from dwarfless._core.program cimport *
from dwarfless._core.names cimport *
from dwarfless._core.units cimport begin_unit, reader_init
from dwarfless._core.walk cimport *
from dwarfless._core.wanted cimport *

from dwarfless._core.units import SECTION_NAMES
from dwarfless.errors import DwarfError

cdef extern from *:
    uint64_t fetch_add "__atomic_fetch_add"(uint64_t*, uint64_t, int) noexcept nogil

cdef extern from *:
    """
    #define FUNC_EXTERNAL ((uint32_t)1 << 31)
    """
    const uint32_t FUNC_EXTERNAL    # on FuncState.flags, beside the verdicts

cdef class Store:
    """What one thread has read: strings, nodes, and what each unit has of them.

    Args:
        program: The program that will be read.
        features: FEATURE_* bits.
        abi: How parameters are passed: (registers, how many, whether pairs spread).
        symbols: Functions outside of which none are kept.
        outlines: Types that stand for the base's own; only types that variables need are read then.
    """

    def __cinit__(self, Program program, uint32_t features, abi, FunctionTable symbols not None,
                  OutlineTable outlines=None):
        cdef size_t i
        reader_init(&self.walker.reader, program.files, &program.signatures)
        if not (names_init(&self.names, &program.pool, &symbols.known)
                and nodes_init(&self.nodes) and walker_init(&self.walker, &self.names)
                and interner_init(&self.interner)
                and array_init(&self.units, sizeof(UnitNodes), 1024)
                and array_init(&self.vars, sizeof(VarState), 1024)
                and array_init(&self.funcs, sizeof(FuncState), 1024)
                and array_init(&self.tags, sizeof(StateTag), 16)
                and array_init(&self.lost_names, 1, 0)
                and array_init(&self.func_facts, sizeof(FuncFacts), 1024)
                and array_init(&self.param_facts, sizeof(ParamFacts), 4096)
                and array_init(&self.left_units, 4, 16)):
            raise MemoryError
        registers, self.abi.num_registers, self.abi.pairs = abi
        for i in range(8):
            self.abi.registers[i] = registers[i] if i < len(registers) else -1
        self.abi.type_facts = type_facts_of
        self.abi.packed = is_packed
        self.abi.ctx = &self.interner
        self.interner.walker = &self.walker
        self.interner.nodes = self.walker.nodes = &self.nodes
        self.interner.features = features
        self.walker.wants_params = (features & FEATURE_FUNCTIONS) != 0
        self.walker.wants_locals = (features & (FEATURE_LOCALS | FEATURE_DECLARATIONS)) != 0
        self.walker.wants_bodies = (features & (
            FEATURE_FUNCTIONS | FEATURE_LOCALS | FEATURE_DECLARATIONS | FEATURE_ALL_TYPES)) != 0
        self.interner.little_endian = program.little_endian
        # A kernel's units list a node for each 50 bytes; growing by and by takes thrice the memory.
        array_reserve(&self.interner.unit_nodes, program.size // 40)
        self.program = program
        self.symbols, self.outlines = symbols, outlines
        self.walker.outlines = &outlines.table if outlines is not None else NULL

    def __dealloc__(self):
        names_deinit(&self.names)
        nodes_deinit(&self.nodes)
        walker_deinit(&self.walker)
        interner_deinit(&self.interner)
        array_deinit(&self.units)
        array_deinit(&self.vars)
        array_deinit(&self.funcs)
        array_deinit(&self.tags)
        array_deinit(&self.lost_names)
        array_deinit(&self.func_facts)
        array_deinit(&self.param_facts)
        array_deinit(&self.left_units)

    @property
    def has_far_references(self):
        """Whether any unit may refer to another; then `run_as_one` is the way to read them."""
        return self.walker.reader.abbrevs.far

    @property
    def num_dies(self):
        """DIEs visited."""
        return self.walker.num_dies

    def left_unit_names(self):
        """Return where each unit left out for its language begins."""
        cdef size_t i
        names = []
        for i in range(self.left_units.num):
            header = (<UnitHeader*>self.program.units.items)[u32s(&self.left_units)[i]]
            names.append(b".debug_info+%#x" % header.start)
        return names

    def counts(self):
        """What was left out, by LeftOut."""
        return [self.walker.counts[i] for i in range(16)]

    def run(self):
        """Read units until there are none left, each for itself."""
        cdef Program program = self.program
        cdef uint64_t unit, span
        cdef bint sound = True
        self.walker.alone = True
        with nogil:
            while not program.cancelled and sound:
                unit = fetch_add(&program.next_unit, 1, RELAXED)
                if unit >= program.units.num or self.walker.reader.abbrevs.far:
                    break
                sound = self.read_alone(unit)
                if sound and not self.walker.reader.abbrevs.far:
                    span = self.walker.reader.header.end - self.walker.reader.header.start
                    sound = self.intern_unit(
                        <uint32_t>unit, span if self.walker.types.num <= MAX_PLACED else 0)
        self.finish(sound)

    def run_as_one(self):
        """Read all units as one, so that references between them are followed."""
        cdef Program program = self.program
        cdef uint64_t unit
        cdef bint sound = True
        walker_reset(&self.walker)
        self.walker.num_dies = 0
        with nogil:
            for unit in range(program.units.num):
                program.next_unit = unit + 1
                sound = self.read_unit(unit)
                if not sound or program.cancelled:
                    break
            if sound and not program.cancelled:
                self.intern_unit(0, 0)
        self.finish(sound)

    cdef finish(self, bint sound):
        cdef Reader* r = &self.walker.reader
        cdef Program program = self.program
        if walker_failed(&self.walker) or interner_failed(&self.interner) \
                or self.vars.failed or self.funcs.failed or self.units.failed:
            program.cancelled = True
            raise MemoryError("out of memory while reading DWARF")
        if not sound:
            program.cancelled = True
            raise DwarfError(
                r.cur.error.decode(), source=program.names[r.header.file],
                section=SECTION_NAMES[SEC_TYPES if r.header.in_types else SEC_INFO],
                offset=r.cur.failed_at - r.cur.start)
        walker_deinit(&self.walker)
        interner_close(&self.interner)

    cdef bint read_unit(self, uint64_t index) noexcept nogil:
        """Walk one unit; its records are added to the walker's columns."""
        cdef Walker* w = &self.walker
        cdef Reader* r = &w.reader
        cdef UnitHeader* header = &(<UnitHeader*>self.program.units.items)[index]
        cdef const char* producer
        cdef size_t first_param = w.params.num
        begin_unit(r, header, &w.values, &self.program.skeletons)
        if r.cur.error != NULL:
            return False
        w.language = <uint32_t>get(&w.values, S_LANGUAGE, 0)
        w.is_clang = False
        if has(&w.values, S_PRODUCER) and w.values.value[S_PRODUCER]:
            producer = <const char*><size_t>w.values.value[S_PRODUCER]
            w.is_clang = strstr(producer, b"clang") != NULL
        if first_param == 0:
            self.abi.is_clang = w.is_clang
            self.abi.word_size = header.address_size
        w.is_c = has_block_scopes(w.language)
        w.skips_bodies = w.is_c and not w.wants_bodies
        name_unit(w)
        if header.unit_type == DW_UT_skeleton or has(&w.values, S_DWO_NAME):
            if not r.file.is_split:
                w.counts[LEFT_SKELETON] += 1
                return True
        if self.program.is_left_out(w.language):
            push_u32(&self.left_units, <uint32_t>index)
            return True
        walk_unit(w)
        locate_walked(w, first_param)
        return r.cur.error == NULL

    cdef bint read_alone(self, uint64_t index) noexcept nogil:
        """Read one unit; again and without short ways if it is of a sort that these don't know."""
        cdef Walker* w = &self.walker
        cdef uint64_t[NUM_LEFT] counts = w.counts
        cdef bint known
        walker_reset(w)
        known = self.read_unit(index) and self.read_types_of_vars() and w.types.num <= MAX_PLACED
        if known or w.reader.cur.error != NULL:
            return known
        w.counts = counts
        walker_reset(w)
        w.alone = False
        known = self.read_unit(index)
        w.alone = True
        return known

    cdef bint read_types_of_vars(self) noexcept nogil:
        """Read what variables need, if the unit's types were passed; False: that isn't the way."""
        cdef Interner* x = &self.interner
        cdef LocalVar* var
        cdef size_t i
        if not self.walker.passes_types or self.walker.reader.abbrevs.far:
            return True
        begin_wanting(x)
        for i in range(self.walker.vars.num):
            var = &(<LocalVar*>self.walker.vars.items)[i]
            if is_kept(var, x.features):
                if var.specification != NO_REF:
                    complete_var(&self.walker, var)
                want(x, var.ref)
                want(x, var.annotation)
        return read_wanted(x)

    cdef bint intern_unit(self, uint32_t unit, uint64_t span) noexcept nogil:
        """Turn the walker's columns into nodes, and list them as one unit's."""
        cdef UnitNodes* listed = <UnitNodes*>push(&self.units)
        cdef Interner* x = &self.interner
        listed.unit = x.unit = unit
        x.place = 0
        listed.start = <uint32_t>x.unit_nodes.num
        listed.first_var = <uint32_t>self.vars.num
        listed.first_func = <uint32_t>self.funcs.num
        index_unit(x, span)
        number_definitions(x)
        build_all(x)
        if x.features & FEATURE_DECL_TAG:
            tag_types(x)
        listed.end = <uint32_t>x.unit_nodes.num
        listed.first_tag = <uint32_t>self.tags.num
        if x.features & FEATURE_FUNCTIONS:
            self.keep_funcs()
        if x.features & (FEATURE_VARIABLES | FEATURE_LOCALS | FEATURE_DECLARATIONS):
            self.keep_vars()
        listed.end_tag = <uint32_t>self.tags.num
        listed.protos_end = <uint32_t>x.unit_nodes.num
        listed.end_var = <uint32_t>self.vars.num
        listed.end_func = <uint32_t>self.funcs.num
        forget_unit(x)
        return not interner_failed(x)

    cdef bint is_repeated(self, LocalVar* var) noexcept nogil:
        """Say whether a variable is nowhere, as others of its name are that this thread has met.

        Two of three are such: constants in headers, which each unit defines and none keeps.
        """
        cdef uint8_t* byte
        cdef uint32_t bit
        if var.has_location or var.declaration or var.name >= NAME_SHORT \
                or self.interner.features & FEATURE_EACH_MENTION \
                or not grow_zeroed(&self.lost_names, self.names.pool.size // 8 + 1):
            return False
        byte = <uint8_t*>self.lost_names.items + (var.name >> 3)
        bit = 1 << (var.name & 7)
        if byte[0] & bit:
            return True
        byte[0] |= bit
        return False

    cdef void keep_vars(self) noexcept nogil:
        """Resolve the unit's variables; a definition takes what it lacks from its declaration."""
        cdef LocalVar* var
        cdef VarState* state
        cdef size_t i
        cdef uint32_t node
        for i in range(self.walker.vars.num):
            var = &(<LocalVar*>self.walker.vars.items)[i]
            if not is_kept(var, self.interner.features):
                continue
            if var.specification != NO_REF:
                complete_var(&self.walker, var)
            node = target_node(&self.interner, var.ref)
            # A cut must be listed to be seen by `join`, should its name be ambiguous.
            list_node(&self.interner, node)
            if self.is_repeated(var):
                continue
            state = <VarState*>push(&self.vars)
            state.address = var.address
            state.name = var.name
            state.node = node
            state.file = var.file
            state.flags = var_flags(var, &self.names)
            state.func = func_name(&self.walker, var.func - 1) if var.func else 0
            self.keep_tags(var.tags, var.annotation, <uint32_t>self.vars.num - 1, -1, False)

    cdef void keep_tags(self, uint32_t links, uint64_t annotation, uint32_t state,
                        int32_t component, bint of_func) noexcept nogil:
        """Keep the decl tags of one variable, function or parameter."""
        cdef Interner* x = &self.interner
        cdef StateTag* tag
        cdef uint32_t i
        if not x.features & FEATURE_DECL_TAG or (links == 0 and annotation == NO_REF):
            return
        collect_tags(x, links, annotation, False)
        for i in range(<uint32_t>x.order.num):
            tag = <StateTag*>push(&self.tags)
            tag.state = state
            tag.value = u32s(&x.order)[i]
            tag.component = component
            tag.of_func = of_func

    cdef void keep_funcs(self) noexcept nogil:
        """Keep a state for each subprogram that may become a FUNC."""
        cdef Walker* w = &self.walker
        cdef FuncFacts* facts
        cdef FuncState* state
        cdef Note* note
        cdef size_t i
        self.func_facts.num = self.param_facts.num = 0
        if not array_reserve(&self.func_facts, w.funcs.num + 1) \
                or not array_reserve(&self.param_facts, w.params.num + 1) \
                or not analyze_functions(
                    <FuncDie*>w.funcs.items, w.funcs.num, <ParamDie*>w.params.items, w.params.num,
                    &self.abi, <FuncFacts*>self.func_facts.items,
                    <ParamFacts*>self.param_facts.items):
            self.funcs.failed = True
            return
        learn_names(&self.names, <FuncFacts*>self.func_facts.items, w.funcs.num)
        for i in range(w.funcs.num):
            facts = &(<FuncFacts*>self.func_facts.items)[i]
            if facts.skip or not has_symbol(&self.names, facts.name):
                continue
            state = <FuncState*>push(&self.funcs)
            state.address = (<FuncDie*>w.funcs.items)[i].low_pc
            state.name = facts.name
            state.proto = self.func_proto(facts)
            state.file = (<Note*>w.func_notes.items)[i].file
            state.flags = facts.verdicts | (FUNC_EXTERNAL if is_external(w, i) else 0)
            note = &(<Note*>w.func_notes.items)[i]
            self.keep_tags(note.tags, note.annotation, <uint32_t>self.funcs.num - 1, -1, True)
            self.keep_param_tags(i)

    cdef void keep_param_tags(self, size_t index) noexcept nogil:
        """Keep the decl tags of the latest state's parameters."""
        cdef Walker* w = &self.walker
        cdef ParamDie* params = <ParamDie*>w.params.items
        cdef Note* note
        cdef size_t low = first_not_below(&w.params, (<FuncDie*>w.funcs.items)[index].offset)
        cdef int32_t component = 0
        while low < w.params.num and params[low].func >= index:
            if params[low].func == index:
                note = &(<Note*>w.param_notes.items)[low]
                self.keep_tags(note.tags, note.annotation, <uint32_t>self.funcs.num - 1,
                               component, True)
                component += 1
            elif component and params[low].func > index:
                break
            low += 1
            if component == 0 and params[low - 1].func > index:
                break

    cdef uint32_t func_proto(self, FuncFacts* facts) noexcept nogil:
        """Return the FUNC_PROTO of a subprogram, parameter names included."""
        cdef Interner* x = &self.interner
        cdef ParamFacts* param
        cdef uint32_t i, num = facts.num_params
        begin(x, 0, BTF_FUNC_PROTO, target_node(x, facts.type_ref))
        for i in range(num):
            param = &(<ParamFacts*>self.param_facts.items)[facts.first_param + i]
            push_u32(&x.record, param.name)
            push_u32(&x.record, target_node(x, param.type_ref))
        if facts.has_unspecified:
            push_u32(&x.record, 0)
            push_u32(&x.record, 0)
            num += 1
        u32s(&x.record)[1] |= num
        return finish(x)
