#!/usr/bin/env python3
"""Make core files of Debian's kernels with their extra loaded, modules and some processes.

    cores.py [6.1] [6.12] [7.2]

In:  kernels, images and modules from the cache; dwarfless itself, for the extra.
Out: DIR/SUITE.core and DIR/SUITE.ko in the cache, where DIR is vmcores; 512 MB each.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

if __package__ in (None, ""):
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

import fetch
from kernel.guest import boot
from kernel.images import SUITES, LabError, find_kernel

__all__ = ["built_core", "core", "extra_module"]

DWARFLESS = "import sys; from dwarfless.cli.main import main; sys.exit(main())"
NAME = "vmlinux_btf_extra"
SCRIPT = """\
mkdir /tmp/a && mount -t tmpfs none /tmp/a && echo content >/tmp/a/file
cat /dev/zero >/dev/null &
sleep 10000 &
sleep 1
"""


def _folder() -> Path:
    root: Path = fetch.cache_root()
    folder = root / "vmcores"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def dwarfless(*arguments: str | Path) -> None:
    command = [sys.executable, "-c", DWARFLESS, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(done.stderr.strip())


def extra_module(suite: str) -> Path:
    """Return the extra of a kernel as a module, made if it is missing."""
    path = _folder() / f"{suite}.ko"
    if not path.exists():
        vmlinux = fetch.find_kernel(suite) or fetch.kernel(suite)
        extra = path.with_suffix(".extra")
        kernel = find_kernel(suite)
        dwarfless("extra", vmlinux, "--no-progress", "-o", extra)
        # The name that a module gets is that of its file.
        made = _folder() / f"{suite}-{os.getpid()}.ko"
        donors = ("--base", vmlinux, "--modules", kernel.module_folder)
        dwarfless("kmod", extra, *donors, "--name", NAME, "-o", made)
        made.replace(path)
    return path


def core(suite: str, arguments: str = "") -> Path:
    """Return a core file of Debian's kernel with its extra loaded, made if it is missing.

    Args:
        suite: Of Debian.
        arguments: One word for the kernel's command line, such as "nokaslr".

    Raises:
        LabError: The guest can't be made, or fails.
        FetchError: A part of it can't be fetched.

    Cost: half a minute and 512 MB the first time.
    """
    path = _folder() / f"{suite}{arguments and '-'}{arguments}.core"
    if not path.exists():
        load = f"insmod {NAME}.ko || exit 1\n"
        put = {f"{NAME}.ko": extra_module(suite)}
        _dump(path, suite, load + SCRIPT, ("nf_conntrack", "virtio_net", "xfs"), put, arguments)
    return path


def built_core(build: Path) -> Path:
    """Return a core file of a kernel that tools/build_kernel.py built, made if it is missing.

    Raises:
        LabError: The guest can't be made, or fails.

    Cost: as core().
    """
    path = _folder() / f"{build.name}.core"
    if not path.exists():
        _dump(path, build, SCRIPT, ("fuse", "loop"))
    return path


def _dump(
    path: Path,
    kernel: str | Path,
    script: str,
    modules: Sequence[str],
    put: Mapping[str, Path] = MappingProxyType({}),
    arguments: str = "",
) -> None:
    """Boot a kernel, run a script in it, and write its memory."""
    partial = path.with_suffix(f".{os.getpid()}")
    outcome = boot(
        kernel,
        script,
        put=put,
        modules=modules,
        arguments=arguments,
        memory=512,
        vmcore=partial,
    )
    if outcome.status:
        partial.unlink()
        raise LabError(f"the guest's script fails: {outcome.text}")
    partial.replace(path)


if __name__ == "__main__":
    for what in sys.argv[1:] or SUITES:
        print(core(SUITES.get(what, what)))
