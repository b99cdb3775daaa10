"""`dwarfless isf`, as a user calls it."""

import base64
import gzip
import json
import lzma
import subprocess
from pathlib import Path
from typing import Any

import pytest

from peers import volatility_venv
from support import COMMAND


def isf(*arguments: str | Path, fails: int = 0) -> str:
    """Run the command and return what it says."""
    command = [*COMMAND, "isf", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == fails, done.stderr
    return done.stderr


def read(path: Path) -> Any:
    """Return a file's content."""
    opened = {".gz": gzip.open, ".xz": lzma.open}.get(path.suffix, open)
    with opened(path, "rb") as file:
        return json.load(file)


def test_btf_and_extra_say_what_dwarf_says(kernels: Path, tmp_path: Path):
    """Types and symbols are the same; only where they come from differs."""
    files = (kernels / "a.btf", kernels / "extra.elf")
    isf(*files, "--symbols", kernels / "a", "-o", tmp_path / "b.json")
    isf(kernels / "a", "-o", tmp_path / "d.json.xz")
    from_btf, from_dwarf = read(tmp_path / "b.json"), read(tmp_path / "d.json.xz")

    assert from_btf["symbols"]
    assert from_btf["user_types"]["task"]["fields"]["pid"]
    for part in ("base_types", "user_types", "enums", "symbols"):
        assert from_btf[part] == from_dwarf[part], part
    assert from_dwarf["metadata"]["linux"]["types"][0]["kind"] == "dwarf"


def test_schema(kernels: Path, tmp_path: Path):
    """It is valid by the version it names, and by 6.3.0."""
    path = tmp_path / "a.json"
    isf(kernels / "a.btf", kernels / "extra.elf", "--symbols", kernels / "a", "-o", path)

    assert read(path)["metadata"]["format"] == "6.2.0"
    for version in ("6.2.0", "6.3.0"):
        assert volatility_venv.validate(path, version) == ""
    broken = read(path)
    broken["user_types"]["task"]["size"] = "big"
    path.write_text(json.dumps(broken))
    assert "'big' is not of type 'integer'" in volatility_venv.validate(path, "6.3.0")


def test_compressed_is_the_same(kernels: Path, tmp_path: Path):
    """By the file's name."""
    for name in ("a.json", "a.json.gz", "a.json.xz"):
        isf(kernels / "a", "-o", tmp_path / name)

    plain = read(tmp_path / "a.json")
    assert read(tmp_path / "a.json.gz") == plain
    assert read(tmp_path / "a.json.xz") == plain


def test_without_a_banner(kernels: Path, tmp_path: Path):
    """It is said; --banner names one."""
    files = (kernels / "a.btf", kernels / "extra.elf", "-o", tmp_path / "a.json")
    assert "give --banner" in isf(*files)
    isf(*files, "--banner", "Linux version 9\n")

    symbol = read(tmp_path / "a.json")["symbols"]["linux_banner"]
    assert base64.b64decode(symbol["constant_data"]) == b"Linux version 9\n\0"


def test_report(kernels: Path, tmp_path: Path):
    """What was used, and what is left out."""
    report = tmp_path / "report.json"
    isf(kernels / "a.btf", kernels / "extra.elf", "-o", tmp_path / "a.json", "--report", report)

    content = json.loads(report.read_text())
    assert content["sources"]["addresses"] == f"sections of {kernels / 'extra.elf'}"
    assert content["figures"]["symbols"] > 0
    assert {"what": "function", "reason": "no address known"}.items() <= {
        key: value for row in content["counts"] for key, value in row.items() if key != "number"
    }.items()


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (["a.btf", "-o", "a.txt"], 2, "ends in none of .json"),
        (["b.btf", "extra.elf", "-o", "a.json"], 1, "SHA-256"),
    ],
)
def test_errors_are_one_line(kernels: Path, arguments: list[str], status: int, problem: str):
    """And nothing is written."""
    files = [kernels / a if "." in a else a for a in arguments]
    said = isf(*files, fails=status)

    assert problem in said
    assert said.count("\n") == 1
