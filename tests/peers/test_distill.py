"""Distilled bases and deep levels, ours and libbpf's, each read by the other."""

import subprocess
from pathlib import Path

import pytest

import dwarfless
from dwarfless.encoder import encode_elf
from dwarfless.graph.distill import distill, relocate
from dwarfless.graph.options import DEFAULT_FEATURES, EncodeOptions
from dwarfless.graph.parts import choose
from dwarfless.graph.tree import partition
from dwarfless.graph.type_graph import TypeGraph
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf, parse
from support import KERNEL_FEATURES, kernel, module, pahole_encode, peer_program

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SOURCE = Path(__file__).with_name("libbpf.c")
MODULES = ("xfs", "nf_conntrack", "kvm")


@pytest.fixture(scope="module")
def base() -> TypeGraph:
    """Return pahole's BTF of a kernel."""
    path = pahole_encode(kernel("trixie"), KERNEL_FEATURES, "--lang_exclude=rust")
    return dwarfless.load(path)


@pytest.fixture(scope="module", params=MODULES)
def split(request: pytest.FixtureRequest, base: TypeGraph) -> TypeGraph:
    """Return a module over it, with its variables."""
    options = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
    return encode_elf(module("trixie", request.param), options=options, base=base)[0]


def write(folder: Path, **graphs: TypeGraph) -> dict[str, Path]:
    """Write graphs as raw BTF; return the paths."""
    for name, graph in graphs.items():
        (folder / name).write_bytes(dwarfless.encode(graph))
    return {name: folder / name for name in graphs}


def libbpf(*args: str | Path) -> str:
    """Let libbpf do something; return what it printed."""
    done = subprocess.run(
        [*peer_program(SOURCE, "libbpf.so.1"), *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(graph: TypeGraph) -> Btf:
    """Return a graph as an independent reader sees it."""
    below = read(graph.base) if graph.base is not None else None
    return parse(dwarfless.encode(graph), below)


def same_meaning(before: TypeGraph, after: TypeGraph) -> bool:
    """Tell whether own types mean, in order, what they meant; more may follow."""
    assert len(before.base or ()) == len(after.base or ())
    joint = JointGraph(read(before), read(after))
    of = joint.refine().of
    own = range(before.first_id, len(before))
    return all(of[i] == of[joint.second + i] for i in own)


def test_there_and_back(split, base):
    """Moved back onto the base it was distilled from, each type means what it meant."""
    small = distill(split)
    assert small.base is not None
    assert len(small.base) < 500
    assert same_meaning(split, relocate(small, base))


def test_libbpf_reads_ours(split, base, tmp_path):
    """libbpf moves what we distilled onto the kernel's BTF."""
    small = distill(split)
    assert small.base is not None
    paths = write(tmp_path, small=small, small_base=small.base, base=base)
    libbpf("relocate", paths["small_base"], paths["small"], paths["base"], tmp_path / "out")
    after = dwarfless.load(tmp_path / "out", base=base)
    assert same_meaning(split, after)


def test_we_read_libbpfs(split, base, tmp_path):
    """What libbpf distilled comes back, and is as large as ours."""
    paths = write(tmp_path, split=split, base=base)
    libbpf("distill", paths["base"], paths["split"], tmp_path / "b", tmp_path / "s")
    theirs = dwarfless.load(tmp_path / "s", base=dwarfless.load(tmp_path / "b"))
    assert same_meaning(split, relocate(theirs, base))
    ours = distill(split)
    assert ours.base is not None
    assert theirs.base is not None
    assert (len(ours.base), len(ours)) == (len(theirs.base), len(theirs))


def test_libbpf_reads_a_third_and_a_fourth_level(split, tmp_path):
    """Kernel, module, its functions, its variables, each in a file over the one before."""
    first = partition(split, choose(split, ["vars", "functions"]))
    tower = partition(first.moved, choose(first.moved, ["vars"])).moved
    graphs, level = [], tower
    while level is not None:
        graphs.insert(0, level)
        level = level.base
    assert len(graphs) == 4
    paths = write(tmp_path, **{f"level{i}": graph for i, graph in enumerate(graphs)})
    for depth in (3, 4):
        lines = libbpf("levels", *list(paths.values())[:depth]).splitlines()
        graph = graphs[depth - 1]
        expected = [f"{graph.first_id + i} {v.kind_number} {v.name}" for i, v in enumerate(graph)]
        assert lines == expected
