"""Files stay under 400 lines, functions under 50 (docstrings are free)."""

import ast
import re
from pathlib import Path

import pytest

from support import ROOT

MAX_FILE, MAX_FUNCTION = 400, 50

#: What may be longer, and why.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {
    "src/dwarfless/_core/program.pxd:run": "an interpreter loop: one switch over the steps",
    "src/dwarfless/_core/walk.pxd:visit": "one switch over the tags",
}

FOLDERS = ("src", "tests", "tools", "bench", "docs")
FILES = sorted(
    path
    for folder in FOLDERS
    for end in ("py", "pyx", "pxd", "pyi", "css", "html", "js")
    for path in (ROOT / folder).rglob(f"*.{end}")
)
CYTHON_FUNCTION = re.compile(r"^( *)(?:cdef|cpdef|def)\b(?! class)[^=]*?\b(\w+)\(")
DOCSTRING = re.compile(r'^ *"""[^"]*"""\n', re.M)


def functions(path: Path) -> list[tuple[str, int]]:
    """Return (name, lines) of each function: signature and body without the docstring."""
    text = path.read_text()
    if path.suffix in (".py", ".pyi"):
        found = (ast.FunctionDef, ast.AsyncFunctionDef)
        nodes = (node for node in ast.walk(ast.parse(text)) if isinstance(node, found))
        return [(node.name, span(node) - docstring(node)) for node in nodes]
    return cython_functions(text.splitlines())


def span(node: ast.stmt) -> int:
    """Return the lines a statement covers."""
    return (node.end_lineno or 0) - node.lineno + 1


def docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function's docstring."""
    return 0 if ast.get_docstring(node) is None else span(node.body[0])


def cython_functions(lines: list[str]) -> list[tuple[str, int]]:
    """Return the same for Cython, by indentation: a function ends before a shallower line."""
    lines = DOCSTRING.sub("", "\n".join(lines)).splitlines()
    sizes = []
    for start, line in enumerate(lines):
        match = CYTHON_FUNCTION.match(line)
        if match is None:
            continue
        depth = len(match.group(1))
        end = start + 1
        for index in range(start + 1, len(lines)):
            text = lines[index]
            if not text.strip():
                continue
            indent = len(text) - len(text.lstrip())
            if indent < depth or (indent == depth and not text.lstrip().startswith((")", "#"))):
                break
            end = index + 1
        sizes.append((match.group(2), end - start))
    return sizes


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes(path: Path):
    """A file or function that is too long is split, or listed with its reason."""
    name = str(path.relative_to(ROOT))
    lines = path.read_text().count("\n")
    assert lines < MAX_FILE or name in LONG_FILES, f"{lines} lines"
    measured = functions(path) if path.suffix.startswith(".p") else []
    long = {f"{name}:{f}": size for f, size in measured if size >= MAX_FUNCTION}
    assert {key: size for key, size in long.items() if key not in LONG_FUNCTIONS} == {}


def test_exceptions_are_needed():
    """What is listed exists and is long."""
    for name in LONG_FILES:
        assert (ROOT / name).read_text().count("\n") >= MAX_FILE, name
    for key in LONG_FUNCTIONS:
        name, _, function = key.partition(":")
        sizes = [size for f, size in functions(ROOT / name) if f == function]
        assert max(sizes, default=0) >= MAX_FUNCTION, key


def test_cython_functions_are_measured():
    """Signatures over several lines and nested blocks belong to their function."""
    text = """
cdef inline int first(
    int a,
) noexcept nogil:
    if a:
        return 1

    return 0

cdef int limit = width(3)
cdef class Thing:
    def method(self, x=1):  # one
        \"\"\"Say
        nothing.\"\"\"
        return x
"""
    assert cython_functions(text.splitlines()) == [("first", 7), ("method", 2)]
