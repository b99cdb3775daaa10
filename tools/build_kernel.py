#!/usr/bin/env python3
"""Build a small Linux with BTF from Debian's source packages, by dwarfless-pahole.

In:  linux-source-6.1, -6.12 or -7.2 from fetch.py's cache; perhaps patches and options.
Out: a folder below ``$XDG_CACHE_HOME/dwarfless/builds``, whose path is printed:

    vmlinux bzImage System.map config  the kernel
    lib/modules/RELEASE/               its modules, with DWARF and BTF
    pahole/vmlinux.btf NAME.btf        what pahole 1.32 makes of the same objects, if no patches
    build.json build.log               what was built of what, and how it went

    build_kernel.py 6.12
    build_kernel.py 6.1 --patch kernel/patches/6.1 --config CONFIG_VMLINUX_BTF_EXTRA=m
    build_kernel.py 6.1 --variants       with our patches: =n, =m and =y, three folders

A folder is named by a digest of source, options and patches; one that is there is complete. It
takes a quarter of an hour on two free cores, 3 GB while it runs and 0.1 GB after, and runs at
the lowest priority. What is missing of compilers and tools is installed by apt, as root.
"""

import argparse
import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fetch
from kernel_recipe import VERSIONS, BuildError, Recipe, builds, read_config, variants

__all__ = ["build"]

ROOT = Path(__file__).resolve().parent.parent
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


def build(
    recipes: Sequence[Recipe],
    *,
    jobs: int = 2,
    tree: Path | None = None,
    pahole: Path | None = None,
) -> list[Path]:
    """Return the builds of recipes, made where they aren't in the cache.

    Args:
        recipes: What to build, one after the other in one tree: they differ in options alone.
        jobs: Of make.
        tree: Where source and objects are kept, so that the next run compiles only what has
            changed; None: they are removed.
        pahole: The dwarfless-pahole that writes BTF; None: the installed one.

    Raises:
        BuildError: It fails; build.log is kept beside the place of the build.
        FetchError: The source can't be had.
    """
    deb = source_package(recipes[0])
    release = deb.name.split("_")[1]
    folders = [builds() / f"{release}-{recipe.digest()}" for recipe in recipes]
    with ExitStack() as stack:
        for folder in sorted(folders):
            stack.enter_context(alone(folder))
        missing = [
            (recipe, folder)
            for recipe, folder in zip(recipes, folders, strict=True)
            if not (folder / "build.json").exists()
        ]
        if missing:
            install_needed()
            work = stack.enter_context(working_folder(tree))
        for recipe, folder in missing:
            log = folder.with_name(f"{folder.name}.log")
            Builder(recipe, work, log, jobs, pahole or our_pahole()).build(deb, folder)
    return folders


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
            has_btf = self.recipe.options().get("CONFIG_DEBUG_INFO_BTF") == "y"
            if self.recipe.patches is None and has_btf:
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
    parser.add_argument(
        "--variants", action="store_true", help="our patches; CONFIG_VMLINUX_BTF_EXTRA=n, m and y"
    )
    parser.add_argument("--config", type=option, action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--tree", type=Path, metavar="DIR", help="keep source and objects here")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--pahole", type=Path, metavar="FILE", help="dwarfless-pahole")
    given = parser.parse_args(arguments)
    version = names[given.version]
    if given.variants and (given.patch or given.config):
        parser.error("--variants says which patches and options")
    recipes = [Recipe(version, given.patch, dict(given.config))]
    if given.variants:
        recipes = list(variants(version).values())
    try:
        print(*build(recipes, jobs=given.jobs, tree=given.tree, pahole=given.pahole), sep="\n")
    except (BuildError, fetch.FetchError, OSError) as error:
        print(f"build_kernel: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
