"""Extras on a machine that is a folder: put there, looked at, taken away."""

import hashlib
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

import dwarfless
import support
from build.elf import ALLOC, ET_REL, PROGBITS, X86_64, Elf, Section
from dwarfless.cli.main import cli
from dwarfless.containers.binding import Binding
from dwarfless.containers.write import write_btf
from dwarfless.formats.btf import Kind
from dwarfless.host.install import install, uninstall
from dwarfless.host.signing import MARKER, is_signed, sign
from dwarfless.host.status import inspect
from dwarfless.host.system import System

RELEASE = "6.12.1-test"


@support.needs
def depmod() -> Path:
    """Return where depmod is."""
    found = shutil.which("depmod") or shutil.which("depmod", path="/usr/sbin:/sbin")
    if found is None:
        raise FileNotFoundError("depmod (package kmod)")
    return Path(found)


def donor() -> bytes:
    """Return a module of a kernel whose struct module has 64 bytes."""
    parts = {
        ".modinfo": f"license=GPL\0vermagic={RELEASE} SMP \0".encode(),
        ".gnu.linkonce.this_module": bytes(64),
    }
    sections = [Section(name, text, PROGBITS, ALLOC, 0, 64) for name, text in parts.items()]
    return Elf(sections, type=ET_REL, machine=X86_64).assemble()


def kernel() -> dwarfless.TypeGraph:
    """Return that kernel's BTF."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("char", 1, char=True)
    index = builder.add_int("unsigned long", 8)
    name = builder.add_array(1, index, 40)
    members = [("state", index, 0), ("name", name, 64)]
    builder.add_composite(Kind.STRUCT, "module", 64, members)
    return dwarfless.decode(dwarfless.encode(builder.freeze()))


def extra(base: dwarfless.TypeGraph) -> dwarfless.TypeGraph:
    """Return an extra of one variable."""
    builder = dwarfless.GraphBuilder(base)
    builder.add_datasec(".data", 8, [(builder.add_var("answer", 2), 0, 8)])
    return builder.freeze()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the root of a machine with one kernel, beside it the files to install from."""
    depmod()
    place = tmp_path / "root"
    modules = place / "lib/modules" / RELEASE / "kernel/fs"
    modules.mkdir(parents=True)
    (modules / "xfs.ko").write_bytes(donor())
    for name in ("modules.order", "modules.builtin"):
        (modules.parents[1] / name).touch()
    base = kernel()
    (tmp_path / "vmlinux.btf").write_bytes(dwarfless.encode(base))
    for name, module, release in (
        ("vmlinux", "", RELEASE),
        ("xfs", "xfs", RELEASE),
        ("other", "", "6.12.1-other"),
    ):
        bound = Binding(release=release, module=module, bases=(base.digest,))
        write_btf(tmp_path / f"{name}.elf", extra(base), binding=bound)
    return place


def files(root: Path) -> set[str]:
    """Return what depmod doesn't write."""
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    return {name for name in found if "/modules." not in name}


def run(root: Path, *arguments: str) -> int:
    """Run the command on that machine; return its exit status."""
    status = cli.main([*arguments, "--root", str(root)], standalone_mode=False)
    return status if isinstance(status, int) else 0


def install_extras(root: Path, *names: str, always: bool = False) -> None:
    """Install extras by the command."""
    paths = [str(root.parent / name) for name in names]
    options = ["--always"] if always else []
    assert run(root, "install", *paths, "-B", str(root.parent / "vmlinux.btf"), *options) == 0


def test_install_and_uninstall(root):
    """Modules come where modprobe looks, policy with --always; afterwards all is as before."""
    before = files(root)
    folders = {path for path in root.rglob("*") if path.is_dir()}
    install_extras(root, "vmlinux.elf", "xfs.elf", always=True)
    updates = f"lib/modules/{RELEASE}/updates"
    assert files(root) - before == {
        f"{updates}/vmlinux-btf-extra.ko",
        f"{updates}/xfs-btf.ko",
        "etc/modules-load.d/dwarfless.conf",
        "etc/modprobe.d/dwarfless.conf",
        f"var/lib/dwarfless/{RELEASE}.json",
    }
    load = (root / "etc/modules-load.d/dwarfless.conf").read_text().splitlines()
    assert [line for line in load if line[0] != "#"] == ["vmlinux-btf-extra"]
    policy = (root / "etc/modprobe.d/dwarfless.conf").read_text().splitlines()
    assert policy[1:] == ["softdep xfs post: xfs_btf"]
    listed = (root / "lib/modules" / RELEASE / "modules.dep").read_text()
    assert "updates/vmlinux-btf-extra.ko:" in listed
    assert run(root, "uninstall") == 0
    assert files(root) == before
    assert {path for path in root.rglob("*") if path.is_dir()} == folders
    assert "btf" not in (root / "lib/modules" / RELEASE / "modules.dep").read_text()
    with pytest.raises(dwarfless.DwarflessError, match="nothing is installed"):
        run(root, "uninstall")


