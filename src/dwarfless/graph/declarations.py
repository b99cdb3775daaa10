"""Where variables lie that no unit defines.

In:  variables that are only declared; the ELF's symbols.
Out: addresses of those that have a symbol: what the linker script defines, such as jiffies, or an
     assembler file.

Units may declare one name with different types. The first that has a size counts, or the first.
"""

from typing import Final, TypeAlias

import numpy as np

from dwarfless._core import measure
from dwarfless.elf.image import ElfImage
from dwarfless.formats import elf
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import Kind
from dwarfless.graph.places import named_addresses
from dwarfless.graph.sieve import Sieve

__all__ = ["are_open_arrays", "sift_declarations", "symbol_addresses"]

Words: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]

#: Typedefs and qualifiers before an array; more is a loop.
MAX_CHAIN: Final = 512
_AROUND: Final = (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG)


def sift_declarations(
    sieve: Sieve,
    declared: Mask,
    defined: Mask,
    unsized: Mask,
    image: ElfImage,
) -> dict[int, int]:
    """Drop declarations of what is defined, of what has no symbol, and all but one of a name.

    Args:
        sieve: Which variables are still in.
        declared: bool[num_states], which are only declared.
        defined: bool[num_states], which are defined and can be seen from other units.
        unsized: bool[num_states], which have no size.
        image: The ELF whose symbols count.

    Returns:
        State -> its symbol's address.
    """
    if not declared[sieve.rows].any():
        return {}
    names = sieve.offsets
    known = distinct(names[defined])
    sieve.drop(
        declared[sieve.rows] & np.isin(names[sieve.rows], known),
        "only a declaration: defined elsewhere",
        listed=False,
    )
    addresses = symbol_addresses(image)
    rows = sieve.rows[declared[sieve.rows]]
    found = {row: addresses.get(sieve.names[row]) for row in rows.tolist()}
    lost = [row for row, address in found.items() if address is None]
    sieve.drop(np.isin(sieve.rows, lost), "only a declaration: no symbol")
    rows = sieve.rows[declared[sieve.rows]]
    rows = rows[np.argsort(unsized[rows], kind="stable")]
    _, first = np.unique(names[rows], return_index=True)
    again = np.setdiff1d(rows, rows[first])
    sieve.drop(np.isin(sieve.rows, again), "only a declaration: declared again", listed=False)
    return {row: address for row in rows[first].tolist() if (address := found[row]) is not None}


def symbol_addresses(image: ElfImage) -> dict[bytes, int]:
    """Return the address of each symbol that other files can see and that is defined.

    Cost: 40 ms for a vmlinux.
    """
    symbols = image.symbols()
    seen = np.flatnonzero(
        (symbols.section_index != elf.SHN_UNDEF)
        & (symbols.binding != elf.STB_LOCAL)
        & (symbols.type != elf.STT_FUNC)
        & (symbols.type != elf.STT_TLS)
    )
    return named_addresses(symbols, seen)


def are_open_arrays(
    words: Words, starts: Words, types: Words, sizes: NDArray[np.uint64], pointer_size: int
) -> Mask:
    """Tell which types have no size since they are arrays without bound.

    Args:
        words: uint32[num_words], records.
        starts: uint32[num_records + 1], where each begins.
        types: uint32[num_types], record ids.
        sizes: uint64[num_types], bytes; 0 for a type that has none.
        pointer_size: Bytes of a pointer.
    """
    found: Mask = sizes == 0
    ids, inverse = np.unique(types[found], return_inverse=True)
    elements = np.array([_element(words, starts, id_) for id_ in ids.tolist()], np.uint32)
    found[found] = (measure.sizes(words, starts, elements, pointer_size) > 0)[inverse]
    return found


def _element(words: Words, starts: Words, type_id: int) -> int:
    """Return the element of an array behind typedefs and qualifiers, or 0."""
    for _ in range(MAX_CHAIN):
        at = int(starts[type_id])
        kind = int(words[at + 1]) >> 24 & 0x7F if type_id else Kind.VOID
        if kind == Kind.ARRAY:
            return int(words[at + 3])
        if kind not in _AROUND:
            return 0
        type_id = int(words[at + 2])
    return 0
