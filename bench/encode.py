#!/usr/bin/env python3
"""Compare `dwarfless encode` with pahole on one file, in one run.

In:  an ELF file with DWARF, or a suite whose kernel is fetched.
Out: medians of wall time, CPU time and peak memory, and their ratios; JSON if asked for.

The two run in turn (A B A B ...) on the same CPUs with the same features, so a machine that
slows down slows both. Peak memory is the largest resident set (wait4(2)), which counts the
mapped input; anonymous memory is what the process itself took, sampled from /proc/PID/status.

    bench/encode.py trixie --runs 5 --cpus 0,1
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import fetch  # noqa: E402

#: What the kernel's own build asks for.
FEATURES = (
    "encode_force,var,float,enum64,decl_tag,type_tag,"
    "optimized_func,consistent_func,decl_tag_kfuncs"
)
#: Seconds between two looks at a process's memory.
SAMPLING = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one encoder.

    Attributes:
        wall: Seconds by the clock.
        cpu: Seconds of all threads, user and system.
        peak: Largest resident set, in bytes.
        anonymous: Largest anonymous memory seen, in bytes.
        size: Bytes of BTF written.
    """

    wall: float
    cpu: float
    peak: int
    anonymous: int
    size: int


def anonymous_memory(pid: int) -> int:
    """Return a process's anonymous resident memory in bytes, 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def measure(command: list[str], output: Path, cpus: set[int]) -> Sample:
    """Run a command that writes a file; return what it took."""
    output.unlink(missing_ok=True)
    # A file, since a full pipe would stop the child.
    complaints = output.with_suffix(".stderr")
    os.sched_setaffinity(0, cpus)
    start = time.perf_counter()
    with open(complaints, "wb") as stderr:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=stderr)
    anonymous = 0
    while True:
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            break
        anonymous = max(anonymous, anonymous_memory(child.pid))
        time.sleep(SAMPLING)
    wall = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode or not output.exists():
        sys.exit(f"{command[0]} failed: {complaints.read_text(errors='replace').strip()}")
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(wall, cpu, usage.ru_maxrss << 10, anonymous, output.stat().st_size)


def commands(source: Path, output: Path, jobs: int, features: str) -> dict[str, list[str]]:
    """Return what each encoder is run as."""
    fetch.peers()
    beside = Path(sys.executable).with_name("dwarfless")
    dwarfless = str(beside) if beside.exists() else shutil.which("dwarfless")
    if dwarfless is None:
        sys.exit("dwarfless is not installed: run ./check or ./demo first")
    ours = [dwarfless, "encode", str(source), "-o", str(output), f"--features={features}"]
    theirs = [f"-j{jobs}", f"--btf_features={features}", "--lang_exclude=rust"]
    return {
        "pahole": [
            *fetch.peer_command("pahole"),
            "-J",
            *theirs,
            f"--btf_encode_detached={output}",
            str(source),
        ],
        "dwarfless": [*ours, f"--jobs={jobs}", "--no-progress"],
    }


def medians(samples: list[Sample]) -> dict[str, float]:
    """Return the median of each figure."""
    rows = [asdict(sample) for sample in samples]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def table(figures: dict[str, dict[str, float]]) -> str:
    """Return the figures side by side, with dwarfless's share of pahole's."""
    units = {
        "wall": (1.0, "s"),
        "cpu": (1.0, "s"),
        "peak": (1e6, "MB"),
        "anonymous": (1e6, "MB"),
        "size": (1e6, "MB"),
    }
    lines = [f"{'':14}{'pahole':>12}{'dwarfless':>12}{'ratio':>8}"]
    for name, (scale, unit) in units.items():
        theirs, ours = figures["pahole"][name] / scale, figures["dwarfless"][name] / scale
        lines.append(f"{name + ' ' + unit:14}{theirs:12.2f}{ours:12.2f}{ours / theirs:8.2f}")
    return "\n".join(lines)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("source", help="ELF file, or bookworm, trixie, sid")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cpus", help="comma list; default: all this process may use")
    parser.add_argument("--features", default=FEATURES)
    parser.add_argument("--json", type=Path, help="write every sample there")
    arguments = parser.parse_args()
    suite = arguments.source in fetch.SUITES
    source = fetch.kernel(arguments.source) if suite else Path(arguments.source)
    allowed = os.sched_getaffinity(0)
    cpus = {int(cpu) for cpu in arguments.cpus.split(",")} if arguments.cpus else allowed
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.btf"
        runs = commands(source, output, len(cpus), arguments.features)
        samples: dict[str, list[Sample]] = {name: [] for name in runs}
        # Neither shall be the one that reads the file from disk. Not read at once: what this
        # process holds when it forks would count as the child's peak.
        with open(source, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
        for number in range(arguments.runs):
            for name, command in runs.items():
                sample = measure(command, output, cpus)
                samples[name].append(sample)
                print(f"{number + 1}: {name} {sample.wall:.2f} s", file=sys.stderr)
    figures = {name: medians(taken) for name, taken in samples.items()}
    print(f"{source.name}: medians of {arguments.runs} runs on {len(cpus)} CPUs\n")
    print(table(figures))
    if arguments.json:
        taken = {name: [asdict(sample) for sample in rows] for name, rows in samples.items()}
        arguments.json.write_text(json.dumps({"medians": figures, "samples": taken}, indent=1))


if __name__ == "__main__":
    main()
