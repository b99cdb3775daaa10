#!/usr/bin/env python3
"""Make raw memory images of Debian's kernels with processes that have something to find.

    memory_image.py [6.1] [6.12]

In:  kernels, images and modules from the cache; this machine's bash.
Out: DIR/SUITE.raw, 256 MB of physical memory from address 0, and DIR/SUITE.kallsyms, the guest's
     own /proc/kallsyms of that boot, in the cache, where DIR is memory.
"""

import gzip
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

if __package__ in (None, ""):
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

import fetch
from kernel.guest import boot
from kernel.images import SUITES, LabError

__all__ = ["MEBIBYTES", "kallsyms", "memory_image"]

MEBIBYTES = 256
#: A shell with a history and an open file, a few programs, a mount, a socket.
SCRIPT = """\
exec 3>&1 >/dev/null
ip link set lo up
mkdir /tmp/a && mount -t tmpfs none /tmp/a && echo content >/tmp/a/file
nc -l -p 4242 &
sleep 10000 &
SECRET=known setsid sleep 20000 &
mkfifo /tmp/keys
HISTFILE= setsid bash --norc -i </tmp/keys 2>/dev/null &
exec 4>/tmp/keys
echo 'exec 5</tmp/a/file' >&4
echo 'echo first of three >/tmp/a/said' >&4
echo 'cat /proc/version >/dev/null' >&4
echo 'sleep 30000' >&4
while ! pidof sleep | grep -q ' .* '; do sleep 1; done
gzip -c /proc/kallsyms >&3
"""
PT_LOAD = 1


def _folder() -> Path:
    root: Path = fetch.cache_root()
    folder = root / "memory"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def kallsyms(suite: str) -> Path:
    """Return the guest's /proc/kallsyms, made with its image."""
    return memory_image(suite).with_suffix(".kallsyms")


def memory_image(suite: str) -> Path:
    """Return a raw image, made if it is missing.

    Raises:
        LabError: The guest can't be made, or fails.
        FetchError: A part of it can't be fetched.

    Cost: half a minute and 256 MB the first time.
    """
    path = _folder() / f"{suite}.raw"
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        outcome = boot(
            suite,
            SCRIPT,
            put=_bash(),
            modules=("nf_conntrack", "virtio_net", "xfs"),
            memory=MEBIBYTES,
            vmcore=partial,
        )
        if outcome.status:
            partial.unlink()
            raise LabError(f"the guest's script fails: {outcome.text}")
        path.with_suffix(".kallsyms").write_bytes(gzip.decompress(outcome.output))
        raw = path.with_suffix(f".{os.getpid()}.raw")
        _to_raw(partial, raw)
        partial.unlink()
        raw.replace(path)
    return path


def _bash() -> dict[str, Path | bytes]:
    """Return this machine's bash with its libraries, where its loader looks for them."""
    program = shutil.which("bash")
    if program is None:
        raise LabError("there is no bash here to be run in the guest")
    listing = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
    words = listing.stdout.split()
    files = [Path(word) for word in words if word.startswith("/")]
    return {"/bin/bash": Path(program).resolve(), **{str(p): p.resolve() for p in files}}


def _to_raw(core: Path, raw: Path) -> None:
    """Write the memory in a core file by physical address, up to the guest's memory's end."""
    end = MEBIBYTES << 20
    with open(core, "rb") as source, open(raw, "wb") as target:
        header = source.read(64)
        (table,) = struct.unpack_from("<Q", header, 32)
        size, number = struct.unpack_from("<HH", header, 54)
        source.seek(table)
        rows = source.read(size * number)
        for at in range(0, len(rows), size):
            kind, _, offset, _, address, in_file = struct.unpack_from("<IIQQQQ", rows, at)
            if kind == PT_LOAD and address < end:
                source.seek(offset)
                target.seek(address)
                target.write(source.read(min(in_file, end - address)))
        target.truncate(end)


if __name__ == "__main__":
    for what in sys.argv[1:] or ("6.1", "6.12"):
        print(memory_image(SUITES.get(what, what)))
