#!/usr/bin/env python3
"""What the profile `debugger` drops, and what it costs to keep the rest.

    machine_made.py KERNEL... [--seed N] [--number N]

In:  vmlinux files with DWARF and .BTF.
Out: for each the bytes of the full extra and of the profile's, how many variables each rule drops,
     and a random sample of the dropped names; docs/rules.md holds the output.
"""

import argparse
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from dwarfless.btf.encode import encode
from dwarfless.containers.load import load
from dwarfless.encoder import encode_elf
from dwarfless.graph.match import Base
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.rules import load_profile, parse_only

FULL = EncodeOptions(only=parse_only("vars"))
DEBUGGER = replace(FULL, rules=load_profile("debugger").rules, with_init=False)


def main() -> None:
    """Print the figures and the sample of each kernel."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kernels", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=2022)
    parser.add_argument("--number", type=int, default=50)
    arguments = parser.parse_args()
    for path in arguments.kernels:
        base = Base(load(path))
        full, _ = encode_elf(path, options=FULL, base=base)
        ours, report = encode_elf(path, options=DEBUGGER, base=base)
        sizes = len(encode(full)), len(encode(ours))
        print(f"{path.name}: {sizes[1]:,} of {sizes[0]:,} bytes, {sizes[1] / sizes[0]:.1%}")
        dropped = [i for i in report.items if i.reason.startswith("machine-made")]
        for reason, number in Counter(item.reason for item in dropped).most_common():
            print(f"  {number:5,} {reason}")
        sample = random.Random(arguments.seed).sample(dropped, arguments.number)
        print("  " + ", ".join(sorted(item.name for item in sample)))


if __name__ == "__main__":
    main()
