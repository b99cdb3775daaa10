"""A disk that is full, a process that is killed: no half file, and what was there stays."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support import COMMAND
from support_containers import KERNEL, compile_c, complaint, program, run

#: Bytes that a process may write to a file where the disk is to be full.
ROOM = 1 << 16


def small_room() -> None:
    """Let a process write no more than ROOM bytes to a file, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.fixture
def large(copy: Path) -> Path:
    """Return kernel a with more BTF than there is room for."""
    types = "".join(f"struct type_{n} {{ int member_{n}; }} v{n};\n" for n in range(2500))
    compile_c(types + KERNEL.replace("VERSION", "1"), copy)
    return copy


@pytest.mark.parametrize("name", ["out.btf", "out.elf"])
def test_a_full_disk(large, tmp_path, name):
    """The error names the file; what was there stays, and nothing is beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("old")
    done = run("encode", large, "-o", folder / name, preexec_fn=small_room)
    assert f"{folder / name}: " in complaint(done)
    assert (folder / name).read_text() == "old"
    assert os.listdir(folder) == [name]


def test_a_full_disk_in_place(large):
    """The file stays what it was, whoever runs out of room."""
    before = large.read_bytes()
    complaint(run("encode", "--in-place", large, preexec_fn=small_room))
    assert large.read_bytes() == before
    assert os.listdir(large.parent) == ["a"]


def test_a_full_device(kernels):
    """What can't be renamed to is written to directly, and fails by name."""
    done = run("encode", kernels / "a", "-o", "/dev/full")
    assert complaint(done) == "dwarfless: /dev/full: No space left on device\n"
    with open("/dev/full", "wb") as full:
        command = [*COMMAND, "encode", str(kernels / "a"), "-o", "-"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr.splitlines()[0] == "dwarfless: standard output: No space left on device"
    assert done.returncode != 0


SLOW_WRITE = """
import os, sys, time
real = os.fsync
def fsync(handle):
    print("now", flush=True)
    time.sleep(60)
os.fsync = fsync
from dwarfless.cli.main import main
main()
"""


@pytest.mark.parametrize("arguments", [["-o", "{out}/a"], ["--in-place"]])
def test_killed_while_writing(copy, tmp_path, arguments):
    """kill -9 before the rename: the old file stays; what is left says that it is temporary."""
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(copy, out / "a")
    before = (out / "a").read_bytes()
    given = [word.format(out=out) for word in arguments]
    source = out / "a" if given == ["--in-place"] else copy
    command = [sys.executable, "-c", SLOW_WRITE, "encode", str(source), *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "now\n"
        child.send_signal(signal.SIGKILL)
    assert (out / "a").read_bytes() == before
    (left,) = [entry for entry in os.listdir(out) if entry != "a"]
    assert left.startswith(".a.")
    assert left.endswith(".tmp")


def test_killed_while_objcopy_runs(copy, tmp_path):
    """The file is untouched; objcopy may finish what nobody will look at."""
    started = tmp_path / "started"
    script = program(f'touch {started}; sleep 1; exec objcopy "$1" "$2" "$3"')(tmp_path)
    before = copy.read_bytes()
    command = [*COMMAND, "encode", "--in-place", str(copy)]
    with subprocess.Popen(command, env={**os.environ, "OBJCOPY": str(script)}) as child:
        end = time.monotonic() + 30
        while not started.exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert started.exists()
        child.kill()
    assert copy.read_bytes() == before
    (left,) = [entry for entry in os.listdir(copy.parent) if entry != "a"]
    assert left.startswith(".a.")
    assert left.endswith(".tmp")
