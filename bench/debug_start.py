#!/usr/bin/env python3
"""Compare how drgn starts on a core file: with the kernel's DWARF, with its BTF and extra.

In:  the cores of tests/kernel/cores.py and their kernels' debug files; made and fetched when
     missing. drgn, and a dwarfless installed beside it.
Out: a table a kernel, of medians: time to the first variable's address and type, time to the first
     tasks, both counted from a Python that has imported drgn; memory then; time of a whole process
     to its first prompt.

    bench/debug_start.py                  6.1, 6.12 and 7.2; three minutes on two cores
    bench/debug_start.py 6.12 --runs 9

Both say the same, or it is an error. They take turns, so a machine that slows down slows both.
"""

import argparse
import json
import os
import pty
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

from measuring import read_once  # noqa: E402

import fetch  # noqa: E402
from kernel.cores import core  # noqa: E402
from kernel.images import SUITES  # noqa: E402

CHILD = Path(__file__).with_name("debug_child.py")
PLAIN = {"DRGN_DISABLE_PLUGINS": "*"}
#: What drgn prints before its prompt, and that.
BANNER, PROMPT = b"from drgn.helpers.linux import *\r\n", b">>> "
ROWS = ("first variable", "first tasks", "first prompt")
Figures = dict[str, tuple[float, ...]]


def steps(dump: Path, vmlinux: Path | None) -> tuple[Figures, Any]:
    """Return what one run took to each step, and what it said."""
    command = [sys.executable, str(CHILD), str(dump), *([str(vmlinux)] if vmlinux else [])]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | PLAIN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    found = json.loads(done.stdout)
    named = zip(ROWS, found["steps"].values(), strict=False)
    return {name: tuple(row) for name, row in named}, found["said"]


def prompt(command: list[str], environment: dict[str, str]) -> tuple[float, ...]:
    """Return what a program took from its start to its first prompt on a terminal."""
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if not pid:
        os.execvpe(command[0], command, os.environ | environment)
    shown = b""
    # The banner has lines that look like a prompt.
    while not shown.rpartition(BANNER)[2].endswith(PROMPT) or BANNER not in shown:
        try:
            shown += os.read(terminal, 1 << 16)
        except OSError:
            sys.exit(f"{' '.join(command)} ended: {shown.decode(errors='replace').strip()}")
    wall = time.perf_counter() - start
    os.kill(pid, signal.SIGKILL)
    usage = os.wait4(pid, 0)[2]
    os.close(terminal)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10


def measure(dump: Path, vmlinux: Path, runs: int) -> dict[str, Figures]:
    """Return the medians of both, taking turns."""
    drgn = [sys.executable, "-m", "drgn", "-q", "-c", str(dump)]
    debug = "import sys; from dwarfless.cli.main import main; sys.argv[0] = 'dwarfless'; main()"
    prompts = {
        "DWARF": ([*drgn, "--main-symbols", "-s", str(vmlinux)], PLAIN),
        "BTF": ([sys.executable, "-c", debug, "debug", "-q", "-c", str(dump)], {}),
    }
    samples: dict[str, list[Figures]] = {"DWARF": [], "BTF": []}
    for number in range(runs):
        said = []
        for who, taken in samples.items():
            figures, what = steps(dump, vmlinux if who == "DWARF" else None)
            figures["first prompt"] = prompt(*prompts[who])
            taken.append(figures)
            said.append(what)
            print(f"  {number + 1}: {who} {figures['first variable'][0]:.3f} s", file=sys.stderr)
        if said[0] != said[1]:
            sys.exit(f"they differ: {said[0]} with DWARF, {said[1]} with BTF")
    return {
        who: {
            name: tuple(map(statistics.median, zip(*(t[name] for t in taken), strict=True)))
            for name in ROWS
        }
        for who, taken in samples.items()
    }


def table(figures: dict[str, Figures]) -> str:
    """Return the medians as a Markdown table, and how many times ours DWARF's are."""
    columns = ("wall s", "CPU s", "peak memory MB", "of it anonymous MB")
    lines = [f"| | {' | '.join(columns)} |", "|---|---:|---:|---:|---:|"]
    for name in ROWS:
        for who in figures:
            wall, cpu, *memory = figures[who][name]
            cells = [f"{wall:.2f}", f"{cpu:.2f}", *(f"{size / 1e6:.0f}" for size in memory)]
            lines.append(f"| {name}, {who} | {' | '.join(cells + [''] * (4 - len(cells)))} |")
        ratios = (
            f"{a / b:.1f}"
            for a, b in zip(figures["DWARF"][name], figures["BTF"][name], strict=True)
        )
        cells = list(ratios)
        lines.append(f"| DWARF / BTF | {' | '.join(cells + [''] * (4 - len(cells)))} |")
    return "\n".join(lines)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("version", nargs="*", help=f"{', '.join(SUITES)}; default: all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write all medians there")
    arguments = parser.parse_args()
    versions = arguments.version or list(SUITES)
    if unknown := set(versions) - set(SUITES):
        parser.error(f"no such version: {', '.join(sorted(unknown))}")
    print(f"Medians of {arguments.runs} runs, load before {os.getloadavg()[0]:.1f}")
    taken = {}
    for version in versions:
        suite = SUITES[version]
        dump, vmlinux = core(suite), fetch.find_kernel(suite) or fetch.kernel(suite)
        for path in (dump, vmlinux):
            read_once(path)
        steps(dump, None)
        taken[version] = measure(dump, vmlinux, arguments.runs)
        print(f"\n{version}\n\n{table(taken[version])}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(taken, indent=1))


if __name__ == "__main__":
    main()
