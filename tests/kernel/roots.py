"""Roots on disk: Debian's packages, this machine's Python, and commands that run in them.

In:  what fetch.py root unpacks; the Python and the dwarfless that run this.
Out: a folder to change root to, or to make a disk of.

Python is put below /opt/python with the libraries and the loader it has here, so whatever C
library the rest of the root has doesn't matter.
"""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import dwarfless
import fetch
from kernel.images import LabError

__all__ = ["HOME", "copied_root", "put_distribution", "put_drgn", "put_python", "run_in_root"]

#: Parts of the standard library that take room and are not needed.
UNUSED = ("test", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data")
UNUSED += ("site-packages", "dist-packages", "config-*", "_tkinter*")
HOME = "/opt/python"
START = f"""\
#!/bin/sh
export PYTHONHOME={HOME} PYTHONPATH={HOME}/site PYTHONDONTWRITEBYTECODE=1
exec {HOME}/loader --library-path {HOME}/libraries {HOME}/python -s "$@"
"""
DWARFLESS = f"""\
#!/bin/sh
exec {HOME}/start -c 'from dwarfless.cli.main import main; main()' "$@"
"""
#: In a name space of its own: what is mounted goes with the command.
ENTER = """\
mount --make-rprivate / && mount --rbind /dev "$1/dev" && mount -t proc proc "$1/proc" || exit 120
root=$1; shift
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin LC_ALL=C.UTF-8 "$@"
"""


@contextmanager
def copied_root(suite: str) -> Iterator[Path]:
    """Give a copy of a suite's root; files are the cache's own, so replace them, never write."""
    source = fetch.root(suite)
    with tempfile.TemporaryDirectory(prefix=".root-", dir=source.parent) as name:
        root = Path(name, suite)
        subprocess.run(["cp", "-al", source, root], check=True)
        yield root


def run_in_root(root: Path, *command: str) -> str:
    """Run a command in a root, as root; return what it says.

    Raises:
        LabError: It fails.
    """
    line = ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(root), *command]
    done = subprocess.run(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stdout.strip()}")
    return done.stdout


def put_python(root: Path) -> None:
    """Put this Python, what dwarfless needs and dwarfless itself into a root as /opt/python.

    Times are kept: what is compiled already is known by them.
    """
    home = root / HOME.lstrip("/")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    standard = home / "lib" / version
    shutil.copytree(sysconfig.get_path("stdlib"), standard, ignore=shutil.ignore_patterns(*UNUSED))
    for name in sorted(_needed("dwarfless")):
        put_distribution(name, home / "site")
    _put_package(home / "site" / "dwarfless")
    shutil.copy(os.path.realpath(sys.executable), home / "python")
    _put_libraries(home, [home / "python", *home.rglob("*.so"), *home.rglob("*.so.*")])
    commands = {home / "start": START, root / "usr/bin/dwarfless": DWARFLESS}
    for path, text in commands.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)


def _needed(name: str) -> set[str]:
    """Return the names of the distributions that one needs to run, without itself."""
    found: set[str] = set()
    todo = [name]
    while todo:
        for wanted in importlib.metadata.requires(todo.pop()) or []:
            if "extra ==" in wanted:
                continue
            other = re.split(r"[^\w.-]", wanted, maxsplit=1)[0].lower()
            try:
                importlib.metadata.distribution(other)
            except importlib.metadata.PackageNotFoundError:
                # For another system or another Python.
                continue
            if other not in found:
                found.add(other)
                todo.append(other)
    return found


def put_distribution(name: str, site: Path) -> None:
    distribution = importlib.metadata.distribution(name)
    for file in distribution.files or []:
        if ".." in file.parts or "tests" in file.parts:
            continue
        target = site / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(str(distribution.locate_file(file)), target)


def put_drgn(root: Path) -> None:
    """Put drgn beside Python, and what says that dwarfless is its plugin."""
    home = root / HOME.lstrip("/")
    site = home / "site"
    put_distribution("drgn", site)
    _put_libraries(home, list(site.glob("*drgn*.so")) + list(site.glob("drgn*/**/*.so*")))
    told = importlib.metadata.distribution("dwarfless")
    place = site / f"dwarfless-{told.version}.dist-info"
    place.mkdir()
    for name in ("METADATA", "entry_points.txt"):
        (place / name).write_text(told.read_text(name) or "")


def _put_package(target: Path) -> None:
    """Put dwarfless from where it is imported, which with an editable build is two places."""
    source = Path(dwarfless.__file__).parent
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.pyx", "*.pxd"))
    compiled = importlib.import_module("dwarfless._core.records").__file__
    assert compiled is not None
    for path in Path(compiled).parent.glob("*.so"):
        shutil.copy(path, target / "_core")


def _put_libraries(home: Path, programs: Sequence[Path]) -> None:
    """Put all libraries that programs are linked with, and the loader."""
    libraries = home / "libraries"
    libraries.mkdir(exist_ok=True)
    listing = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)
    for line in listing.stdout.splitlines():
        words = line.split()
        if "=>" in words and words[2].startswith("/") and not Path(words[2]).is_relative_to(home):
            shutil.copy(os.path.realpath(words[2]), libraries / words[0])
        elif words and re.match(r"/\S*/ld-linux\S*$", words[0]):
            shutil.copy(os.path.realpath(words[0]), home / "loader")
