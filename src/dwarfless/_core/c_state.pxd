"""What the writer of C remembers: of every type, and of what it has written.

Hostile BTF nests anonymous structs so that their text doubles with each, or refers in circles. So
everything that recurses enters through `enter`, which counts steps and depth; when a bound is
met, or something can't be said in C, `problem` is set and every loop comes to its end.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport strlen

from dwarfless._core.btf cimport Chain, text_of
from dwarfless._core.memory cimport Array, array_deinit, array_init
from dwarfless._core.text cimport Text, text_deinit, text_init

cdef enum:
    # Bits of a type's mark. Its place in the order:
    ON_PATH = 1
    ORDERED = 2
    # whether anything refers to it,
    REFERENCED = 4
    # and what is written of it: all before it, all of it, what a pointer needs.
    WRITING = 8
    WRITTEN = 16
    FORWARDED = 32
    MAX_NESTING = 1000

cdef struct Names:
    uint32_t* offsets      # bucket -> string offset of a name, 0 if free
    uint32_t* counts       # bucket -> how often it was given
    uint32_t mask
    uint32_t used

cdef struct Source:
    const Chain* chain
    Text text
    uint32_t num           # types, void included
    uint32_t pointer_size  # bytes
    uint8_t* marks         # by type
    uint32_t* numbers      # by type: its name is the how manieth of this spelling; 0 unnamed yet
    uint32_t* alignments   # by type, bytes; 0 not known yet
    Names tags             # names of structs, unions and enums
    Names identifiers      # names of typedefs and enumerators
    Array queue            # types to write, what they need first
    Array stack            # declarators under way
    int64_t steps          # that may still be made
    bint repair            # write what compilers lay out right, where bpftool does not
    int depth
    const char* problem
    uint32_t culprit


cdef inline bint names_init(Names* names, uint32_t size) noexcept nogil:
    names.offsets = <uint32_t*>calloc(size, 4)
    names.counts = <uint32_t*>calloc(size, 4)
    names.mask, names.used = size - 1, 0
    return names.offsets != NULL and names.counts != NULL


cdef inline bint source_init(Source* s, const Chain* chain, uint32_t pointer_size,
                             size_t limit, int64_t steps) noexcept nogil:
    """Make everything ready; False if memory ran out. The struct was zeroed before."""
    s.chain = chain
    s.num = chain.levels[0].end_id
    s.pointer_size = pointer_size
    s.steps = steps
    text_init(&s.text, limit)
    s.marks = <uint8_t*>calloc(s.num, 1)
    s.numbers = <uint32_t*>calloc(s.num, 4)
    s.alignments = <uint32_t*>calloc(s.num, 4)
    if s.marks == NULL or s.numbers == NULL or s.alignments == NULL:
        return False
    s.marks[0] = ORDERED | WRITTEN
    return (names_init(&s.tags, 1 << 14) and names_init(&s.identifiers, 1 << 16)
            and array_init(&s.queue, 4, 256) and array_init(&s.stack, 4, 256))


cdef inline void source_deinit(Source* s) noexcept nogil:
    text_deinit(&s.text)
    free(s.marks)
    free(s.numbers)
    free(s.alignments)
    free(s.tags.offsets)
    free(s.tags.counts)
    free(s.identifiers.offsets)
    free(s.identifiers.counts)
    array_deinit(&s.queue)
    array_deinit(&s.stack)


cdef inline void complain(Source* s, const char* problem, uint32_t type_id) noexcept nogil:
    """Note the first thing that is wrong."""
    if s.problem == NULL:
        s.problem, s.culprit = problem, type_id


cdef inline bint spend(Source* s, int64_t steps, uint32_t type_id) noexcept nogil:
    s.steps -= steps
    if s.steps < 0 or s.text.full:
        complain(s, b"its text in C is out of all proportion", type_id)
    return s.problem == NULL


cdef inline bint enter(Source* s, uint32_t type_id) noexcept nogil:
    """Tell whether to go on into a type; then `leave` follows."""
    if s.depth >= MAX_NESTING:
        complain(s, b"it nests too deep", type_id)
    if not spend(s, 1, type_id):
        return False
    s.depth += 1
    return True


cdef inline void leave(Source* s) noexcept nogil:
    s.depth -= 1


cdef inline const char* name_of(Source* s, uint32_t offset, uint32_t type_id) noexcept nogil:
    """Return a name that is to be written; long ones cost steps."""
    cdef const char* name = text_of(s.chain, offset)
    spend(s, <int64_t>(strlen(name) >> 6), type_id)
    return name
