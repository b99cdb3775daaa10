"""A unit's abbreviation table, out of declarations that are compiled once for all units.

Each unit has a table of its own, but what the tables declare is nearly the same: Debian's 6.12 has
376,000 declarations of which 9,200 differ. They are known by their bytes.

Effect: compiling them all took 0.07 s of the 1 s that reading that kernel takes, now 0.01 s; looking
them up without waiting for each saves as much again.
"""

from libc.stdint cimport int32_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from dwarfless._core.abbrev cimport *
from dwarfless._core.cursor cimport *
from dwarfless._core.dwarf_constants cimport *
from dwarfless._core.memory cimport *
from dwarfless._core.plans cimport *
from dwarfless._core.program cimport *

cdef enum:
    FAR_AHEAD = 8               # declarations


cdef inline int wants_sibling(uint16_t tag) noexcept nogil:
    """Say whether a tag's subtree is left out whole, so that only its end matters."""
    return tag in (DW_TAG_inlined_subroutine, DW_TAG_call_site, DW_TAG_GNU_call_site)


cdef inline void plan_in_body(Abbrev* abbrev, Op* ops) noexcept nogil:
    """Settle how a DIE in a function is passed whose static variables are not wanted."""
    cdef Op* skip = ops + abbrev.skip
    abbrev.size = -1
    if abbrev.num_skip == 0:
        abbrev.size = 0
    elif abbrev.num_skip == 1 and skip.step == STEP_SKIP and skip.arg < 0x10000:
        abbrev.size = <int32_t>skip.arg
    if abbrev.has_children:
        if abbrev.sibling_at and wants_sibling(abbrev.tag) \
                and skip.step != STEP_SKIP_STRING:    # a name before it, which varies
            abbrev.in_body = BODY_JUMP
        elif abbrev.size >= 0 and abbrev.tag == DW_TAG_lexical_block:
            abbrev.in_body = BODY_ENTER
    elif abbrev.size < 0:
        return
    elif abbrev.tag in (DW_TAG_variable, DW_TAG_label) or wants_sibling(abbrev.tag):
        abbrev.in_body = BODY_PASS
    elif abbrev.tag in (DW_TAG_formal_parameter, DW_TAG_unspecified_parameters):
        abbrev.in_body = BODY_PARAM


cdef inline void pass_declaration(Cursor* cur) noexcept nogil:
    """Move behind a declaration whose code was read."""
    cdef const uint8_t* pos = cur.pos
    cdef uint64_t attribute, form
    read_uleb128(cur)
    skip_bytes(cur, 1)
    while cur.error == NULL:
        pos = cur.pos
        if cur.end - pos >= 2 and (pos[0] | pos[1]) < 0x80:
            attribute, form = pos[0], pos[1]
            cur.pos += 2
        else:
            attribute = read_uleb128(cur)
            form = read_uleb128(cur)
        if form == DW_FORM_implicit_const:
            read_sleb128(cur)
        elif attribute == 0 and form == 0:
            return


cdef inline uint32_t hash_declaration(const uint8_t* start, uint32_t size) noexcept nogil:
    cdef uint64_t h = size, word
    while size >= 8:
        memcpy(&word, start, 8)
        h = mix(h, word)
        start += 8
        size -= 8
    word = 0
    memcpy(&word, start, size)
    h = mix(h, word)
    return <uint32_t>(h ^ (h >> 32))


cdef inline void put_known(AbbrevTable* t, uint32_t index) noexcept nogil:
    """Make a known declaration findable."""
    cdef uint32_t mask, i, slot
    if t.known.num * 2 > t.slots.num:
        memset(t.slots.items, 0, t.slots.num * 4)
        if not grow_zeroed(&t.slots, t.slots.num * 2):
            return
        for i in range(1, index):
            put_known(t, i)
    mask = <uint32_t>t.slots.num - 1
    slot = (<KnownAbbrev*>t.known.items)[index].hash & mask
    while u32s(&t.slots)[slot]:
        slot = (slot + 1) & mask
    u32s(&t.slots)[slot] = index


cdef inline KnownAbbrev* find_known(AbbrevTable* t, const uint8_t* start, uint32_t size,
                                    uint32_t hash) noexcept nogil:
    """Return the declaration of these bytes that was compiled for units like this one, or NULL."""
    cdef uint32_t mask = <uint32_t>t.slots.num - 1, slot = hash & mask, sizes = sizes_of(t)
    cdef KnownAbbrev* known
    while u32s(&t.slots)[slot]:
        known = &(<KnownAbbrev*>t.known.items)[u32s(&t.slots)[slot]]
        if known.hash == hash and known.size == size and known.sizes == sizes \
                and memcmp(t.bytes.items + known.bytes, start, size) == 0:
            return known
        slot = (slot + 1) & mask
    return NULL


cdef inline uint32_t sizes_of(AbbrevTable* t) noexcept nogil:
    return <uint32_t>t.version << 16 | <uint32_t>t.address_size << 8 | t.offset_size


cdef inline bint is_held(AbbrevTable* t, const Section* section, const UnitHeader* h) noexcept nogil:
    """Say whether the table of a unit is the one at hand; if not, make it the next."""
    if t.held and t.section == section.start and t.offset == h.abbrev_offset \
            and t.version == h.version and t.address_size == h.address_size \
            and t.offset_size == h.offset_size:
        return True
    t.held = False
    t.abbrevs.num = 0
    memset(t.plains, 0, sizeof(t.plains))
    t.dense = True
    t.section = section.start
    t.offset = h.abbrev_offset
    t.version = h.version
    t.address_size = h.address_size
    t.offset_size = h.offset_size
    return False


