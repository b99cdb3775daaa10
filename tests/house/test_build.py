"""meson.build lists the tree, and each compiled module has its stub."""

import re

from support import ROOT

SOURCE = ROOT / "src" / "dwarfless"
BUILD = (ROOT / "meson.build").read_text()
INSTALLED = (".py", ".pyi", ".pxd", ".toml", ".css", ".html", ".js")


def listed(start: str, end: str) -> str:
    """Return the text of meson.build between two marks, without comments."""
    return re.sub(r"#.*", "", BUILD.partition(start)[2].partition(end)[0])


def test_sources_are_listed():
    """Each installed file stands in its folder's line."""
    rows = re.findall(r"'([\w/]*)': \[(.*?)\]", listed("sources = {", "\n}"), re.S)
    build = {folder: sorted(re.findall(r"'([^']+)'", names)) for folder, names in rows}
    tree: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*")):
        if path.suffix in INSTALLED or path.name == "py.typed":
            folder = str(path.parent.relative_to(SOURCE)).replace(".", "")
            tree.setdefault(folder, []).append(path.name)
    assert build == tree


def test_compiled_modules_are_listed_and_have_stubs():
    """Each .pyx is built, and typed by a .pyi beside it."""
    core = SOURCE / "_core"
    built = sorted(re.findall(r"'([^']+)'", listed("core = [", "\n]")))
    assert built == sorted(path.stem for path in core.glob("*.pyx"))
    assert [name for name in built if not (core / f"{name}.pyi").exists()] == []
