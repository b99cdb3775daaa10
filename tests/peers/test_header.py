"""Our C is bpftool's, to the byte but for what bpftool loses."""

from pathlib import Path

import pytest

import dwarfless
from dwarfless.consumers.c.header import header
from peers.layouts import COMPILERS, assertions, check
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
    ours = header(dwarfless.load(kernel(suite)), repair=False).decode()
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


@pytest.mark.parametrize("compiler", COMPILERS)
def test_layouts(compiler, tmp_path):
    """A compiler puts everything where the kernel has it; of three kernels, see layouts.py."""
    graph = dwarfless.load(kernel("sid"))
    program = assertions(graph)
    assert program.figures == {"sizes": 11252, "offsets": 60421, "bitfields": 2298}
    assert check(graph, tmp_path, compiler, program) == []


def test_layouts_can_be_wrong(tmp_path):
    """What bpftool writes for 7.2 is: it drops members of a named type that have no name."""
    graph = dwarfless.load(kernel("sid"))
    program = assertions(graph)
    wrong = check(graph, tmp_path, "clang", program, header(graph, repair=False))
    assert any("struct filename" in line for line in wrong)
