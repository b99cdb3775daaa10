#!/usr/bin/env python3
"""Run drgn's own tests of the Linux kernel in a guest, with DWARF and with BTF and extras.

    drgn_tests.py [6.1] [6.12] [--by dwarf] [--by btf] [--only test_percpu]

In:  kernels, debug files and roots from the cache; drgn and dwarfless of this Python; drgn's
     source distribution.
Out: DIR/KERNEL-BY.json in the cache, where DIR is drgn-tests: what each test came to. On stdout
     the tests that pass by DWARF alone.

The guest's root is a disk with Debian's kmod, this Python and all modules of the kernel.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

if __package__ in (None, ""):
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

import fetch
from kernel.cores import dwarfless, extra_module
from kernel.guest import boot
from kernel.images import SUITES, Kernel, LabError, find_kernel
from kernel.roots import HOME, copied_root, put_drgn, put_python, run_in_root
from peers import drgn_venv

__all__ = ["make_disk", "make_test_module", "run"]

WAYS = ("dwarf", "btf")
#: What drgn's tests load or use, what btrfs asks for besides what it needs, what the disk is on.
DEBUGGED = (
    *("btrfs", "blake2b_generic", "crc32c_intel", "sha256_generic", "xxhash_generic"),
    *("binfmt_misc", "loop", "virtio_pci", "virtio_blk"),
)
EXTRA = "vmlinux_btf_extra"
TEST_EXTRA = "drgn_test_btf"
#: Modules with variables that drgn's scripts look at.
WITH_EXTRA = ("binfmt_misc", "loop")
RUNNER = Path(__file__).with_name("drgn_runner.py")
SETTINGS = {
    "dwarf": "DRGN_DISABLE_PLUGINS=dwarfless",
    "btf": "DRGN_MAX_DEBUG_INFO_ERRORS=5",
}
#: Of the disk, in MB; files have holes where nothing is.
DISK_SIZE = 6000
TIMEOUT = 5400


def make_test_module(suite: str, root: Path, folder: Path) -> Path:
    """Build drgn's test module in a root against the kernel's headers; return it with DWARF."""
    source, build = drgn_venv.source() / "tests/linux_kernel/kmod", root / "build"
    shutil.copytree(source, build)
    release = find_kernel(suite).module_folder.name
    headers = f"/usr/src/linux-headers-{release}"
    run_in_root(root, "make", "-C", headers, "M=/build", "modules")
    made = folder / "drgn_test.ko"
    shutil.move(build / "drgn_test.ko", made)
    shutil.rmtree(build)
    return made


def put_extras(suite: str, module: Path, folder: Path) -> None:
    """Write a module without DWARF but with BTF, its extra, and the kernel's, into a folder."""
    vmlinux, plain = fetch.find_kernel(suite), folder / "drgn_test.ko"
    shutil.copy(module, plain)
    sections = subprocess.run(
        ["readelf", "-SW", plain], capture_output=True, text=True, check=True
    )
    if ".BTF " not in sections.stdout:
        # Debian's headers of 6.1 have no BTF for pahole to split a module's over.
        dwarfless("encode", plain, "--base", vmlinux, "--no-progress", "--in-place")
    subprocess.run(["objcopy", "--strip-debug", plain], check=True)
    debugged = [module, *fetch.modules(suite, WITH_EXTRA)]
    for path, name in zip(debugged, (TEST_EXTRA, *map("{}_btf".format, WITH_EXTRA)), strict=True):
        extra = folder / f"{name}.extra"
        dwarfless("extra", path, "--base", vmlinux, "--no-progress", "-o", extra)
        # What a module says of its kernel is the same in each.
        donors = ("--base", vmlinux, "--for", plain)
        dwarfless("kmod", extra, *donors, "--name", name, "-o", folder / f"{name}.ko")
    shutil.copy(extra_module(suite), folder / f"{EXTRA}.ko")


def put_kernel(kernel: Kernel, root: Path) -> None:
    """Put all modules of a kernel where modprobe finds them."""
    folder = root / "usr/lib/modules" / kernel.module_folder.name
    shutil.copytree(kernel.module_folder, folder, dirs_exist_ok=True, symlinks=True)
    subprocess.run(["depmod", "-b", root, folder.name], check=True)


def put_debug_files(suite: str, kernel: Kernel, root: Path) -> None:
    """Put DWARF of the kernel and of modules that will be loaded where drgn looks."""
    vmlinux, release = fetch.find_kernel(suite), kernel.module_folder.name
    fetch.all_modules(suite)
    debug = root / "usr/lib/debug"
    (debug / "boot").mkdir(parents=True)
    shutil.copy(vmlinux, debug / "boot" / f"vmlinux-{release}")
    source = next(Path(vmlinux).parents[1].glob(f"lib/modules/{release}/kernel"))
    for name, _ in kernel.with_dependencies(
        name for name in DEBUGGED if name in kernel.module_files
    ):
        for spelled in {name, name.replace("_", "-")}:
            for path in source.rglob(f"{spelled}.ko*"):
                target = debug / "lib/modules" / release / "kernel" / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)


