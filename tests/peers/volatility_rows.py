#!/usr/bin/env python3
"""Compare what Volatility says with our symbols and with others, plugin by plugin.

    PYTHONPATH=tests:tools python tests/peers/volatility_rows.py trixie DWARF2JSON.json.xz

In:  a suite whose memory image the lab makes; an ISF of its kernel made by dwarf2json.
Out: a table; exit status 1 if any rows differ.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from kernel.memory_image import memory_image
from peers import volatility_venv
from support import COMMAND, kernel

PLUGINS = [
    *("pslist", "lsmod", "lsof", "check_syscall", "bash", "psaux", "pstree", "mountinfo"),
    *("boottime", "kmsg", "sockstat", "elfs", "capabilities", "check_modules", "tty_check"),
    "keyboard_notifiers",
]


def make_isf(vmlinux: Path, folder: Path) -> Path:
    """Return an ISF of a kernel's own BTF and its extra."""
    extra, made = folder / "extra", folder / "ours.json.xz"
    subprocess.run([*COMMAND, "extra", vmlinux, "--with-init", "-o", extra], check=True)
    subprocess.run([*COMMAND, "isf", vmlinux, extra, "-o", made], check=True)
    return made


def rows(isf: Path, image: Path, folder: Path) -> Any:
    """Return the rows of all plugins with one ISF."""
    (folder / "linux").mkdir(parents=True)
    shutil.copy(isf, folder / "linux")
    names = [f"linux.{plugin}" for plugin in PLUGINS]
    return volatility_venv.run_plugins(folder, folder / "cache", image, names)


def main() -> None:
    """Run all plugins twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=["bookworm", "trixie"])
    parser.add_argument("isf", type=Path, metavar="DWARF2JSON.json.xz")
    options = parser.parse_args()
    image = memory_image(options.suite)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = rows(make_isf(kernel(options.suite), folder), image, folder / "ours")
        theirs = rows(options.isf, image, folder / "theirs")
    different = 0
    print("| plugin | rows, ours | rows, theirs | |\n| --- | ---: | ---: | --- |")
    for plugin, found in ours.items():
        same = found == theirs[plugin]
        different += not same
        verdict = "the same" if same else "differ"
        print(f"| `{plugin}` | {len(found)} | {len(theirs[plugin])} | {verdict} |")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
