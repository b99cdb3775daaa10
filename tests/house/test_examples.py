"""The examples in docstrings, the README and the manual run, and print what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

from support import ROOT

SOURCE = ROOT / "src"
MODULES = [p for p in sorted(SOURCE.rglob("*.py")) if ">>> " in p.read_text()]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [page for page in PAGES if ">>> " in page.read_text()]


def name_of(path: Path) -> str:
    """Return a module's dotted name, or a page's path."""
    if path.suffix == ".md":
        return str(path.relative_to(ROOT))
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_docstring_examples(path: Path):
    """Examples in docstrings hold."""
    module = importlib.import_module(name_of(path))
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert tried
    assert not failed


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_page_examples(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Examples in the manual hold, run one after the other in an empty folder."""
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testfile(
        str(path), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert tried
    assert not failed
