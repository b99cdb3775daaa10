"""What changed between two kernels is what a plain comparison in Python finds."""

from pathlib import Path

import pytest

import dwarfless
from dwarfless.graph.diff import diff
from oracle.btf_reader import read
from oracle.named import constants, meanings
from support import bpftool, kernel

SORTS = {"number": "NUMBER", "function": "FUNC", "variable": "VAR"}


def plain(a: Path, b: Path) -> set[tuple[str, str, str]]:
    """Return (sort, name, status) of all that changed."""
    ours, theirs = (meanings(read(path)) for path in (a, b))
    found = {(*key, "removed") for key in ours.keys() - theirs.keys()}
    found |= {(*key, "added") for key in theirs.keys() - ours.keys()}
    found |= {(*k, "changed") for k in ours.keys() & theirs.keys() if ours[k] != theirs[k]}
    (one, all_of_one), (other, all_of_other) = (constants(read(path)) for path in (a, b))
    for name in one.keys() - all_of_other.keys():
        found.add(("CONSTANT", name, "removed"))
    for name in other.keys() - all_of_one.keys():
        found.add(("CONSTANT", name, "added"))
    for name in one.keys() & all_of_other.keys():
        if all_of_one[name] != all_of_other[name]:
            found.add(("CONSTANT", name, "changed"))
    return found


@pytest.mark.kernel
def test_kernels():
    """Debian's 6.12 against 7.2: the same names, for the same reason, as a plain comparison."""
    a, b = kernel("trixie"), kernel("sid")
    found = diff(dwarfless.load(a), dwarfless.load(b))
    ours = {(SORTS.get(c.kind, c.kind.upper()), c.name, c.status) for c in found.changes}
    expected = plain(a, b)
    assert len(expected) > 10_000
    assert sorted(ours ^ expected)[:10] == []
    assert all(change.differences for change in found.changes if change.status == "changed")


@pytest.mark.kernel
def test_same_kernel():
    """A kernel against itself."""
    graph = dwarfless.load(kernel("bookworm"))
    assert diff(graph, graph).changes == ()


@pytest.mark.peer
@pytest.mark.kernel
def test_members_that_moved_did(tmp_path):
    """What is said of members' places is what bpftool prints of them."""
    graphs = [dwarfless.load(kernel(suite)) for suite in ("trixie", "sid")]
    lines: list[dict[str, str]] = []
    for number, graph in enumerate(graphs):
        path = tmp_path / f"{number}.btf"
        path.write_bytes(dwarfless.encode(graph))
        listed = bpftool("btf", "dump", "file", path).stdout.split("\n[")
        lines.append({entry.partition("]")[0]: entry for entry in listed})
    checked = 0
    for change in diff(*graphs).changes:
        if change.kind != "struct" or change.status != "changed":
            continue
        for difference in change.differences:
            name = difference.what.removeprefix("member ")
            if difference.how != "moved" or "." in name or ":" in difference.a + difference.b:
                continue
            texts = lines[0][str(change.a_id)], lines[1][str(change.b_id)]
            if all(f"'{name}' " in text for text in texts):
                for text, place in zip(texts, (difference.a, difference.b), strict=True):
                    (line,) = (x for x in text.splitlines() if x.startswith(f"\t'{name}' "))
                    assert f" bits_offset={8 * int(place)}" in line
                checked += 1
    assert checked > 1000
