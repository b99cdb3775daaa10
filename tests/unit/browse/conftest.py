"""A browser, and pages to look at in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import support
from browser import Browser
from build.btf import assemble
from dwarfless.btf.decode import decode
from dwarfless.cli.browse import load_programs
from dwarfless.consumers.browse.page import BrowseInput, render

#: A kernel before and after: pid has become long, comm is new, flags is gone, next has moved.
BEFORE = [
    ("INT", "int", 4, 1, 0, 32),  # 1
    ("INT", "long int", 8, 1, 0, 64),
    ("INT", "char", 1, 1, 0, 8),
    ("STRUCT", "task", 24, 0, (("pid", 1, 0, 0), ("flags", 1, 32, 0), ("next", 5, 128, 0))),
    ("PTR", "", 4),  # 5
    ("FUNC_PROTO", "", 1, (("task", 5),)),
    ("FUNC", "wake", 6, 1),
    ("VAR", "init", 4, 1),
    ("STRUCT", "gone", 4, 0, (("x", 1, 0, 0),)),
    ("STRUCT", "list", 48, 0, (("first", 4, 0, 0), ("rest", 4, 192, 0))),  # 10
    ("DATASEC", ".data", 24, ((8, 0, 24),)),
]
AFTER = [
    ("INT", "int", 4, 1, 0, 32),  # 1
    ("INT", "long int", 8, 1, 0, 64),
    ("INT", "char", 1, 1, 0, 8),
    ("STRUCT", "task", 32, 0, (("pid", 2, 0, 0), ("comm", 9, 64, 0), ("next", 5, 192, 0))),
    ("PTR", "", 4),  # 5
    ("FUNC_PROTO", "", 2, (("task", 5),)),
    ("FUNC", "wake", 6, 1),
    ("VAR", "init", 4, 1),
    ("ARRAY", "", 3, 1, 16),
    ("STRUCT", "list", 64, 0, (("first", 4, 0, 0), ("rest", 4, 256, 0))),  # 10
    ("STRUCT", "new", 8, 0, (("t", 5, 0, 0),)),
    ("DATASEC", ".data", 32, ((8, 0, 32),)),
]
READY = "document.documentElement.dataset.ready"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return a browser for all tests."""
    with Browser(support.chromium()) as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """Return a browser as it starts; at the end, no page may have complained."""
    chromium.complaints.clear()
    chromium.resize(1280, 800)
    chromium.prefer("light")
    yield chromium
    assert chromium.complaints == []


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of two small programs, side by side."""
    page = tmp_path_factory.mktemp("two") / "two.html"
    graphs = [decode(assemble(types)) for types in (BEFORE, AFTER)]
    page.write_bytes(render([BrowseInput(graph, f"6.{i}.0-x") for i, graph in enumerate(graphs)]))
    return page


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a page of Debian's 6.12."""
    page = tmp_path_factory.mktemp("kernel") / "kernel.html"
    page.write_bytes(render(load_programs((support.kernel("trixie"),))))
    return page
