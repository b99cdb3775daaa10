"""users and holes: counted groups, members by path, JSON."""

import json
import re

import pytest
from click.testing import CliRunner

import dwarfless
from dwarfless.cli.main import cli
from dwarfless.formats.btf import Kind
from dwarfless.graph.layout import Layouts
from dwarfless.graph.type_graph import GraphBuilder
from support import kernel, pahole


def run(*args):
    """Run the command line."""
    return CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture
def file(tmp_path):
    """A node, embedded through a typedef, an array and a nameless struct; pointed to; called."""
    builder = GraphBuilder()
    number = builder.add_int("int", 4, signed=True)
    node = builder.add_composite(Kind.STRUCT, "node", 4, [("v", number, 0)])
    alias = builder.add_reference(Kind.TYPEDEF, node, "node_t")
    several = builder.add_array(alias, number, 3)
    nameless = builder.add_composite(Kind.STRUCT, "", 16, [("n", node, 0), ("more", several, 32)])
    pointer = builder.add_reference(Kind.PTR, builder.add_reference(Kind.CONST, node))
    inner = [("x", number, 0), ("", nameless, 32), ("link", pointer, 192)]
    outer = builder.add_composite(Kind.STRUCT, "outer", 32, inner)
    builder.add_composite(Kind.STRUCT, "outermost", 40, [("o", outer, 0)])
    proto = builder.add_func_proto(number, [("node", pointer)])
    call = builder.add_reference(Kind.PTR, proto)
    builder.add_composite(Kind.STRUCT, "ops", 8, [("get", call, 0)])
    builder.add_func("get", proto)
    builder.add_func("make", builder.add_func_proto(pointer))
    builder.add_var("root", node)
    builder.add_func("other", builder.add_func_proto(number, [("o", call)]))
    path = tmp_path / "a.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    return path


def test_users(file):
    """Each group, with members through nameless structs."""
    got = run("users", file, "node")
    assert got.output.splitlines() == [
        "embedded in 1 struct or union:",
        "  struct outer: n, more",
        "pointed to by 1 struct or union:",
        "  struct outer: link",
        "taken or returned by function pointers of 1 struct or union:",
        "  struct ops: get",
        "taken by 1 function:",
        "  int get(const struct node *node)",
        "returned by 1 function:",
        "  const struct node *make(void)",
        "the type of 1 variable:",
        "  struct node root",
    ]


def test_transitive(file):
    """What embeds something that embeds it."""
    said = json.loads(run("users", file, "struct node", "--transitive", "--json").output)
    assert [row["name"] for row in said["embeds"]] == ["outer", "outermost"]
    assert said["embeds"][1]["members"] == ["o"]
    assert (said["schema"], said["transitive"]) == (1, True)


def test_limit(file):
    """Only so many of a group, and how many more there are."""
    assert "… and 1 more" in run("users", file, "int", "--limit", "1").output
    assert "… and" not in run("users", file, "int", "--limit", "0").output


def test_unknown_type(file):
    """No type of that name; a function is none."""
    got = run("users", file, "nodes")
    assert (got.exit_code, "did you mean node?" in got.output) == (1, True)
    assert run("users", file, "get").exit_code == 1


@pytest.mark.peer
@pytest.mark.kernel
def test_users_are_paholes(tmp_path):
    """All that pahole finds is found, and more: in nameless structs, arrays of arrays, itself."""
    path = tmp_path / "kernel.btf"
    path.write_bytes(dwarfless.encode(dwarfless.load(kernel("trixie"))))
    for name in ("list_head", "mutex", "sk_buff"):
        said = json.loads(run("users", path, f"struct {name}", "--json").output)
        embeds = pahole("-F", "btf", "--contains", name, path).stdout.split()
        points = pahole("-F", "btf", "--find_pointers_to", name, path).stdout.splitlines()
        for group, theirs in (
            ("embeds", set(embeds)),
            ("points", {line.partition(":")[0] for line in points}),
        ):
            ours = {row["name"]: row["members"] for row in said[group]}
            assert theirs
            assert theirs <= ours.keys()
            for more in ours.keys() - theirs:
                text = run("show", path, "--expand", f"struct {more}").output
                text += run("show", path, "--expand", f"union {more}").output
                leaf = ours[more][0].rpartition(".")[2]
                assert f"struct {name} " in text, more
                assert re.search(rf"\b{leaf}\b", text), more


def test_holes(file, tmp_path):
    """Rows in the order asked for, and sums of all."""
    builder = GraphBuilder()
    char, number = builder.add_int("char", 1), builder.add_int("int", 4)
    for name, times in (("once", 1), ("twice", 2)):
        members = [("a", char, 0)]
        for i in range(times):
            members += [("n", number, 64 * i + 32), ("c", char, 64 * i + 64)]
        builder.add_composite(Kind.STRUCT, name, 8 * times + 4, members)
    builder.add_composite(Kind.STRUCT, "dense", 4, [("n", number, 0)])
    path = tmp_path / "b.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    said = json.loads(run("holes", path, "--json").output)
    assert [(row["name"], row["wasted"], row["saved"]) for row in said["structs"]] == [
        ("twice", 9, 8),
        ("once", 6, 4),
    ]
    assert said["totals"]["wasteful"] == 2
    assert said["totals"]["hole_bytes"] == 9
    said = json.loads(run("holes", path, "--json", "--sort", "name", "--limit", "1").output)
    assert [row["name"] for row in said["structs"]] == ["once"]
    got = run("holes", path).output
    assert "2 of 3 structs have holes or padding: 9 bytes of holes, 6 of padding" in got


@pytest.mark.kernel
def test_sorting_never_costs():
    """What sorting members would save is no more than what holes, bits and padding take."""
    graph = dwarfless.load(kernel("trixie"))
    layouts = Layouts(graph)
    assert layouts.shapes["saved"].sum() > 1000
    for type_id in layouts.shapes["saved"].nonzero()[0].tolist():
        layout = layouts[type_id]
        assert layout.saved <= layout.wasted + (layout.sum_bit_holes + layout.bit_padding) // 8
        assert (layout.size - layout.saved) % layout.natural == 0
