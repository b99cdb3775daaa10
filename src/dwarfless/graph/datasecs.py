"""VARs, and the DATASECs that place them.

In:  variables to write, each with its section, offset and size.
Out: VAR and DATASEC records.

An entry of a DATASEC may not overlap another, or no kernel loads the BTF:

- Definitions equal in name, offset, size and type (a symbol met in several units) are one VAR.
- What else overlaps (aliases, a weak variable and its override) goes to a further DATASEC of the
  same name, which kernels accept; but of .data..percpu they read only the first.

What is only declared and has no size is a VAR in no DATASEC: its address is its symbol's.

Source: btf_datasec_check_meta and btf_parse_vmlinux's search for the per-CPU section in
kernel/bpf/btf.c.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from dwarfless._core.rows import order_by
from dwarfless.elf.image import ElfImage
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.formats.btf import Kind
from dwarfless.graph.places import PERCPU_SECTION
from dwarfless.graph.sieve import Sieve

__all__ = ["NOWHERE", "Placed", "place_variables", "variable_records"]

Words: TypeAlias = NDArray[np.uint32]
States: TypeAlias = NDArray[np.void]

#: Section of a variable that no DATASEC holds.
NOWHERE: Final = -1
#: Entries a DATASEC may have in every kernel's BTF.
MAX_ENTRIES: Final = 0xFFFF
EXTERNAL: Final = 1


@dataclass(frozen=True)
class Placed:
    """Variables to write, by section and offset within; columns of equal length.

    Attributes:
        state: Index into the variables that were given.
        section: ELF section index, or NOWHERE.
        offset: Bytes from the section's start.
        size: Bytes.
        layer: Which DATASEC of its section holds it: 0, or more where variables overlap.
    """

    state: NDArray[np.int64]
    section: NDArray[np.int64]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    layer: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.state)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> "Placed":
        """Return some of the rows."""
        return Placed(
            self.state[rows],
            self.section[rows],
            self.offset[rows],
            self.size[rows],
            self.layer[rows],
        )


def place_variables(
    sieve: Sieve,
    section: NDArray[np.int64],
    offset: NDArray[np.int64],
    size: NDArray[np.int64],
    identity: Sequence[Words],
    image: ElfImage,
) -> Placed:
    """Return the variables, exact duplicates gone and overlapping ones in layers.

    Args:
        sieve: Which are still in; loses the duplicates and what does not fit.
        section: int64[num_states], ELF section indices, or NOWHERE.
        offset: int64[num_states], bytes from the section's start, below 4 GiB.
        size: int64[num_states], bytes.
        identity: Columns of num_states that are equal where name, type and so on are.
        image: The ELF, for section names.

    Returns:
        By section, offset and first mention.
    """
    rows = sieve.rows
    places = (section[rows] + 1 << 32 | offset[rows]).astype(np.uint64)
    order = order_by(places)
    places = places[order]
    same = places[1:] == places[:-1]
    # Few share their place with others.
    is_shared = np.zeros(len(rows), bool)
    is_shared[1:] |= same
    is_shared[:-1] |= same
    shared = np.sort(order[is_shared])
    again = np.zeros(len(rows), bool)
    columns: list[NDArray[Any]] = [section, offset, size, *identity]
    again[shared] = _repeated([column[rows[shared]] for column in columns])
    sieve.drop(again, "the same variable again", listed=False)
    rows = rows[order[~again[order]]]
    layer = _layers(section[rows], offset[rows], size[rows])
    placed = Placed(rows, section[rows], offset[rows], size[rows], layer)
    percpu = image.find_section(PERCPU_SECTION)
    hidden = (placed.section == percpu) & (layer > 0) if percpu is not None else layer < 0
    lost = np.zeros(len(section), bool)
    lost[rows[hidden]] = True
    sieve.drop(lost[sieve.rows], "overlaps another per-CPU variable", PERCPU_SECTION)
    sieve.report.count(
        "variable",
        "written to a further DATASEC: overlaps another",
        int(((layer > 0) & ~hidden).sum()),
    )
    return placed.take(~hidden)


def _repeated(columns: list[NDArray[Any]]) -> NDArray[np.bool_]:
    """Return of each row whether one before it is equal in all columns."""
    # Stable, so the first of equal ones stays in front.
    order = np.lexsort(columns)
    again = np.zeros(len(order), bool)
    again[order[1:]] = np.all([c[order[1:]] == c[order[:-1]] for c in columns], axis=0)
    return again


def _slices(section: NDArray[np.int64]) -> dict[int, slice]:
    """Return the rows of each section, given in ascending order."""
    indices = distinct(section).tolist()
    bounds = [*np.searchsorted(section, indices).tolist(), len(section)]
    return {i: slice(*bounds[place : place + 2]) for place, i in enumerate(indices)}


def _layers(
    section: NDArray[np.int64], offset: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each variable the first layer of its section where it overlaps nothing.

    They come by section and offset.
    """
    layers = np.zeros(len(section), np.int64)
    for rows in _slices(section).values():
        starts, ends = offset[rows], offset[rows] + size[rows]
        # Where all before it end, a variable is in layer 0, whatever came before.
        is_clear = np.append(True, np.maximum.accumulate(ends)[:-1] <= starts[1:])
        groups = np.flatnonzero(is_clear)
        lengths = np.diff(np.append(groups, len(starts)))
        for first, length in zip(groups[lengths > 1], lengths[lengths > 1], strict=True):
            part = slice(int(first), int(first + length))
            layers[rows][part] = _stack(starts[part].tolist(), ends[part].tolist())
    return layers


def _stack(starts: list[int], ends: list[int]) -> list[int]:
    """Return the layers of variables that overlap one another."""
    tops: list[int] = []
    layers = []
    for start, end in zip(starts, ends, strict=True):
        layer = next((i for i, top in enumerate(tops) if top <= start), len(tops))
        tops[layer : layer + 1] = [end]
        layers.append(layer)
    return layers


def variable_records(
    placed: Placed, states: States, first_var: int, name_of_section: dict[int, int]
) -> tuple[Words, list[Words]]:
    """Return the VAR records and the DATASEC records over them.

    Args:
        placed: What to write.
        states: VAR_STATE[num_states].
        first_var: Record id the first VAR will have; the rest follow.
        name_of_section: Section index -> string offset of its name.

    Returns:
        uint32[len(placed), 4], and a DATASEC each as uint32[3 + 3 * entries].
    """
    variables = np.empty((len(placed), 4), np.uint32)
    variables[:, 0] = states["name"][placed.state]
    variables[:, 1] = int(Kind.VAR) << 24
    variables[:, 2] = states["node"][placed.state]
    variables[:, 3] = states["flags"][placed.state] & EXTERNAL
    sections: list[Words] = []
    slices = _slices(placed.section)
    for section in name_of_section:
        layers = placed.layer[slices[section]]
        for layer in distinct(layers).tolist():
            rows = slices[section].start + np.flatnonzero(layers == layer)
            for start in range(0, len(rows), MAX_ENTRIES):
                part = rows[start : start + MAX_ENTRIES]
                record = np.empty(3 + 3 * len(part), np.uint32)
                record[0] = name_of_section[section]
                record[1] = int(Kind.DATASEC) << 24 | len(part)
                record[2] = placed.offset[part[-1]] + placed.size[part[-1]]
                record[3::3] = first_var + part
                record[4::3] = placed.offset[part]
                record[5::3] = placed.size[part]
                sections.append(record)
    return variables, sections
