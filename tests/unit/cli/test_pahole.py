"""dwarfless-pahole on small objects: what it writes, where, and what it says when it can't."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dwarfless
from dwarfless.cli.pahole import main, run
from dwarfless.containers.section import ElfReader
from dwarfless.graph.type_graph import TypeGraph

SOURCE = """
struct point { int x, y; };
struct point origin = {1, 2};
static struct point hidden[2] __attribute__((used));
float scale;
int __attribute__((section(".data..percpu"))) counter = 1;
int distance(struct point *p) { return p->x + p->y + hidden[0].x; }
"""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an object with DWARF and one without."""
    folder = tmp_path_factory.mktemp("pahole")
    (folder / "a.c").write_text(SOURCE)
    for flag, name in (("-gdwarf-5", "a.o"), ("-g0", "bare.o")):
        subprocess.run(["gcc", flag, "-O1", "-c", "a.c", "-o", name], cwd=folder, check=True)
    return folder


@pytest.fixture
def folder(compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with copies of both."""
    for name in ("a.o", "bare.o"):
        shutil.copy(compiled / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LLVM_OBJCOPY", raising=False)
    return tmp_path


def names(graph: TypeGraph, kind: str) -> set[str]:
    """Return the names of a graph's own types of a kind."""
    own = range(graph.first_id, len(graph))
    return {graph[i].name for i in own if graph[i].kind_name == kind}


def section(path: Path, name: str) -> bytes | None:
    """Return a section's bytes."""
    with open(path, "rb", buffering=0) as file:
        return ElfReader(file, str(path)).section(name)


def test_btf_goes_into_the_file(folder):
    """Everything else stays as it was, its permissions too; a second run replaces it."""
    path = folder / "a.o"
    path.chmod(0o640)
    text, debug = section(path, ".text"), section(path, ".debug_info")
    assert run(["-J", "a.o"]) == 0
    assert names(dwarfless.load(path), "VAR") == {"counter"}
    assert run(["-J", "--btf_features=default,global_var", "a.o"]) == 0
    graph = dwarfless.load(path)
    assert names(graph, "VAR") == {"counter", "origin", "hidden", "scale"}
    assert names(graph, "FLOAT") == {"float"}
    assert (section(path, ".text"), section(path, ".debug_info")) == (text, debug)
    assert path.stat().st_mode & 0o777 == 0o640
    assert {entry.name for entry in folder.iterdir()} == {"a.o", "bare.o"}
    listing = subprocess.run(
        ["readelf", "-SW", "a.o"], capture_output=True, text=True, check=True
    ).stdout
    assert listing.count(" .BTF ") == 1
    assert subprocess.run(["ld", "-r", "a.o", "-o", "b.o"], check=False).returncode == 0


def test_detached_is_what_would_go_in(folder):
    """The file itself is not touched."""
    before = (folder / "a.o").read_bytes()
    assert run(["-J", "-j2", "--btf_encode_detached=a.btf", "a.o"]) == 0
    assert (folder / "a.o").read_bytes() == before
    assert run(["-J", "a.o"]) == 0
    assert section(folder / "a.o", ".BTF") == (folder / "a.btf").read_bytes()


def test_only_variables(folder):
    """No function, no type that no variable needs; over a base only what it lacks."""
    assert run(["--btf_gen_var_only", "--btf_encode_detached=vars.btf", "a.o"]) == 0
    graph = dwarfless.load(folder / "vars.btf")
    assert names(graph, "VAR") == {"counter", "origin", "hidden", "scale"}
    assert not names(graph, "FUNC") | names(graph, "FUNC_PROTO") | names(graph, "PTR")
    command = "-J --btf_features=default --btf_encode_detached=base.btf a.o"
    assert run(command.split()) == 0
    command = "--btf_gen_var_only --btf_base=base.btf --btf_features=float"
    assert run([*command.split(), "--btf_encode_detached=extra.btf", "a.o"]) == 0
    extra = dwarfless.load(folder / "extra.btf", base=dwarfless.load(folder / "base.btf"))
    assert names(extra, "VAR") == {"origin", "hidden", "scale"}
    assert not names(extra, "STRUCT") | names(extra, "FUNC") | names(extra, "INT")


def test_several_files_over_one_base(folder):
    """Each gets its own; one that fails stops none, and the status tells."""
    shutil.copy("a.o", "c.o")
    assert run(["-J", "--btf_encode_detached=base.btf", "a.o"]) == 0
    base = dwarfless.load(folder / "base.btf")
    assert (
        run(
            [
                "-J",
                "--btf_features=default,global_var",
                "--btf_base",
                "base.btf",
                "a.o",
                "bare.o",
                "c.o",
            ]
        )
        == 1
    )
    for name in ("a.o", "c.o"):
        graph = dwarfless.load(folder / name, base=base)
        assert names(graph, "VAR") == {"origin", "hidden", "scale"}
    assert section(folder / "bare.o", ".BTF") is None


def test_a_distilled_base_travels_along(folder, capsys):
    """Beside .BTF; it goes when the next BTF has none, and needs a place and a base."""
    path = folder / "a.o"
    assert run(["-J", "--btf_encode_detached=base.btf", "a.o"]) == 0
    line = ["-J", "--btf_features=default,global_var,distilled_base", "--btf_base=base.btf", "a.o"]
    assert run(line) == 0
    assert section(path, ".BTF.base")
    small = dwarfless.load(path)
    assert names(small, "VAR") == {"origin", "hidden", "scale"}
    moved = dwarfless.load(path, base=dwarfless.load(folder / "base.btf"))
    assert names(moved, "VAR") == names(small, "VAR")
    assert run([*line[:-1], "--btf_encode_detached=out.btf", "a.o"]) == 0
    assert "distilled_base needs" in capsys.readouterr().err
    assert run(["-J", "a.o"]) == 0
    assert section(path, ".BTF.base") is None
    assert names(dwarfless.load(path), "VAR") == {"counter"}


def test_layout(folder):
    """Is written without a base; on a base the base's holds."""
    command = "-J --btf_features=default,layout"
    assert run([*command.split(), "--btf_encode_detached=a.btf", "a.o"]) == 0
    assert (folder / "a.btf").read_bytes()[4] == 32
    assert run([*command.split(), "--btf_base=a.btf", "--btf_encode_detached=b.btf", "a.o"]) == 0
    assert (folder / "b.btf").read_bytes()[4] == 24


@pytest.mark.parametrize(
    ("line", "status", "complaint"),
    [
        ("-J bare.o", 1, "no DWARF here"),
        ("-J none.o", 1, "none.o: No such file or directory"),
        ("-J --btf_base=none a.o", 1, "none: No such file or directory"),
        ("-J --btf_base=bare.o a.o", 1, "bare.o: .BTF+0x0: the file has no .BTF section"),
        ("-J --btf_encode_detached=no/where a.o", 1, "No such file or directory"),
        ("-J --lang_exclude=rusty a.o", 1, "did you mean rust?"),
        ("-J --btf_features_strict=vars a.o", 1, "'vars' is not supported"),
        ("-J --sort a.o", 64, "no option --sort here; see --help"),
        ("", 64, "give -J"),
    ],
)
def test_a_failure_is_one_line_and_a_status(folder, capsys, line, status, complaint):
    """And leaves the input as it was."""
    before = (folder / "a.o").read_bytes()
    assert run(line.split()) == status
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("dwarfless-pahole: ")
    assert complaint in shown.err
    assert (folder / "a.o").read_bytes() == before
    assert {entry.name for entry in folder.iterdir()} == {"a.o", "bare.o"}


def test_a_failing_objcopy(folder, capsys, monkeypatch):
    """The build's own objcopy is used; if it fails, the file stays."""
    before = (folder / "a.o").read_bytes()
    monkeypatch.setenv("LLVM_OBJCOPY", "false")
    assert run(["-J", "a.o"]) == 1
    assert "a.o" in capsys.readouterr().err
    assert (folder / "a.o").read_bytes() == before
    assert {entry.name for entry in folder.iterdir()} == {"a.o", "bare.o"}


def test_an_ignored_feature_is_named(folder, capsys):
    """On stderr, while the rest is done; -V tells what was left out on stdout."""
    assert run(["-J", "-V", "--btf_features=default,true_signature", "a.o"]) == 0
    shown = capsys.readouterr()
    assert shown.err == (
        "dwarfless-pahole: feature 'true_signature' is not supported, and ignored\n"
    )
    assert shown.out.startswith("a.o: ")


@pytest.mark.parametrize(
    ("option", "start"),
    [
        ("--version", "v1.32\n"),
        ("--numeric_version", "132\n"),
        ("--supported_btf_features", "encode_force,var,"),
        ("--help", "Usage: dwarfless-pahole -J"),
    ],
)
def test_what_only_prints(capsys, monkeypatch, option, start):
    """Status 0, on stdout; the kernel cuts the number out of the version."""
    monkeypatch.setattr(sys, "argv", ["dwarfless-pahole", option])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(start)


def test_the_version_is_cheap():
    """Linux 6.1 asks for it some thousand times: no numpy, no click, no parser."""
    code = """
import sys
from dwarfless.cli.pahole import run
run(["--version"])
heavy = {"numpy", "click", "rich", "dataclasses", "dwarfless.cli.pahole_options"}
heavy &= sys.modules.keys()
print(heavy or "light")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "v1.32\nlight\n"
