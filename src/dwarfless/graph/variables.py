"""Which variables are kept, and where they lie.

In:  the variables that units define or declare, the ELF's sections and symbols, EncodeOptions.
Out: those to write, with section, offset and size; a Report line for every one left out.

A variable is written if its location is one address inside an allocated section, and if its class
and the rules let it in. One that is only declared lies at its symbol.

Source: btf_encoder.c of pahole 1.32 for the names that are left out.
"""

import re
from typing import Final, TypeAlias

import numpy as np

from dwarfless.elf.image import ElfImage
from dwarfless.formats import elf
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.graph.datasecs import NOWHERE, Placed, place_variables
from dwarfless.graph.declarations import sift_declarations
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.places import PERCPU_SECTION, init_sections, place_addresses
from dwarfless.graph.rules import VARIABLE_CLASSES
from dwarfless.graph.selection import Judge, Subjects
from dwarfless.graph.sieve import Sieve
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["classify", "select_variables"]

#: Made by macros for the linker or the compiler; nobody looks for them by name.
LEFT_OUT_PREFIXES: Final = (
    b"__UNIQUE_ID",
    b"__tpstrtab_",
    b"__exitcall_",
    b"__gendwarfksyms_ptr_",
    b"__func_stack_frame_non_standard_",
)
#: What compilers put behind the name of a function's static variable to make a symbol.
_SYMBOL_SUFFIX: Final = re.compile(rb"\.[0-9.]+\Z")

EXTERNAL, DECLARATION, ARTIFICIAL, LOCATED, ADDRESS, LOCAL, NAMED = 1, 2, 4, 8, 16, 32, 64

Words: TypeAlias = NDArray[np.uint32]
States: TypeAlias = NDArray[np.void]
Mask: TypeAlias = NDArray[np.bool_]


def select_variables(
    sieve: Sieve,
    states: States,
    classes: NDArray[np.uint8],
    where: tuple[NDArray[np.int64], NDArray[np.int64]],
    valid_name: Mask,
    sizes: NDArray[np.uint64],
    open_arrays: Mask,
    graph: TypeGraph,
    strings: bytes,
    image: ElfImage,
    options: EncodeOptions,
) -> Placed:
    """Return the variables that can be written, by section, offset and first mention.

    Args:
        sieve: All of them; keeps those that are written.
        states: VAR_STATE[num_states], what units define, in unit order; declarations that have a
            symbol get its address.
        classes: uint8[num_states], indices into VARIABLE_CLASSES.
        where: The section of each one's address, -1 for none, and the offset in it.
        valid_name: Whether a name is one the kernel accepts.
        sizes: uint64[num_states], bytes of each one's type.
        open_arrays: bool[num_states], which have none since their type is an array without bound.
        graph: Holds the types.
        strings: What names in states are offsets into.
        image: The ELF; its sections say where an address lies.
        options: What is asked for; variables of other classes are not left out but not meant.
    """
    flags = states["flags"]
    section, offset = where
    for number, name in enumerate(VARIABLE_CLASSES):
        if name not in options.classes:
            sieve.pass_over(classes[sieve.rows] == number, f"{name} is not asked for")
    if "declarations" in options.classes:
        declared = classes == VARIABLE_CLASSES.index("declarations")
        open_arrays = open_arrays & declared
        _place_declarations(sieve, states, declared, sizes, image)
        section, offset = place_addresses(states["address"], image)
        section[open_arrays], offset[open_arrays] = NOWHERE, 0
    _drop_what_has_no_place(sieve, flags, (section < 0) & ~open_arrays)
    _drop_odd_names(sieve, states, valid_name)
    discarded = _discarded(sieve, section, offset, flags, image)
    sieve.drop(discarded, "section was discarded")
    sieve.drop(states["node"][sieve.rows] == 0, "no type")
    sieve.drop((sizes[sieve.rows] == 0) & (section[sieve.rows] != NOWHERE), "type has no size")
    sieve.drop(sizes[sieve.rows] > 0xFFFFFFFF, "larger than 4 GiB")
    sieve.drop(offset[sieve.rows] > 0xFFFFFFFF, "section offset beyond 4 GiB")
    if not options.with_init:
        freed = np.isin(section[sieve.rows], list(init_sections(image)))
        sieve.drop(freed, "freed after the kernel's start")
    rows = sieve.rows
    subjects = Subjects(
        what="variable",
        names=states["name"][rows],
        files=states["file"][rows],
        sections=section[rows],
        classes=classes[rows],
        types=states["node"][rows],
        graph=graph,
        strings=strings,
    )
    Judge(options.rules, image).sift(sieve, subjects)
    identity = [states[column] for column in ("name", "node", "func")]
    return place_variables(sieve, section, offset, sizes.astype(np.int64), identity, image)


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