cdef inline void prefetch_known(AbbrevTable* t, Declaration* met) noexcept nogil:
    """Let a declaration that is probably known come nearer."""
    cdef uint32_t index = u32s(&t.slots)[met.hash & (<uint32_t>t.slots.num - 1)]
    cdef char* known = t.known.items + index * sizeof(KnownAbbrev)
    prefetch(known)
    prefetch(known + 64)
    prefetch(known + 128)


cdef inline void meet_declarations(AbbrevTable* t, Cursor* cur) noexcept nogil:
    """List the declarations at the cursor, up to the end of their table."""
    cdef Declaration* met
    cdef uint64_t code
    cdef const uint8_t* start
    t.met.num = 0
    while True:
        code = read_uleb128(cur)
        if code == 0:
            return
        start = cur.pos
        pass_declaration(cur)
        met = <Declaration*>appended(&t.met)
        met.code, met.start, met.size = code, start, <uint32_t>(cur.pos - start)
        met.hash = hash_declaration(start, met.size)
        prefetch(&u32s(&t.slots)[met.hash & (<uint32_t>t.slots.num - 1)])


cdef inline void read_abbrevs(Reader* r) noexcept nogil:
    """Take the unit's abbreviation table to hand.

    First all declarations are listed, then each is looked up while the next ones come nearer.
    """
    cdef AbbrevTable* t = &r.abbrevs
    cdef Section* section = &r.file.sections[SEC_ABBREV]
    cdef Cursor cur
    cdef Declaration* met
    cdef KnownAbbrev* known
    cdef Abbrev* abbrev
    cdef size_t i
    if is_held(t, section, &r.header):
        return
    if t.offset >= section.size:
        fail(&r.cur, b"abbreviation table lies outside .debug_abbrev")
        return
    cur.start = section.start
    cur.pos = section.start + t.offset
    cur.end = section.start + section.size
    cur.error = NULL
    cur.swap = False
    meet_declarations(t, &cur)
    for i in range(t.met.num):
        met = &(<Declaration*>t.met.items)[i]
        prefetch_known(t, met + FAR_AHEAD if i + FAR_AHEAD < t.met.num else met)
        known = find_known(t, met.start, met.size, met.hash)
        if known == NULL:
            known = compile_abbrev(t, &cur, met)
        abbrev = <Abbrev*>appended(&t.abbrevs)
        abbrev[0] = known.abbrev
        abbrev.code = met.code
        t.dense = t.dense and met.code == t.abbrevs.num
        if met.code < 0x80:
            t.plains[met.code] = abbrev.plain
    if cur.error != NULL:
        fail(&r.cur, b"abbreviation table is broken")
        return
    t.held = not (t.abbrevs.failed or t.ops.failed or t.known.failed or t.slots.failed
                  or t.bytes.failed or t.met.failed)


cdef inline KnownAbbrev* compile_abbrev(AbbrevTable* t, Cursor* cur,
                                        const Declaration* met) noexcept nogil:
    """Compile a declaration; the cursor, of its section, gets the error if there is one."""
    cdef Cursor at = cur[0], after
    cdef KnownAbbrev* known = <KnownAbbrev*>push(&t.known)
    cdef Abbrev* abbrev = &known.abbrev
    cdef uint64_t tag
    at.pos, at.error = met.start, NULL
    tag = read_uleb128(&at)
    known.size, known.hash, known.sizes = met.size, met.hash, sizes_of(t)
    known.bytes = <uint32_t>t.bytes.num
    if array_reserve(&t.bytes, met.size):
        memcpy(t.bytes.items + t.bytes.num, met.start, met.size)
        t.bytes.num += met.size
    abbrev.tag = <uint16_t>tag if tag <= 0xFFFF else <uint16_t>0
    abbrev.has_children = read_u8(&at)
    compile_program(t, at, abbrev,
                    KEEP_SIBLING if abbrev.tag == DW_TAG_subprogram else KEEP_NONE,
                    &abbrev.skip, &abbrev.num_skip, &after)
    compile_program(t, at, abbrev,
                    KEEP_SIBLING if wants_sibling(abbrev.tag) else KEEP_REST,
                    &abbrev.keep, &abbrev.num_keep, &after)
    plan(abbrev, <Op*>t.ops.items)
    plan_in_body(abbrev, <Op*>t.ops.items)
    if after.error == NULL:
        put_known(t, <uint32_t>t.known.num - 1)
    elif cur.error == NULL:
        cur[0] = after
    return known


cdef inline Abbrev* find_abbrev(AbbrevTable* t, uint64_t code) noexcept nogil:
    """Return the declaration of a code, or NULL. Codes nearly always count from 1."""
    cdef Abbrev* abbrevs = <Abbrev*>t.abbrevs.items
    cdef size_t i
    if code - 1 < t.abbrevs.num and abbrevs[code - 1].code == code:
        return &abbrevs[code - 1]
    for i in range(t.abbrevs.num):
        if abbrevs[i].code == code:
            return &abbrevs[i]
    return NULL
