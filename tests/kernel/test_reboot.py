"""install, status and uninstall on a machine that is switched off and on again.

Its disk has Debian's kmod and systemd-modules-load, this Python, and the kernel's debug file.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import fetch
import support
from dwarfless.cli.main import cli
from kernel.guest import Outcome, boot
from kernel.images import SUITES, Kernel, find_kernel
from kernel.roots import put_python

pytestmark = pytest.mark.kernel

VERSION, MODULE = "6.12", "nf_conntrack"
EXTRA = "vmlinux_btf_extra"

#: What is on the disk, with what depmod wrote; folders among it.
HELPERS = """\
say() { echo "== $1"; }
list() { ls /sys/kernel/btf | tr '\\n' ' '; echo; }
snapshot() {
  find / -xdev ! -path '/root*' | sort
  find /etc /lib/modules /var -type f -exec sha256sum {} + | sort
}
ask() { date +%s; dwarfless "$@" 2>&1; echo "status $?"; date +%s; }
"""

FIRST = f"""\
snapshot >/root/before
/usr/lib/systemd/systemd-modules-load; say start; list
say nothing; ask status
say build; ask install --build --always
cp /lib/modules/*/updates/vmlinux-btf-extra.ko* /root
say module; ask install /root/{MODULE}.elf --always
/usr/sbin/modprobe {MODULE}
say load; ask status --load; list
"""

SECOND = f"""\
/usr/lib/systemd/systemd-modules-load; say boot; list
/usr/sbin/modprobe {MODULE}; say after; list
say status; ask status
say uninstall; ask uninstall; snapshot | diff - /root/before && echo as before
say ready; ask install /root/vmlinux-btf-extra.ko*
"""

THIRD = """\
/usr/lib/systemd/systemd-modules-load; say boot; list
say status; ask status
say uninstall; ask uninstall; snapshot | diff - /root/before && echo as before
"""


@dataclass(frozen=True)
class Host:
    """A machine.

    Attributes:
        image: Its kernel.
        disk: Its disk.
    """

    image: Kernel
    disk: Path

    def boot(self, script: str, arguments: str = "") -> dict[str, str]:
        """Switch it on, run a script, switch it off; return what was said by headings."""
        outcome: Outcome = boot(
            self.image, HELPERS + script, disk=self.disk, arguments=arguments, memory=2048
        )
        assert outcome.status == 0, outcome.text
        assert "WARNING" not in outcome.console
        pieces = (piece.partition("\n") for piece in outcome.text.split("== ")[1:])
        return {heading: said for heading, _, said in pieces}


@support.needs
def debian() -> tuple[Kernel, Path, Path]:
    """Return the kernel, a root with kmod and systemd, and busybox."""
    busybox: Path = fetch.find_busybox() or fetch.busybox()
    return find_kernel(VERSION), fetch.root(SUITES[VERSION]), busybox


def put_system(root: Path, source: Path, busybox: Path) -> None:
    """Put what loads modules into a root; the rest is busybox."""
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "run", "sys", "tmp", "root", "etc", "var/lib"):
        (root / name).mkdir(parents=True)
    names = ["usr/bin/kmod", "usr/lib/systemd/systemd-modules-load"]
    names += [f"usr/sbin/{name}" for name in ("modprobe", "insmod", "rmmod", "lsmod", "depmod")]
    libraries = ["usr/lib64", "usr/lib/x86_64-linux-gnu"]
    for name in (*names, *libraries):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        command = ["cp", "-a", f"{source}/{name}", (root / name).parent]
        subprocess.run(command, check=True)
    shutil.copy(busybox, root / "bin/busybox")
    listing = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in listing.stdout.split():
        if not any(os.path.lexists(root / folder / applet) for folder in ("bin", "sbin")):
            (root / "bin" / applet).symlink_to("busybox")


def put_modules(root: Path, image: Kernel) -> Path:
    """Put a module and what it depends on into a root, and run depmod; return the folder."""
    folder = root / "usr/lib/modules" / image.module_folder.name
    for name, _ in image.with_dependencies([MODULE]):
        source = image.module_files[name]
        target = folder / source.relative_to(image.module_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(image.module_folder / name, folder)
    subprocess.run(["depmod", "-b", root, folder.name], check=True)
    return folder


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    """Return a machine with a debug file of its kernel, and a module's extra in /root."""
    image, source, busybox = debian()
    vmlinux = support.kernel(SUITES[VERSION])
    folder = tmp_path_factory.mktemp("host")
    root, disk = folder / "root", folder / "disk"
    put_system(root, source, busybox)
    put_python(root)
    put_modules(root, image)
    debug = root / "usr/lib/debug/boot"
    debug.mkdir(parents=True)
    shutil.copy(vmlinux, debug / f"vmlinux-{fetch.release_of(vmlinux)}")
    module, extra = support.module(SUITES[VERSION], MODULE), root / "root" / f"{MODULE}.elf"
    arguments = ["extra", module, "-B", vmlinux, "--no-progress", "-o", extra]
    cli.main([str(argument) for argument in arguments], standalone_mode=False)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", root, disk, "2G"], check=True)
    shutil.rmtree(root)
    return Host(image, disk)


def test_install_status_uninstall(host):
    """Built there, loaded after a reboot; nothing is left, also of what modules_load= names."""
    first = host.boot(FIRST)
    print(*first.items(),sep='\n')
    second = host.boot(SECOND)
    print(*second.items(),sep='\n')
    third = host.boot(THIRD, "modules_load=vmlinux-btf-extra")
    print(*third.items(),sep='\n')
    assert 0
