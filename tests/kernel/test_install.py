"""Debian's kmod, in a booted kernel, finds and loads what install has put on an image."""

import shutil
import subprocess
from pathlib import Path

import pytest

import dwarfless
import support
from dwarfless.cli.main import cli
from dwarfless.containers.bind import bind
from dwarfless.containers.write import write_btf
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.rules import parse_only
from kernel.guest import boot
from kernel.images import Kernel, find_kernel

pytestmark = pytest.mark.kernel

VERSION, SUITE, MODULE = "6.12", "trixie", "nf_conntrack"

SCRIPT = """\
say() { echo "== $1"; }
ls /sys/kernel/btf
for name in $(grep -v '^#' /etc/modules-load.d/*.conf); do /opt/kmod/modprobe $name; done
say boot; ls /sys/kernel/btf
/opt/kmod/modprobe nf_conntrack
say module; ls /sys/kernel/btf; echo "status $?"
"""


@support.needs
def debian() -> tuple[Kernel, dict[str, Path | bytes]]:
    """Return the kernel, and this machine's kmod with its libraries for the guest."""
    kmod = shutil.which("kmod") or shutil.which("kmod", path="/usr/bin:/sbin:/bin")
    if kmod is None:
        raise FileNotFoundError("kmod")
    listing = subprocess.run(["ldd", kmod], capture_output=True, text=True, check=True).stdout
    files: dict[str, Path | bytes] = {"/opt/kmod/modprobe": Path(kmod).resolve()}
    for word in listing.split():
        if word.startswith("/"):
            files[word] = Path(word).resolve()
    return find_kernel(VERSION), files


def small_tree(image: Kernel, root: Path) -> Path:
    """Lay out a root with a module and what it depends on, compressed as Debian has them."""
    folder = root / "lib/modules" / image.module_folder.name
    for name, _ in image.with_dependencies([MODULE]):
        source = image.module_files[name]
        target = folder / source.relative_to(image.module_folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(image.module_folder / name, folder)
    return folder


def test_loads_at_boot_and_with_its_module(tmp_path):
    """With --always: vmlinux's extra by modules-load.d, the module's by its softdep."""
    image, files = debian()
    root = tmp_path / "root"
    folder = small_tree(image, root)
    before = {path for path in root.rglob("*") if not path.name.startswith("modules.")}
    vmlinux, module = support.kernel(SUITE), support.module(SUITE, MODULE)
    base = dwarfless.load(vmlinux)
    options = EncodeOptions(only=parse_only("vars"), with_init=False)
    for source, name in ((vmlinux, "vmlinux"), (module, MODULE)):
        graph, _ = encode_elf(source, options=options, base=base)
        write_btf(tmp_path / f"{name}.elf", graph, binding=bind(source, graph))
    given = [str(tmp_path / f"{name}.elf") for name in ("vmlinux", MODULE)]
    where = ["--root", str(root)]
    cli.main(["install", *given, "--always", "-B", str(vmlinux), *where], standalone_mode=False)
    (extra,) = folder.rglob("vmlinux-btf-extra.ko*")
    assert extra.suffix == ".xz"
    put = files | {f"/{name}": root / name for name in ("lib/modules", "etc/modprobe.d")}
    outcome = boot(image, SCRIPT, put=put | {"/etc/modules-load.d": root / "etc/modules-load.d"})
    start, at_boot, after = outcome.text.split("== ")
    assert start.split() == ["vmlinux"]
    assert at_boot.split()[1:] == ["vmlinux", "vmlinux_btf_extra"]
    assert {MODULE, f"{MODULE}_btf"} <= set(after.split())
    cli.main(["uninstall", *where], standalone_mode=False)
    assert {p for p in root.rglob("*") if not p.name.startswith("modules.")} == before
