"""The command line's shell: start-up, errors, exit statuses."""

import subprocess
import sys

import click
import pytest

from dwarfless.cli import main as entry
from dwarfless.errors import BtfError


def run_cli(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    """Run the command line in this process; return its exit status."""
    monkeypatch.setattr(sys, "argv", ["dwarfless", *args])
    with pytest.raises(SystemExit) as caught:
        entry.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make `dwarfless find` raise."""

    @click.command()
    def find() -> None:
        raise error

    monkeypatch.setattr(entry.LazyGroup, "get_command", lambda *_: find)


def test_version_imports_nothing_heavy():
    """`--version` costs an interpreter and click, not numpy or rich."""
    code = (
        "import sys; sys.argv = ['dwarfless', '--version']\n"
        "from dwarfless.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted({'numpy', 'rich', 'rich_click', 'elftools'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["dwarfless 0.1.0", ""]


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (
            BtfError("bad magic", source="a", section=".BTF", offset=0),
            1,
            "dwarfless: a: .BTF+0x0: bad magic\n",
        ),
        (
            FileNotFoundError(2, "No such file or directory", "x"),
            1,
            "dwarfless: x: No such file or directory\n",
        ),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_an_error_is_one_line(monkeypatch, capsys, error, status, line):
    """Bad input ends in a line and status 1, Ctrl-C in silence and 130."""
    raising(monkeypatch, error)
    assert run_cli(monkeypatch, "find") == status
    assert capsys.readouterr().err.lstrip("\n") == line


@pytest.mark.parametrize("args", [["--nope"], ["nope"]])
def test_wrong_usage_is_one_line_and_2(monkeypatch, capsys, args):
    """The line says what is wrong and where help is."""
    assert run_cli(monkeypatch, *args) == 2
    complaint = capsys.readouterr().err
    assert complaint.count("\n") == 1
    assert "dwarfless --help" in complaint


def test_help_lists_every_command(monkeypatch, capsys):
    """Help names all commands without importing them."""
    assert run_cli(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in entry.COMMANDS)


def test_a_closed_pipe_is_quiet():
    """`dwarfless ... | head` ends without a traceback."""
    code = (
        "import sys, click\n"
        "from dwarfless.cli import main as entry\n"
        "@click.command()\n"
        "def dump():\n    for i in range(100000): click.echo('x' * 80)\n"
        "entry.LazyGroup.get_command = lambda *_: dump\n"
        "sys.argv = ['dwarfless', 'dump']\n"
        "entry.main()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.readline()
    writer.stdout.close()
    with writer.stderr as stderr:
        assert stderr.read() == ""
    assert writer.wait() == 1


@pytest.mark.parametrize(
    ("args", "status", "out", "err"),
    [
        (["--version"], 0, "dwarfless ", ""),
        (["find"], 2, "", "Missing argument"),
        (["stat", "/nothing/there"], 1, "", "/nothing/there: No such file or directory"),
    ],
)
def test_a_process_ends_at_once_and_says_all(args, status, out, err):
    """Nothing is torn down, so what was printed must be out before, in a pipe as well."""
    code = "import atexit; atexit.register(print, 'torn down')\n"
    code += "from dwarfless.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert done.stdout.startswith(out)
    assert err in done.stderr
    assert "torn down" not in done.stdout


def test_what_runs_others_is_torn_down():
    """A debugger's user may want to be told of the end."""
    code = "import atexit; atexit.register(print, 'torn down')\n"
    code += "from dwarfless.cli.main import run; run()"
    done = subprocess.run(
        [sys.executable, "-c", code, "debug", "--no-such-option"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "torn down" in done.stdout
