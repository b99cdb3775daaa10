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

#: What is on the disk, folders and what depmod wrote among it. Busybox takes names without a
#: path for its own.
HELPERS = """\
say() { echo "== $1"; }
list() { ls /sys/kernel/btf | tr '\\n' ' '; echo; }
snapshot() {
  find / -xdev ! -path '/root*' | sort
  find /etc /lib/modules /var -type f -exec sha256sum {} + | sort
}
ask() { dwarfless "$@" 2>&1; echo "status $?"; }
boot=/usr/lib/systemd/systemd-modules-load
"""

FIRST = f"""\
/usr/sbin/depmod; snapshot >/root/before
$boot; say start; list
say build; ask install --build --always
cp /lib/modules/*/updates/vmlinux-btf-extra.ko /root
say module; ask install /root/{MODULE}.elf --always
/usr/sbin/modprobe {MODULE}
say load; ask status --load; list
"""

SECOND = f"""\
$boot; say boot; list
/usr/sbin/modprobe {MODULE}; say after; list
say status; ask status
say uninstall; ask uninstall; snapshot | diff - /root/before && echo as before
say ready; ask install /root/vmlinux-btf-extra.ko
"""

THIRD = """\
$boot; say boot; list
/usr/sbin/modprobe nf_conntrack; say after; list
say status; ask status
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


def put_modules(root: Path, image: Kernel) -> None:
    """Put a module and what it depends on into a root.

    They are not compressed, so neither are extras: xz takes half a minute in there.
    """
    folder = root / "usr/lib/modules" / image.module_folder.name
    for name, content in image.with_dependencies([MODULE]):
        place = image.module_files[name].relative_to(image.module_folder)
        target = folder / place.with_name(f"{place.name.partition('.ko')[0]}.ko")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(image.module_folder / name, folder)


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


def shown(names: str) -> set[str]:
    """Return the extras in a list of what the kernel shows."""
    return {name for name in names.split() if "btf" in name}


def test_install_status_uninstall(host):
    """Built there, loaded after a reboot; after uninstall no file is left."""
    first = host.boot(FIRST)
    assert shown(first["start"]) == set()
    for part, name in (("build", "vmlinux-btf-extra"), ("module", f"{MODULE}-btf")):
        assert f"updates/{name}.ko\n" in first[part]
        assert first[part].endswith("status 0\n")
    assert first["load"].count(": ok\n") == 4
    assert "at boot   by modules-load.d" in first["load"]
    assert "status 0\n" in first["load"]
    assert shown(first["load"].splitlines()[-1]) == {EXTRA, f"{MODULE}_btf"}

    second = host.boot(SECOND)
    assert shown(second["boot"]) == {EXTRA}
    assert shown(second["after"]) == {EXTRA, f"{MODULE}_btf"}
    assert second["status"].count(": ok\n") == 4
    assert second["status"].endswith("status 0\n")
    assert second["uninstall"].count("removed /") == 4
    assert second["uninstall"].endswith("status 0\nas before\n")
    assert second["ready"].endswith("status 0\n")

    third = host.boot(THIRD, "modules_load=vmlinux-btf-extra")
    assert shown(third["boot"]) == shown(third["after"]) == {EXTRA}
    assert "at boot   by modules_load= on the kernel's command line" in third["status"]
    assert third["status"].endswith("status 0\n")
