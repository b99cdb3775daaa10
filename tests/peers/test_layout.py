"""Our print of a struct is pahole's, to the byte."""

import random
import re
import tomllib
from functools import cache
from pathlib import Path

import pytest

import dwarfless
from dwarfless.consumers.layout.text import layout_text
from dwarfless.graph.layout import Layouts
from dwarfless.graph.type_graph import TypeGraph
from support import kernel, pahole

ALLOW = Path(__file__).parent / "layout.toml"
WELL_KNOWN = [
    *("cred", "dentry", "file", "file_operations", "inode", "kobject", "list_head", "mm_struct"),
    *("module", "net_device", "page", "pci_dev", "perf_event", "rq", "signal_struct", "sk_buff"),
    *("sock", "super_block", "task_struct", "vm_area_struct"),
]
#: How many of each kernel's structs and unions are compared.
CHOSEN = {"bookworm": 60, "trixie": 1500, "sid": 60}
BLOCK = re.compile(r"^(?:struct|union) (\w+) \{\n.*?^\}[^\n]*\n", re.S | re.M)


@cache
def btf_of(suite: str, folder: Path) -> tuple[Path, TypeGraph]:
    """Return a kernel's BTF, alone in a file, and as a graph."""
    graph = dwarfless.load(kernel(suite))
    path = folder / f"{suite}.btf"
    path.write_bytes(dwarfless.encode(graph))
    return path, graph


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for the kernels' BTF."""
    return tmp_path_factory.mktemp("layout")


def allowed(suite: str) -> dict[str, str]:
    """Return the structs of a kernel that pahole prints differently, with the reason."""
    entries = tomllib.loads(ALLOW.read_text())["allow"]
    found = {e["name"]: e["reason"] for e in entries if suite in e["kernels"]}
    assert all(found.values())
    return found


@pytest.mark.peer
@pytest.mark.kernel
@pytest.mark.parametrize("suite", ["bookworm", "trixie", "sid"])
def test_structs_read_as_paholes(suite, folder):
    """Well-known structs and many others; what differs is listed, and differs."""
    path, graph = btf_of(suite, folder)
    layouts = Layouts(graph)
    theirs: dict[str, set[str]] = {}
    for match in BLOCK.finditer(pahole("-F", "btf", path).stdout):
        theirs.setdefault(match[1], set()).add(match[0])
    exceptions = allowed(suite)
    names = sorted(theirs.keys() - set(WELL_KNOWN) - exceptions.keys())
    chosen = random.Random(suite).sample(names, CHOSEN[suite])
    differ = []
    for name in [*WELL_KNOWN, *chosen, *exceptions]:
        ids = [i for kind in ("struct", "union") for i in graph.find_ids(name, kind)]
        if not theirs[name] & {layout_text(layouts, i) for i in ids}:
            differ.append(name)
    assert sorted(differ) == sorted(exceptions)


@pytest.mark.peer
@pytest.mark.kernel
def test_expanded_structs_read_as_paholes(folder):
    """With everything inside shown."""
    path, graph = btf_of("trixie", folder)
    layouts = Layouts(graph)
    # pahole keeps a typedef behind const, as vm_area_struct's vm_flags has; we look through both.
    for name in set(WELL_KNOWN) - {"vm_area_struct"}:
        (type_id,) = graph.find_ids(name, "struct")
        ours = layout_text(layouts, type_id, expand=True)
        assert ours == pahole("-F", "btf", "-E", "-C", name, path).stdout.rstrip("\n") + "\n", name
