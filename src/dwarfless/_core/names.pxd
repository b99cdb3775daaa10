"""Names of one program as numbers: nearly always the place in .debug_str.

The linker keeps one of each string of .debug_str, and compilers put names of up to three bytes into
the DIE itself. So a name's place there, or its three bytes, say which name it is, without a lookup
or a look at its text. Whatever is neither (longer names in DIEs, other string sections) is kept by
content. One name may still have two numbers (a module's .debug_str isn't merged); `joined` finds
out and puts that right. Number 0 is no name.

Effect: of 1.0 s that reading Debian's 6.12 took, 0.25 s were looking names up.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport strlen

cdef extern from "<string.h>" nogil:
    size_t strnlen(const char*, size_t)

from dwarfless._core.function_table cimport KnownNames, NO_KEY, find_key
from dwarfless._core.memory cimport *
from dwarfless._core.strings cimport *

cdef extern from *:
    """
    #define NAME_SHORT ((uint32_t)1 << 31)
    #define NAME_OWN ((uint32_t)3 << 30)
    """
    const uint32_t NAME_SHORT   # up to three bytes, the first one lowest
    const uint32_t NAME_OWN     # id in `own`; any other number is 1 + a place in the pool

cdef extern from *:
    uint8_t fetch_or "__atomic_fetch_or"(uint8_t*, uint8_t, int) noexcept nogil
    const int RELAXED "__ATOMIC_RELAXED"

cdef enum:
    MAX_NAME = 512              # KSYM_NAME_LEN since Linux 6.1; the NUL counts
    SHORT = 3                   # bytes of the longest name that is its own number
    JUDGED = 1                  # facts of a name: four bits
    SOUND = 2                   # it is an identifier that the kernel's verifier takes
    KEY_KNOWN = 4
    KEY_IS_THERE = 8            # a function symbol has it

cdef struct Pool:               # .debug_str of the main file
    const char* text
    uint32_t size
    # What was found out about names, by any thread; finding it out twice does no harm.
    uint8_t* facts              # two places a byte

cdef struct Names:
    const Pool* pool
    StringTable own
    const KnownNames* symbols   # of functions


cdef inline uint8_t class_of_char(uint8_t c) noexcept nogil:
    """Return 2 for what may begin an identifier, 1 for what may stand in one, else 0."""
    if c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c == c'_' or c == c'.':
        return 2
    return c'0' <= c <= c'9'


cdef inline bint judge_name(const char* text, size_t length) noexcept nogil:
    """Say whether the kernel's verifier takes a name."""
    cdef size_t i
    if length == 0 or length >= MAX_NAME or class_of_char(<uint8_t>text[0]) != 2:
        return False
    for i in range(1, length):
        if class_of_char(<uint8_t>text[i]) == 0:
            return False
    return True


cdef inline bint pool_init(Pool* pool, const char* text, uint64_t size) noexcept nogil:
    """Take a section that ends with NUL."""
    pool.text = text
    pool.size = <uint32_t>size if size < NAME_SHORT - 1 else 0
    pool.facts = <uint8_t*>calloc(<size_t>pool.size // 2 + 1, 1)
    return pool.facts != NULL


cdef inline void pool_deinit(Pool* pool) noexcept nogil:
    free(pool.facts)
    pool.facts = NULL


cdef inline uint8_t facts_of(const Pool* pool, uint32_t place) noexcept nogil:
    """Return what is known of the name at a place."""
    return pool.facts[place >> 1] >> 4 * (place & 1)


cdef inline void add_facts(const Pool* pool, uint32_t place, uint8_t facts) noexcept nogil:
    fetch_or(&pool.facts[place >> 1], facts << 4 * (place & 1), RELAXED)


cdef inline bint names_init(Names* n, const Pool* pool,
                            const KnownNames* symbols) noexcept nogil:
    n.pool = pool
    n.symbols = symbols
    return strings_init(&n.own)


cdef inline void names_deinit(Names* n) noexcept nogil:
    strings_deinit(&n.own)


cdef inline bint names_failed(Names* n) noexcept nogil:
    return n.own.offsets.failed or n.own.bytes_.failed


cdef inline uint32_t name_of_bytes(Names* n, const char* text, size_t length) noexcept nogil:
    """Return the number of a name whose place says nothing."""
    cdef uint32_t number = NAME_SHORT, i
    if length == 0:
        return 0
    if length <= SHORT:
        for i in range(<uint32_t>length):
            number |= <uint32_t><uint8_t>text[i] << 8 * i
        return number
    return NAME_OWN | add_string(&n.own, text, length)


cdef inline uint32_t name_at(Names* n, const char* text) noexcept nogil:
    """Do what name_of_text does without looking at the text, should it stand in the pool.

    There an empty string has a number, too; it is no identifier.
    """
    cdef size_t place = <size_t>text - <size_t>n.pool.text
    return <uint32_t>place + 1 if place < n.pool.size else name_of_text(n, text)


cdef inline uint32_t name_of_text(Names* n, const char* text) noexcept nogil:
    """Return the number of a NUL-terminated name, wherever it stands; NULL is no name."""
    cdef size_t place = <size_t>text - <size_t>n.pool.text
    if text == NULL:
        return 0
    if place < n.pool.size:
        return <uint32_t>place + 1 if text[0] else 0
    return name_of_bytes(n, text, strlen(text))


cdef inline const char* text_of_name(const Names* n, uint32_t name, char* space) noexcept nogil:
    """Return a name's text; `space` holds four bytes for it, should it stand nowhere."""
    cdef uint32_t i
    if name == 0:
        return b""
    if name < NAME_SHORT:
        return n.pool.text + (name - 1)
    if name >= NAME_OWN:
        return string_at(<StringTable*>&n.own, name - NAME_OWN)
    for i in range(SHORT):
        space[i] = <char>(name >> 8 * i & 0xFF)
    space[SHORT] = 0
    return space


cdef inline bint is_identifier(const Names* n, uint32_t name) noexcept nogil:
    """Say whether the kernel's verifier takes a name."""
    cdef char space[4]
    cdef const char* text = text_of_name(n, name, space)
    cdef uint8_t sound
    if not 0 < name < NAME_SHORT:
        return judge_name(text, strnlen(text, MAX_NAME))
    if not facts_of(n.pool, name - 1) & JUDGED:
        sound = SOUND if judge_name(text, strnlen(text, MAX_NAME)) else 0
        add_facts(n.pool, name - 1, JUDGED | sound)
        return sound
    return facts_of(n.pool, name - 1) & SOUND


cdef inline bint has_symbol(Names* n, uint32_t name) noexcept nogil:
    """Say whether a function symbol has a name."""
    cdef char space[4]
    cdef const char* text = text_of_name(n, name, space)
    cdef uint8_t state = KEY_KNOWN
    cdef size_t length
    if 0 < name < NAME_SHORT and facts_of(n.pool, name - 1) & KEY_KNOWN:
        return facts_of(n.pool, name - 1) & KEY_IS_THERE
    length = strlen(text)
    if length and find_key(n.symbols, text, length) != NO_KEY:
        state |= KEY_IS_THERE
    if 0 < name < NAME_SHORT:
        add_facts(n.pool, name - 1, state)
    return state & KEY_IS_THERE
