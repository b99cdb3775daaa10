"""The columns that a DIE walk fills: local records of one unit.

Records refer to each other by DIE address and link their children in the order met. Nothing here
is resolved; `walk` fills the columns, `intern` and the function analysis read them.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from dwarfless._core.abbrev cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.functions cimport (
    LOCATION_EXPR, LOCATION_LIST, LOCATION_OTHER, FuncDie, ParamDie)
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.nodes cimport *
from dwarfless._core.outlines cimport *
from dwarfless._core.program cimport *
from dwarfless._core.names cimport *

cdef enum:
    NUM_LEFT = 16           # reasons of LeftOut
    NUM_LIKELY = 1 << 15    # records that can be found by how they begin

cdef enum:
    LOCAL_DECLARATION = 1
    LOCAL_VARIADIC = 2
    LOCAL_TANGLED = 4       # children out of order, or with More
    LOCAL_NAMED = 8         # a struct, union or enum that is referred to by name
    LOCAL_TYPE_TAG = 16     # an annotation named btf_type_tag
    LOCAL_DECL_TAG = 32
    LOCAL_HAS_SIZE = 64
    LOCAL_ALIKE = 128       # its children are those of the record `node` but for references
    LOCAL_OUTLINE = 256     # stands for the base's type of this name

cdef struct LocalType:
    uint64_t address        # DIE address
    uint64_t ref
    uint64_t size
    uint64_t annotation     # DIE address of the first of a GCC chain, or NO_REF
    uint32_t name
    uint32_t first, last    # children: 1 + index into `children`, 0 = none; or into `refs`
    uint32_t num
    uint32_t tags           # 1 + index into `tags`
    uint32_t node           # what it became
    uint32_t ordinal        # of a further definition of its name in this unit
    uint32_t cut            # of a named one, filled in by the interner
    uint16_t flags
    uint8_t kind, encoding, state

cdef struct LocalChild:     # member, enumerator, parameter or subrange
    uint64_t ref
    uint64_t value          # bit offset, value, count
    uint32_t next
    uint32_t name
    uint32_t more           # index into `mores`; 0 is what nearly all have: nothing

cdef struct More:           # what few children have
    uint64_t bit_size
    uint64_t annotation
    int64_t old_bit_offset
    uint32_t byte_size
    uint32_t tags
    bint has_old_bit_offset

cdef struct LocalTag:
    uint32_t next
    uint32_t value          # a name
    uint8_t is_type_tag

cdef struct LocalVar:
    uint64_t die, ref, specification, annotation
    uint64_t address        # of the object
    uint32_t name
    uint32_t tags
    uint32_t file           # its unit's name
    uint32_t func           # 1 + index into `funcs` if it stands in a function's body
    uint8_t has_address, has_location, external, declaration, artificial, top

cdef enum:  # ScopeKind
    SCOPE_TOP               # a unit, a namespace
    SCOPE_TYPE
    SCOPE_FUNC
    SCOPE_BODY              # a block in a function
    SCOPE_CHILD
    SCOPE_PARAM
    SCOPE_VAR
    SCOPE_IGNORED

cdef struct Scope:
    uint32_t kind
    uint32_t index

cdef struct Span:           # of DIE addresses
    uint64_t last           # the last byte of it
    uint64_t first

cdef struct Walker:
    Reader reader
    Names* names
    Values values
    Array types             # LocalType; item 0 is unused
    Array children          # LocalChild
    Array refs              # uint32: offsets in the unit that children of types alike refer to
    Array mores             # More; item 0 is nothing
    Array tags              # LocalTag
    Array funcs             # FuncDie
    Array params            # ParamDie
    Array vars              # LocalVar
    Array scopes            # Scope
    Array bodies            # Span, one a function that was stepped over
    Array func_notes        # Note, one a FuncDie
    Array param_notes       # Note, one a ParamDie
    NodeTable* nodes        # records of earlier units; see `alike`
    Array followers         # uint32 a node: the record that the next type was alike, last time
    Array likely            # uint32: records by how they begin
    uint32_t latest_alike
    const Outlines* outlines    # types that need not be read; NULL: none, and all types are
    Array wanted            # uint32: offsets in the unit of types that are needed
    bint passes_types       # types are read when they are needed
    bint alone              # units are read one by one
    bint compares           # types with these records
    uint32_t language, unit_name
    bint has_annotations    # of GCC's sort, on types or their members
    bint is_clang
    bint is_c               # or assembler: what a function's body defines can't be named outside
    bint wants_params       # of functions
    bint wants_locals       # variables in bodies that may lie at an address, or are only declared
    bint wants_bodies       # types in functions, or anything else in there
    bint skips_bodies       # none of that, and in this unit's language nothing leaves its function
    uint64_t num_dies
    uint64_t counts[NUM_LEFT]  # by LeftOut

cdef struct Note:           # annotations of a function or a parameter
    uint64_t annotation
    uint32_t tags
    uint32_t file           # the unit's name
    bint is_external

cdef enum:  # LeftOut
    LEFT_INHERITANCE
    LEFT_STATIC_MEMBER
    LEFT_VARIANT
    LEFT_REFERENCE
    LEFT_QUALIFIER
    LEFT_UNSAID
    LEFT_CYCLE
    LEFT_DANGLING
    LEFT_BAD_NAME
    LEFT_MEMBER
    LEFT_COMPLEX
    LEFT_ENUM_VALUE
    LEFT_SKELETON
    LEFT_LOCATION
    LEFT_SIZE
    NUM_LEFT_OUT


cdef inline bint walker_init(Walker* w, Names* names) noexcept nogil:
    w.names = names
    return (array_init(&w.types, sizeof(LocalType), 4096)
            and array_init(&w.children, sizeof(LocalChild), 16384)
            and array_init(&w.refs, 4, 8192) and array_init(&w.followers, 4, 1 << 13)
            and array_init(&w.wanted, 4, 64)
            and array_init(&w.likely, 4, NUM_LIKELY) and grow_zeroed(&w.likely, NUM_LIKELY)
            and array_init(&w.mores, sizeof(More), 64)
            and array_init(&w.tags, sizeof(LocalTag), 64)
            and array_init(&w.funcs, sizeof(FuncDie), 1024)
            and array_init(&w.params, sizeof(ParamDie), 4096)
            and array_init(&w.vars, sizeof(LocalVar), 1024)
            and array_init(&w.func_notes, sizeof(Note), 1024)
            and array_init(&w.param_notes, sizeof(Note), 4096)
            and array_init(&w.scopes, sizeof(Scope), 64)
            and array_init(&w.bodies, sizeof(Span), 64)
            and abbrevs_init(&w.reader.abbrevs))


cdef inline void walker_deinit(Walker* w) noexcept nogil:
    array_deinit(&w.types)
    array_deinit(&w.children)
    array_deinit(&w.refs)
    array_deinit(&w.followers)
    array_deinit(&w.wanted)
    array_deinit(&w.likely)
    array_deinit(&w.mores)
    array_deinit(&w.tags)
    array_deinit(&w.funcs)
    array_deinit(&w.params)
    array_deinit(&w.vars)
    array_deinit(&w.func_notes)
    array_deinit(&w.param_notes)
    array_deinit(&w.scopes)
    array_deinit(&w.bodies)
    abbrevs_deinit(&w.reader.abbrevs)


cdef inline void walker_reset(Walker* w) noexcept nogil:
    w.types.num = 0
    push(&w.types)
    w.mores.num = 0
    w.has_annotations = w.passes_types = False
    (<More*>push(&w.mores)).annotation = NO_REF
    w.refs.num = w.wanted.num = w.latest_alike = 0
    w.children.num = w.tags.num = w.funcs.num = w.params.num = w.vars.num = 0
    w.func_notes.num = w.param_notes.num = w.bodies.num = 0


cdef inline bint walker_failed(Walker* w) noexcept nogil:
    return (w.types.failed or w.children.failed or w.mores.failed
            or w.refs.failed or w.followers.failed or w.likely.failed or w.wanted.failed
            or w.tags.failed or w.funcs.failed
            or w.params.failed or w.vars.failed or w.scopes.failed or w.bodies.failed
            or w.func_notes.failed or w.param_notes.failed
            or w.reader.abbrevs.abbrevs.failed or w.reader.abbrevs.ops.failed
            or w.reader.abbrevs.known.failed or w.reader.abbrevs.slots.failed
            or w.reader.abbrevs.bytes.failed or w.reader.abbrevs.met.failed
            or names_failed(w.names))


cdef inline More* more_of(Walker* w, LocalChild* c) noexcept nogil:
    """Return what few children have; of most this is one record that says nothing."""
    return &(<More*>w.mores.items)[c.more]


cdef inline LocalChild* append_child(Walker* w, uint32_t parent) noexcept nogil:
    """Return a new last child of a type, only linked."""
    cdef LocalChild* c
    cdef LocalType* t = &(<LocalType*>w.types.items)[parent]
    cdef uint32_t index
    if w.children.num >= w.children.capacity and not array_reserve(&w.children, 1):
        return <LocalChild*>w.children.items
    c = &(<LocalChild*>w.children.items)[w.children.num]
    w.children.num += 1
    index = <uint32_t>w.children.num
    if t.last:
        (<LocalChild*>w.children.items)[t.last - 1].next = index
    else:
        t.first = index
    t.last = index
    t.num += 1
    c.next = c.more = 0
    return c


cdef inline void note_order(Walker* w, uint32_t parent, LocalChild* c) noexcept nogil:
    """Mark the parent unless its new last child lies where the next one would, and has no More."""
    cdef LocalType* t = &(<LocalType*>w.types.items)[parent]
    if c.more or (t.num > 1 and ((c - 1).next != t.last or c.value < (c - 1).value)):
        t.flags |= LOCAL_TANGLED


cdef inline void scope_push(Walker* w, uint32_t kind, uint32_t index) noexcept nogil:
    if w.scopes.num < w.scopes.capacity or array_reserve(&w.scopes, 1):
        (<Scope*>w.scopes.items)[w.scopes.num] = Scope(kind, index)
        w.scopes.num += 1


cdef inline bint is_body(Walker* w) noexcept nogil:
    """Say whether the innermost scope is in a function."""
    cdef uint32_t kind = (<Scope*>w.scopes.items)[w.scopes.num - 1].kind
    return kind == SCOPE_FUNC or kind == SCOPE_BODY
