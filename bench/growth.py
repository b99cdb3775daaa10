"""Time and memory against the number of units.

In:  a vmlinux.
Out: copies of it whose .debug_info ends after 1/8, 1/4, 1/2 and all of its units, what encoding
     each takes, and the straight line through that.

Units of a kernel don't refer to each other, so a file cut between two of them is sound DWARF.
"""

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import Sample, alternate, medians

__all__ = ["SHARES", "Growth", "cut", "fit", "measure_growth"]

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)


@dataclass(frozen=True, slots=True)
class Growth:
    """What a share of the units took.

    Attributes:
        units: How many units the file had.
        samples: Contender -> medians.
    """

    units: int
    samples: dict[str, Sample]


def find_header(content: memoryview, name: bytes) -> int:
    """Return where in a 64-bit little-endian ELF file a section's header is."""
    (table,) = struct.unpack_from("<Q", content, 40)
    width, count, strings = struct.unpack_from("<HHH", content, 58)
    (names,) = struct.unpack_from("<Q", content, table + strings * width + 24)
    for index in range(count):
        at = table + index * width
        start = names + struct.unpack_from("<I", content, at)[0]
        if bytes(content[start : start + len(name) + 1]) == name + b"\0":
            return int(at)
    raise ValueError(f"no {name.decode()}")


def unit_ends(info: memoryview) -> list[int]:
    """Return where each unit of a .debug_info ends."""
    ends = [0]
    while ends[-1] < len(info):
        (length,) = struct.unpack_from("<I", info, ends[-1])
        ends.append(ends[-1] + 4 + length)
    return ends[1:]


def cut(source: Path, share: float, output: Path) -> int:
    """Write a copy of an ELF file with the first units only; return how many it has."""
    content = bytearray(source.read_bytes())
    with memoryview(content) as view:
        header = find_header(view, b".debug_info")
        offset, size = struct.unpack_from("<QQ", view, header + 24)
        ends = unit_ends(view[offset : offset + size])
        units = max(1, round(len(ends) * share))
        struct.pack_into("<Q", view, header + 32, ends[units - 1])
    output.write_bytes(content)
    return units


def measure_growth(
    source: Path, folder: Path, commands: dict[str, list[str]], runs: int
) -> list[Growth]:
    """Encode ever larger shares of a file; in `commands` the source's path is replaced."""
    found = []
    for share in SHARES:
        part = folder / "part"
        units = cut(source, share, part)
        contenders = {
            name: [[str(part) if word == str(source) else word for word in command]]
            for name, command in commands.items()
        }
        samples = alternate(contenders, runs)
        found.append(Growth(units, {name: medians(rows) for name, rows in samples.items()}))
        part.unlink()
    return found


def fit(xs: list[float], ys: list[float]) -> tuple[float, float, float]:
    """Return slope, value at 0, and how much of the variance the straight line explains (R²)."""
    slope, start = np.polyfit(xs, ys, 1)
    rest = np.asarray(ys) - (slope * np.asarray(xs) + start)
    total = np.asarray(ys) - np.mean(ys)
    return float(slope), float(start), float(1 - (rest @ rest) / (total @ total))
