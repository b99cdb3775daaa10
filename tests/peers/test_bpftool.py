"""Our listing is bpftool's, to the byte."""

from pathlib import Path

import pytest

import dwarfless
from dwarfless.consumers.listing import json_listing, listing
from dwarfless.formats.btf import Kind
from support import bpftool, kernel

RUNNING = Path("/sys/kernel/btf/vmlinux")


def check_listing(path: Path) -> None:
    """Compare without pytest's own diff of ten megabytes."""
    ours = listing(dwarfless.load(path)).decode().splitlines()
    theirs = bpftool("btf", "dump", "file", path).stdout.splitlines()
    differ = [(a, b) for a, b in zip(ours, theirs, strict=False) if a != b]
    assert not differ[:1]
    assert len(ours) == len(theirs)


@pytest.mark.peer
@pytest.mark.skipif(not RUNNING.exists(), reason="the running kernel has no BTF")
def test_running_kernel():
    """The running kernel's BTF."""
    check_listing(RUNNING)


@pytest.mark.peer
@pytest.mark.kernel
@pytest.mark.parametrize("suite", ["bookworm", "trixie", "sid"])
def test_distribution_kernel(suite):
    """The .BTF of a real vmlinux, as text and as JSON."""
    check_listing(kernel(suite))
    theirs = bpftool("-j", "btf", "dump", "file", kernel(suite)).stdout
    assert json_listing(dwarfless.load(kernel(suite))).decode() == theirs, "JSON differs"


@pytest.mark.peer
@pytest.mark.skipif(not RUNNING.exists(), reason="the running kernel has no BTF")
@pytest.mark.parametrize(("byte_order", "layout"), [("big", False), ("little", True)])
def test_reads_what_we_write(tmp_path, byte_order, layout):
    """Bpftool lists our encoding as it lists the original."""
    graph = dwarfless.load(RUNNING)
    path = tmp_path / "ours.btf"
    path.write_bytes(dwarfless.encode(graph, byte_order=byte_order, layout=layout))
    assert bpftool("btf", "dump", "file", path).stdout.encode() == listing(graph)


@pytest.mark.peer
def test_split(tmp_path):
    """Ids, strings and section entries that lie in the base."""
    builder = dwarfless.GraphBuilder()
    builder.add_var("v", builder.add_int("int", 4))
    base = builder.freeze()
    builder = dwarfless.GraphBuilder(base)
    builder.add_composite(Kind.STRUCT, "extra", 8, [("", 1, 0), ("b", 1, 32, 7)])
    builder.add_datasec(".data", 4, [(2, 0, 4)])
    builder.add_enum("e", 8, [("A", -1), ("B", 1 << 40)], signed=True)
    builder.add_enum("u", 8, [("C", 1 << 63)])
    builder.add_decl_tag("tag", 3, 1)
    split = builder.freeze()
    (tmp_path / "base").write_bytes(dwarfless.encode(base))
    (tmp_path / "split").write_bytes(dwarfless.encode(split))
    theirs = bpftool("-B", tmp_path / "base", "btf", "dump", "file", tmp_path / "split")
    assert theirs.stdout.encode() == listing(split)
    theirs = bpftool("-j", "-B", tmp_path / "base", "btf", "dump", "file", tmp_path / "split")
    assert theirs.stdout.encode() == json_listing(split)
