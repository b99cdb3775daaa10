"""Run a script in a real kernel.

In:  a kernel, a shell script, files, modules.
Out: the script's exit status and output, and the kernel's messages.

The guest is a busybox in memory, or a disk that lasts over boots. Its init marks the boot, loads
the modules, runs the script and switches off. What is meant for the guest refuses to run anywhere
else.
"""

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import fetch
from kernel.archive import Archive
from kernel.images import Kernel, LabError, find_kernel
from kernel.machine import NO_CX16, Machine

__all__ = ["Outcome", "boot", "guarded"]

#: Where init notes which boot is the guest's; a host has no such file.
MARK = "/run/dwarfless-guest"
BOOT_ID = "/proc/sys/kernel/random/boot_id"

#: Comes before every script: it must be a child of the guest's init, in the boot init marked.
GUARD = f"""\
[ "$PPID" = 1 ] && [ -s {MARK} ] && cmp -s {MARK} {BOOT_ID} || {{
  echo "this script is for the lab's guest and does damage elsewhere" >&2
  exit 125
}}
"""

INIT = f"""\
#!/bin/sh
# The kernel starts this, alone, with nothing mounted.
[ $$ = 1 ] && [ ! -e {BOOT_ID} ] || {{
  echo "this is the init of the lab's guest" >&2
  exit 125
}}
export PATH=/usr/local/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
cat {BOOT_ID} >{MARK}
stty -F /dev/ttyS1 raw
stty -F /dev/ttyS2 raw
for module in /lab/modules/*.ko; do
  [ -e "$module" ] || continue
  insmod "$module" || echo "lab: $module does not load" >/dev/ttyS1
done
mkdir /run/lab
cp /lab/* /run/lab 2>/dev/null
if [ -e /lab/disk ]; then
  mount -t ext4 /dev/vda /disk || echo "lab: no disk" >/dev/ttyS1
  for place in dev proc run sys; do mount --move /$place /disk/$place; done
  exec switch_root /disk /bin/sh /run/lab/finish
fi
exec sh /lab/finish
"""

#: The rest of init, on the root where the script runs.
FINISH = f"""\
[ $$ = 1 ] && cmp -s {MARK} {BOOT_ID} || {{
  echo "this is the init of the lab's guest" >&2
  exit 125
}}
cd /root
sh /run/lab/run </dev/null >/dev/ttyS1 2>&1
status=$?
sync
[ -e /run/lab/disk ] && mount -o remount,ro /
echo $status >/dev/ttyS2
[ -e /run/lab/stay ] && exec sleep 1000000
poweroff -f
"""

#: What a disk needs.
DISK_MODULES = ("virtio_pci", "virtio_blk", "ext4")


@dataclass(frozen=True)
class Outcome:
    """What came of a boot.

    Attributes:
        status: The script's exit status.
        output: What it printed, errors among it.
        console: The kernel's messages.
        seconds: From power-on to power-off.
    """

    status: int
    output: bytes
    console: str
    seconds: float

    @property
    def text(self) -> str:
        """The output as text."""
        return self.output.decode(errors="replace")


def guarded(script: str) -> str:
    """Return a shell script that runs in the guest and nowhere else."""
    return GUARD + script + "\n"


def boot(
    kernel: str | Path | Kernel,
    script: str,
    *,
    put: Mapping[str, Path | bytes] | None = None,
    modules: Sequence[str] = (),
    arguments: str = "",
    memory: int = 1024,
    timeout: float = 180,
    vmcore: Path | None = None,
    disk: Path | None = None,
) -> Outcome:
    """Boot a kernel, run a script in it, switch it off.

    Args:
        kernel: As for find_kernel.
        script: For busybox's sh, in the folder /root.
        put: Path in the guest, relative to /root unless absolute, to a file or its content;
            modes are kept, contents are executable.
        modules: Names of the kernel's modules to load first, with what they depend on.
        arguments: Added to the kernel's command line.
        memory: In MiB.
        timeout: In seconds, for all of it.
        vmcore: Where to write the guest's memory after the script has ended.
        disk: Image of an ext4 with a busybox as /bin/sh, the guest's root; it is written to, and
            its programs may use cmpxchg16b.

    Raises:
        LabError: It can't be made, or comes to no end.
        FetchError: A part of it can't be fetched.
    """
    if not isinstance(kernel, Kernel):
        kernel = find_kernel(kernel)
    # The core file holds the kernel's own description of itself only if the kernel handed it over.
    modules = [*modules, "qemu_fw_cfg"] if vmcore else modules
    if disk:
        arguments += f" {NO_CX16}"
        # Some kernels have a part of it built in.
        known = kernel.module_files
        modules = [*(name for name in DISK_MODULES if name in known), *modules]
    marks = [mark for mark, wanted in (("stay", vmcore), ("disk", disk)) if wanted]
    content = root_archive(kernel, script, put or {}, modules, marks)
    line = f"console=ttyS0 quiet loglevel=5 panic=-1 {arguments}"
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        folder = Path(name)
        initramfs = folder / "initramfs"
        initramfs.write_bytes(content)
        devices = ["-device", "vmcoreinfo"] if vmcore else []
        devices += ["-drive", f"file={disk},if=virtio,format=raw"] if disk else []
        with Machine(folder, kernel.image, initramfs, line, memory, devices) as machine:
            status = machine.wait_for_status(timeout)
            if vmcore:
                machine.dump(vmcore)
            machine.wait_for_end(60)
            output, console = machine.line("output"), machine.line("console")
    text = console.decode(errors="replace").replace("\r\n", "\n")
    return Outcome(status, output, text, time.monotonic() - start)


def root_archive(
    kernel: Kernel,
    script: str,
    put: Mapping[str, Path | bytes],
    modules: Sequence[str],
    marks: Sequence[str] = (),
) -> bytes:
    """Return the guest's root file system."""
    archive = Archive()
    for folder in ("proc", "sys", "dev", "run", "tmp", "root", "etc", "disk"):
        archive.folder(folder)
    archive.device("dev/console", 5, 1)
    busybox = fetch.find_busybox() or fetch.busybox()
    archive.add("bin/busybox", busybox.read_bytes(), 0o755)
    listing = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in listing.stdout.split():
        if applet != "busybox":
            archive.link(f"bin/{applet}", "busybox")
    # Where the kernel looks for modprobe.
    archive.link("sbin", "bin")
    archive.add("init", INIT.encode(), 0o755)
    archive.add("lab/run", guarded(script).encode())
    archive.add("lab/finish", FINISH.encode())
    for mark in marks:
        archive.add(f"lab/{mark}", b"")
    for number, (name, content) in enumerate(kernel.with_dependencies(modules)):
        archive.add(f"lab/modules/{number:03}-{name}.ko", content)
    for place, what in put.items():
        name = place.removeprefix("/") if place.startswith("/") else f"root/{place}"
        if isinstance(what, bytes):
            archive.add(name, what, 0o755)
        else:
            _put(archive, name, what)
    return archive.finish()


def _put(archive: Archive, name: str, path: Path) -> None:
    """Add a file, or a folder with all below it."""
    if path.is_symlink():
        archive.link(name, str(path.readlink()))
    elif path.is_dir():
        archive.folder(name)
        for child in sorted(path.iterdir()):
            _put(archive, f"{name}/{child.name}", child)
    elif path.is_file():
        archive.add(name, path.read_bytes(), path.stat().st_mode & 0o777)
    else:
        raise LabError(f"{path} is no file and no folder")
