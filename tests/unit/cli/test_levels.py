"""tree, split, flatten, merge, distill and relocate, as a user calls them."""

import json
import sys
from pathlib import Path

import pytest

import dwarfless
from build.btf import assemble
from dwarfless.cli.main import main
from oracle.btf_reader import parse

INT = ("INT", "int", 4, 1, 0, 32)
WHOLE = [
    INT,
    ("STRUCT", "task", 4, 0, (("pid", 1, 0, 0),)),
    ("FUNC_PROTO", "", 1, ()),
    ("FUNC", "schedule", 3, 0),
    ("FUNC", "hidden", 3, 0),
    ("VAR", "init_task", 2, 1),
    ("DATASEC", ".data", 4, ((6, 0, 4),)),
]


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run the command line in an empty folder; return status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)

    def run_cli(*args: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["dwarfless", *args])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return run_cli


@pytest.fixture
def whole(run) -> str:
    """Return the name of a file with one BTF in it."""
    Path("whole.btf").write_bytes(assemble(WHOLE))
    return "whole.btf"


def names(path: str, *bases: str) -> list[str]:
    """Return the names of a file's own types."""
    graph = None
    for each in (*bases, path):
        graph = dwarfless.load(each, base=graph)
    assert graph is not None
    return [view.name for view in graph]


def test_apart_and_together(run, whole):
    """split makes two files, tree draws them, flatten joins them."""
    status, drawn, _ = run("split", whole, "--move", "vars", "-o", "base.btf", "--extra", "x.btf")
    assert status == 0
    assert drawn.splitlines() == [
        "base.btf [1..5]  3 types, 2 functions, 0 variables; 76 bytes of types, 30 of strings",
        "└─ x.btf [6..7]  1 types, 0 functions, 1 variables; 40 bytes of types, 16 of strings",
    ]
    assert run("tree", "base.btf", "x.btf")[:2] == (0, drawn)
    assert names("x.btf", "base.btf") == ["init_task", ".data"]
    assert run("flatten", "x.btf", "-B", "base.btf", "-o", "flat.btf")[0] == 0
    assert sorted(names("flat.btf")) == sorted(names(whole))


def test_tree_as_json(run, whole):
    """A row a level, with everything the drawing says."""
    status, text, _ = run("tree", "--json", whole)
    assert status == 0
    (level,) = json.loads(text)["levels"]
    assert level == {
        "file": whole,
        "first_id": 1,
        "last_id": 7,
        "types": 4,
        "functions": 2,
        "variables": 1,
        "type_bytes": 116,
        "string_bytes": 46,
    }


def test_functions_that_nothing_attaches_to(run, whole):
    """A list as tracefs has it says which stay."""
    Path("filter").write_text("schedule\nother [xfs]\n")
    how = ("--move", "unattachable", "--attachable", "filter")
    assert run("split", whole, *how, "-o", "b.btf", "--extra", "x.btf")[0] == 0
    assert names("x.btf", "b.btf") == ["hidden"]


def test_by_name(run, whole):
    """Patterns narrow a class down."""
    how = ("--move", "functions,vars", "--name", "h*", "--name", "s*")
    assert run("split", whole, *how, "-o", "b.btf", "--extra", "x.btf")[0] == 0
    assert names("x.btf", "b.btf") == ["", "schedule", "hidden"]


def test_siblings(run, whole):
    """Two files over one base become one."""
    for name in ("one", "two"):
        own = [("PTR", "", 2), ("VAR", name, len(WHOLE) + 1, 0)]
        split = assemble(own, parse(Path(whole).read_bytes()))
        Path(f"{name}.btf").write_bytes(split)
    assert run("merge", "one.btf", "two.btf", "-B", whole, "-o", "both.btf")[0] == 0
    assert names("both.btf", whole) == ["", "one", "two"]


@pytest.mark.parametrize("raw", [True, False])
def test_distilled_and_moved(run, whole, raw):
    """To another kernel, whose types stand elsewhere."""
    Path("own.btf").write_bytes(assemble([("PTR", "", 2)], parse(Path(whole).read_bytes())))
    made = ("-o", "small.btf", "--base-output", "shells.btf") if raw else ("-o", "small.elf")
    status, drawn, _ = run("distill", "own.btf", "-B", whole, *made)
    assert status == 0
    assert "[1..1]  1 types" in drawn
    told = ("small.btf", "--distilled", "shells.btf") if raw else ("small.elf",)
    Path("other.btf").write_bytes(assemble([INT, INT, ("STRUCT", "task", 8, 0, ())]))
    assert run("relocate", *told, "-B", "other.btf", "-o", "moved.btf")[0] == 0
    graph = dwarfless.load("moved.btf", base=dwarfless.load("other.btf"))
    assert graph[4].type_id == 3
    Path("other.btf").write_bytes(assemble([INT]))
    status, _, error = run("relocate", *told, "-B", "other.btf", "-o", "never.btf")
    assert status == 1
    assert "does not fit other.btf: no struct task" in error
    assert not Path("never.btf").exists()


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (("split", "whole.btf", "--move", "var", "-o", "a", "--extra", "b"), "did you mean vars"),
        (
            ("split", "whole.btf", "--move", "unattachable", "-o", "a", "--extra", "b"),
            "attach to has to be told",
        ),
        (("distill", "whole.btf", "-o", "a"), "Name the --base"),
        (("relocate", "whole.btf", "-o", "a"), "Name the --base"),
        (("relocate", "whole.btf", "-B", "whole.btf", "-o", "a"), "has no distilled base"),
    ],
)
def test_usage(run, whole, args, why):
    """What makes no sense is said, and nothing is written."""
    status, _, error = run(*args)
    assert status == 2
    assert why in error
    assert not Path("a").exists()
