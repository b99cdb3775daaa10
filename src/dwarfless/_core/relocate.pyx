"""Apply the plainest relocations: a symbol's address and an addend, stored.

In:  a section's bytes, its SHT_RELA section, the symbols' addresses.
Out: the bytes changed in place.

Nearly all that a module has are of this sort. One pass over the table, in file order, takes a
sixth of what columns do (elf/relocations), which are there for all others.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    NO_CHANGE = 255         # width of a type that does nothing

cdef struct Rela32:         # RELA of formats/elf.py
    uint32_t offset, info
    int32_t addend

cdef struct Rela64:
    uint64_t offset, info
    int64_t addend


cdef inline bint store(uint8_t[::1] content, uint64_t offset, uint8_t width,
                       uint64_t value) noexcept nogil:
    """Write the lowest bytes of a value in the machine's order; False past the end."""
    cdef uint32_t word = <uint32_t>value
    if offset > <uint64_t>content.shape[0] or <uint64_t>content.shape[0] - offset < width:
        return False
    if width == 8:
        memcpy(&content[offset], &value, 8)
    elif width == 4:
        memcpy(&content[offset], &word, 4)
    else:
        return False
    return True


def apply_plain(uint8_t[::1] content, const uint8_t[::1] table, const uint64_t[::1] addresses,
                const uint8_t[::1] widths, bint is_64):
    """Apply relocations up to the first that is not plain; return whether all were.

    Args:
        content: The section, changed in place.
        table: Contents of the SHT_RELA section, in the machine's byte order.
        addresses: uint64[num_symbols].
        widths: uint8[any]: how many bytes a relocation of each type stores, 4 or 8; 255 for one
            that does nothing, 0 for one that is not plain, as for the types beyond.
        is_64: Class of the file.

    Cost: 1 ms for 100,000.
    """
    cdef size_t size = sizeof(Rela64) if is_64 else sizeof(Rela32)
    cdef size_t num = <size_t>table.shape[0] // size, i, done = 0
    cdef Rela64 wide
    cdef Rela32 narrow
    cdef uint64_t symbol, kind
    cdef uint8_t width
    with nogil:
        for i in range(num):
            if is_64:
                memcpy(&wide, &table[i * size], sizeof(Rela64))
                symbol, kind = wide.info >> 32, wide.info & 0xFFFFFFFFu
            else:
                memcpy(&narrow, &table[i * size], sizeof(Rela32))
                wide.offset, wide.addend = narrow.offset, narrow.addend
                symbol, kind = narrow.info >> 8, narrow.info & 0xFF
            width = widths[kind] if kind < <uint64_t>widths.shape[0] else 0
            if symbol >= <uint64_t>addresses.shape[0] or width == 0:
                break
            if width != NO_CHANGE and not store(content, wide.offset, width,
                                                addresses[symbol] + <uint64_t>wide.addend):
                break
            done += 1
    return done * size == <size_t>table.shape[0]
