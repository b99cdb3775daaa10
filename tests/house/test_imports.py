"""What a command imports is most of what a short one costs."""

import subprocess
import sys
from pathlib import Path

import pytest

import dwarfless
from dwarfless.formats.btf import Kind
from support_containers import compile_c

#: What no command imports before it has something to show.
SLOW = {"concurrent.futures", "multiprocessing", "numpy.typing", "rich_click", "tempfile"}
#: What those that only read BTF never import, and encodes while they read DWARF.
SLOWER = {"hashlib", "json", "lzma", "numpy", "rich"}


def imported(code: str) -> set[str]:
    """Return the modules that some code imports, without what an editable install needs."""
    return modules_after(code) - modules_after("import dwarfless")


def modules_after(code: str) -> set[str]:
    """Return the names of the modules that a process has when it has run some code."""
    code = f"import sys\ntry:\n {code}\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize("command", ["encode", "extra"])
def test_slow_imports_wait(command: str) -> None:
    """Each takes 0.005 to 0.05 s; numpy is imported while threads read."""
    found = imported(f"import dwarfless.cli.main, dwarfless.cli.{command}")
    assert not (SLOW | SLOWER) & found


@pytest.mark.parametrize(
    "command",
    ["dump", "dump --format=c", "header", "header --types=point", "find point", "show point"],
)
def test_reading_btf_takes_no_numpy(command: str, tmp_path: Path) -> None:
    """It takes longer to import than to read a kernel's BTF and print it."""
    builder = dwarfless.GraphBuilder()
    integer = builder.add_int("int", 4, signed=True)
    builder.add_composite(Kind.STRUCT, "point", 4, [("x", integer, 0)])
    path = tmp_path / "point.btf"
    path.write_bytes(dwarfless.encode(builder.freeze()))
    name, *options = command.split()
    arguments = ["dwarfless", name, str(path), *options]
    found = imported(f"sys.argv = {arguments}; import dwarfless.cli.main as m; m.main()")
    assert not (SLOW | SLOWER) & found


def test_encoding_takes_no_numpy_ma(tmp_path: Path) -> None:
    """numpy.unique imports it, 0.025 s, unless it is asked for more than what is distinct."""
    path = tmp_path / "a.o"
    compile_c("int here; int main(void) { return here; }", path)
    arguments = ["dwarfless", "encode", str(path), "--features=+global_var", "-o", f"{path}.btf"]
    found = imported(f"sys.argv = {arguments}; import dwarfless.cli.main as m; m.main()")
    assert "numpy" in found
    assert not {"numpy.ma", "rich"} & found
