"""The commands that read BTF: dump, check, stat, find."""

import json

import pytest
from click.testing import CliRunner

import dwarfless
from dwarfless.cli.main import cli
from dwarfless.formats.btf import Kind


@pytest.fixture
def file(tmp_path):
    """A sound file."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4, signed=True)
    builder.add_composite(Kind.STRUCT, "list_head", 8, [("v", 1, 0)])
    builder.add_var("v", 1)
    builder.add_datasec(".data", 4, [(3, 0, 4)])
    path = tmp_path / "a.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    return path


@pytest.fixture
def split(file, tmp_path):
    """A file split from it, with a broken rule."""
    builder = dwarfless.GraphBuilder(dwarfless.load(file))
    builder.add_composite(Kind.STRUCT, "my thing", 8, [("l", 2, 0)])
    path = tmp_path / "split.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    return path


def run(*args):
    """Run the command line."""
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def test_dump(file, split, tmp_path):
    """To a file, and of split BTF; standard output is tested with real files."""
    out = tmp_path / "out"
    assert run("dump", file, "-o", out).exit_code == 0
    assert out.read_text().splitlines()[:3] == [
        "[1] INT 'int' size=4 bits_offset=0 nr_bits=32 encoding=SIGNED",
        "[2] STRUCT 'list_head' size=8 vlen=1",
        "\t'v' type_id=1 bits_offset=0",
    ]
    assert run("dump", "--base", file, split, "-o", out).exit_code == 0
    assert out.read_text().startswith("[5] STRUCT 'my thing'")


def test_check(file, split):
    """Exit status 1 tells of a broken rule."""
    got = run("check", file)
    assert (got.exit_code, got.output) == (0, "4 types, no rule broken\n")
    got = run("check", "-B", file, split, "--json")
    assert got.exit_code == 1
    (violation,) = json.loads(got.output)["violations"]
    assert (violation["type_id"], violation["rule"]) == (5, "name")
    assert "name" in run("check", "-B", file, split).output
    assert run("check", file, "--target", "new").exit_code == 2


def test_stat(file):
    """Figures as text and as JSON."""
    figures = json.loads(run("stat", file, "--json").output)
    assert figures["schema"] == 1
    assert figures["types"] == 4
    assert figures["type_bytes"] == sum(row["bytes"] for row in figures["kinds"])
    assert figures["sections"] == [{"name": ".data", "size": 4, "vars": 1}]
    assert "STRUCT" in run("stat", file).output


def test_find(file):
    """Records with their ids; suggestions when there are none."""
    got = run("find", file, "list_head")
    assert got.exit_code == 0
    assert got.output == "[2] STRUCT 'list_head' size=8 vlen=1\n\t'v' type_id=1 bits_offset=0\n"
    got = run("find", file, "lst_head")
    assert got.exit_code == 1
    assert "no type lst_head; did you mean list_head?" in got.output
    assert run("find", file, "list_head", "--kind", "union").exit_code == 1
    found = json.loads(run("find", file, "v", "--json").output)
    assert found["types"] == [{"id": 3, "kind": "VAR", "name": "v"}]
