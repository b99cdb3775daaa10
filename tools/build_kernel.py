#!/usr/bin/env python3
"""Build a small Linux with BTF from Debian's source packages, by dwarfless-pahole.

In:  linux-source-6.1 or -6.12 from the cache that fetch.py fills; perhaps patches and options.
Out: a folder below ``$XDG_CACHE_HOME/dwarfless/builds``, whose path is printed:

    vmlinux bzImage System.map config  the kernel
    lib/modules/RELEASE/               its modules, with DWARF and BTF
    pahole/vmlinux.btf NAME.btf        what pahole 1.32 makes of the same objects
    build.json build.log               what was built of what, and how it went

    build_kernel.py 6.12
    build_kernel.py 6.1 --patch kernel/patches/6.1 --config CONFIG_DEBUG_INFO_BTF_EXTRA=m

A folder is named by a digest of source, options and patches; one that is there is complete. It
takes a quarter of an hour on two free cores, 3 GB while it runs and 0.1 GB after, and runs at
the lowest priority. What is missing of compilers and tools is installed by apt, as root.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fetch

__all__ = ["VERSIONS", "BuildError", "Recipe", "build", "find_build"]

ROOT = Path(__file__).resolve().parent.parent
SMALL = ROOT / "tools" / "small.config"
#: Linux version -> the suite of Debian that has it.
VERSIONS = {"6.1": "bookworm", "6.12": "trixie"}
#: Program that a build needs -> Debian package.
NEEDED = {
    "gcc": "gcc",
    "ld": "binutils",
    "make": "make",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "xz": "xz-utils",
    "cpio": "cpio",
    "rsync": "rsync",
    "patch": "patch",
    "kmod": "kmod",
}
HEADERS = {"gelf.h": "libelf-dev", "openssl/ssl.h": "libssl-dev"}


class BuildError(Exception):
    """A kernel can't be built; the message says why in one line."""


@dataclass(frozen=True)
class Recipe:
    """What is built.

    Attributes:
        version: Out of VERSIONS.
        patches: Folder of *.patch files, applied in order of their names; None: none.
        config: Kconfig options, beside and over those of small.config, such as
            {"CONFIG_IKCONFIG": "y"}.
    """

    version: str
    patches: Path | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def suite(self) -> str:
        """The suite of Debian whose source it is."""
        return VERSIONS[self.version]

    def options(self) -> dict[str, str]:
        """Return all Kconfig options that are asked for."""
        return read_config(SMALL) | dict(self.config)

    def patch_files(self) -> list[Path]:
        """Return the patches in the order in which they apply.

        Raises:
            BuildError: There are none in the folder.
        """
        if self.patches is None:
            return []
        files = sorted(self.patches.glob("*.patch"))
        if not files:
            raise BuildError(f"{self.patches} holds no *.patch")
        return files

    def digest(self) -> str:
        """Return what tells this recipe's configuration and patches from others'."""
        whole = hashlib.sha256(repr(sorted(self.options().items())).encode())
        for path in self.patch_files():
            whole.update(b"\0" + path.read_bytes())
        return whole.hexdigest()[:16]


