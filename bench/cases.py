"""What is measured: a case is a question, and the commands of each contender that answers it.

In:  the kernels, modules and peers that tools/fetch.py has in its cache.
Out: Cases, by name.

`scan` is in every case that reads a vmlinux's DWARF: bench/scan.c visits each DIE and keeps
nothing, on one thread. It is the floor, and no encoder.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import fetch  # noqa: E402

__all__ = ["CASES", "VERSIONS", "Case", "Kitchen", "fetch"]

#: What the kernel's own build asks for, and all variables.
FEATURES = (
    "encode_force,var,float,enum64,decl_tag,type_tag,"
    "optimized_func,consistent_func,decl_tag_kfuncs,global_var"
)
#: Modules of the sample: every so-many-th by name, so that all folders have their share.
NUM_MODULES = 100
#: The small module.
SMALL_MODULE = "wireguard"
#: Kernel version -> the suite it comes from.
VERSIONS = {"6.1": "bookworm", "6.12": "trixie", "7.2": "sid"}


@dataclass(frozen=True, slots=True)
class Case:
    """One question.

    Attributes:
        title: What it is, for people.
        contenders: Who runs what; the first is the peer, which the others are compared with.
        reads: Files that shall be in the page cache.
    """

    title: str
    contenders: dict[str, list[list[str]]]
    reads: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class Kitchen:
    """Where things lie while measuring.

    Attributes:
        folder: For output and for what is compiled; gone afterwards.
        jobs: Threads to ask for.
    """

    folder: Path
    jobs: int

    def compiled(self, name: str) -> str:
        """Return a C program of this folder, compiled."""
        program = self.folder / name
        if not program.exists():
            source = ROOT / "bench" / f"{name}.c"
            subprocess.run(["cc", "-O2", "-o", program, source, "-ldl"], check=True)
        return str(program)

    def dwarfless(self, *arguments: str | Path) -> list[str]:
        """Return our command."""
        beside = Path(sys.executable).with_name("dwarfless")
        found = str(beside) if beside.exists() else shutil.which("dwarfless")
        if found is None:
            sys.exit("dwarfless is not installed: run ./check or ./demo first")
        return [found, *map(str, arguments)]

    def encode(self, source: Path, *arguments: str | Path) -> list[str]:
        """Return our full encode of a file."""
        return self.dwarfless(
            *("encode", source, "-o", self.folder / "ours.btf", f"--features={FEATURES}"),
            *(f"--jobs={self.jobs}", "--no-progress", *arguments),
        )

    def pahole(self, source: Path, *arguments: str, output: Path | None = None) -> list[str]:
        """Return pahole's full encode of a file, as the kernel's build calls it."""
        return [
            *fetch.peer_command("pahole"),
            *("-J", f"-j{self.jobs}", f"--btf_features={FEATURES}", "--lang_exclude=rust"),
            *(f"--btf_encode_detached={output or self.folder / 'theirs.btf'}", *arguments),
            str(source),
        ]

    def scan(self, source: Path) -> list[str]:
        """Return the visit of every DIE."""
        return [self.compiled("scan"), str(source)]

    def kernel_btf(self) -> Path:
        """Return pahole's BTF of 6.12."""
        output = self.folder / "kernel.btf"
        if not output.exists():
            command = self.pahole(fetch.kernel("trixie"), output=output)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return output


def encode_case(version: str) -> Callable[[Kitchen], Case]:
    """Return the full encode of one kernel."""

    def case(kitchen: Kitchen) -> Case:
        source = fetch.kernel(VERSIONS[version])
        contenders = {
            "pahole": [kitchen.pahole(source)],
            "dwarfless": [kitchen.encode(source)],
            "scan": [kitchen.scan(source)],
        }
        return Case(f"types, functions and all variables of {version}", contenders, [source])

    return case


def extra(kitchen: Kitchen) -> Case:
    """The variables that the kernel's own BTF lacks; pahole has no such thing but all of it."""
    source = fetch.kernel("trixie")
    output = kitchen.folder / "ours.btf"
    ours = kitchen.dwarfless("extra", source, "-o", output, f"--jobs={kitchen.jobs}")
    contenders = {
        "pahole": [kitchen.pahole(source)],
        "dwarfless": [[*ours, "--no-progress"]],
        "scan": [kitchen.scan(source)],
    }
    return Case("the extra of 6.12, over the BTF it has", contenders, [source])


