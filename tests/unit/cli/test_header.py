"""`dwarfless header`."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import dwarfless
from dwarfless.cli.main import cli
from dwarfless.formats.btf import Kind


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A kernel of some types, and an extra of some variables."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("int", 4, signed=True)
    builder.add_int("long int", 8, signed=True)
    builder.add_composite(Kind.STRUCT, "inner", 8, [("a", 1, 0), ("b", 1, 32)])
    builder.add_reference(Kind.PTR, 5)
    builder.add_composite(Kind.STRUCT, "outer", 24, [("in", 3, 0), ("next", 4, 64), ("c", 1, 128)])
    builder.add_enum("", 4, [("RED", 0), ("GREEN", 1)])
    builder.add_composite(Kind.STRUCT, "inner", 4, [("other", 1, 0)])
    base = builder.freeze()
    builder = dwarfless.GraphBuilder(base)
    own = builder.add_composite(Kind.STRUCT, "own", 8, [("p", 4, 0)])
    table = builder.add_array(own, 1, 3)
    variables = [("v", 4), ("table", table), ("twice", 1), ("twice", 2), ("RED", 1), ("if", 1)]
    entries = [
        (builder.add_var(name, type_id), 8 * i, 8)
        for i, (name, type_id) in enumerate([*variables, ("colour", 6), ("a.b", 1)])
    ]
    builder.add_datasec(".data", 8 * len(entries), entries)
    builder.add_datasec(".data..percpu", 8, [(builder.add_var("each", 1), 0, 4)])
    found = {}
    for name, graph in (("base", base), ("extra", builder.freeze())):
        found[name] = tmp_path / f"{name}.btf"
        found[name].write_bytes(dwarfless.encode(graph))
    return found


def run(*args: object) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli, ["header", *map(str, args)])


def compiles(text: str, folder: Path) -> None:
    """Compile C for BPF and for the host."""
    path = folder / "try.c"
    path.write_text(text)
    for command in (["clang", "-target", "bpf", "-g"], ["gcc"]):
        done = subprocess.run(
            [*command, "-Wall", "-Wno-unknown-pragmas", "-c", path, "-o", "/dev/null"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_second_type_of_a_name(files, tmp_path):
    """Gets a number, which CO-RE looks past."""
    out = tmp_path / "vmlinux.h"
    assert run(files["base"], "-o", out).exit_code == 0
    text = out.read_text()
    compiles(text, tmp_path)
    assert "struct inner___2 {" in text
    assert "\nenum {\n\tRED = 0,\n\tGREEN = 1,\n};\n" in text


def test_least_header(files, tmp_path):
    """Of what is only pointed to comes the name; types come with what they embed."""
    out = tmp_path / "few.h"
    assert run(files["extra"], "-B", files["base"], "--types", "own", "-o", out).exit_code == 0
    text = out.read_text()
    compiles(text, tmp_path)
    assert "struct outer;\n" in text
    assert "struct inner" not in text
    assert "struct own {\n\tstruct outer *p;\n};\n" in text
    assert run(files["base"], "--types", "outer,inner", "-o", out).exit_code == 0
    assert out.read_text().count("struct inner") == 3
    wrong = run(files["base"], "--types", "nothing", "-o", out)
    assert "no type 'nothing'" in str(wrong.exception)


def test_variables(files, tmp_path):
    """Beside vmlinux.h; what can't be named is left out, counted and listed."""
    types, variables, report = (tmp_path / name for name in ("vmlinux.h", "vars.h", "report"))
    run(files["base"], "-o", types)
    options = ("--vars", "--report", report, "-o", variables)
    done = run(files["extra"], "-B", files["base"], *options)
    assert done.exit_code == 0
    text = variables.read_text()
    compiles('#include "vmlinux.h"\n#include "vars.h"\n', tmp_path)
    lines = [line for line in text.splitlines() if line.startswith("extern")]
    assert lines == [
        "extern enum {",
        "extern struct own table[3] __ksym;",
        "extern struct outer *v __ksym;",
        "extern int each __ksym;",
    ]
    assert "\tRED___2 = 0,\n" in text
    assert "struct own {" in text
    left_out = {i["name"]: i["reason"] for i in json.loads(report.read_text())["items"]}
    assert left_out == {
        "RED": "a type or enumerator of vmlinux.h has its name",
        "a.b": "its name is no identifier in C",
        "if": "its name is no identifier in C",
        "twice": "several variables share its name",
        "each": "per CPU: read by bpf_per_cpu_ptr",
    }
    assert "2 variables: several variables share its name" in done.output


def test_symbols(files, tmp_path):
    """The kernel takes the first symbol of a name."""
    symbols, out = tmp_path / "System.map", tmp_path / "vars.h"
    symbols.write_text("ff10 D v\nff20 d table\nff30 t table\nff40 D each\nff50 d v\t[module]\n")
    done = run(files["extra"], "-B", files["base"], "--vars", "--symbols", symbols, "-o", out)
    assert "1 variables: several symbols share its name" in done.output
    assert "2 variables: no symbol has its name" in done.output
    assert "*v __ksym" in out.read_text()
    assert " table" not in out.read_text()


def test_usage(files):
    """Options that go together, and that don't."""
    assert run(files["base"], "--types", "a", "--vars").exit_code == 2
    assert run(files["base"], "--symbols", "x").exit_code == 2