def read_config(path: Path) -> dict[str, str]:
    """Return the options that a .config sets."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_"))


def builds() -> Path:
    """Return the folder of all builds."""
    return fetch.cache_root() / "builds"


def find_build(recipe: Recipe) -> Path | None:
    """Return the newest build of a recipe in the cache, of whatever source version."""
    found = builds().glob(f"{recipe.version}.*-{recipe.digest()}/build.json")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.parent if newest else None


def build(
    recipe: Recipe, *, jobs: int = 2, tree: Path | None = None, pahole: Path | None = None
) -> Path:
    """Return a recipe's build, made if it isn't in the cache.

    Args:
        recipe: What to build.
        jobs: Of make.
        tree: Where source and objects are kept, so that the next run compiles only what has
            changed; None: they are removed.
        pahole: The dwarfless-pahole that writes BTF; None: the installed one.

    Raises:
        BuildError: It fails; build.log is kept beside the place of the build.
        FetchError: The source can't be had.
    """
    deb = source_package(recipe)
    release = deb.name.split("_")[1]
    folder = builds() / f"{release}-{recipe.digest()}"
    with alone(folder):
        if (folder / "build.json").exists():
            return folder
        install_needed()
        with working_folder(tree) as work:
            log = folder.with_name(f"{folder.name}.log")
            Builder(recipe, work, log, jobs, pahole or our_pahole()).build(deb, folder)
    return folder


def source_package(recipe: Recipe) -> Path:
    """Return Debian's package of the kernel's source, fetched when missing."""
    with fetch.locked() as root:
        (deb,) = fetch.Apt(root, recipe.suite).download([f"linux-source-{recipe.version}"])
        assert isinstance(deb, Path)
        return deb


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of one build."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_name(f"{folder.name}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def working_folder(tree: Path | None) -> Iterator[Path]:
    """Give the folder of source and objects; remove it unless it was named."""
    if tree is not None:
        tree.mkdir(parents=True, exist_ok=True)
        yield tree.resolve()
        return
    with tempfile.TemporaryDirectory(prefix=".work-", dir=builds()) as name:
        yield Path(name)


def install_needed() -> None:
    """Install what is missing of compilers and tools.

    Raises:
        BuildError: It can't be done here.
    """
    missing = {package for name, package in NEEDED.items() if not shutil.which(name)}
    for header, package in HEADERS.items():
        probe = subprocess.run(
            ["gcc", "-E", "-"], input=f"#include <{header}>", capture_output=True, text=True
        )
        missing |= {package} if probe.returncode else set()
    if not missing:
        return
    script = '. tools/environment.sh; install_system "$@"'
    command = ["bash", "-c", script, "build_kernel.py", *sorted(missing)]
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode:
        raise BuildError(f"needs the packages {', '.join(sorted(missing))}")


def our_pahole() -> Path:
    """Return dwarfless-pahole as it is installed beside this Python, in .venv or in PATH.

    Raises:
        BuildError: It is installed nowhere.
    """
    name = "dwarfless-pahole"
    places = [Path(sys.executable).with_name(name), ROOT / ".venv/bin" / name]
    for place in (*places, Path(shutil.which(name) or "/nonexistent")):
        if place.exists():
            return place
    raise BuildError(f"{name} is not installed: run ./check")


class Builder:
    """One build in its working folder.

    Attributes:
        recipe: What is built.
        source: The unpacked source.
        objects: Where make works.
        pahole: Ours.
        peer: The real one, in a script that gives it its libraries.
    """

    def __init__(self, recipe: Recipe, work: Path, log: Path, jobs: int, pahole: Path) -> None:
        self.recipe, self.log, self.jobs, self.pahole = recipe, log, jobs, pahole.resolve()
        self.work, self.source, self.objects = work, work / "source", work / "objects"
        self.peer = work / "pahole"
        fetch.peers()
        self.peer.write_text(f'#!/bin/sh\nexec {" ".join(fetch.peer_command("pahole"))} "$@"\n')
        self.peer.chmod(0o755)

    def build(self, deb: Path, folder: Path) -> None:
        """Do all steps; the folder appears when it is complete."""
        self.log.unlink(missing_ok=True)
        self.unpack(deb)
        self.configure()
        self.make(self.pahole, "all")
        result = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
        try:
            self.collect(result)
            # The same objects once more: only the last link and the modules' BTF are redone.
            (self.objects / "vmlinux").unlink()
            self.make(self.peer, "vmlinux", "modules")
            self.collect_peer(result / "pahole")
            self.describe(deb, result)
            self.log.replace(result / "build.log")
            result.chmod(0o755)
            result.replace(folder)
        finally:
            shutil.rmtree(result, ignore_errors=True)

    def unpack(self, deb: Path) -> None:
        """Unpack and patch the source, unless it is there, of this version and these patches."""
        stamp = self.work / "source.json"
        wanted = [deb.name, [path.read_text() for path in self.recipe.patch_files()]]
        if stamp.exists():
            if json.loads(stamp.read_text()) != wanted:
                raise BuildError(f"{self.source} is another version, or patched otherwise")
            return
        shutil.rmtree(self.source, ignore_errors=True)
        self.source.mkdir()
        self.run(
            "dpkg-deb --fsys-tarfile {} | tar -xO --wildcards './usr/src/*.tar.xz'"
            " | xz -dc -T0 | tar -x --strip-components=1 -C {}",
            deb,
            self.source,
        )
        for path in self.recipe.patch_files():
            self.run("patch -d {} -p1 --forward --batch --input {}", self.source, path.resolve())
        stamp.write_text(json.dumps(wanted))

    def configure(self) -> None:
        """Write .config: what is asked for, what that needs, and nothing else.

        Raises:
            BuildError: An option came out otherwise, mostly for want of one it depends on.
        """
        self.objects.mkdir(exist_ok=True)
        options = self.recipe.options()
        wanted = self.work / "wanted.config"
        wanted.write_text("".join(f"{name}={value}\n" for name, value in options.items()))
        self.make(self.pahole, f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig")
        got = read_config(self.objects / ".config")
        for name, value in options.items():
            if got.get(name, "n") != value:
                raise BuildError(
                    f"{name} is {got.get(name, 'n')}, not {value}: what it needs is off"
                )

    def make(self, pahole: Path, *targets: str) -> None:
        """Run make at the lowest priority."""
        name = "KBUILD_BUILD_USER=dwarfless KBUILD_BUILD_HOST=localhost"
        command = f"nice -n 19 make -C {{}} O={{}} -j{self.jobs} {name} PAHOLE={{}} "
        command += " ".join("{}" for _ in targets)
        self.run(command, self.source, self.objects, pahole, *targets)

    def run(self, command: str, *arguments: str | Path) -> None:
        """Run a shell command, its arguments quoted; what it says goes to the log."""
        line = command.format(*(shlex.quote(str(argument)) for argument in arguments))
        with open(self.log, "a") as log:
            print(f"$ {line}", file=log, flush=True)
            done = subprocess.run(
                ["bash", "-o", "pipefail", "-c", line],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"LC_ALL": "C.UTF-8"},
            )
        if done.returncode:
            raise BuildError(f"{line.split()[0]} failed, see {self.log}")

    def collect(self, result: Path) -> None:
        """Copy the kernel and its modules."""
        for name in ("vmlinux", "System.map"):
            shutil.copy(self.objects / name, result)
        shutil.copy(self.objects / ".config", result / "config")
        shutil.copy(self.objects / "arch/x86/boot/bzImage", result)
        self.make(self.pahole, f"INSTALL_MOD_PATH={result}", "modules_install")
        for link in result.glob("lib/modules/*/*"):
            if link.is_symlink():
                link.unlink()

    def collect_peer(self, result: Path) -> None:
        """Keep the BTF that pahole made: the .BTF sections of vmlinux and of each module."""
        result.mkdir()
        modules = (self.objects / "modules.order").read_text().split()
        for path in ("vmlinux", *(str(Path(name).with_suffix(".ko")) for name in modules)):
            target = result / f"{Path(path).stem}.btf"
            copy = self.work / "copy.elf"
            self.run(
                "objcopy --dump-section {} {} {}", f".BTF={target}", self.objects / path, copy
            )
            copy.unlink()

    def describe(self, deb: Path, result: Path) -> None:
        """Write build.json, which marks a complete build."""
        compiler = subprocess.run(["gcc", "--version"], capture_output=True, text=True)
        facts = {
            "version": self.recipe.version,
            "source": deb.name,
            "release": next(result.glob("lib/modules/*")).name,
            "patches": [path.name for path in self.recipe.patch_files()],
            "config": dict(self.recipe.config),
            "compiler": compiler.stdout.partition("\n")[0],
        }
        (result / "build.json").write_text(json.dumps(facts, indent=1) + "\n")


def option(text: str) -> tuple[str, str]:
    """Read KEY=VALUE; CONFIG_ may be left out."""
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return f"CONFIG_{name.removeprefix('CONFIG_')}", value


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Build a small Linux with BTF.")
    names = {suite: version for version, suite in VERSIONS.items()} | {v: v for v in VERSIONS}
    parser.add_argument("version", choices=list(names), help="Linux version, or Debian's suite")
    parser.add_argument("--patch", type=Path, metavar="DIR", help="apply DIR/*.patch")
    parser.add_argument("--config", type=option, action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tree", type=Path, metavar="DIR", help="keep source and objects here")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--pahole", type=Path, metavar="FILE", help="dwarfless-pahole")
    given = parser.parse_args(arguments)
    recipe = Recipe(names[given.version], given.patch, dict(given.config))
    try:
        print(build(recipe, jobs=given.jobs, tree=given.tree, pahole=given.pahole))
    except (BuildError, fetch.FetchError, OSError) as error:
        print(f"build_kernel: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
