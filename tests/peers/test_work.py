"""Reading units takes as many instructions a DIE as it did, counted and not timed.

callgrind counts what the core executes while it reads a module's units, on one thread. The count
depends on the compiler and on nothing else, so a busy machine doesn't matter.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support import module, running_in_ci

#: GCC 12, -O3, x86-64: what wireguard's DWARF of Debian's 6.12.117 takes.
INSTRUCTIONS_A_DIE = 454
#: Other compilers differ by a tenth; a lost short way or cache costs half as much again.
TOLERANCE = 1.15
#: Names of the core's functions, as Cython writes them.
COUNTED = ("*Store_read_unit*", "*Store_intern_unit*")


def test_work(tmp_path: Path) -> None:
    """The core's instructions a DIE stay within the tolerance."""
    if shutil.which("valgrind") is None:
        if running_in_ci():
            pytest.fail("CI needs valgrind", pytrace=False)
        pytest.skip("NOT TESTED, no valgrind")
    report, count = tmp_path / "report.json", tmp_path / "callgrind"
    done = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", f"--callgrind-out-file={count}"),
            *(f"--toggle-collect={name}" for name in COUNTED),
            *(sys.executable, "-c", "from dwarfless.cli.main import main; main()"),
            *("encode", module("trixie", "wireguard")),
            *("-o", tmp_path / "out.btf", "--jobs=1", "--no-progress", f"--report={report}"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    collected = re.search(r"Collected : (\d+)", done.stderr)
    assert collected is not None, done.stderr
    dies = json.loads(report.read_text())["figures"]["dies"]
    ratio = int(collected[1]) / dies / INSTRUCTIONS_A_DIE
    assert ratio < TOLERANCE, f"{ratio:.2f} times the instructions"
    # Nothing counted means that the names above are no longer the core's.
    assert ratio > 1 / TOLERANCE, f"{ratio:.2f} times: lower INSTRUCTIONS_A_DIE"