def put_tests(root: Path) -> None:
    """Put Python, drgn and its tests."""
    put_python(root)
    put_drgn(root)
    tests = root / "root/drgn"
    unused = shutil.ignore_patterns("libdrgn", "docs", "drgn", "drgn.egg-info", "vmtest")
    shutil.copytree(drgn_venv.source(), tests, ignore=unused)
    shutil.copy(RUNNER, tests)


def make_disk(suite: str, way: str, disk: Path) -> None:
    """Write an image of the guest's root."""
    kernel = find_kernel(suite)
    with copied_root(suite) as root, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        module = make_test_module(suite, root, folder)
        for what in ("usr/src", "usr/lib/gcc", "usr/libexec/gcc"):
            shutil.rmtree(root / what, ignore_errors=True)
        local = root / "usr/local/bin"
        local.mkdir(parents=True, exist_ok=True)
        # GNU's cmp finds a file of /proc to be empty.
        for applet in ("cmp", "less", "poweroff"):
            (local / applet).symlink_to("busybox")
        shutil.copy(fetch.find_busybox() or fetch.busybox(), local / "busybox")
        hosts = root / "etc/hosts"
        hosts.unlink(missing_ok=True)
        hosts.write_text("127.0.0.1 localhost\n")
        put_kernel(kernel, root)
        put_tests(root)
        kept = root / "root/kmod"
        kept.mkdir()
        if way == "btf":
            put_extras(suite, module, kept)
        else:
            shutil.copy(module, kept)
            put_debug_files(suite, kernel, root)
        command = ["mke2fs", "-q", "-t", "ext4", "-d", root, disk, f"{DISK_SIZE}M"]
        subprocess.run(command, check=True)


def script(way: str, only: str) -> str:
    """Return what the guest runs."""
    return f"""\
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root
mount -t tmpfs tmp /tmp
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
mount -t tracefs trace /sys/kernel/tracing
modprobe binfmt_misc && mount -t binfmt_misc binfmt /proc/sys/fs/binfmt_misc
echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p /dev/shm /dev/pts /dev/hugepages
mount -t tmpfs shm /dev/shm
mount -t devpts pts /dev/pts
mount -t hugetlbfs huge /dev/hugepages
ip link set lo up 2>/dev/null || busybox ip link set lo up
for name in drgn_test {TEST_EXTRA} {EXTRA} {" ".join(f"{name}_btf" for name in WITH_EXTRA)}; do
  [ ! -e /root/kmod/$name.ko ] || busybox insmod /root/kmod/$name.ko || echo "no $name"
done
cd /root/drgn
export DRGN_TEST_KMOD=/root/kmod/drgn_test.ko DRGN_RUN_LINUX_KERNEL_TESTS=1 {SETTINGS[way]}
{HOME}/start drgn_runner.py {only}
"""


def run(version: str, way: str, only: str = "") -> dict[str, list[str]]:
    """Run the tests; return outcome, seconds and words of each by name.

    Raises:
        LabError: The guest can't be made, or comes to no end.
        FetchError: A part of it can't be fetched.
    """
    suite = SUITES.get(version, version)
    folder = fetch.cache_root() / "drgn-tests"
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / f"{suite}-{way}.disk"
    # It holds dwarfless as it is now.
    disk.unlink(missing_ok=True)
    make_disk(suite, way, disk)
    outcome = boot(suite, script(way, only), disk=disk, memory=3072, timeout=TIMEOUT)
    found: dict[str, list[str]] = {}
    for line in outcome.text.splitlines():
        if line.startswith("drgn-test: "):
            name, *rest = json.loads(line.removeprefix("drgn-test: "))
            found[name] = rest
    (folder / f"{suite}-{way}.log").write_text(outcome.text + outcome.console)
    if not found:
        raise LabError(f"no test was run: {outcome.text[-400:].strip()}")
    if not only:
        (folder / f"{suite}-{way}.json").write_text(json.dumps(found, indent=0))
    return found


def main() -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("versions", nargs="*", default=["6.1", "6.12"])
    parser.add_argument("--by", action="append", choices=WAYS, help="one way only")
    parser.add_argument("--only", default="", metavar="WORD", help="tests that have it in a name")
    arguments = parser.parse_args()
    for version in arguments.versions:
        found = {way: run(version, way, arguments.only) for way in arguments.by or WAYS}
        for way, tests in found.items():
            counts = dict.fromkeys(("pass", "fail", "skip"), 0)
            for what, *_ in tests.values():
                counts[what] += 1
            print(version, way, *(f"{number} {what}" for what, number in counts.items()))
        if len(found) == len(WAYS):
            for name, (what, _, words) in found["btf"].items():
                if what == "fail" and found["dwarf"].get(name, [""])[0] == "pass":
                    print(f"  {name}: {words.splitlines()[-1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
