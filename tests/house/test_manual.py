"""The manual says what the commands say: man pages are current, the reference is complete."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dwarfless.cli.main import COMMANDS
from manual import man_pages, markdown, meson_list
from support import ROOT


def test_man_pages_are_current():
    """`tools/manual.py` would change nothing."""
    there = {path.name: path.read_text() for path in (ROOT / "man").iterdir()}
    assert sorted(there) == sorted(man_pages())
    assert there == man_pages()
    build = (ROOT / "meson.build").read_text()
    assert meson_list(build) == build


def test_reference_has_every_command():
    """Each command, with every option that its --help shows."""
    text = markdown()
    for name in COMMANDS:
        assert f"## dwarfless {name}\n" in text
    assert "`-o, --output PATH`\n: " in text


@pytest.mark.parametrize(
    ("words", "wanted"),
    [("dwarfless brow", "plain,browse"), ("dwarfless browse --ser", "plain,--serve")],
)
def test_shells_complete(words: str, wanted: str, tmp_path: Path):
    """What docs/commands.md promises of bash."""
    environment = {
        **os.environ,
        "_DWARFLESS_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    command = "from dwarfless.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [wanted]
