#!/usr/bin/env python3
"""Compare dwarfless with pahole, bpftool and libbpf, and with the machine's floor.

In:  names of cases; all if none are given. Kernels and peers are fetched when missing.
Out: a table a case: medians of wall time, CPU time and peak memory, and ratios; JSON and a chart
     if asked for. Nothing is kept between runs.

    bench/run.py                        all cases; ten minutes on two cores
    bench/run.py encode-6.12 --runs 5 --cpus 0,1
    bench/run.py growth --chart docs/growth.svg
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cases import CASES, VERSIONS, Kitchen, fetch
from chart import growth_chart
from growth import Growth, fit, measure_growth
from measuring import Sample, alternate, medians, read_once


def table(figures: dict[str, Sample]) -> str:
    """Return a case's figures as a Markdown table, with what they are times ours and the floor."""
    peer, *_ = figures
    ours = figures["dwarfless"]
    columns = ("wall s", "CPU s", "memory MB", "with files MB")
    lines = [f"| | {' | '.join(columns)} |", "|---|---:|---:|---:|---:|"]

    def row(name: str, values: tuple[float, ...], digits: tuple[int, ...]) -> str:
        cells = (f"{v:.{d}f}" if v >= 0 else "" for v, d in zip(values, digits, strict=True))
        return f"| {name} | {' | '.join(cells)} |"

    def values(sample: Sample) -> tuple[float, ...]:
        return sample.wall, sample.cpu, sample.anonymous / 1e6, sample.peak / 1e6

    for name, sample in figures.items():
        lines.append(row(name, values(sample), (3, 3, 0, 0)))
    ratios = tuple(
        a / b if b else -1 for a, b in zip(values(figures[peer]), values(ours), strict=True)
    )
    lines.append(row(f"{peer} / dwarfless", ratios, (2, 2, 2, 2)))
    if "scan" in figures:
        floor = figures["scan"]
        lines.append(
            row(
                "dwarfless / scan",
                (ours.wall / floor.wall, ours.cpu / floor.cpu, -1, -1),
                (2, 2, 0, 0),
            )
        )
    return "\n".join(lines)


def growth_table(growth: list[Growth]) -> str:
    """Return what shares of the units took, and how straight the line is."""
    units = [float(row.units) for row in growth]
    lines = [
        "| units | pahole CPU s | dwarfless CPU s | pahole MB | dwarfless MB |",
        "|---:|---:|---:|---:|---:|",
    ]
    for row in growth:
        theirs, ours = row.samples["pahole"], row.samples["dwarfless"]
        lines.append(
            f"| {row.units} | {theirs.cpu:.2f} | {ours.cpu:.2f} "
            f"| {theirs.anonymous / 1e6:.0f} | {ours.anonymous / 1e6:.0f} |"
        )
    slope, start, straight = fit(units, [row.samples["dwarfless"].cpu for row in growth])
    lines += ["", f"CPU is {start:.2f} s + {slope * 1000:.3f} ms a unit, R² = {straight:.4f}."]
    first, last = growth[0].samples["dwarfless"], growth[-1].samples["dwarfless"]
    lines.append(
        f"Eight times the units take {last.anonymous / first.anonymous:.2f} times the memory."
    )
    return "\n".join(lines)


def measure_all(
    names: list[str], kitchen: Kitchen, runs: int, chart: Path | None
) -> dict[str, Any]:
    """Measure and print each case; return all samples."""
    taken: dict[str, Any] = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        if name == "growth":
            source = fetch.kernel(VERSIONS["6.12"])
            commands = {
                "pahole": kitchen.pahole(source),
                "dwarfless": kitchen.encode(source),
                "scan": kitchen.scan(source),
            }
            growth = measure_growth(source, kitchen.folder, commands, runs)
            print(f"\n{name}: cost against units, 6.12\n\n{growth_table(growth)}", flush=True)
            if chart is not None:
                chart.write_text(growth_chart(growth))
            taken[name] = [asdict(row) for row in growth]
            continue
        case = CASES[name](kitchen)
        for path in case.reads:
            read_once(path)
        samples = alternate(case.contenders, runs)
        figures = {who: medians(rows) for who, rows in samples.items()}
        print(f"\n{name}: {case.title}\n\n{table(figures)}", flush=True)
        taken[name] = {who: [asdict(row) for row in rows] for who, rows in samples.items()}
    return taken


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    known = [*CASES, "growth"]
    parser.add_argument("case", nargs="*", help=f"{', '.join(known)}; default: all")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cpus", help="comma list; default: all this process may use")
    parser.add_argument("--json", type=Path, help="write every sample there")
    parser.add_argument("--chart", type=Path, help="write the chart of `growth` there")
    arguments = parser.parse_args()
    names = arguments.case or known
    if unknown := set(names) - set(known):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if arguments.cpus:
        os.sched_setaffinity(0, {int(cpu) for cpu in arguments.cpus.split(",")})
    jobs = len(os.sched_getaffinity(0))
    fetch.peers()
    print(
        f"Medians of {arguments.runs} runs on {jobs} CPUs, {platform.machine()}, load before "
        f"{os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as folder:
        taken = measure_all(names, Kitchen(Path(folder), jobs), arguments.runs, arguments.chart)
    if arguments.json:
        arguments.json.write_text(json.dumps(taken, indent=1))


if __name__ == "__main__":
    main()
