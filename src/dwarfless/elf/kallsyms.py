"""One symbol of the kernel by name, without reading all of them.

In:  the kernel's memory, and where VMCOREINFO says its symbol table is (Linux 6.0).
Out: the addresses of a name.

drgn's own index of the table takes 0.3 to 0.7 s to make; a debugger's first question needs one
symbol. The table holds names compressed by replacing pairs of bytes, best pair first, so a name
compresses the same way alone, and is found as it stands. Where that fails the caller has drgn's
index, which knows all.

Source: compress_symbols and write_src in scripts/kallsyms.c, kallsyms_sym_address in
kernel/kallsyms.c.
"""

import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Final, Protocol

from dwarfless._core.kallsyms import compress, find_packed

__all__ = ["Kallsyms", "Memory"]

#: nm(1)'s letters for symbols that have an address.
LETTERS: Final = b"DdBbRrTtAVWNn"
#: For those of code.
CODE: Final = b"TtW"
#: Where the kernel, its notes, its BTF and what it freed start and end; what plugins look for.
WELL_KNOWN: Final = (
    *("_stext", "_etext", "_sinittext", "_einittext", "_end", "__init_begin", "__init_end"),
    *("__start_BTF", "__stop_BTF", "__start_notes", "__stop_notes", "btf_modules", "init_task"),
)
MAX_SYMBOLS: Final = 1 << 24
MAX_NAMES: Final = 1 << 28
#: Bytes of a name, and so of what a byte stands for.
MAX_TOKEN: Final = 512


class Memory(Protocol):
    """Reads the kernel's memory by virtual addresses."""

    def read(self, address: int, size: int, /) -> bytes:
        """Return bytes."""


class Kallsyms:
    """The kernel's table of symbols.

    Args:
        memory: The kernel's.
        places: Symbols of VMCOREINFO.
    """

    NEEDED: Final = (
        "kallsyms_names",
        "kallsyms_num_syms",
        "kallsyms_token_table",
        "kallsyms_token_index",
        "kallsyms_offsets",
        "_stext",
    )

    def __init__(self, memory: Memory, places: dict[str, int]) -> None:
        self._memory, self._places = memory, places

    def find(self, name: str, *, code: bool = False) -> list[int]:
        """Return the addresses of a name, none if it was not found.

        Args:
            name: Of symbols.
            code: Whether to leave out those of data.

        Cost: 0.5 ms on Debian's 6.12.
        """
        if not code and name in self._well_known:
            entries = self._well_known[name]
        else:
            entries = self._entries([name], CODE if code else LETTERS)[name]
        return sorted({self._address(entry) for entry in entries})

    @cached_property
    def _well_known(self) -> dict[str, list[int]]:
        """The numbers of what every debugger asks for, in one pass."""
        return self._entries(WELL_KNOWN, LETTERS)

    def _entries(self, names: Sequence[str], letters: bytes) -> dict[str, list[int]]:
        """Return the numbers of the symbols of some names."""
        packed = [
            compress(bytes([letter]) + name.encode(errors="surrogateescape"), self._tokens)
            for name in names
            for letter in letters
        ]
        found: dict[str, list[int]] = {name: [] for name in names}
        for entry, which in find_packed(self._names, self._num_symbols, packed):
            found[names[which // len(letters)]].append(entry)
        return found

    @cached_property
    def _tokens(self) -> list[bytes]:
        """What each byte of a name stands for."""
        index = struct.unpack(
            "<256H", self._memory.read(self._places["kallsyms_token_index"], 512)
        )
        table = self._memory.read(self._places["kallsyms_token_table"], index[-1] + MAX_TOKEN)
        return [table[at : table.index(0, at)] for at in index]

    @cached_property
    def _num_symbols(self) -> int:
        number = int.from_bytes(self._memory.read(self._places["kallsyms_num_syms"], 4), "little")
        if not 0 < number <= MAX_SYMBOLS:
            raise ValueError(f"kallsyms_num_syms is {number}")
        return number

    @cached_property
    def _names(self) -> bytes:
        """The packed names, and the markers behind them."""
        start = self._places["kallsyms_names"]
        # The tokens come after the names and their markers.
        size = self._places["kallsyms_token_table"] - start
        if not 0 < size <= MAX_NAMES:
            raise ValueError(f"kallsyms_names of {size} bytes")
        return self._memory.read(start, size)

    @cached_property
    def _offsets(self) -> memoryview:
        content = self._memory.read(self._places["kallsyms_offsets"], 4 * self._num_symbols)
        return memoryview(content).cast("i")

    def _address(self, entry: int) -> int:
        """Return a symbol's address, by the kernel's way of saying it."""
        return self._address_by(self._way, entry)

    def _address_by(self, way: str, entry: int) -> int:
        offset: int = self._offsets[entry]
        if way == "self":
            return self._places["kallsyms_offsets"] + 4 * entry + offset
        if way == "percpu" and offset >= 0:
            return offset
        if way == "percpu":
            return self._relative_base - 1 - offset
        return self._relative_base + (offset & 0xFFFFFFFF)

    @cached_property
    def _relative_base(self) -> int:
        place = self._places["kallsyms_relative_base"]
        return int.from_bytes(self._memory.read(place, 8), "little")

    @cached_property
    def _way(self) -> str:
        """How addresses are said; where _stext is is known, so it tells.

        Relative to themselves (without a base), relative to a base, or the latter but for per-CPU
        symbols (CONFIG_KALLSYMS_ABSOLUTE_PERCPU).
        """
        based = "kallsyms_relative_base" in self._places
        entries = self._well_known["_stext"]
        for way in ("percpu", "relative") if based else ("self",):
            if any(self._address_by(way, entry) == self._places["_stext"] for entry in entries):
                return way
        raise ValueError("kallsyms holds no _stext where VMCOREINFO says")
