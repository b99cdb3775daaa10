"""Apply the relocations of a debug section.

In:  a section's bytes, its relocations, the symbols.
Out: the bytes changed in place, as a linker would leave them.

Relocations come by the million, so they are taken by type, all of one type at once. That changes
the order in which they are applied, which only matters where several meet at one place: a label
difference on RISC-V or LoongArch is a pair, one that sets or adds and one that subtracts. So all
that set come first; adding and subtracting then commute.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn, cast

import numpy as np

from dwarfless._core.relocate import apply_plain
from dwarfless.elf.headers import Layout
from dwarfless.elf.symbols import Symbols
from dwarfless.errors import ElfError, UnsupportedError
from dwarfless.formats import elf
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.elf_relocations import (
    LOW_6,
    RELOCATIONS,
    TLS_BIAS,
    ULEB128,
    Relocation,
)

__all__ = ["apply_relocations"]

#: Bytes of the longest ULEB128 of 64 bits.
ULEB128_SIZE = 10

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class _Columns:
    """Relocations in native byte order; all columns [num_relocations]."""

    offset: Words
    symbol: Words
    type: NDArray[np.uint32]
    addend: Words | None


@dataclass(frozen=True)
class _Target:
    """The section that is changed, and what to know of its file."""

    content: bytearray
    layout: Layout
    machine: int
    address: int
    tls_start: int
    source: str
    section: str

    def fail(self, problem: str, offset: int) -> NoReturn:
        raise ElfError(problem, source=self.source, section=self.section, offset=offset)

    def field(self, size: int, *, signed: bool = False) -> NDArray[np.generic]:
        """Return the numbers of size bytes that start at each offset; writing changes content."""
        kind = f"{self.layout.order}{'i' if signed else 'u'}{size}"
        return np.ndarray((len(self.content) - size + 1,), kind, self.content, strides=(1,))


def apply_relocations(
    content: bytearray,
    table: memoryview,
    symbols: Symbols,
    *,
    layout: Layout,
    machine: int,
    has_addends: bool,
    address: int,
    tls_start: int,
    source: str,
    section: str,
) -> None:
    """Apply the relocations in table to content.

    Args:
        content: Of the section, changed in place.
        table: Contents of the SHT_REL or SHT_RELA section.
        symbols: With final addresses.
        layout: Of the file.
        machine: EM_ number.
        has_addends: Whether table is SHT_RELA; else addends stand in content.
        address: Where the section starts.
        tls_start: Address of the first thread-local section.
        source: The file's name.
        section: The section's name.

    Raises:
        ElfError: a relocation lies outside the section, or names a symbol that isn't there.
        UnsupportedError: unknown relocation type or machine.
    """
    target = _Target(content, layout, machine, address, tls_start, source, section)
    rows = RELOCATIONS.get(machine)
    if rows is None:
        raise UnsupportedError(f"relocation for machine {machine}", place=f"{source}: {section}")
    if has_addends and _apply_plain(target, rows, table, symbols):
        return
    columns = _read(table, target, has_addends)
    wrong = columns.symbol >= max(len(symbols), 1)
    if wrong.any():
        first = int(wrong.argmax())
        target.fail(
            f"relocation names symbol {columns.symbol[first]} of {len(symbols)}",
            int(columns.offset[first]),
        )
    batches: list[tuple[Relocation, NDArray[np.intp]]] = []
    for kind in distinct(columns.type).tolist():
        chosen = np.flatnonzero(columns.type == kind)
        row = rows.get(kind)
        if row is None:
            raise UnsupportedError(
                f"relocation type {kind} for machine {machine}",
                place=f"{source}: {section}+{columns.offset[chosen[0]]:#x}",
            )
        if row.compute != "nothing":
            batches.append((row, chosen))
    for row, chosen in sorted(batches, key=lambda batch: batch[0].store != "set"):
        _apply(target, row, columns, chosen, symbols)


def _apply_plain(
    target: _Target, rows: Mapping[int, Relocation], table: memoryview, symbols: Symbols
) -> bool:
    """Apply relocations of which all store a symbol's address and an addend; else return False.

    If some are of another sort, those before it are applied; applying them again changes nothing.
    """
    odd_info = target.machine in (elf.EM_MIPS, elf.EM_SPARCV9) and target.layout.is_64
    if odd_info or target.layout.little_endian != (sys.byteorder == "little"):
        return False
    widths = bytearray(max(rows) + 1)
    for kind, row in rows.items():
        if row.compute == "nothing":
            widths[kind] = 255
        elif (row.compute, row.store) == ("absolute", "set") and row.field in (4, 8):
            widths[kind] = row.field
    return apply_plain(
        target.content, table, _addresses(symbols), bytes(widths), target.layout.is_64
    )


def _addresses(symbols: Symbols) -> Words:
    """Return where the symbols are; a common one has no address, its value is an alignment."""
    if not len(symbols):
        return np.zeros(1, np.uint64)
    common = (symbols.section_index == elf.SHN_COMMON) & ~symbols.in_section
    return np.where(common, np.uint64(0), symbols.value)


def _read(table: memoryview, target: _Target, has_addends: bool) -> _Columns:
    """Return the relocations in table."""
    layout, split = target.layout, target.machine == elf.EM_MIPS and target.layout.is_64
    if split:
        record = layout.record(elf.MIPS64_RELA if has_addends else elf.MIPS64_REL)
    else:
        record = layout.record(elf.RELA if has_addends else elf.REL)
    if len(table) % record.itemsize:
        target.fail("relocations end inside one", 0)
    raw = np.frombuffer(table, record)
    if split:
        # Up to three types, applied in turn; one is all that data needs.
        symbol, kind = raw["symbol"].astype(np.uint64), raw["type"].astype(np.uint32)
        kind |= raw["type2"].astype(np.uint32) << np.uint32(8)
        kind |= raw["type3"].astype(np.uint32) << np.uint32(16)
    else:
        info = raw["info"].astype(np.uint64)
        symbol = info >> np.uint64(32 if layout.is_64 else 8)
        # The upper bytes of a 64-bit SPARC type hold data of their own.
        narrow = not layout.is_64 or target.machine == elf.EM_SPARCV9
        kind = (info & np.uint64(0xFF if narrow else 0xFFFFFFFF)).astype(np.uint32)
    addend = raw["addend"].astype(np.int64).view(np.uint64) if has_addends else None
    return _Columns(raw["offset"].astype(np.uint64), symbol, kind, addend)


def _apply(
    target: _Target,
    row: Relocation,
    columns: _Columns,
    chosen: NDArray[np.intp],
    symbols: Symbols,
) -> None:
    """Apply relocations of one type; arithmetic is modulo 2**64, as the ABIs' is."""
    size = row.field if row.field in (1, 2, 4, 8) else 1
    offsets = columns.offset[chosen]
    wrong = offsets > np.uint64(max(len(target.content) - size, 0))
    if len(target.content) < size or wrong.any():
        target.fail(
            f"{row.name} lies outside the section of {len(target.content)} bytes",
            int(offsets[wrong.argmax()]),
        )
    places = offsets.astype(np.intp)
    if columns.addend is not None:
        addends = columns.addend[chosen]
    elif row.field == size and row.store == "set":
        addends = target.field(size, signed=True)[places].astype(np.int64).view(np.uint64)
    else:
        addends = np.zeros(len(places), np.uint64)
    values = _compute(target, row, places, columns.symbol[chosen].astype(np.intp), symbols)
    values += addends
    if row.field == ULEB128:
        _store_uleb128(target, row, places, values)
    elif row.field == LOW_6:
        _store_low_6(target, row, places, values)
    else:
        field = target.field(size)
        if row.store == "set":
            field[places] = values.astype(field.dtype)
        else:
            change = np.add if row.store == "add" else np.subtract
            change.at(field, places, values.astype(field.dtype))


