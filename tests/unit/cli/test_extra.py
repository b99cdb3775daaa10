"""encode --base, encode --modules and extra, on objects that the host's compiler makes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dwarfless
from dwarfless.cli.main import main
from dwarfless.encoder import encode_elf
from dwarfless.formats.btf import Kind
from dwarfless.graph.match import Base
from dwarfless.graph.options import EncodeOptions
from dwarfless.modules import encode_modules, find_modules

KERNEL = """
struct list { struct list *next; };
struct task { struct list list; int pid; };
struct task init_task;
int schedule(struct task *t) { return t->pid; }
"""
MODULE = """
struct list { struct list *next; };
struct task { struct list list; int pid; };
struct own { struct task *t; long n; };
static struct own own_state;
int NAME_open(struct own *o) { own_state.n += o->n; return (int)own_state.n; }
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a kernel, its BTF and modules."""
    folder = tmp_path_factory.mktemp("tree")
    (folder / "modules/net").mkdir(parents=True)
    compile_c(KERNEL, folder / "vmlinux.o")
    for name in ("one", "net/two-three"):
        text = MODULE.replace("NAME", Path(name).name.replace("-", "_"))
        compile_c(text, folder / f"modules/{name}.ko")
    graph, _ = encode_elf(folder / "vmlinux.o")
    (folder / "vmlinux.btf").write_bytes(dwarfless.encode(graph))
    return folder


def compile_c(text: str, output: Path) -> None:
    """Compile C with DWARF."""
    command = ["gcc", "-g", "-O1", "-fcf-protection=none", "-x", "c", "-c", "-", "-o", output]
    subprocess.run(command, input=text.encode(), check=True)


def run(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> int:
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["dwarfless", *map(str, args)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def names(graph: dwarfless.TypeGraph) -> list[tuple[str, str]]:
    """Return kind and name of a graph's own types."""
    return [(view.kind_name, view.name) for view in graph]


def test_encode_over_a_base(tree, tmp_path, monkeypatch):
    """A module's BTF holds what its kernel's lacks."""
    out = tmp_path / "one.btf"
    base = tree / "vmlinux.btf"
    assert run(monkeypatch, "encode", tree / "modules/one.ko", "--base", base, "-o", out) == 0
    graph = dwarfless.load(out, base=dwarfless.load(base))
    found = names(graph)
    assert ("STRUCT", "own") in found
    assert ("FUNC", "one_open") in found
    assert not {("STRUCT", "task"), ("STRUCT", "list"), ("INT", "int")} & set(found)


def test_all_modules(tree, tmp_path, monkeypatch, capsys):
    """Each gives a file by its name in the kernel; the report has a row for each."""
    out, report = tmp_path / "out", tmp_path / "report.json"
    base = ("--base", tree / "vmlinux.btf")
    command = ("encode", "--modules", tree / "modules", *base, "-o", out, "--report", report)
    assert run(monkeypatch, *command) == 0
    assert sorted(path.name for path in out.iterdir()) == ["one.btf", "two_three.btf"]
    rows = json.loads(report.read_text())["modules"]
    assert [(row["name"], row["error"]) for row in rows] == [("one", ""), ("two_three", "")]
    for row in rows:
        assert row["size"] == (out / f"{row['name']}.btf").stat().st_size
    assert "2 modules" in capsys.readouterr().err
    alone = tmp_path / "alone.btf"
    run(monkeypatch, "encode", tree / "modules/one.ko", *base, "-o", alone)
    assert alone.read_bytes() == (out / "one.btf").read_bytes()


def test_a_module_that_fails_stops_nothing(tree, tmp_path, monkeypatch, capsys):
    """It is told, the others are written, and the exit status says so."""
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "good.ko").write_bytes((tree / "modules/one.ko").read_bytes())
    (modules / "bad.ko").write_bytes(b"no ELF")
    out = tmp_path / "out"
    base = ("--base", tree / "vmlinux.btf")
    assert run(monkeypatch, "encode", "--modules", modules, *base, "-o", out) == 1
    told = capsys.readouterr().err
    assert [line for line in told.splitlines() if line.startswith("dwarfless: ")] == [
        f"dwarfless: {modules}/bad.ko: ELF header+0x0: not an ELF file"
    ]
    assert [path.name for path in out.iterdir()] == ["good.btf"]


def test_two_modules_of_one_name_are_refused(tree, tmp_path, monkeypatch, capsys):
    """One would overwrite the other."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.ko").write_bytes((tree / "modules/one.ko").read_bytes())
    base = ("--base", tree / "vmlinux.btf")
    assert run(monkeypatch, "encode", "--modules", tmp_path, *base, "-o", tmp_path / "o") == 1
    assert "the same module as" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("command", ["encode", "extra"])
@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "Give either VMLINUX or --modules."),
        (("{tree}/vmlinux.o", "--modules", "{tree}"), "Give either VMLINUX or --modules."),
        (("--modules", "{tree}/modules"), "--modules needs --base"),
        (("--modules", "{tree}/none", "--base", "{tree}/vmlinux.btf"), "No such directory"),
        (("--modules", "{tmp}", "--base", "{tree}/vmlinux.btf"), "no modules here"),
    ],
)
def test_usage(command, arguments, why, tree, tmp_path, monkeypatch, capsys):
    """What makes no sense is said, and nothing is written."""
    given = [text.format(tree=tree, tmp=tmp_path) for text in arguments]
    assert run(monkeypatch, command, *given, "-o", tmp_path / "o") in (1, 2)
    assert why in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_an_extra_needs_a_base(tree, tmp_path, monkeypatch, capsys):
    """An object without .BTF has none of its own."""
    assert run(monkeypatch, "extra", tree / "vmlinux.o", "-o", tmp_path / "x.btf") == 2
    assert "has no .BTF of its own; name a --base" in capsys.readouterr().err


def test_workers_share_one_base_and_die_alone(tree):
    """A worker that is gone takes its module with it; the others come out as ever."""
    base = Base(dwarfless.load(tree / "vmlinux.btf"))

    def take(path: Path, graph: dwarfless.TypeGraph, report: dwarfless.Report) -> tuple[int, ...]:
        if path.name == "one.ko":
            os._exit(3)
        return (int((graph.kinds == Kind.STRUCT).sum()),)

    paths = find_modules(tree / "modules")
    found = {r.name: r for r in encode_modules(paths, base, take, options=EncodeOptions(), jobs=2)}
    assert found["one"].error == "the worker died"
    assert (found["two_three"].error, found["two_three"].size) == ("", 1)
