#!/usr/bin/env python3
"""Measure what variables cost a running kernel, by each way of having them.

In:  Debian's 6.12 for cloud machines, booted in QEMU (tests/kernel/lab), and its debug modules.
Out: a table: bytes of BTF, and memory by the kernel's own counters.

    bench/kernel_memory.py [--modules 50]

Measured are vmlinux's extra as a module, and all variables of fifty loaded modules: in modules
NAME-btf, loaded and unloaded again, and in the modules' own .BTF. Caches are dropped before each
look, and the free pages that each CPU keeps at hand (/proc/zoneinfo) are added to MemFree. A look
stays uncertain by some 0.1 MB, so vmlinux's extra is loaded under eight names and divided.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

import numpy as np  # noqa: E402

import dwarfless  # noqa: E402
import fetch  # noqa: E402
from dwarfless.containers.donor import Donor  # noqa: E402
from dwarfless.containers.module import encode_module  # noqa: E402
from dwarfless.encoder import encode_elf  # noqa: E402
from dwarfless.graph.options import EncodeOptions  # noqa: E402
from dwarfless.graph.rules import parse_only  # noqa: E402
from dwarfless.graph.type_graph import TypeGraph  # noqa: E402
from kernel.guest import boot  # noqa: E402
from kernel.images import Kernel, find_kernel  # noqa: E402

VERSION, SUITE, COPIES = "6.12", "trixie", 8
#: The closure of these, in the order in which they load, is cut after --modules.
NAMES = [
    *("nf_nat", "nf_tables", "nft_ct", "nft_nat", "nft_chain_nat", "nft_compat", "nft_fib_inet"),
    *(
        "nft_reject",
        "nft_masq",
        "nft_limit",
        "xfs",
        "btrfs",
        "overlay",
        "nfs",
        "nfsd",
        "wireguard",
    ),
    *("vxlan", "veth", "bridge", "bonding", "tun", "dummy", "macvlan", "virtio_net", "dm_crypt"),
    *("raid456", "raid10", "loop", "nvme_tcp", "ip_vs", "ip_set", "cifs", "kvm", "squashfs"),
]

SCRIPT = """\
look() {
  sync; echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; sleep 1
  free=$(awk '/^MemFree/ { n += $2 } $1 == "count:" { n += 4 * $2 } END { print n }' \
    /proc/meminfo /proc/zoneinfo)
  total=0; for f in /sys/kernel/btf/*; do total=$((total + $(stat -c %s $f))); done
  echo "$1 $free $total $(wc -l </proc/modules)"
}
mv_all() { while read m; do insmod $1/$m.ko || echo "failed $m"; done <names; }
copies() { for i in $(seq COPIES); do insmod copies/extra$i.ko; done; }
no_copies() { for i in $(seq COPIES); do rmmod extra$i; done; }
# What a boot leaves behind is gone after the first time.
copies; look warm >/dev/null; no_copies
look start
copies
look copies
no_copies
look gone
mv_all WHICH
look modules
if [ WHICH = plain ]; then
  while read m; do insmod extras/$m.ko; done <names
  look extras
  while read m; do rmmod ${m}_btf; done <names
  look freed
fi
"""


class Look(NamedTuple):
    """Free memory in KiB, and bytes of BTF that the kernel shows."""

    free: int
    btf: int


def replaced(module: bytes, btf: bytes, folder: Path) -> bytes:
    """Return a module with another .BTF section."""
    content, section = folder / "module.ko", folder / "section.btf"
    content.write_bytes(module)
    section.write_bytes(btf)
    subprocess.run(["objcopy", "--update-section", f".BTF={section}", content], check=True)
    return content.read_bytes()


def joined(extra: TypeGraph, own: TypeGraph) -> TypeGraph:
    """Return a module's BTF with its variables behind it: .BTF_ids knows its types by number."""
    words = np.concatenate((own.words, extra.words))
    return TypeGraph.from_words(words, own.strings + extra.strings, base=own.base)


def guest_files(image: Kernel, number: int) -> dict[str, Path | bytes]:
    """Return all modules that are loaded, by their place in the guest."""
    vmlinux = fetch.kernel(SUITE)
    chosen = list(image.with_dependencies(NAMES))[:number]
    debug = fetch.modules(SUITE, [name for name, _ in chosen])
    donor = Donor.load(image.module_files[chosen[0][0]])
    base = dwarfless.load(vmlinux)
    only = EncodeOptions(only=parse_only("vars"), with_init=False)
    put: dict[str, Path | bytes] = {"names": "".join(f"{n}\n" for n, _ in chosen).encode()}
    with tempfile.TemporaryDirectory() as name:
        for (module, content), path in zip(chosen, debug, strict=True):
            extra, _ = encode_elf(path, options=only, base=base)
            inner = dwarfless.load(content, base=base)
            whole = joined(encode_elf(path, options=only, base=inner)[0], inner)
            put[f"plain/{module}.ko"] = content
            put[f"extras/{module}.ko"] = encode_module(extra, donor, f"{module}-btf")
            btf = dwarfless.encode(whole, target=donor.release)
            put[f"whole/{module}.ko"] = replaced(content, btf, Path(name))
    extra, _ = encode_elf(vmlinux, options=only, base=base)
    for copy in range(1, COPIES + 1):
        put[f"copies/extra{copy}.ko"] = encode_module(extra, donor, f"extra{copy}")
    return put


def looks_of(image: Kernel, put: dict[str, Path | bytes], which: str) -> dict[str, Look]:
    """Boot once; return what each look saw."""
    script = SCRIPT.replace("COPIES", str(COPIES)).replace("WHICH", which)
    outcome = boot(image, script, put=put, memory=2048, timeout=600)
    if "failed" in outcome.text:
        sys.exit(outcome.text)
    rows = [line.split() for line in outcome.text.splitlines() if line.count(" ") == 3]
    return {what: Look(int(free), int(btf)) for what, free, btf, _ in rows}


def row(what: str, before: Look, after: Look, parts: int = 1) -> None:
    """Print one line of the table."""
    memory, btf = (before.free - after.free) * 1024 / parts, (after.btf - before.btf) / parts
    print(f"| {what} | {btf / 1e6:.2f} MB | {memory / 1e6:.2f} MB |")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Measure what variables cost a kernel.")
    parser.add_argument("--modules", type=int, default=50)
    number = parser.parse_args().modules
    image = find_kernel(VERSION)
    put = guest_files(image, number)
    plain, whole = looks_of(image, put, "plain"), looks_of(image, put, "whole")
    print("| | BTF | memory |\n|---|---:|---:|")
    row("vmlinux-btf-extra", plain["start"], plain["copies"], COPIES)
    row("after rmmod", plain["start"], plain["gone"])
    row(f"{number} modules", plain["gone"], plain["modules"])
    row("with variables in them", whole["gone"], whole["modules"])
    row("their NAME-btf", plain["modules"], plain["extras"])
    row("after rmmod", plain["modules"], plain["freed"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
