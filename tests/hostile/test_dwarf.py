"""Damaged and lying DWARF: only DwarflessError escapes, in bounded time and memory."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from build.dwarf import Attr, Die, Encoding, Unit, assemble
from build.program import program
from c.compilers import BUILDS, missing_tool
from c.run import HERE, Case, make
from hostile import excess, lies, rings
from hostile.dies import CASES
from hostile.everything import everything
from hostile.guard import Guard
from support import running_in_ci

#: Mutations of each section; the same ones every time.
CUTS, FLIPS = 60, 150
#: Importing them has filled CASES.
MODULES = (rings, excess, lies)


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    """A worker for all tests of this file."""
    guard = Guard()
    yield guard
    guard.close()


def damaged(debug: dict[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Yield the sections with one of them cut off somewhere, or a bit of it flipped."""
    dice = random.Random(20)
    for name, content in debug.items():
        size = len(content)
        for end in sorted(dice.sample(range(size), min(size, CUTS))):
            yield debug | {name: content[:end]}
        for bit in sorted(dice.sample(range(8 * size), min(8 * size, FLIPS))):
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            yield debug | {name: bytes(flipped)}


def unhappy(guard: Guard, files: Iterable[bytes], folder: Path) -> list[str]:
    """Return what was neither encoded nor refused, and where the file is now."""
    bad = []
    for number, content in enumerate(files):
        outcome = guard.ask(content)
        if not outcome.startswith(("encoded", "refused: ")):
            path = folder / f"{number}.elf"
            path.write_bytes(content)
            bad.append(f"{path} {outcome}")
    return bad


@pytest.mark.parametrize("build", ["gcc4", "gcc5", "clang5"])
def test_damaged_sections_of_a_compiler(build: str, guard: Guard, tmp_path: Path) -> None:
    """Each section of a linked program."""
    if missing := missing_tool(build):
        (pytest.fail if running_in_ci() else pytest.skip)(f"NOT TESTED, {missing} is missing")
    made = make(Case.read(HERE / "program.c"), BUILDS[build], tmp_path)
    with made.path.open("rb") as content:
        sections = ELFFile(content).iter_sections()
        debug = {s.name: s.data() for s in sections if s.name.startswith(".debug")}
    for unused in (".debug_line", ".debug_aranges", ".debug_frame", ".debug_line_str"):
        debug.pop(unused, None)

    files = (program(changed) for changed in damaged(debug))
    assert unhappy(guard, files, tmp_path) == []


@pytest.mark.parametrize(
    "encoding",
    [Encoding(version=v, address_size=a, offset_size=o, big=b)
     for v, a, o, b in [(2, 4, 4, False), (3, 8, 8, True), (4, 4, 8, True), (5, 8, 4, False),
                        (5, 4, 8, True)]],
    ids=str,
)  # fmt: skip
def test_damaged_sections_of_all_forms(encoding: Encoding, guard: Guard, tmp_path: Path) -> None:
    """Each section of units that use every form and tag there is."""
    debug = assemble(everything(encoding), encoding)
    assert unhappy(guard, [program(debug, encoding)], tmp_path) == []

    files = (program(changed, encoding) for changed in damaged(debug))
    assert unhappy(guard, files, tmp_path) == []


@pytest.mark.parametrize("name", CASES)
def test_nonsense(name: str, guard: Guard, tmp_path: Path) -> None:
    """Well-formed bytes that say what can't be, or too much of it."""
    encoding, debug = CASES[name]()

    assert unhappy(guard, [program(debug, encoding)], tmp_path) == []


def test_a_good_file_is_encoded(guard: Guard) -> None:
    """The worker tells good from bad."""
    unit = Unit(Die("compile_unit", [Attr("name", "string", "a.c")]))
    good = assemble([unit])

    assert guard.ask(program(good)) == "encoded"
    assert guard.ask(b"not ELF").startswith("refused: ElfError: ")
