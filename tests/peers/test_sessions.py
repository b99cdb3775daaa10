"""The sessions in the manual about layouts and differences print what they say.

A page names the releases that its figures are of. Debian's archive moves on: of another release
the words must be the same, and their order, whatever the figures.
"""

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from dwarfless.cli.main import cli
from support import ROOT, kernel, load_fetch

PAGES = ("layouts.md", "diff.md")
FIGURE = re.compile(r"\s*\b\d[\d,]*\b")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.S | re.M)


def sessions(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of a page with what it prints; "..." stands for any text."""
    for block in BLOCK.findall(page.read_text()):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, expected = part.partition("\n")
            yield command, expected


def agree(expected: str, printed: str, figures: bool) -> bool:
    """Return whether a command printed what the page says, or the same but for figures."""
    if not figures:
        expected, printed = FIGURE.sub(" N", expected), FIGURE.sub(" N", printed)
    return doctest.OutputChecker().check_output(expected, printed, doctest.ELLIPSIS)


def test_figures_of_another_release_may_differ():
    """Words may not, and on the release that a page names nothing may."""
    page = "a table:\n  rq      4,984   1\n...\n3 of 10 (and 2 more)\n"
    later = "a table:\n  rq     12,001  17\nx\n4 of 1,001 (and 3 more)\n"
    assert agree(page, later, figures=False)
    assert not agree(page, later, figures=True)
    assert not agree(page, later.replace("more", "less"), figures=False)


@pytest.mark.kernel
@pytest.mark.parametrize("name", PAGES)
def test_sessions(name, tmp_path, monkeypatch):
    """Run on the kernels that the manual names."""
    page = ROOT / "docs" / name
    same = True
    for suite, release in (("trixie", "6.12"), ("sid", "7.2")):
        (tmp_path / f"vmlinux-{release}").symlink_to(kernel(suite))
        full = load_fetch().release_of(kernel(suite)).removesuffix("-cloud-amd64")
        same = same and full in page.read_text()
    monkeypatch.chdir(tmp_path)
    commands = list(sessions(page))
    assert commands
    for command, expected in commands:
        program, *args = shlex.split(command)
        assert program == "dwarfless"
        got = CliRunner().invoke(cli, args)
        assert got.exception is None or isinstance(got.exception, SystemExit), command
        assert agree(expected, got.output, figures=same), (command, got.output[:2000])
