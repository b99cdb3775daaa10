"""The sessions in the manual about layouts and differences print what they say."""

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from dwarfless.cli.main import cli
from support import ROOT, kernel

PAGES = ("layouts.md", "diff.md")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.S | re.M)


def sessions(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of a page with what it prints; "..." stands for any text."""
    for block in BLOCK.findall(page.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, expected = part.partition("\n")
            yield command, expected


@pytest.mark.kernel
@pytest.mark.parametrize("name", PAGES)
def test_sessions(name, tmp_path, monkeypatch):
    """Run on the kernels that the manual names."""
    for suite, release in (("trixie", "6.12"), ("sid", "7.2")):
        (tmp_path / f"vmlinux-{release}").symlink_to(kernel(suite))
    monkeypatch.chdir(tmp_path)
    checker, commands = doctest.OutputChecker(), list(sessions(ROOT / "docs" / name))
    assert commands
    for command, expected in commands:
        program, *args = shlex.split(command)
        assert program == "dwarfless"
        got = CliRunner().invoke(cli, args)
        assert got.exception is None or isinstance(got.exception, SystemExit), command
        assert checker.check_output(expected, got.output, doctest.ELLIPSIS), (
            command,
            got.output[:2000],
        )
