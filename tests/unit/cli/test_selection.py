"""What goes in, as a command line says it, on a program that the host's compiler makes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dwarfless
from dwarfless.cli.main import main

ONE = """
static const int folded = 3;
static int state = 1;
int shared = 2;
static int boot __attribute__((section(".init.data"))) = 3;
int open_a(int *p) {
  static int calls = 7;
  calls += *p;
  return state += calls * folded + boot + shared;
}
"""
TWO = """
static const int folded = 3;
static int state = 5;
extern int shared;
int open_b(int *p) {
  static long calls = 9;
  calls += *p;
  return state += (int)calls * folded + shared;
}
int open_a(int *p);
int main(void) { int x = 1; return open_a(&x) + open_b(&x); }
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program of two units."""
    folder = tmp_path_factory.mktemp("selection")
    for name, text in (("one.c", ONE), ("two.c", TWO)):
        (folder / name).write_text(text)
    flags = ["-g", "-O1", "-fcf-protection=none", "-o", "program"]
    subprocess.run(["gcc", *flags, "one.c", "two.c"], check=True, cwd=folder)
    return folder / "program"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command line; return status, stdout, stderr."""

    def run_cli(*args: str | Path) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["dwarfless", *map(str, args)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out, printed.err

    return run_cli


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (["--only", "vars"], ["boot", "shared", "state", "state"]),
        (["--only", "global"], ["shared"]),
        (["--only", "local"], ["calls", "calls"]),
        (["--only", "vars", "--without-init"], ["shared", "state", "state"]),
        (["--only", "vars", "--exclude", "s*"], ["boot"]),
        (["--only", "vars", "--include", "state"], ["state", "state"]),
        (["--only", "vars", "--exclude", "unit:*two.c"], ["boot", "shared", "state"]),
        (["--only", "vars", "--exclude", "class:static"], ["shared"]),
        (["--only", "vars", "--exclude", "section:.data"], ["boot"]),
        (["--only", "vars", "--profile", "debugger"], ["shared", "state", "state"]),
        (["--only", "types"], []),
    ],
)
def test_what_goes_in(run, program, tmp_path, options, names):
    """Classes, patterns and profiles choose variables; of functions there are none."""
    output = tmp_path / "out.btf"
    assert run("encode", program, "-o", output, *options)[0] == 0
    graph = dwarfless.load(output)
    assert sorted(view.name for view in graph if view.kind_name == "VAR") == names
    assert not [view for view in graph if view.kind_name == "FUNC"]


def test_rules_from_a_file(run, program, tmp_path):
    """They stand behind those of the command line."""
    rules = tmp_path / "mine.toml"
    rules.write_text('init = false\n[[rule]]\nexclude = "state"\nunit = "*one.c"\n')
    output = tmp_path / "out.btf"
    assert run("encode", program, "-o", output, "--only", "vars", "--rules", rules)[0] == 0
    names = [view.name for view in dwarfless.load(output) if view.kind_name == "VAR"]
    assert sorted(names) == ["shared", "state"]


def test_duplicates_are_tagged(run, program, tmp_path):
    """Variables that share a name get their file; others need none."""
    output = tmp_path / "out.btf"
    run("encode", program, "-o", output, "--only", "vars", "--tag-duplicates")
    graph = dwarfless.load(output)
    tags = [
        (view.name, graph[view.word(2)].name) for view in graph if view.kind_name == "DECL_TAG"
    ]
    assert tags == [("file:one.c", "state"), ("file:two.c", "state")]


def test_explained(run, program):
    """Each of a name, with the place it has and what decides."""

    def lines(name: str, *options: str) -> list[str]:
        status, printed, _ = run("explain", name, program, *options)
        assert status == 0
        return [
            line.partition("+")[0] + line[line.index(", ", line.index("+")) :]
            if "+" in line
            else line
            for line in printed.splitlines()
        ]

    assert lines("state", "--only", "vars") == [
        "variable, static, .data, one.c: in",
        "variable, static, .data, two.c: in",
    ]
    assert lines("calls", "--only", "local") == [
        "variable, local, .data, one.c, in open_a(): in",
        "variable, local, .data, two.c, in open_b(): in",
    ]
    assert lines("shared", "--only", "vars", "--exclude", "sha*") == [
        "variable, global, .data, one.c: out: --exclude sha*",
        "variable, declarations, no section, two.c: out: declarations is not asked for",
    ]
    assert lines("boot", "--only", "vars", "--without-init") == [
        "variable, static, .init.data, one.c: out: freed after the kernel's start"
    ]
    assert lines("open_b", "--only", "vars") == [
        "function, .text, two.c: out: functions is not asked for"
    ]
    assert lines("open_b") == ["function, .text, two.c: in"]


def test_what_is_nowhere_is_named_once(run, program, tmp_path):
    """A constant that two units have is one line of the report; explain shows both."""
    report = tmp_path / "report.json"
    args = ("encode", program, "-o", tmp_path / "out.btf", "--only", "vars", "--report", report)
    assert run(*args)[0] == 0
    left = [item for item in json.loads(report.read_text())["items"] if item["name"] == "folded"]
    assert [item["reason"] for item in left] == ["no location: optimized away"]
    printed = run("explain", "folded", program, "--only", "vars")[1]
    assert printed.splitlines() == [
        f"variable, static, no section, {unit}: out: no location: optimized away"
        for unit in ("one.c", "two.c")
    ]


def test_nothing_of_that_name(run, program):
    """That is an error."""
    status, _, error = run("explain", "nothing", program)
    assert status == 1
    assert error == f"dwarfless: {program} has no function or variable nothing.\n"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--only", "var"], "no class 'var'; did you mean vars?"),
        (["--only", ""], "no class is named"),
        (["--exclude", "sect:x"], "no key 'sect'; did you mean section?"),
        (["--include", "class:statics"], "no class 'statics'; did you mean static?"),
        (["--profile", "debug"], "no profile 'debug'; did you mean debugger?"),
    ],
)
def test_usage(run, program, tmp_path, options, why):
    """What is misspelt would choose nothing: it is said, with the nearest word."""
    status, _, error = run("encode", program, "-o", tmp_path / "out.btf", *options)
    assert status == 2
    assert why in error
    assert not (tmp_path / "out.btf").exists()


def test_units_left_out_are_listed_in_order(run, tmp_path):
    """However many threads have met them."""
    units = [f"{number}.c" for number in range(40)]
    for name in units:
        (tmp_path / name).write_text(f"int f{name[:-2]}(void) {{ return 0; }}")
    command = ["gcc", "-g", "-std=gnu99", "-nostdlib", "-Wl,-e0", "-o", "program", *units]
    subprocess.run(command, check=True, cwd=tmp_path)
    args = ("encode", tmp_path / "program", "-o", tmp_path / "out.btf", "--lang-exclude", "c99")
    report = tmp_path / "report.json"
    assert run(*args, "--jobs", "8", "--report", report)[0] == 0
    names = [item["name"] for item in json.loads(report.read_text())["items"]]
    places = [int(name.partition("+")[2], 16) for name in names]
    assert len(places) == len(units)
    assert places == sorted(places)
