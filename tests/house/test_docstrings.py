"""Every public module, class and function says what it is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import ROOT

FILES = sorted((ROOT / "src").rglob("*.py")) + sorted((ROOT / "tools").glob("*.py"))
FILES += sorted((ROOT / "bench").glob("*.py"))
DEFINITIONS = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def undocumented(node: ast.AST, place: str) -> Iterator[str]:
    """Yield the public definitions without a docstring; a nested function is private."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, DEFINITIONS) or child.name.startswith("_"):
            continue
        name = f"{place}.{child.name}"
        if ast.get_docstring(child) is None and not is_setter(child):
            yield name
        if isinstance(child, ast.ClassDef):
            yield from undocumented(child, name)


def is_setter(node: ast.AST) -> bool:
    """Tell whether a definition goes with another that has the docstring."""
    decorators = getattr(node, "decorator_list", [])
    names = {ast.unparse(decorator).rpartition(".")[2] for decorator in decorators}
    return bool(names & {"setter", "overload"})


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_are_documented(path: Path):
    """No public name without a docstring."""
    text = path.read_text()
    tree = ast.parse(text)
    assert not text.strip() or ast.get_docstring(tree), "the module has no docstring"
    assert list(undocumented(tree, path.stem)) == []
