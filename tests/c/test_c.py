"""Every C file, in every build it names, gives the listing in its last comment."""

import re
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from c.compilers import BUILDS, missing_tool
from c.run import CASES, Case, Made, list_with_dwarfless, list_with_pahole, make
from oracle.listing import Listing
from oracle.twin import KINDS, twin
from support import running_in_ci

PAIRS = [(path, build) for path in CASES for build in Case.read(path).builds]
IDS = [f"{path.stem}-{build}" for path, build in PAIRS]


@pytest.fixture
def made(path: Path, build: str, tmp_path: Path) -> Made:
    """One case, compiled."""
    if missing := missing_tool(build):
        message = f"{missing} is missing"
        pytest.fail(message, pytrace=False) if running_in_ci() else pytest.skip(
            f"NOT TESTED, {message}"
        )
    return make(Case.read(path), BUILDS[build], tmp_path)


def blocks(listing: Listing, case: Case, build: str) -> tuple[list[str], list[str]]:
    """Return listed and expected text as lines, for a readable difference."""
    return listing.text().splitlines(), case.expected(build).splitlines()


@pytest.mark.parametrize(("path", "build"), PAIRS, ids=IDS)
def test_listing(path: Path, build: str, made: Made) -> None:
    """The types, functions and variables are the expected ones; none is there twice."""
    case = Case.read(path)
    listing = list_with_dwarfless(made, case.features)

    listed, expected = blocks(listing, case, build)
    assert listed == expected
    assert listing.duplicates() == []
    assert listing.open_forwards() == []
    assert misplaced(listing, made.path) == []


@pytest.mark.peer
@pytest.mark.parametrize(("path", "build"), PAIRS, ids=IDS)
def test_pahole_agrees(path: Path, build: str, made: Made) -> None:
    """What we expect is what pahole 1.32 gives, unless the case says why not."""
    case = Case.read(path)
    if build in case.wrong_in_pahole:
        with pytest.raises((AssertionError, RuntimeError)):
            assert_same(made, case, build)
    else:
        assert_same(made, case, build)


#: What the twin doesn't read: annotations, statics of functions, two types at one place, C++,
#: complex numbers.
NOT_FOR_TWIN = ("tags", "weak", "novariables", "complex", "cxx", "percpu", "variables", "locals")
PLAIN = [
    (path, build)
    for path, build in PAIRS
    if path.stem not in NOT_FOR_TWIN
    and not re.search("types|split|lto|dwz|alt|zstd|relocs", build)
]


@pytest.mark.parametrize(("path", "build"), PLAIN, ids=[f"{p.stem}-{b}" for p, b in PLAIN])
def test_twin_agrees(path: Path, build: str, made: Made) -> None:
    """An encoder that shares nothing with ours finds the same types and variables."""
    case = Case.read(path)
    ours = list_with_dwarfless(made, case.features)
    assert common_blocks(twin(made.path)) == common_blocks(ours)


def common_blocks(listing: Listing) -> list[str]:
    """Return the blocks that the twin knows of."""
    blocks = re.findall(r"^\S.*\n(?:  .*\n)*", listing.text(), re.M)
    return [block for block in blocks if block.split()[0] in KINDS]


def assert_same(made: Made, case: Case, build: str) -> None:
    """Compare pahole's listing with the expected one."""
    listed, expected = blocks(list_with_pahole(made, case.features), case, build)
    assert listed == expected


def misplaced(listing: Listing, path: Path) -> list[tuple[str, str, int, int]]:
    """Return the variables that no symbol has at that place, and those that overlap."""
    symbols = symbol_places(path)
    wrong = [v for v in listing.variables() if (*v[:2], v[2]) not in symbols]
    last = ("", "", 0, 0)
    for variable in listing.variables():
        if variable[0] == last[0] and last[2] < variable[2] < last[2] + last[3]:
            wrong.append(variable)
        last = variable
    return wrong


def symbol_places(path: Path) -> set[tuple[str, str, int]]:
    """Return (section, name, offset in it) of every defined symbol."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        places = set()
        for symbol in table.iter_symbols():
            if isinstance(symbol["st_shndx"], int):
                section = elf.get_section(symbol["st_shndx"])
                start = 0 if elf["e_type"] == "ET_REL" else section["sh_addr"]
                name = symbol.name.partition(".")[0]
                places.add((section.name, name, symbol["st_value"] - start))
        return places
