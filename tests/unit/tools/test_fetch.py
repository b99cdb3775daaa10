"""tools/fetch.py: what is in the cache is found, what is unpacked is whole. No network."""

import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import private_apt
import pytest

import support

DEBUG = "usr/lib/debug"


@pytest.fixture
def fetch(monkeypatch, tmp_path) -> ModuleType:
    """Return the tool, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return support.load_fetch()


def make_deb(folder: Path, files: dict[str, str | Path]) -> Path:
    """Return a package of files; a Path makes a symbolic link."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("NOT TESTED: no dpkg-deb")
    root = folder / "root"
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            path.symlink_to(content)
        else:
            path.write_text(content)
    control = root / "DEBIAN" / "control"
    control.parent.mkdir()
    control.write_text(
        "Package: a\nVersion: 1\nArchitecture: all\nMaintainer: a\nDescription: a\n"
    )
    deb = folder / "a_1_all.deb"
    subprocess.run(["dpkg-deb", "--build", root, deb], check=True, stdout=subprocess.DEVNULL)
    return deb


def test_a_kernel_is_found_through_its_link(fetch, tmp_path):
    """Newer packages keep vmlinux beside the modules; what is returned is the file."""
    assert fetch.find_kernel("sid") is None
    deb = make_deb(
        tmp_path,
        {
            f"{DEBUG}/lib/modules/7.2/vmlinux": "kernel",
            f"{DEBUG}/boot/vmlinux-7.2": Path("../lib/modules/7.2/vmlinux"),
            f"{DEBUG}/lib/modules/7.2/kernel/net/a-b.ko": "module",
        },
    )
    target = fetch.cache_root() / "kernels" / "sid"
    fetch.unpack(deb, target, [f"./{DEBUG}/boot/vmlinux-*", f"./{DEBUG}/lib/modules/*/vmlinux"])
    assert fetch.find_kernel("sid") == target / DEBUG / "lib/modules/7.2/vmlinux"
    assert fetch.kernel("sid") == fetch.find_kernel("sid")
    assert fetch.find_module("sid", "a_b") is None

    fetch.unpack(deb, target, ["./*/kernel/*/a[-_]b.ko", "./*/kernel/*/absent.ko"])
    assert fetch.find_module("sid", "a_b").read_text() == "module"
    assert fetch.find_module("sid", "absent") is None
    assert not list(target.glob(".unpack-*"))


def test_a_damaged_package_is_named(fetch, tmp_path):
    """What can't be unpacked leaves nothing behind."""
    deb = tmp_path / "a_1_all.deb"
    deb.write_bytes(b"!<arch>\n")
    with pytest.raises(fetch.FetchError, match=r"a_1_all\.deb is damaged"):
        fetch.unpack(deb, tmp_path / "target")
    assert list((tmp_path / "target").iterdir()) == []


def test_the_mirror_is_the_machines(monkeypatch):
    """The archive with all packages is taken, not updates or security; a variable overrides."""
    monkeypatch.delenv("DWARFLESS_MIRROR", raising=False)
    listing = (
        "http://m/debian-security/ a-security\nhttp://m/debian/ a-updates\nhttp://m/debian/ a\n"
    )
    monkeypatch.setattr(private_apt, "run", lambda *_: listing)
    assert private_apt.mirror() == "http://m/debian/"
    monkeypatch.setattr(private_apt, "run", lambda *_: "")
    with pytest.raises(private_apt.FetchError, match="DWARFLESS_MIRROR"):
        private_apt.mirror()
    monkeypatch.setenv("DWARFLESS_MIRROR", "http://other/debian")
    assert private_apt.mirror() == "http://other/debian"


def test_an_empty_cache_is_a_skip_or_a_failure(monkeypatch):
    """Loud where a person reads it, fatal in CI."""

    def absent(name: str) -> Path:
        raise OSError(f"no {name}")

    monkeypatch.setenv("CI", "")
    with pytest.raises(pytest.skip.Exception, match="NOT TESTED"):
        support.needs(absent)("x")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="CI needs it"):
        support.needs(absent)("x")


def test_a_closure_has_versions(fetch, monkeypatch, tmp_path):
    """The cache may hold another suite's package of the same name."""
    apt = fetch.Apt(tmp_path, "trixie")
    said = """\
Inst gcc-14-base (14.2.0-19 Debian:13.2/stable [amd64])
Inst libc6 (2.41-12 Debian:13.2/stable [amd64]) []
Inst zlib1g (1:1.3 Debian:13.2/stable [amd64])
Inst make (4.4.1-2 Debian:13.2/stable [amd64])
Conf libc6 (2.41-12 Debian:13.2/stable [amd64])
"""
    monkeypatch.setattr(apt, "_apt", lambda *arguments: said)
    monkeypatch.setattr(apt, "_lists_are_there", lambda: True)
    libraries = ["libc6=2.41-12", "zlib1g=1:1.3", "make=4.4.1-2"]
    assert apt.closure(["make"]) == ["gcc-14-base=14.2.0-19", *libraries]
    assert apt.closure(["make"], libraries=True) == libraries
    for name in ("zlib1g_1%3a1.3_amd64.deb", "zlib1g_1%3a1.4_amd64.deb"):
        (apt.debs / name).touch()
    assert apt.download(["zlib1g=1:1.3"]) == [apt.debs / "zlib1g_1%3a1.3_amd64.deb"]


def test_the_newest_is_what_the_pattern_names(fetch, monkeypatch, tmp_path):
    """A meta package may depend on something else first, as sid's does."""
    apt = fetch.Apt(tmp_path, "sid")
    said = """\
linux-image-cloud-amd64-dbg
  Depends: linux-base-cloud-amd64
  Depends: linux-image-7.2.13+deb14-cloud-amd64-dbg
"""
    monkeypatch.setattr(apt, "_apt", lambda *arguments: said)
    monkeypatch.setattr(apt, "_lists_are_there", lambda: True)
    monkeypatch.setattr(apt, "update", lambda: None)
    found = apt.newest("linux-image-cloud-amd64-dbg", "linux-image-*-dbg")
    assert found == "linux-image-7.2.13+deb14-cloud-amd64-dbg"
    with pytest.raises(fetch.FetchError, match="sid has no linux-image-cloud"):
        apt.newest("linux-image-cloud-amd64-dbg", "linux-image-*-rt")
