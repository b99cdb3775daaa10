"""Small programs that look like kernels, and the command line, run here or as a process.

In:  C text; a command line.
Out: ELF files; how it went.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

from dwarfless.cli.main import cli
from support import COMMAND

__all__ = ["KERNEL", "compile_c", "complaint", "do", "program", "run"]

KERNEL = """
const char banner[] = "Linux version 6.12.1-test (gcc) VERSION";
struct task { struct task *next; int pid; };
struct task init_task;
static int counter = VERSION;
int schedule(struct task *t) { return t->pid + counter++; }
int main(void) { return schedule(&init_task); }
"""


def compile_c(text: str, output: Path, *flags: str) -> None:
    """Compile C with DWARF and a build-id."""
    command = ["gcc", "-g", "-O1", "-Wl,--build-id", "-fno-pie", "-no-pie", *flags]
    subprocess.run([*command, "-x", "c", "-", "-o", output], input=text.encode(), check=True)


def run(*args: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run dwarfless as a process of its own."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*COMMAND, *map(str, args)], capture_output=True, text=True, check=False, **options
    )


def do(*args: str | Path) -> None:
    """Run dwarfless in this process; it has to succeed."""
    assert not cli.main([str(arg) for arg in args], "dwarfless", standalone_mode=False)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line on stderr of a run that failed."""
    assert done.returncode == 1, done
    assert done.stderr.startswith("dwarfless: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def program(text: str) -> Callable[[Path], Path]:
    """Return what puts a script beside the folder of the kernel."""

    def write(folder: Path) -> Path:
        script = folder / "objcopy"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        return script

    return write