def _place_declarations(
    sieve: Sieve,
    states: States,
    declared: Mask,
    sizes: NDArray[np.uint64],
    image: ElfImage,
) -> None:
    """Give declarations their symbols' addresses."""
    flags = states["flags"]
    defined = (flags & (LOCATED | EXTERNAL) == LOCATED | EXTERNAL) & (flags & LOCAL == 0)
    for row, address in sift_declarations(sieve, declared, defined, sizes == 0, image).items():
        states["address"][row] = address
        flags[row] |= LOCATED | ADDRESS


def _drop_what_has_no_place(sieve: Sieve, flags: NDArray[np.uint32], nowhere: Mask) -> None:
    """Drop what has no address in memory that is part of the program."""
    sieve.drop((flags[sieve.rows] & LOCATED) == 0, "no location: optimized away")
    sieve.drop((flags[sieve.rows] & ADDRESS) == 0, "location is not one address")
    sieve.drop((flags[sieve.rows] & ARTIFICIAL) != 0, "made by the compiler")
    sieve.drop(nowhere[sieve.rows], "address lies in no section")


def _drop_odd_names(sieve: Sieve, states: States, valid_name: Mask) -> None:
    """Drop what has no name that somebody could ask for."""
    sieve.drop(states["name"][sieve.rows] == 0, "no name")
    made = sieve.names.begin_with(LEFT_OUT_PREFIXES)[sieve.rows]
    sieve.drop(made, "made by a macro")
    sieve.drop(~valid_name[sieve.rows], "name is no identifier")


def _discarded(
    sieve: Sieve,
    section: NDArray[np.int64],
    offset: NDArray[np.int64],
    flags: NDArray[np.uint32],
    image: ElfImage,
) -> Mask:
    """Mark variables at offset 0 that no symbol there confirms.

    The linker leaves address 0 for what it discarded, and a section may start at 0.
    """
    rows = sieve.rows
    defined = flags[rows] & DECLARATION == 0
    doubtful = np.flatnonzero((offset[rows] == 0) & defined)
    bad = np.zeros(len(rows), bool)
    if not len(doubtful):
        return bad
    symbols = image.symbols()
    objects = np.flatnonzero(symbols.type == elf.STT_OBJECT)
    starts = {
        index: image.sections[index].addr for index in distinct(section[rows[doubtful]]).tolist()
    }
    objects = objects[np.isin(symbols.value[objects], list(starts.values()))]
    for place in doubtful.tolist():
        index = int(section[rows[place]])
        at_start = objects[
            (symbols.section_index[objects] == index) & (symbols.value[objects] == starts[index])
        ]
        found = {
            bytes(symbols.strings[at : at + 600]).partition(b"\0")[0]
            for at in symbols.name_offset[at_start].tolist()
        }
        if flags[rows[place]] & LOCAL:
            found = {_SYMBOL_SUFFIX.sub(b"", name) for name in found}
        bad[place] = sieve.names[rows[place]] not in found
    return bad
