"""Which variables are kept, and where they lie.

In:  the variables that units define, the ELF's sections and symbols.
Out: VAR and DATASEC records; a Report line for every definition left out.

A variable is written if its location is one address inside an allocated section. An entry of a
DATASEC may not overlap another, or no kernel loads the BTF:

- Definitions equal in name, offset, size and type (a symbol met in several units) are one VAR.
- What else overlaps (aliases, a weak variable and its override) goes to a further DATASEC of the
  same name, which kernels accept; but of .data..percpu they read only the first.

Source: btf_datasec_check_meta and btf_parse_vmlinux's search for the per-CPU section in
kernel/bpf/btf.c; btf_encoder.c of pahole 1.32 for the names that are left out.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dwarfless.elf.image import ElfImage
from dwarfless.formats import elf
from dwarfless.formats.btf import Kind
from dwarfless.graph.init_sections import PERCPU_SECTION, init_sections
from dwarfless.graph.names import Names
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.report import Report
from dwarfless.graph.rules import VARIABLE_CLASSES

__all__ = [
    "Placed",
    "classify",
    "place_variables",
    "select_variables",
    "variable_records",
]

#: Made by macros for the linker or the compiler; nobody looks for them by name.
LEFT_OUT_PREFIXES: Final = (
    b"__UNIQUE_ID",
    b"__tpstrtab_",
    b"__exitcall_",
    b"__gendwarfksyms_ptr_",
    b"__func_stack_frame_non_standard_",
)
#: Entries a DATASEC may have in every kernel's BTF.
MAX_ENTRIES: Final = 0xFFFF

EXTERNAL, DECLARATION, ARTIFICIAL, LOCATED, ADDRESS, LOCAL = 1, 2, 4, 8, 16, 32

Words: TypeAlias = NDArray[np.uint32]
States: TypeAlias = NDArray[np.void]


@dataclass(frozen=True)
class Placed:
    """Variables to write, by section and offset within; columns of equal length.

    Attributes:
        state: Index into the variables that were given.
        section: ELF section index.
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


class _Sieve:
    """The variables still in, and a Report line for each that drops out."""

    def __init__(self, states: States, names: Names, report: Report) -> None:
        self.states, self.names, self.report = states, names, report
        self.rows = np.arange(len(states))

    def drop(self, bad: NDArray[np.bool_], reason: str) -> None:
        """Leave out the rows that `bad` marks among those still in; list each name once.

        A header's constant is defined anew by every unit that includes it.
        """
        dropped = self.rows[bad]
        _, first = np.unique(self.states["name"][dropped], return_index=True)
        for row in dropped[np.sort(first)].tolist():
            self.report.add("variable", self.names[row].decode(errors="replace"), reason)
        self.rows = self.rows[~bad]


def select_variables(
    states: States,
    names: Names,
    valid_name: NDArray[np.bool_],
    sizes: NDArray[np.uint64],
    image: ElfImage,
    report: Report,
    options: EncodeOptions,
) -> Placed:
    """Return the variables that can be written, sorted by section, offset and first mention.

    Args:
        states: VAR_STATE[num_states], what units define, in unit order.
        names: Name of each.
        valid_name: Whether a name is one the kernel accepts.
        sizes: uint64[num_states], bytes of each one's type.
        image: The ELF; its sections say where an address lies.
        report: Takes what is left out.
        options: What is asked for; variables of other classes are not left out but not meant.
    """
    sieve = _Sieve(states, names, report)
    flags = states["flags"]
    section, offset = place_addresses(states["address"], image)
    classes = classify(flags, section, image)
    wanted = [VARIABLE_CLASSES.index(name) for name in options.classes & set(VARIABLE_CLASSES)]
    sieve.rows = np.flatnonzero(np.isin(classes, wanted))
    sieve.drop((flags[sieve.rows] & LOCATED) == 0, "no location: optimized away")
    sieve.drop((flags[sieve.rows] & ADDRESS) == 0, "location is not one address")
    sieve.drop((flags[sieve.rows] & ARTIFICIAL) != 0, "made by the compiler")
    sieve.drop(section[sieve.rows] < 0, "address lies in no section")
    sieve.drop(states["name"][sieve.rows] == 0, "no name")
    left = sieve.rows.tolist()
    sieve.drop(
        np.array([names[row].startswith(LEFT_OUT_PREFIXES) for row in left], bool),
        "made by a macro",
    )
    sieve.drop(~valid_name[sieve.rows], "name is no identifier")
    sieve.drop(_discarded(sieve.rows, section, offset, names, image), "section was discarded")
    sieve.drop(states["node"][sieve.rows] == 0, "no type")
    sieve.drop(sizes[sieve.rows] == 0, "type has no size")
    sieve.drop(sizes[sieve.rows] > 0xFFFFFFFF, "larger than 4 GiB")
    sieve.drop(offset[sieve.rows] > 0xFFFFFFFF, "section offset beyond 4 GiB")
    if not options.with_init:
        freed = np.isin(section[sieve.rows], list(init_sections(image)))
        sieve.drop(freed, "freed after the kernel's start")
    rows = sieve.rows
    rows = rows[np.lexsort((rows, offset[rows], section[rows]))]
    return Placed(
        rows,
        section[rows],
        offset[rows],
        sizes[rows].astype(np.int64),
        np.zeros(len(rows), np.int64),
    )


