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

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

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
    identity: NDArray[np.int64],
    image: ElfImage,
) -> Placed:
    """Return the variables, exact duplicates gone and overlapping ones in layers.

    Args:
        sieve: Which are still in; loses the duplicates and what does not fit.
        section: int64[num_states], ELF section indices, or NOWHERE.
        offset: int64[num_states], bytes from the section's start.
        size: int64[num_states], bytes.
        identity: int64[num_columns, num_states], equal where name, type and so on are.
        image: The ELF, for section names.

    Returns:
        By section, offset and first mention.
    """
    rows = sieve.rows
    keys = np.vstack((section[rows], offset[rows], size[rows], identity[:, rows]))
    # Stable, so the first of equal ones stays in front.
    order = np.lexsort(keys)
    ordered = keys[:, order]
    again = np.zeros(len(rows), bool)
    again[order[1:]] = (ordered[:, 1:] == ordered[:, :-1]).all(axis=0)
    sieve.drop(again, "the same variable again", listed=False)
    rows = sieve.rows
    rows = rows[np.lexsort((rows, offset[rows], section[rows]))]
    layer = _layers(section[rows], offset[rows], size[rows])
    placed = Placed(rows, section[rows], offset[rows], size[rows], layer)
    percpu = image.find_section(PERCPU_SECTION)
    hidden = (placed.section == percpu) & (layer > 0) if percpu is not None else layer < 0
    lost = np.isin(sieve.rows, rows[hidden])
    sieve.drop(lost, "overlaps another per-CPU variable", PERCPU_SECTION)
    sieve.report.count(
        "variable",
        "written to a further DATASEC: overlaps another",
        int(((layer > 0) & ~hidden).sum()),
    )
    return placed.take(~hidden)


def _layers(
    section: NDArray[np.int64], offset: NDArray[np.int64], size: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return for each variable the first layer of its section where it overlaps nothing."""
    layers = np.zeros(len(section), np.int64)
    for index in distinct(section).tolist():
        rows = np.flatnonzero(section == index)
        starts, ends = offset[rows], offset[rows] + size[rows]
        # Where all before it end, a variable is in layer 0, whatever came before.
        is_clear = np.append(True, np.maximum.accumulate(ends)[:-1] <= starts[1:])
        groups = np.flatnonzero(is_clear)
        lengths = np.diff(np.append(groups, len(rows)))
        for first, length in zip(groups[lengths > 1], lengths[lengths > 1], strict=True):
            part = slice(int(first), int(first + length))
            layers[rows[part]] = _stack(starts[part].tolist(), ends[part].tolist())
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
    chosen = states[placed.state]
    variables = np.empty((len(placed), 4), np.uint32)
    variables[:, 0] = chosen["name"]
    variables[:, 1] = int(Kind.VAR) << 24
    variables[:, 2] = chosen["node"]
    variables[:, 3] = chosen["flags"] & EXTERNAL
    sections: list[Words] = []
    for section in name_of_section:
        for layer in distinct(placed.layer[placed.section == section]).tolist():
            rows = np.flatnonzero((placed.section == section) & (placed.layer == layer))
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