def module(kitchen: Kitchen) -> Case:
    """One small module, over its kernel."""
    (source,) = fetch.modules("trixie", [SMALL_MODULE])
    base = kitchen.kernel_btf()
    contenders = {
        "pahole": [kitchen.pahole(source, f"--btf_base={base}")],
        "dwarfless": [kitchen.encode(source, f"--base={base}")],
    }
    return Case(f"one small module of 6.12: {SMALL_MODULE}", contenders, [source])


def module_sample() -> list[Path]:
    """Return modules of 6.12, spread over the alphabet; the whole package is unpacked for them."""
    vmlinux = fetch.kernel("trixie")
    folder = fetch.cache_root() / "kernels/trixie/usr/lib/debug/lib/modules"
    paths = sorted((folder / fetch.release_of(vmlinux)).rglob("*.ko"))
    if len(paths) < NUM_MODULES:
        sys.exit(f"only {len(paths)} modules in {folder}: run tools/fetch.py modules trixie '*'")
    return [paths[i * len(paths) // NUM_MODULES] for i in range(NUM_MODULES)]


def modules(kitchen: Kitchen) -> Case:
    """A hundred modules: pahole once a module, as the kernel's build does; we in one process."""
    paths = module_sample()
    base = kitchen.kernel_btf()
    folder = kitchen.folder / "modules"
    folder.mkdir(exist_ok=True)
    for path in paths:
        link = folder / path.name
        if not link.exists():
            link.symlink_to(path)
    ours = kitchen.dwarfless("encode", "--modules", folder, f"--base={base}")
    contenders = {
        "pahole": [kitchen.pahole(path, f"--btf_base={base}") for path in paths],
        "dwarfless": [
            [
                *ours,
                "-o",
                str(kitchen.folder / "out"),
                f"--features={FEATURES}",
                f"--jobs={kitchen.jobs}",
                "--no-progress",
            ]
        ],
    }
    return Case(f"{len(paths)} modules of 6.12", contenders, paths)


def find(kitchen: Kitchen) -> Case:
    """Load BTF and find a type, as whole processes."""
    base = kitchen.kernel_btf()
    *loader, _ = fetch.peer_command("bpftool")
    library = Path(loader[-1]) / "libbpf.so.1"
    contenders = {
        "libbpf": [
            [*loader, kitchen.compiled("find"), str(library), str(base), "task_struct", "1"]
        ],
        "dwarfless": [kitchen.dwarfless("find", base, "task_struct", "--kind", "struct")],
        "import numpy": [[sys.executable, "-c", "import numpy"]],
    }
    return Case("find a type, as a whole process", contenders, [base])


def load(kitchen: Kitchen) -> Case:
    """The same within one process, a hundred times, so that start-up doesn't count."""
    base = kitchen.kernel_btf()
    *loader, _ = fetch.peer_command("bpftool")
    library = Path(loader[-1]) / "libbpf.so.1"
    python = [sys.executable, "-c", LOAD_AND_FIND, str(base), "task_struct"]
    contenders = {
        "libbpf": [
            [*loader, kitchen.compiled("find"), str(library), str(base), "task_struct", "100"]
        ],
        "dwarfless": [[*python, "100"]],
    }
    return Case("load a vmlinux's BTF and find a type, a hundred times", contenders, [base])


def dump(kitchen: Kitchen) -> Case:
    """The listing of a vmlinux's BTF."""
    base = kitchen.kernel_btf()
    contenders = {
        "bpftool": [[*fetch.peer_command("bpftool"), "btf", "dump", "file", str(base)]],
        "dwarfless": [kitchen.dwarfless("dump", base)],
    }
    return Case("dump of a vmlinux's BTF", contenders, [base])


def start(kitchen: Kitchen) -> Case:
    """A command that does nothing."""
    contenders = {
        "import click": [[sys.executable, "-c", "import click"]],
        "dwarfless": [kitchen.dwarfless("--version")],
    }
    return Case("start-up: --version", contenders)


#: What `load` runs for us.
LOAD_AND_FIND = """
import sys
from dwarfless.containers.load import load
for _ in range(int(sys.argv[3])):
    if not load(sys.argv[1]).find_ids(sys.argv[2], "struct"):
        sys.exit("not found")
"""

CASES: dict[str, Callable[[Kitchen], Case]] = {
    **{f"encode-{version}": encode_case(version) for version in VERSIONS},
    "extra": extra,
    "module": module,
    "modules": modules,
    "find": find,
    "load": load,
    "dump": dump,
    "start": start,
}
