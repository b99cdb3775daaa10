"""Checked reads: the only code that moves a raw pointer.

A Cursor reads a run of bytes in the target's byte order. The first failure is noted, closes the
cursor (pos = end) and every later read returns 0; loops that count must look at ``error``.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    uint16_t bswap16 "__builtin_bswap16"(uint16_t) noexcept nogil
    uint32_t bswap32 "__builtin_bswap32"(uint32_t) noexcept nogil
    uint64_t bswap64 "__builtin_bswap64"(uint64_t) noexcept nogil
    const bint HOST_IS_BIG "(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)"

cdef struct Cursor:
    const uint8_t* start      # first byte of the section
    const uint8_t* pos        # next byte
    const uint8_t* end        # one past the last byte that may be read
    const uint8_t* failed_at  # where the first failure was
    const char* error         # the first failure, or NULL
    bint swap                 # the target's byte order is not ours


cdef inline uint64_t fail(Cursor* cur, const char* why) noexcept nogil:
    if cur.error == NULL:
        cur.error = why
        cur.failed_at = cur.pos
    cur.pos = cur.end
    return 0


cdef inline uint8_t read_u8(Cursor* cur) noexcept nogil:
    cdef uint8_t value
    if cur.pos >= cur.end:
        return <uint8_t>fail(cur, b"a byte is missing")
    value = cur.pos[0]
    cur.pos += 1
    return value


cdef inline uint16_t read_u16(Cursor* cur) noexcept nogil:
    cdef uint16_t value
    if cur.end - cur.pos < 2:
        return <uint16_t>fail(cur, b"2 bytes are missing")
    memcpy(&value, cur.pos, 2)
    cur.pos += 2
    return bswap16(value) if cur.swap else value


cdef inline uint32_t read_u24(Cursor* cur) noexcept nogil:
    cdef const uint8_t* p = cur.pos
    if cur.end - cur.pos < 3:
        return <uint32_t>fail(cur, b"3 bytes are missing")
    cur.pos += 3
    if cur.swap != HOST_IS_BIG:
        return p[0] << 16 | p[1] << 8 | p[2]
    return p[0] | p[1] << 8 | p[2] << 16


cdef inline uint32_t read_u32(Cursor* cur) noexcept nogil:
    cdef uint32_t value
    if cur.end - cur.pos < 4:
        return <uint32_t>fail(cur, b"4 bytes are missing")
    memcpy(&value, cur.pos, 4)
    cur.pos += 4
    return bswap32(value) if cur.swap else value


cdef inline uint64_t read_u64(Cursor* cur) noexcept nogil:
    cdef uint64_t value
    if cur.end - cur.pos < 8:
        return fail(cur, b"8 bytes are missing")
    memcpy(&value, cur.pos, 8)
    cur.pos += 8
    return bswap64(value) if cur.swap else value


cdef inline uint64_t read_uleb128(Cursor* cur) noexcept nogil:
    cdef uint64_t value = 0
    cdef unsigned int shift = 0
    cdef uint8_t byte
    while cur.pos < cur.end:
        byte = cur.pos[0]
        if shift >= 63 and (byte & 0x7F) > (1 if shift == 63 else 0):
            return fail(cur, b"ULEB128 exceeds 64 bits")
        cur.pos += 1
        if shift < 64:
            value |= <uint64_t>(byte & 0x7F) << shift
        if byte < 0x80:
            return value
        shift += 7
    return fail(cur, b"ULEB128 runs past the end")


cdef inline int64_t read_sleb128(Cursor* cur) noexcept nogil:
    cdef uint64_t value = 0
    cdef unsigned int shift = 0
    cdef uint8_t byte
    while cur.pos < cur.end:
        byte = cur.pos[0]
        cur.pos += 1
        if shift < 64:
            value |= <uint64_t>(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if byte & 0x40 and shift < 64:
                value |= <uint64_t>0 - (<uint64_t>1 << shift)
            return <int64_t>value
    return <int64_t>fail(cur, b"SLEB128 runs past the end")


cdef inline void skip_leb128(Cursor* cur) noexcept nogil:
    while cur.pos < cur.end:
        if (cur.pos[0] & 0x80) == 0:
            cur.pos += 1
            return
        cur.pos += 1
    fail(cur, b"LEB128 runs past the end")


cdef inline void skip_bytes(Cursor* cur, uint64_t count) noexcept nogil:
    if <uint64_t>(cur.end - cur.pos) < count:
        fail(cur, b"a value runs past the end")
    else:
        cur.pos += count