def test_changed_files_stay(root, capsys):
    """What somebody edited is theirs."""
    install_extras(root, "vmlinux.elf", always=True)
    policy = root / "etc/modules-load.d/dwarfless.conf"
    policy.write_text("loop\n")
    run(root, "uninstall")
    assert policy.read_text() == "loop\n"
    assert "was changed since" in capsys.readouterr().err


def test_kernels_share_the_policy(root):
    """It stays while a kernel of the machine wants it."""
    first = System(root, RELEASE)
    second = System(root, "6.12.2-test")
    shutil.copytree(first.modules, second.modules)
    for system in (first, second):
        install(system, [("vmlinux-btf-extra", b"module")], always=True)
    policy = root / "etc/modules-load.d/dwarfless.conf"
    uninstall(first)
    assert policy.exists()
    uninstall(second)
    assert not policy.exists()
    assert not (root / "var").exists()


def test_refuses_another_kernels(root):
    """By release, before anything is written."""
    before = files(root)
    with pytest.raises(dwarfless.BaseMismatchError, match=r"6\.12\.1-other"):
        install_extras(root, "other.elf")
    assert files(root) == before


def test_installs_a_module_as_it_is(root):
    """One that kmod wrote; compressed as the kernel's own are."""
    (module,) = (root / "lib/modules" / RELEASE).rglob("xfs.ko")
    subprocess.run(["xz", "--check=crc32", module], check=True)
    modules, given = module.parents[2], root.parent / "my-btf.ko"
    arguments = ["kmod", str(root.parent / "vmlinux.elf"), "--modules", str(modules)]
    arguments += ["-B", str(root.parent / "vmlinux.btf"), "-o", str(given)]
    cli.main(arguments, standalone_mode=False)
    assert run(root, "install", str(given)) == 0
    packed = (modules / "updates/my-btf.ko.xz").read_bytes()
    done = subprocess.run(["xz", "-dc"], input=packed, capture_output=True, check=True)
    assert done.stdout == given.read_bytes()


def test_status(root, capsys):
    """What is there, whether it fits, and the command that mends what is amiss."""
    assert run(root, "status") == 1
    assert "dwarfless install --build" in capsys.readouterr().out
    install_extras(root, "vmlinux.elf", always=True)
    capsys.readouterr()
    assert run(root, "status") == 0
    told = capsys.readouterr().out
    assert f"{RELEASE} (below {root})" in told
    assert "vmlinux-btf-extra.ko" in told
    assert "modules-load.d" in told
    assert run(root, "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [found["problem"] for found in told["installed"]] == [""]


def test_status_notices_a_rebuilt_kernel(root, monkeypatch):
    """The release is the same, the build-id or the BTF is not."""
    install_extras(root, "vmlinux.elf")
    system = System(root, RELEASE)
    assert inspect(system).sound
    shown = root.parent / "rebuilt.btf"
    shown.write_bytes(dwarfless.encode(extra(kernel())))
    monkeypatch.setattr(System, "base", shown)
    found = inspect(system)
    assert found.base_size == shown.stat().st_size
    assert [e.problem for e in found.installed] == ["made over other BTF than this kernel's"]
    assert next(iter(found.mends.values())) == "dwarfless install --build"
    digest = hashlib.sha256((root.parent / "vmlinux.btf").read_bytes()).hexdigest()
    assert digest == kernel().digest


def test_names_the_kernel_of_an_image(root):
    """One is found; of several one must be named."""
    assert System.find(root).release == RELEASE
    (root / "lib/modules/6.12.2-test/kernel").mkdir(parents=True)
    with pytest.raises(dwarfless.DwarflessError, match="--release"):
        System.find(root)


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a key and its certificate."""
    folder = tmp_path_factory.mktemp("key")
    command = ["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes"]
    command += ["-subj", "/CN=test", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, capture_output=True, check=True)
    command = ["openssl", "x509", "-in", "cert.pem", "-outform", "DER", "-out", "cert.der"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


def test_signature(key):
    """As sign-file writes it: openssl verifies it over the module; a second one replaces it."""
    module = donor()
    signed = sign(module, key / "key.pem", key / "cert.der")
    assert signed.startswith(module)
    assert is_signed(signed)
    assert not is_signed(module)
    trailer = signed[-len(MARKER) - 12 : -len(MARKER)]
    *kind, size = struct.unpack(">BBBBBBBBI", trailer)
    assert kind == [0, 0, 2, 0, 0, 0, 0, 0]
    signature = signed[len(module) : -len(MARKER) - 12]
    assert len(signature) == size
    (key / "module").write_bytes(module)
    (key / "signature").write_bytes(signature)
    command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", "signature"]
    command += ["-content", "module", "-certfile", "cert.pem", "-noverify", "-out", "out"]
    subprocess.run(command, cwd=key, capture_output=True, check=True)
    again = sign(signed, key / "key.pem", key / "cert.pem")
    assert again.count(MARKER) == 1
    assert again.startswith(module)
    with pytest.raises(dwarfless.DwarflessError, match="openssl does not sign"):
        sign(module, key / "cert.pem", key / "cert.pem")
