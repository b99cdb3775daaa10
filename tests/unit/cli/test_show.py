"""show: structs, enums, functions, variables, from whatever holds BTF."""

import json
import subprocess

import pytest
from click.testing import CliRunner

import dwarfless
from dwarfless.cli.main import cli
from dwarfless.consumers.layout import description, names
from dwarfless.formats.btf import Kind


@pytest.fixture
def file(tmp_path):
    """One of each that a user asks for, and two structs of a name."""
    builder = dwarfless.GraphBuilder()
    integer = builder.add_int("int", 4, signed=True)
    char = builder.add_int("char", 1)
    task = builder.add_composite(
        Kind.STRUCT,
        "task",
        16,
        [("c", char, 0), ("pid", integer, 32), ("", 4, 64), ("b", 1, 96, 3)],
    )
    builder.add_composite(Kind.UNION, "", 4, [("x", integer, 0), ("y", char, 0)])
    pointer = builder.add_reference(Kind.PTR, task)
    builder.add_enum("state", 4, [("IDLE", -1), ("RUNNING", 7)], signed=True)
    proto = builder.add_func_proto(integer, [("task", pointer), ("", 0)])
    builder.add_func("wake", proto)
    builder.add_var("current_task", pointer)
    builder.add_datasec(".data", 16, [(9, 8, 8)])
    builder.add_reference(Kind.TYPEDEF, integer, "pid_t")
    builder.add_composite(Kind.STRUCT, "twice", 4, [("a", integer, 0)])
    builder.add_composite(Kind.STRUCT, "twice", 1, [("b", char, 0)])
    path = tmp_path / "a.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    return path


def run(*args):
    """Run the command line."""
    return CliRunner().invoke(cli, ["show", *map(str, args)])


def test_struct(file):
    """A hole, a nameless union, a bitfield, and what they sum up to."""
    expected = """\
struct task {
	char                       c;                    /*     0     1 */

	/* XXX 3 bytes hole, try to pack */

	int                        pid;                  /*     4     4 */
	union {
		int                x;                    /*     8     4 */
		char               y;                    /*     8     1 */
	};                                               /*     8     4 */
	int                        b:3;                  /*    12: 0  4 */

	/* size: 16, cachelines: 1, members: 4 */
	/* sum members: 9, holes: 1, sum holes: 3 */
	/* sum bitfield members: 3 bits (0 bytes) */
	/* bit_padding: 29 bits */
	/* last cacheline: 16 bytes */
};
"""
    for name in ("task", "struct task", "3"):
        assert run(file, name).output == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("state", "enum state {\n\tIDLE    = -1,\n\tRUNNING = 7,\n};\n"),
        ("wake", "int wake(struct task *task, ...);\n"),
        ("current_task", "struct task *current_task; /* .data+0x8, 8 bytes */\n"),
        ("pid_t", "typedef int pid_t; /* int, 4 bytes */\n"),
        (
            ".data",
            "[10] DATASEC '.data' size=16 vlen=1\n"
            "\ttype_id=9 offset=8 size=8 (VAR 'current_task')\n",
        ),
    ],
)
def test_others(file, name, expected):
    """What is not a struct."""
    got = run(file, name)
    assert (got.exit_code, " ".join(got.output.split())) == (0, " ".join(expected.split()))


def test_several(file):
    """All of a name, with their ids; one of them by its id."""
    got = run(file, "twice").output
    assert got.count("struct twice {") == 2
    assert "/* [12] STRUCT */" in got
    assert run(file, "13").output == got[got.index("/* [13] STRUCT */\n") :].partition("\n")[2]


def test_no_such_type(file):
    """Nearly the same names are suggested; a tag that does not fit is none."""
    got = run(file, "taks")
    assert got.exit_code == 1
    assert "did you mean task?" in got.output
    assert run(file, "union task").exit_code == 1
    assert run(file, "task", "--kind", "enum").exit_code == 1
    assert run(file, "99").exit_code == 1


def test_color(file):
    """Only if asked for, where there is no terminal."""
    plain, painted = run(file, "task").output, run(file, "task", "--color").output
    assert "\x1b" not in plain
    assert "\x1b[31m/* XXX 3 bytes hole, try to pack */\x1b[0m" in painted


def test_cacheline(file):
    """Lines of another size; what is no power of two is a usage error."""
    got = run(file, "task", "--cacheline", 8).output
    assert "/* --- cacheline 1 boundary (8 bytes) --- */" in got
    assert "cachelines: 2" in got
    assert run(file, "task", "--cacheline", 24).exit_code == 2


def test_json(file):
    """The same as JSON."""
    said = json.loads(run(file, "task", "--json").output)
    assert said["schema"] == 1
    (task,) = said["types"]
    assert (task["size"], task["holes"], task["sum_holes"], task["bit_padding"]) == (16, 1, 3, 29)
    union = task["members"][2]
    assert [m["name"] for m in union["inside"]["members"]] == ["x", "y"]
    assert task["members"][3]["bits"] == 3
    (wake,) = json.loads(run(file, "wake", "--json").output)["types"]
    assert wake["prototype"] == "int wake(struct task *task, ...)"
    assert [p["type"] for p in wake["params"]] == ["struct task *", "..."]
    (var,) = json.loads(run(file, "current_task", "--json").output)["types"]
    assert (var["section"], var["offset"], var["address"]) == (".data", 8, None)
    assert json.loads(run(file, "taks", "--json").output)["suggestions"] == ["task"]


def test_circles(tmp_path, monkeypatch):
    """Structs that hold one another twice, sixty deep, end with an error."""
    for module in (names, description):
        monkeypatch.setattr(module, "MAX_MEMBERS", 1000)
    builder = dwarfless.GraphBuilder()
    for number in range(1, 60):
        after = number % 59 + 1
        builder.add_composite(Kind.STRUCT, f"s{number}", 8, [("a", after, 0), ("b", after, 32)])
    path = tmp_path / "a.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    for option in ("--expand", "--json"):
        got = run(path, "s1", "--expand", option)
        assert isinstance(got.exception, dwarfless.LimitError)


def test_functions_of_functions(tmp_path):
    """A function that takes functions that take it, twice, ends."""
    builder = dwarfless.GraphBuilder()
    builder.add_func_proto(0, [("a", 2), ("b", 2)])
    builder.add_reference(Kind.PTR, 1)
    builder.add_func("f", 1)
    builder.add_composite(Kind.STRUCT, "s", 8, [("f", 2, 0)])
    path = tmp_path / "a.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    got = run(path, "f").output
    assert got.startswith("void f(void (*a)(void (*a)(")
    assert "..." in got
    assert isinstance(run(path, "s").exception, dwarfless.LimitError)


def test_addresses(kernels):
    """An extra that says where its kernel's sections are, and the kernel itself."""
    extra = run(kernels / "extra.elf", "-B", kernels / "a.btf", "init_task").output
    assert ", at 0x" in extra
    assert ", at 0x" not in run(kernels / "extra.btf", "-B", kernels / "a.btf", "init_task").output


def test_dwarf_alone(kernels, tmp_path):
    """A file without BTF is read from its DWARF; one with neither is an error about BTF."""
    assert run(kernels / "a", "task").output.startswith("struct task {")
    subprocess.run(["strip", "-o", tmp_path / "bare", kernels / "a"], check=True)
    got = run(tmp_path / "bare", "int")
    assert "no .BTF section" in str(got.exception)