def _compute(
    target: _Target,
    row: Relocation,
    places: NDArray[np.intp],
    indices: NDArray[np.intp],
    symbols: Symbols,
) -> Words:
    """Return what a row computes, less the addend."""
    if not len(symbols):
        values = np.zeros(len(places), np.uint64)
    elif row.compute == "size":
        values = symbols.size[indices]
    else:
        values = _addresses(symbols)[indices]
    if row.compute == "relative":
        values = values - (places.astype(np.uint64) + np.uint64(target.address))
    elif row.compute == "tls":
        bias = target.tls_start + TLS_BIAS.get(target.machine, 0)
        defined = symbols.in_section[indices] if len(symbols) else np.zeros(len(places), np.bool_)
        values = np.where(defined, values - np.uint64(bias), np.uint64(0))
    return cast(Words, values)


def _store_low_6(
    target: _Target, row: Relocation, places: NDArray[np.intp], values: Words
) -> None:
    """Store into the low six bits of bytes."""
    field = target.field(1)
    old, new = field[places].astype(np.uint8), values.astype(np.uint8)
    if row.store == "add":
        new = old + new
    elif row.store == "sub":
        new = old - new
    field[places] = (old & np.uint8(0xC0)) | (new & np.uint8(0x3F))


def _store_uleb128(
    target: _Target, row: Relocation, places: NDArray[np.intp], values: Words
) -> None:
    """Store into ULEB128 numbers, which keep their length."""
    content = np.frombuffer(target.content, np.uint8)
    old = np.zeros(len(places), np.uint64)
    open_ended = np.ones(len(places), np.bool_)
    for step in range(ULEB128_SIZE):
        at = places[open_ended] + step
        if len(at) and at.max() >= len(content):
            target.fail(f"ULEB128 of {row.name} runs past the end", int(at.max()) - step)
        old[open_ended] |= (content[at] & np.uint64(0x7F)) << np.uint64(7 * step)
        open_ended[open_ended] = content[at] >= 0x80
    if open_ended.any():
        target.fail(f"ULEB128 of {row.name} exceeds 64 bits", int(places[open_ended.argmax()]))
    if row.store != "set":
        values = old + values if row.store == "add" else old - values
    open_ended[:] = True
    for step in range(ULEB128_SIZE):
        at = places[open_ended] + step
        more = content[at] & np.uint8(0x80)
        bits = (values[open_ended] >> np.uint64(7 * step)).astype(np.uint8) & np.uint8(0x7F)
        content[at] = bits | more
        open_ended[open_ended] = more != 0
