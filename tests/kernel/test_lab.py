"""The lab boots kernels, brings back what they say, and does no harm outside them."""

import subprocess
from pathlib import Path

import pytest

import fetch
import support
from kernel import guest, images
from kernel.archive import Archive
from kernel.guest import Outcome, boot, guarded


@support.needs
def booted(version: str) -> Outcome:
    """Return what one boot of a kernel has to say; a boot serves several tests."""
    script = "uname -r; cat /given /root/also; lsmod; ls -l /lab/run; exit 7"
    put = {"/given": b"from the root\n", "also": b"from home\n"}
    return boot(version, script, put=put, modules=["nf-conntrack"])


@support.needs
def busybox() -> Path:
    """Return the program that unpacks archives."""
    found: Path = fetch.find_busybox() or fetch.busybox()
    return found


@pytest.mark.kernel
def test_boot():
    """Script, files, modules with their dependencies, output and status, in that kernel."""
    outcome = booted("6.12")
    assert outcome.status == 7
    lines = outcome.text.splitlines()
    assert lines[0].startswith("6.12.")
    assert lines[1:3] == ["from the root", "from home"]
    loaded = {line.split()[0] for line in lines[3:]}
    assert {"nf_conntrack", "nf_defrag_ipv4", "nf_defrag_ipv6"} <= loaded
    assert "Power down" in outcome.console


@pytest.mark.parametrize("script", [guarded("touch harm"), guest.INIT, guest.FINISH])
def test_refuses_a_host(script, tmp_path):
    """What is meant for the guest ends before it does anything."""
    done = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 125
    assert "the lab's guest" in done.stderr
    assert not list(tmp_path.iterdir())


def test_archive(tmp_path):
    """A cpio that others unpack: files, modes, links, folders made once."""
    archive = Archive()
    archive.add("a/b/c", b"content", 0o755)
    archive.add("a/b/d", b"12345")
    archive.link("a/e", "b/c")
    content = archive.finish()
    assert content.count(b"\0a/b\0") + content.count(b"0a/b\0") == 1
    subprocess.run([busybox(), "cpio", "-id"], input=content, cwd=tmp_path, check=True)
    assert (tmp_path / "a/e").read_bytes() == b"content"
    assert (tmp_path / "a/b/c").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a/b/d").read_bytes() == b"12345"


def test_dependencies():
    """Names after depends=, and nothing else that looks like it."""
    assert images.dependencies(b"\0softdepends=x\0depends=nf-a,nf_b\0name=c\0") == ["nf_a", "nf_b"]
    assert images.dependencies(b"\0depends=\0") == []
    assert images.dependencies(b"") == []


def test_unknown_kernel(tmp_path):
    """A folder without an image, a path without a file."""
    with pytest.raises(images.LabError, match="holds no bzImage"):
        images.find_kernel(tmp_path)
    with pytest.raises(images.LabError, match="neither a version"):
        images.find_kernel(tmp_path / "none")
