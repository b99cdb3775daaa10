"""Our C is bpftool's, to the byte but for what bpftool loses."""

from pathlib import Path

import pytest

import dwarfless
from dwarfless.consumers.c.header import header
from support import bpftool, kernel

KERNELS = ["bookworm", "trixie", "sid"]

pytestmark = [pytest.mark.peer, pytest.mark.kernel]


def bpftool_c(path: Path, *args: str | Path) -> str:
    """Return what bpftool writes."""
    done = bpftool(*args, "btf", "dump", "file", path, "format", "c")
    assert done.returncode == 0, done.stderr
    return done.stdout


def without_first_enum(text: str) -> str:
    """Return a header without the first type; bpftool sorts void among them and skips one."""
    start = text.index("enum {")
    end = text.index("};\n\n", start) + 4
    return text[:start] + text[end:]


@pytest.mark.parametrize("suite", KERNELS)
def test_distribution_kernel(suite):
    """Every definition, name, padding, kfunc and their order."""
    ours = header(dwarfless.load(kernel(suite))).decode()
    theirs = bpftool_c(kernel(suite))
    assert "AAFS_LOADDATA_ABI" in ours
    assert "AAFS_LOADDATA_ABI" not in theirs
    assert without_first_enum(ours) == theirs, "differs"


def test_one_type():
    """What it embeds is defined before it, what it points to is announced."""
    path = kernel("trixie")
    graph = dwarfless.load(path)
    for name in ("task_struct", "sk_buff", "bpf_map", "work_struct", "pt_regs"):
        (type_id,) = graph.find_ids(name, "struct")
        done = bpftool("btf", "dump", "file", path, "root_id", str(type_id), "format", "c")
        assert header(graph, [type_id]).decode() == done.stdout
