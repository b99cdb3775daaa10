"""Read only those types of a unit that its variables need.

The walk has passed all types. What a variable refers to is read where it stands, then what that
refers to, and so on; a type that is known by its outline ends the search. Columns are then as if
nothing else were in the unit, but for their order: types stand in the order they were needed.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport strlen

from dwarfless._core.abbrev cimport *
from dwarfless._core.alike cimport COMPARE_ROOM
from dwarfless._core.columns cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.declarations cimport find_abbrev
from dwarfless._core.interner cimport *
from dwarfless._core.kinds cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.names cimport *
from dwarfless._core.outlines cimport *
from dwarfless._core.plain cimport *
from dwarfless._core.plans cimport *
from dwarfless._core.program cimport *
from dwarfless._core.runs cimport plan_of
from dwarfless._core.walk cimport *


cdef inline void begin_wanting(Interner* x) noexcept nogil:
    """Take the unit that was walked."""
    x.base = x.walker.reader.unit_base
    x.span = x.walker.reader.header.end - x.walker.reader.header.start
    if not grow_zeroed(&x.places, x.span):
        x.span = 0


cdef inline void want(Interner* x, uint64_t address) noexcept nogil:
    """Ask for the type at a DIE address, once."""
    cdef uint64_t place = address - x.base
    if place < x.span and u16s(&x.places)[place] == 0:
        u16s(&x.places)[place] = 1
        push_u32(&x.walker.wanted, <uint32_t>place)


cdef inline void want_references(Interner* x, LocalType* t) noexcept nogil:
    """Ask for what a type refers to."""
    cdef const uint32_t* refs
    cdef const LocalChild* c
    cdef uint32_t i, link = t.first
    want(x, t.ref)
    want(x, t.annotation)
    if t.flags & LOCAL_ALIKE:
        refs = u32s(&x.walker.refs) + t.first - 1
        for i in range(t.num if t.kind != LK_ENUM else 0):
            want(x, x.base + refs[i])
        return
    while link:
        c = local_child(x, link)
        want(x, c.ref)
        if c.more:
            want(x, more_of(x.walker, <LocalChild*>c).annotation)
        link = c.next


cdef inline bint take_outline(Walker* w, uint64_t address, const uint8_t* die) noexcept nogil:
    """Let the base stand for the type at a place, if its name and size are all that is needed."""
    cdef Plain* plain = plan_of(w, &die)
    cdef const Outline* outline
    cdef char space[4]
    cdef const char* text
    cdef uint32_t name = 0, offset
    cdef LocalType* t
    cdef bint declared = plain.type_flags & LOCAL_DECLARATION
    if plain.comparison != COMPARE_TYPE or plain.kind not in (LK_STRUCT, LK_UNION, LK_ENUM) or (
            plain.inline_name and not read_inline_name(w.reader.cur.end, &die, &name)):
        return False
    offset = load_u32(die + plain.name_at) & plain.name_mask
    if offset >= w.names.pool.size:
        return False
    name |= offset + 1 & plain.name_mask
    text = text_of_name(w.names, name, space)
    outline = find_outline(w.outlines, text, strlen(text), plain.kind)
    if outline == NULL or not is_identifier(w.names, name) or (not declared and read_value(plain, die) != outline.size):
        return False
    t = <LocalType*>push(&w.types)
    t.address, t.kind, t.name, t.size = address, plain.kind, name, outline.size
    t.ref = t.annotation = NO_REF
    t.flags = LOCAL_OUTLINE | LOCAL_HAS_SIZE | (LOCAL_DECLARATION if declared else 0)
    w.num_dies += 1
    return True


cdef inline bint begins_type(Walker* w) noexcept nogil:
    """Say whether a type begins at the cursor, which references of broken DWARF may put anywhere."""
    cdef Cursor cur = w.reader.cur
    cdef Abbrev* abbrev
    cdef uint64_t code
    if cur.pos < cur.start + w.reader.header.dies or cur.pos >= cur.end:
        return False
    code = read_uleb128(&cur)
    abbrev = find_abbrev(&w.reader.abbrevs, code) if code else NULL
    return abbrev != NULL and is_type(abbrev.tag)


cdef inline void read_type(Walker* w, uint64_t place) noexcept nogil:
    """Read the type at an offset in the unit, and its children."""
    cdef Reader* r = &w.reader
    r.cur.pos = r.cur.start + r.header.start + place
    if not begins_type(w) or (r.cur.pos < r.cur.end - COMPARE_ROOM
                              and take_outline(w, r.unit_base + place, r.cur.pos)):
        return
    w.scopes.num = 0
    scope_push(w, SCOPE_TOP, 0)
    w.passes_types = False
    walk_die(w)
    while w.scopes.num > 1 and r.cur.pos < r.cur.end:
        walk_die(w)
    w.passes_types = True


cdef inline bint read_wanted(Interner* x) noexcept nogil:
    """Read all types asked for and what they refer to.

    False: types stand inside each other, as C has none; the unit wants reading whole.
    """
    cdef Walker* w = x.walker
    cdef size_t i = 0, num
    cdef bint nested = False
    while i < w.wanted.num and not nested and w.reader.cur.error == NULL:
        num = w.types.num
        read_type(w, u32s(&w.wanted)[i])
        nested = w.types.num > num + 1
        if w.types.num == num + 1:
            want_references(x, local_type(x, <uint32_t>num))
        i += 1
    for i in range(w.wanted.num):
        u16s(&x.places)[u32s(&w.wanted)[i]] = 0
    return not nested and w.reader.cur.error == NULL
