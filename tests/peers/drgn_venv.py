"""drgn in an environment of its own, below the cache.

In:  the package index that this machine uses.
Out: a Python with drgn and nothing else, made once.
"""

import functools
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support import load_fetch, running_in_ci

__all__ = ["VERSION", "folder", "python", "run", "source"]

VERSION = "0.3.0"


def folder() -> Path:
    """Return where it lives."""
    root: Path = load_fetch().cache_root()
    return root / f"venv-drgn-{VERSION}"


@functools.cache
def python() -> Path:
    """Return its Python; skips, or fails in CI, where drgn can't be had."""
    path = folder() / "bin" / "python"
    if not _works(path):
        done = _make()
        if done.returncode:
            _missing(done.stderr)
    return path


def _missing(said: str) -> None:
    problem = f"drgn {VERSION}: {said.strip().splitlines()[-1]}"
    if running_in_ci():
        pytest.fail(f"CI needs it: {problem}", pytrace=False)
    pytest.skip(f"NOT TESTED, can't fetch {problem}")


def _works(path: Path) -> bool:
    if not path.exists():
        return False
    return not subprocess.run([path, "-c", "import drgn"], capture_output=True).returncode


def _make() -> subprocess.CompletedProcess[str]:
    subprocess.run([sys.executable, "-m", "venv", folder()], check=True)
    command = [folder() / "bin" / "pip", "install", "-q", f"drgn=={VERSION}"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def run(script: Path, *args: str | Path, text: str = "") -> str:
    """Run a script in it and return what it prints."""
    done = subprocess.run(
        [python(), script, *args], input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@functools.cache
def source() -> Path:
    """Return drgn's source, which has its scripts; skips, or fails in CI, without it."""
    path = folder() / f"drgn-{VERSION}"
    if not path.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        command += ["--no-binary", ":all:", "-d", folder(), f"drgn=={VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            _missing(done.stderr)
        with tarfile.open(folder() / f"drgn-{VERSION}.tar.gz") as archive:
            archive.extractall(folder(), filter="data")
    return path
