"""Real kernels and peers for tests.

In:  the cache that tools/fetch.py fills; what is missing is fetched.
Out: paths, and results of running pahole and bpftool.

Where something can't be had, a test skips and says so; with ``CI=true`` it fails.
"""

import functools
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pytest

from browser import find_chromium

__all__ = [
    "COMMAND",
    "KERNEL_FEATURES",
    "ROOT",
    "STANDARD_MODULES",
    "bpftool",
    "chromium",
    "kernel",
    "load_fetch",
    "module",
    "modules",
    "needs",
    "pahole",
    "pahole_encode",
    "peer_program",
    "running_in_ci",
]

ROOT = Path(__file__).resolve().parent.parent

#: Runs dwarfless as a user would.
COMMAND = [sys.executable, "-c", "from dwarfless.cli.main import run; run()"]

#: What the kernel's own build asks pahole for (rules, section 8).
KERNEL_FEATURES = (
    "encode_force,var,float,enum64,decl_tag,type_tag,"
    "optimized_func,consistent_func,decl_tag_kfuncs"
)

#: Modules that comparisons read, unpacked in one pass because a pass costs ten seconds.
STANDARD_MODULES = (
    "btrfs",
    "kvm",
    "mlx5_core",
    "nf_conntrack",
    "nf_tables",
    "nvme-tcp",
    "overlay",
    "virtio_net",
    "wireguard",
    "xfs",
)

R = TypeVar("R")


def running_in_ci() -> bool:
    """Tell whether a missing kernel or peer is a failure."""
    return os.environ.get("CI", "").lower() in ("true", "1", "yes")


def load_fetch() -> ModuleType:
    """Return tools/fetch.py as a module."""
    spec = importlib.util.spec_from_file_location("fetch", ROOT / "tools" / "fetch.py")
    assert spec is not None
    assert spec.loader is not None
    fetch = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fetch)
    return fetch


_fetch = load_fetch()


def needs(step: Callable[..., R]) -> Callable[..., R]:
    """Turn a failed fetch into a skip outside CI, and into a failure in it."""

    @functools.cache
    def outcome(*args: str) -> R | str:
        try:
            return step(*args)
        except (_fetch.FetchError, OSError) as error:
            return f"{step.__name__}{args}: {error}"

    @functools.wraps(step)
    def wrapper(*args: str) -> R:
        got = outcome(*args)
        if not isinstance(got, str):
            return got
        if running_in_ci():
            pytest.fail(f"CI needs it: {got}", pytrace=False)
        pytest.skip(f"NOT TESTED, can't fetch {got}")

    return wrapper


@needs
def kernel(suite: str) -> Path:
    """Return the vmlinux of Debian's cloud kernel: "bookworm" 6.1, "trixie" 6.12, "sid" 7.2."""
    found: Path = _fetch.find_kernel(suite) or _fetch.kernel(suite)
    return found


@needs
def module(suite: str, name: str) -> Path:
    """Return a debug module of that kernel, such as "nf_conntrack"."""
    found: Path | None = _fetch.find_module(suite, name)
    if found is None:
        names = STANDARD_MODULES if name in STANDARD_MODULES else (name,)
        _fetch.modules(suite, names)
        found = _fetch.find_module(suite, name)
        assert found is not None
    return found


@needs
def modules(suite: str, *names: str) -> list[Path]:
    """Return several debug modules; what is missing is unpacked in one pass."""
    found: list[Path] = _fetch.modules(suite, names)
    return found


@needs
def chromium() -> Path:
    """Return the browser's program; `./check` installs it."""
    found = find_chromium()
    if found is None:
        raise FileNotFoundError("no chromium")
    return Path(found)


@needs
def _peer_command(name: str) -> list[str]:
    if _fetch.find_peers() is None:
        _fetch.peers()
    command: list[str] = _fetch.peer_command(name)
    return command


def pahole(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run pahole 1.32; its exit status is the caller's to judge."""
    return _run("pahole", args)


def bpftool(*args: str | Path) -> subprocess.CompletedProcess[str]:
    """Run bpftool 7.8; its exit status is the caller's to judge."""
    return _run("bpftool", args)


@needs
def peer_program(source: Path, library: str) -> list[str]:
    """Return the command that runs a C program with a library of the peers, such as libbpf.so.1.

    It is compiled into the cache; its name there holds a hash of the source.
    """
    loader, option, libraries, _ = _peer_command("bpftool")
    key = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program: Path = _fetch.cache_root() / "peers" / f"{source.stem}-{key}"
    if not program.exists():
        partial = program.with_name(f".{program.name}.{os.getpid()}")
        shared = Path(libraries) / library
        flags = ["-O1", "-Wall", "-Wl,--allow-shlib-undefined"]
        subprocess.run(["gcc", *flags, "-o", partial, source, shared], check=True)
        partial.replace(program)
    return [loader, option, libraries, str(program)]


def _run(name: str, args: tuple[str | Path, ...]) -> subprocess.CompletedProcess[str]:
    command = [*_peer_command(name), *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def pahole_encode(path: str | Path, features: str = KERNEL_FEATURES, *extra: str) -> Path:
    """Return the BTF that pahole writes for a file, made once and kept in the cache.

    Args:
        path: ELF file with DWARF.
        features: Value of ``--btf_features``.
        *extra: More of pahole's options, such as ``--lang_exclude=rust``.

    Returns:
        Raw BTF. Its name holds a hash of the input, the options and pahole's version.
    """
    path = Path(path)
    key = hashlib.sha256(repr([_pahole_version(), features, extra]).encode())
    key.update(_identity(path))
    folder = _fetch.cache_root() / "pahole"
    folder.mkdir(parents=True, exist_ok=True)
    output: Path = folder / f"{path.stem}-{key.hexdigest()[:16]}.btf"
    if not output.exists():
        partial = output.with_name(f".{output.name}.{os.getpid()}")
        options = ["-J", "-j", f"--btf_features={features}", *extra]
        done = pahole(*options, f"--btf_encode_detached={partial}", path)
        if done.returncode or not partial.exists():
            pytest.fail(f"pahole encodes no {path}: {done.stderr.strip()}", pytrace=False)
        partial.replace(output)
    return output


@functools.cache
def _pahole_version() -> str:
    return pahole("--version").stdout.strip()


def _identity(path: Path) -> bytes:
    """Identify a file: a small one by content, a kernel by its place, size and time."""
    stat = path.stat()
    if stat.st_size <= 64 << 20:
        return path.read_bytes()
    return f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}".encode()
