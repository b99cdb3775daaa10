"""Run commands in turn and say what each took.

In:  for each contender the commands that make one run of it.
Out: Samples, and their medians.

Contenders run A B A B ... on the same CPUs, so a machine that slows down slows all of them. Peak
memory is the largest resident set (wait4(2)), which counts mapped files; anonymous memory is what
the process itself took, sampled from /proc/PID/status.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Sample", "alternate", "anonymous_memory", "measure", "medians", "read_once"]

#: Seconds between two looks at a process's memory.
SAMPLING = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contender.

    Attributes:
        wall: Seconds by the clock.
        cpu: Seconds of all threads, user and system.
        peak: Largest resident set of any of its processes, in bytes.
        anonymous: Largest anonymous memory seen in any, in bytes.
    """

    wall: float
    cpu: float
    peak: int
    anonymous: int


def anonymous_memory(pid: int | str) -> int:
    """Return a process's anonymous resident memory in bytes, 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) << 10
    except OSError:
        pass
    return 0


def measure(commands: Sequence[Sequence[str]]) -> Sample:
    """Run commands one after the other; return what they took together.

    Exits if one fails.
    """
    wall = cpu = 0.0
    peak = anonymous = 0
    # Installed packages come compiled; a checkout shall not compile itself anew in each run.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    # A file, since a full pipe would stop the child.
    with tempfile.TemporaryFile() as complaints:
        for command in commands:
            start = time.perf_counter()
            child = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=complaints, env=environment
            )
            while True:
                pid, status, usage = os.wait4(child.pid, os.WNOHANG)
                if pid:
                    break
                anonymous = max(anonymous, anonymous_memory(child.pid))
                # Short runs must not be rounded up to our nap.
                time.sleep(min(SAMPLING, 0.0005 + (time.perf_counter() - start) / 50))
            wall += time.perf_counter() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode:
                complaints.seek(0)
                sys.exit(f"{' '.join(command)} failed: {complaints.read().decode().strip()}")
            cpu += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss << 10)
    return Sample(wall, cpu, peak, anonymous)


def alternate(
    contenders: Mapping[str, Sequence[Sequence[str]]], runs: int
) -> dict[str, list[Sample]]:
    """Run every contender in turn, `runs` times over."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    for number in range(runs):
        for name, commands in contenders.items():
            sample = measure(commands)
            samples[name].append(sample)
            print(f"  {number + 1}: {name} {sample.wall:.3f} s", file=sys.stderr)
    return samples


def medians(samples: Sequence[Sample]) -> Sample:
    """Return the median of each figure."""
    rows = [asdict(sample) for sample in samples]
    return Sample(**{name: statistics.median(row[name] for row in rows) for name in rows[0]})


def read_once(path: Path) -> None:
    """Bring a file into the page cache, so that no contender is the one that reads it.

    Not at once: what this process holds when it forks would count as the child's peak.
    """
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 20):
            pass
