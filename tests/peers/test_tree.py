"""A kernel's BTF taken apart and joined again means what it meant; libbpf reads the parts."""

import numpy as np
import pytest

import dwarfless
from dwarfless.formats.btf import Kind
from dwarfless.graph.parts import choose
from dwarfless.graph.tree import flatten, partition
from oracle.bisimulation import JointGraph
from oracle.btf_reader import parse
from peers.alike import variables
from support import KERNEL_FEATURES, bpftool, kernel, pahole_encode

pytestmark = [pytest.mark.kernel, pytest.mark.peer]


@pytest.mark.parametrize("suite", ["bookworm", "trixie", "sid"])
def test_split_and_flat_again(suite, tmp_path):
    """pahole's BTF with variables becomes base and extra; bpftool lists the extra."""
    path = pahole_encode(kernel(suite), f"{KERNEL_FEATURES},global_var", "--lang_exclude=rust")
    whole = dwarfless.load(path)
    parts = partition(whole, choose(whole, ["global", "static"]))
    assert np.count_nonzero(parts.moved.kinds == Kind.VAR) > 20_000
    assert np.count_nonzero(parts.kept.kinds == Kind.VAR) > 300
    flat = flatten(parts.moved)
    before, after = parse(path.read_bytes()), parse(dwarfless.encode(flat))
    joint = JointGraph(before, after)
    of = joint.refine().of
    to = parts.ids.astype(np.int64) + joint.second
    differ = np.flatnonzero(of[: joint.second] != of[to])
    assert [before.types[i][:2] for i in differ.tolist()] == []
    assert sorted(v[:5] for v in variables(before)) == sorted(v[:5] for v in variables(after))
    assert len(after.types) == len(before.types)
    for name, graph in (("kept", parts.kept), ("moved", parts.moved)):
        (tmp_path / name).write_bytes(dwarfless.encode(graph))
    listed = bpftool("-B", tmp_path / "kept", "btf", "dump", "file", tmp_path / "moved")
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count("] VAR '") == np.count_nonzero(parts.moved.kinds == Kind.VAR)
