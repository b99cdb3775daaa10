"""Compile a C file of this folder in some way, encode it, and list it without ids.

    cd tests
    python -m c.run bitfields.c                    what its builds give; one text if all agree
    python -m c.run bitfields.c --build gcc4       one build
    python -m c.run bitfields.c --encoder pahole   pahole 1.32 in our place
    python -m c.run bitfields.c --write            make that the expected text; read it then

The first comment of a C file says what it is about, then gives its directives:

    builds: gcc4 gcc5 clang5       how it is compiled and linked: names of BUILDS
    units: 2                       compiled as often, with -DUNIT=1 and up, in this order (1)
    link: object                   exe (default), relocatable, or object: not linked
    flags: -O2                     more flags for the compiler
    features: var,float            in place of the kernel's list and global_var
    pahole: not gcc5, lto: why     builds in which pahole is wrong ("not all": in all of them)

The last comment is the expected text of oracle/listing.py. A paragraph in it that opens with
``? gcc5 lto`` holds in those builds only, with ``? not lto`` in all others.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from c.compilers import BUILDS, Build
from oracle.listing import Listing, block_rank
from support import KERNEL_FEATURES, bpftool, pahole

__all__ = ["CASES", "Case", "Made", "list_with_dwarfless", "list_with_pahole", "make"]

HERE = Path(__file__).resolve().parent
CASES = sorted(path for pattern in ("*.c", "*.cc") for path in HERE.glob(pattern))
DIRECTIVE = re.compile(r"^ \* (builds|units|link|flags|features|pahole): (.*)$", re.M)
FEATURES = f"{KERNEL_FEATURES},global_var"
#: What a linked case needs, and nothing else: no C library is there for most machines.
LINK = ("-nostdlib", "-static", "-Wl,-e,0", "-Wl,--build-id=none", "-Wl,-z,noexecstack")


@dataclass(frozen=True)
class Case:
    """One C file: its directives and the paragraphs it expects.

    Attributes:
        paragraphs: (builds it holds in, or None for all; text of one or more blocks).
        wrong_in_pahole: Builds in which pahole is known to be wrong.
    """

    path: Path
    builds: tuple[str, ...]
    units: int
    link: str
    flags: tuple[str, ...]
    features: str
    paragraphs: tuple[tuple[frozenset[str] | None, str], ...]
    wrong_in_pahole: frozenset[str]

    @classmethod
    @cache
    def read(cls, path: Path) -> "Case":
        """Return the case in a C file."""
        comments = re.findall(r"/\*.*?\*/", path.read_text(), re.S)
        given = dict(DIRECTIVE.findall(comments[0]))
        builds = tuple(given["builds"].split())
        wrong = re.match(r"not (.*?):", given.get("pahole", ""))
        names = re.findall(r"\w+", wrong[1]) if wrong else []
        return cls(
            path=path,
            builds=builds,
            units=int(given.get("units", "1")),
            link=given.get("link", "exe"),
            flags=tuple(given.get("flags", "").split()),
            features=given.get("features", FEATURES),
            paragraphs=tuple(_paragraphs(comments[-1], frozenset(builds))),
            wrong_in_pahole=frozenset(builds if names == ["all"] else names),
        )

    def expected(self, build: str) -> str:
        """Return the text that a build must give."""
        text = "".join(t for builds, t in self.paragraphs if builds is None or build in builds)
        return "".join(sorted(_blocks(text), key=block_rank))


def _paragraphs(
    comment: str, all_builds: frozenset[str]
) -> Iterator[tuple[frozenset[str] | None, str]]:
    body = comment.removeprefix("/*").removesuffix("*/").strip()
    for paragraph in re.split(r"\n[ \t]*\n", body):
        first, _, rest = paragraph.partition("\n")
        if not first.startswith("? "):
            yield None, paragraph + "\n"
            continue
        words = first[2:].split()
        names = frozenset(words) - {"not"}
        yield (all_builds - names if words[0] == "not" else names), rest + "\n"


def _blocks(text: str) -> list[str]:
    return re.findall(r"^\S.*\n(?:  .*\n)*", text, re.M)


@dataclass
class Made:
    """What the compiler made of a case.

    Attributes:
        path: The file to encode.
        dwos: Split units to give with it.
    """

    path: Path
    dwos: list[Path] = field(default_factory=list)


def make(case: Case, build: Build, folder: Path) -> Made:
    """Compile, link and finish one case in a folder."""
    objects = []
    for unit in range(1, case.units + 1):
        name = f"{case.path.stem}{unit}.o"
        _run(
            [build.compiler(case.path), *build.flags, "-ffreestanding", *case.flags],
            [f"-DUNIT={unit}", "-c", str(case.path), "-o", name],
            folder,
        )
        objects.append(name)
    output = folder / objects[0]
    if case.link != "object" or case.units > 1:
        output = folder / case.path.stem
        how = ["-nostdlib", "-r"] if case.link == "relocatable" else LINK
        _run(
            [build.compiler(case.path), *build.flags, *case.flags, *how, *build.link_flags],
            [*objects, "-o", output.name],
            folder,
        )
    made = Made(output, sorted(folder.glob("*.dwo")))
    if build.finish:
        build.finish(made.path)
    return made


def _run(command: list[str], rest: list[str], folder: Path) -> None:
    done = subprocess.run([*command, *rest], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join([*command, *rest])}\n{done.stderr}")


def list_with_dwarfless(made: Made, features: str) -> Listing:
    """Encode with our command, list with our own dump."""
    output = made.path.with_suffix(".btf")
    encode = ["encode", str(made.path), "-o", str(output), "--features", features]
    encode += [word for dwo in made.dwos for word in ("--split-dwarf", str(dwo))]
    _dwarfless(encode)
    return Listing(_dwarfless(["dump", str(output)]))


def _dwarfless(arguments: list[str]) -> str:
    code = "from dwarfless.cli.main import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"dwarfless {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def list_with_pahole(made: Made, features: str) -> Listing:
    """Encode with pahole 1.32, list with bpftool."""
    output = made.path.with_suffix(".pahole.btf")
    arguments = ("-J", f"--btf_features={features}", f"--btf_encode_detached={output}")
    encoded = pahole(*arguments, made.path)
    if not output.exists():
        raise RuntimeError(f"pahole wrote nothing: {encoded.stderr.strip()}")
    listed = bpftool("btf", "dump", "file", output)
    if listed.returncode:
        raise RuntimeError(f"bpftool: {listed.stderr.strip()}")
    return Listing(listed.stdout)


def write_expected(case: Case, texts: dict[str, list[str]]) -> None:
    """Put what the builds gave into the last comment, for a person to read and judge."""
    ran = [name for name in case.builds if any(name in names for names in texts.values())]
    holds: dict[str, set[str]] = {}
    for text, names in texts.items():
        for block in _blocks(text):
            holds.setdefault(block, set()).update(names)
    paragraphs: dict[tuple[str, ...], list[str]] = {tuple(ran): []}
    for block, names in sorted(holds.items(), key=lambda kv: block_rank(kv[0])):
        paragraphs.setdefault(tuple(b for b in ran if b in names), []).append(block)
    parts = []
    for builds, blocks in paragraphs.items():
        others = [name for name in ran if name not in builds]
        title = f"? {' '.join(builds)}\n" if len(builds) <= len(others) else ""
        title = title or (f"? not {' '.join(others)}\n" if others else "")
        parts.append(title + "".join(blocks))
    source = case.path.read_text()
    start = source.rindex("/*")
    case.path.write_text(source[:start] + "/*\n" + "\n".join(parts) + "*/\n")


def main() -> None:
    """Print what the builds of one case give."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("case", type=Path)
    parser.add_argument("--build", choices=BUILDS, action="append")
    parser.add_argument("--encoder", choices=("dwarfless", "pahole"), default="dwarfless")
    parser.add_argument("--keep", type=Path, help="folder in which the compiled files stay")
    parser.add_argument("--write", action="store_true", help="make it the expected text")
    options = parser.parse_args()
    case = Case.read(HERE / options.case.name)
    encoders: dict[str, Callable[[Made, str], Listing]] = {
        "dwarfless": list_with_dwarfless,
        "pahole": list_with_pahole,
    }
    texts: dict[str, list[str]] = {}
    for name in options.build or case.builds:
        with TemporaryDirectory() as temporary:
            folder = options.keep / name if options.keep else Path(temporary)
            folder.mkdir(parents=True, exist_ok=True)
            try:
                made = make(case, BUILDS[name], folder)
                text = encoders[options.encoder](made, case.features).text()
            except RuntimeError as error:
                text = f"{error}\n"
            texts.setdefault(text, []).append(name)
    if options.write:
        write_expected(case, texts)
        return
    for text, names in texts.items():
        agrees = {True: "as expected", False: "NOT as expected"}[
            all(case.expected(name) == text for name in names)
        ]
        print(f"--- {' '.join(names)}: {agrees}\n{text}")


if __name__ == "__main__":
    main()
