"""The encode command: options in, a whole file or none out. The encoder itself is a stand-in."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import dwarfless
from dwarfless.cli.main import main
from dwarfless.errors import DwarfError
from dwarfless.graph.options import DEFAULT_FEATURES

ELF = b"\x7fELF\x02\x01\x01" + bytes(57)


class Encoder:
    """Stands in for encode_elf: remembers how it was called, gives a graph of one int."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.byte_order = "little"

    def __call__(self, source, *, options, base, jobs, progress):
        self.source, self.options, self.base = source, options, base
        self.jobs, self.progress = jobs, progress
        if self.error:
            raise self.error
        if progress:
            progress(1, 2)
        builder = dwarfless.GraphBuilder()
        builder.add_int("int", 4, signed=True)
        report = dwarfless.Report(byte_order=self.byte_order)
        report.add("function", "f", "inconsistent prototypes", "a.c")
        return builder.freeze(), report


@pytest.fixture
def encoder(monkeypatch) -> Encoder:
    """Put the stand-in where the command finds the encoder."""
    stand_in = Encoder()
    command = importlib.import_module("dwarfless.cli.programs")
    monkeypatch.setattr(command, "encode_elf", stand_in)
    return stand_in


@pytest.fixture
def vmlinux(tmp_path: Path) -> Path:
    """Return a file that is ELF by its first bytes."""
    path = tmp_path / "vmlinux"
    path.write_bytes(ELF)
    return path


def run_cli(monkeypatch: pytest.MonkeyPatch, *args: str | Path) -> int:
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["dwarfless", "encode", *map(str, args)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_writes_btf_a_summary_and_a_report(monkeypatch, capsys, encoder, vmlinux, tmp_path):
    """The file decodes to what was encoded; stdout stays empty."""
    output, report = tmp_path / "out.btf", tmp_path / "report.json"
    assert run_cli(monkeypatch, vmlinux, "-o", output, "--report", report) == 0
    assert dwarfless.load(output).find("int", "int").name == "int"
    assert json.loads(report.read_text())["items"][0]["name"] == "f"
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"{output.stat().st_size} bytes" in shown.err.replace("\n", "")
    assert "inconsistent prototypes" in shown.err


def test_a_dash_is_stdout(monkeypatch, capsysbinary, encoder, vmlinux):
    """Raw BTF and nothing else."""
    assert run_cli(monkeypatch, vmlinux, "-o", "-") == 0
    assert dwarfless.decode(capsysbinary.readouterr().out).num_own == 1


def test_options_reach_the_encoder(monkeypatch, encoder, vmlinux, tmp_path):
    """Each option says what it says; defaults are pahole's."""
    arguments = ["-o", tmp_path / "a", "--no-progress"]
    assert run_cli(monkeypatch, vmlinux, *arguments) == 0
    assert encoder.options.features == DEFAULT_FEATURES
    assert encoder.options.lang_exclude == {"rust"}
    assert (encoder.jobs, encoder.progress) == (None, None)

    arguments += ["--features", "var", "--layout", "-j", "3", "--linkage", "true"]
    arguments += ["--flatten-arrays", "--lang-exclude", "", "--debug-dir", "d", "--progress"]
    arguments += ["--split-dwarf", "a.dwo", "--split-dwarf", "b.dwo"]
    assert run_cli(monkeypatch, vmlinux, *arguments) == 0
    options = encoder.options
    assert options.features == {"var", "layout"}
    assert (options.linkage, options.flatten_arrays) == ("true", True)
    assert options.lang_exclude == frozenset()
    assert options.debug_dirs == (Path("d"),)
    assert options.split_dwarf == (Path("a.dwo"), Path("b.dwo"))
    assert encoder.jobs == 3
    assert encoder.progress is not None


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--features", "vars"], "did you mean var?"),
        (["--lang-exclude", "rusty"], "did you mean rust?"),
        (["--target", "new"], "kernel release"),
        (["--jobs", "0"], "--jobs"),
    ],
)
def test_wrong_values_are_usage_errors(
    monkeypatch, capsys, encoder, vmlinux, tmp_path, arguments, hint
):
    """One line, status 2, and nothing is written."""
    assert run_cli(monkeypatch, vmlinux, "-o", tmp_path / "out", *arguments) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert hint in complaint
    assert not (tmp_path / "out").exists()


def test_the_input_is_not_overwritten(monkeypatch, encoder, vmlinux):
    """A slip of -o costs no kernel."""
    assert run_cli(monkeypatch, vmlinux, "-o", vmlinux) == 2
    assert vmlinux.read_bytes() == ELF


def test_bad_dwarf_leaves_the_old_output(monkeypatch, capsys, encoder, vmlinux, tmp_path):
    """One line, status 1, and what was there stays."""
    output = tmp_path / "out"
    output.write_text("old")
    encoder.error = DwarfError("bad form", source="vmlinux", section=".debug_info", offset=16)
    assert run_cli(monkeypatch, vmlinux, "-o", output) == 1
    assert capsys.readouterr().err == "dwarfless: vmlinux: .debug_info+0x10: bad form\n"
    assert output.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_the_program_gives_the_byte_order(monkeypatch, encoder, vmlinux, tmp_path, byte_order):
    """The file itself may be compressed and tell nothing."""
    encoder.byte_order = byte_order
    assert run_cli(monkeypatch, vmlinux, "-o", tmp_path / "out.btf") == 0
    assert int.from_bytes((tmp_path / "out.btf").read_bytes()[:2], byte_order) == 0xEB9F
