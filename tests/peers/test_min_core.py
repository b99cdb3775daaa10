"""The least BTF for BPF objects is bpftool's."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import dwarfless
from dwarfless.cli.main import cli
from dwarfless.consumers.core.minimal import minimal
from dwarfless.consumers.listing import listing
from dwarfless.containers.bpf_object import load_object
from dwarfless.formats.btf_ext import RelocationKind
from dwarfless.graph.report import Report
from support import bpftool, kernel

PARTS = ("FIELDS", "BITFIELDS", "ARRAYS", "TYPES")
SOURCE = Path(__file__).parent / "relocations.c"

pytestmark = [pytest.mark.kernel, pytest.mark.peer]


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return BPF objects, one a kind of relocations."""
    folder = tmp_path_factory.mktemp("objects")
    found = {part: folder / f"{part.lower()}.bpf.o" for part in PARTS}
    for part, path in found.items():
        flags = ["-target", "bpf", "-g", "-O2", f"-D{part}"]
        subprocess.run(["clang", *flags, "-c", SOURCE, "-o", path], check=True)
    return found


@pytest.fixture(scope="module", params=["bookworm", "trixie", "sid"])
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a kernel's BTF as a raw file."""
    path = tmp_path_factory.mktemp("target") / "vmlinux.btf"
    path.write_bytes(dwarfless.encode(dwarfless.load(kernel(request.param))))
    return path


@pytest.mark.parametrize("parts", [*([part] for part in PARTS), PARTS], ids="+".join)
def test_bpftool(objects, target, parts, tmp_path):
    """The same types with the same members, in the same order."""
    paths = [objects[part] for part in parts]
    done = bpftool("gen", "min_core_btf", target, tmp_path / "theirs.btf", *paths)
    assert done.returncode == 0, done.stderr
    ours = CliRunner().invoke(
        cli, ["min-core", *map(str, paths), "--btf", str(target), "-o", str(tmp_path / "ours.btf")]
    )
    assert ours.exit_code == 0, ours.exception
    theirs = listing(dwarfless.load(tmp_path / "theirs.btf"))
    assert listing(dwarfless.load(tmp_path / "ours.btf")) == theirs
    assert theirs.count(b"\n[") > 3


def test_every_kind_is_there(objects):
    """All kinds but that which clang 14 can't write."""
    kinds = {r.kind for path in objects.values() for r in load_object(path)[1].relocations}
    assert kinds == set(RelocationKind) - {RelocationKind.TYPE_MATCHES}


def test_nothing_fits(objects, target):
    """Is counted, and listed by name."""
    report = Report()
    minimal(dwarfless.load(target), [load_object(objects["TYPES"])], report)
    assert "nothing_of_the_kind" in {item.name for item in report.items}