def classify(
    flags: NDArray[np.uint32], section: NDArray[np.int64], image: ElfImage
) -> NDArray[np.uint8]:
    """Return the class of each variable, an index into VARIABLE_CLASSES.

    Args:
        flags: uint32[num_states], the core's.
        section: int64[num_states], where each lies, -1 for nowhere.
        image: The ELF, for the per-CPU section.
    """
    percpu = image.find_section(PERCPU_SECTION)
    classes = np.where(
        flags & EXTERNAL, VARIABLE_CLASSES.index("global"), VARIABLE_CLASSES.index("static")
    ).astype(np.uint8)
    if percpu is not None:
        classes[(flags & ADDRESS != 0) & (section == percpu)] = VARIABLE_CLASSES.index("percpu")
    classes[flags & LOCAL != 0] = VARIABLE_CLASSES.index("local")
    declared = flags & (DECLARATION | LOCATED) == DECLARATION
    classes[declared] = VARIABLE_CLASSES.index("declarations")
    return classes


def place_addresses(
    addresses: NDArray[np.uint64], image: ElfImage
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the section that holds each address, -1 for none, and the offset in it.

    Sections are tried in file order; only allocated ones count, and no thread-local ones, since
    those are templates.
    """
    section = np.full(len(addresses), -1, np.int64)
    offset = np.zeros(len(addresses), np.int64)
    headers = image.sections
    for index in range(len(headers)):
        row = headers[index]
        if int(row["type"]) not in (elf.SHT_PROGBITS, elf.SHT_NOBITS):
            continue
        if not int(row["flags"]) & elf.SHF_ALLOC or int(row["flags"]) & elf.SHF_TLS:
            continue
        start, size = np.uint64(row["addr"]), np.uint64(row["size"])
        inside = (section < 0) & (addresses >= start) & (addresses - start < size)
        section[inside] = index
        offset[inside] = (addresses[inside] - start).astype(np.int64)
    return section, offset


def _discarded(
    rows: NDArray[np.int64],
    section: NDArray[np.int64],
    offset: NDArray[np.int64],
    names: Names,
    image: ElfImage,
) -> NDArray[np.bool_]:
    """Mark variables at offset 0 that no symbol there confirms.

    The linker leaves address 0 for what it discarded, and a section may start at 0.
    """
    doubtful = np.flatnonzero(offset[rows] == 0)
    bad = np.zeros(len(rows), bool)
    if not len(doubtful):
        return bad
    symbols = image.symbols()
    objects = np.flatnonzero(symbols.type == elf.STT_OBJECT)
    starts = image.sections["addr"]
    for place in doubtful.tolist():
        index = int(section[rows[place]])
        at_start = objects[
            (symbols.section_index[objects] == index) & (symbols.value[objects] == starts[index])
        ]
        found = {
            bytes(symbols.strings[at : at + 600]).partition(b"\0")[0]
            for at in symbols.name_offset[at_start].tolist()
        }
        bad[place] = names[rows[place]] not in found
    return bad


def place_variables(
    placed: Placed,
    identity: NDArray[np.uint64],
    image: ElfImage,
    report: Report,
    names: Names,
) -> Placed:
    """Return the variables with exact duplicates gone and overlapping ones in layers.

    Args:
        placed: What select_variables gave.
        identity: uint64[num_states], equal for states of equal name and type.
        image: The ELF, for section names.
        report: Takes the duplicates and what does not fit.
        names: Name of each state.
    """
    keys = np.stack(
        (placed.section, placed.offset, placed.size, identity[placed.state].astype(np.int64))
    )
    _, first = np.unique(keys, axis=1, return_index=True)
    report.count("variable", "the same variable again", len(placed) - len(first))
    placed = placed.take(np.sort(first))
    layers = np.zeros(len(placed), np.int64)
    ends: list[int] = []
    last_section = -1
    for row, (section, offset, size) in enumerate(
        zip(placed.section.tolist(), placed.offset.tolist(), placed.size.tolist(), strict=True)
    ):
        if section != last_section:
            ends, last_section = [], section
        layer = next((i for i, end in enumerate(ends) if end <= offset), len(ends))
        if layer == len(ends):
            ends.append(0)
        ends[layer] = offset + size
        layers[row] = layer
    placed = Placed(placed.state, placed.section, placed.offset, placed.size, layers)
    percpu = image.find_section(PERCPU_SECTION)
    hidden = (
        (placed.section == percpu) & (placed.layer > 0)
        if percpu is not None
        else np.zeros(len(placed), bool)
    )
    for row in np.flatnonzero(hidden).tolist():
        report.add(
            "variable",
            names[int(placed.state[row])].decode(errors="replace"),
            "overlaps another per-CPU variable",
            PERCPU_SECTION,
        )
    report.count(
        "variable",
        "written to a further DATASEC: overlaps another",
        int(((placed.layer > 0) & ~hidden).sum()),
    )
    return placed.take(~hidden)


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
    for section in np.unique(placed.section).tolist():
        for layer in np.unique(placed.layer[placed.section == section]).tolist():
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
