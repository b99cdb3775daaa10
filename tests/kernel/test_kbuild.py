"""The module that an ordinary out-of-tree build makes, and DKMS, does what ours does."""

import os
import shutil
from pathlib import Path

import pytest

import fetch
import support
from dwarfless.cli.main import cli
from dwarfless.containers.load import load
from dwarfless.elf.image import ElfImage
from kernel.guest import boot
from kernel.images import SUITES, LabError, find_kernel
from kernel.programs import peer
from kernel.roots import copied_root, put_python, run_in_root

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.peer,
    pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: only root may change root"),
]

SOURCE = support.ROOT / "kernel" / "module"
NAME = "vmlinux-btf-extra"

SCRIPT = """\
for module in *.ko; do
  dmesg -c >/dev/null; insmod $module || exit 1
  dmesg | grep -v -e 'taints kernel' -e 'module verification failed' \\
    -e 'tsc: Refined' -e 'clocksource: ' -e 'input: '
  cmp /sys/kernel/btf/vmlinux_btf_extra extra.btf && echo "$module same"
  id=$(bpftool btf show 2>/dev/null | grep -w vmlinux_btf_extra | cut -d: -f1)
  bpftool btf dump id $id 2>/dev/null | grep -c "^\\[.*VAR 'init_task'"
  rmmod vmlinux_btf_extra; ls /sys/kernel/btf
done
"""


@support.needs
def needed(version: str) -> tuple[Path, dict[str, Path | bytes]]:
    """Return what is built in, and bpftool for the guest."""
    return fetch.root(SUITES[version]), peer("bpftool")


def section(path: Path) -> bytes:
    """Return a module's .BTF."""
    image = ElfImage.load(path)
    assert ".BTF.base" not in image.section_names
    return bytes(image.section_bytes(image.section_names.index(".BTF")))


def made_by_make(root: Path, release: str, extra: Path) -> Path:
    """Build the module in a root against the headers there."""
    folder = root / "build"
    shutil.copytree(SOURCE, folder)
    shutil.copy(extra, folder / "given.btf")
    headers = f"KDIR=/usr/src/linux-headers-{release}"
    run_in_root(root, "make", "-C", "/build", headers, "EXTRA=given.btf")
    return folder / f"{NAME}.ko"


def made_by_dkms(root: Path, release: str, vmlinux: Path) -> Path:
    """Let DKMS build and install it, with dwarfless and the debug file in the root."""
    put_python(root)
    debug = root / "usr/lib/debug/boot"
    debug.mkdir(parents=True)
    shutil.copy(vmlinux, debug / f"vmlinux-{release}")
    (version,) = (
        line.partition("=")[2].strip('"')
        for line in (SOURCE / "dkms.conf").read_text().splitlines()
        if line.startswith("PACKAGE_VERSION=")
    )
    shutil.copytree(SOURCE, root / "usr/src" / f"{NAME}-{version}")
    for step in (["add"], ["build", "-k", release], ["install", "-k", release]):
        try:
            run_in_root(root, "dkms", step[0], f"{NAME}/{version}", *step[1:])
        except LabError as error:
            logs = "".join(path.read_text() for path in root.rglob("var/lib/dkms/**/make.log"))
            raise LabError(f"{error}\n{logs}") from None
    assert f"{NAME}/{version}, {release}, x86_64: installed" in run_in_root(root, "dkms", "status")
    return root / f"lib/modules/{release}/updates/dkms/{NAME}.ko"


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_kbuild_and_dkms(version, tmp_path):
    """By make on 6.1 and 6.12, by DKMS on 6.1: the extra's bytes, no complaint, a variable."""
    _, files = needed(version)
    vmlinux = support.kernel(SUITES[version])
    release, extra = fetch.release_of(vmlinux), tmp_path / "extra.btf"
    arguments = ["extra", str(vmlinux), "--no-progress", "-o", str(extra)]
    cli.main(arguments, standalone_mode=False)
    assert load(extra, base=load(vmlinux)).find("init_task", "var")
    put: dict[str, Path | bytes] = {**files, "extra.btf": extra}
    with copied_root(SUITES[version]) as root:
        built = [made_by_make(root, release, extra)]
        if version == "6.1":
            built.append(made_by_dkms(root, release, vmlinux))
        for number, path in enumerate(built):
            assert section(path) == extra.read_bytes()
            put[f"{number}.ko"] = path.read_bytes()
    outcome = boot(find_kernel(version), SCRIPT, put=put)
    assert outcome.status == 0, outcome.text
    expected = [f"{number}.ko same\n1\nvmlinux\n" for number in range(len(built))]
    assert outcome.text == "".join(expected)
