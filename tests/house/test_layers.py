"""Stages import only from earlier stages."""

import re
from pathlib import Path

import pytest

from support import ROOT

SOURCE = ROOT / "src" / "dwarfless"
ORDER = ["errors", "formats", "_core", "elf", "dwarf", "graph", "btf"]
ORDER += ["encoder", "modules", "containers", "footprint", "host", "consumers", "cli"]
#: The lines that import, in Python and in Cython.
IMPORT = re.compile(r"^\s*(?:from|cimport|import)\s+(\.|dwarfless)\.?(\w*)", re.M)
FILES = sorted(path for end in ("py", "pyx", "pxd", "pyi") for path in SOURCE.rglob(f"*.{end}"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_come_from_earlier_stages(path: Path):
    """Data flows one way; names are absolute."""
    where = path.relative_to(SOURCE).with_suffix("")
    if where.name == "__init__" and len(where.parts) == 1:
        pytest.skip("the package's own names come from everywhere, when first used")
    here = ORDER.index(where.parts[0])
    for match in IMPORT.finditer(path.read_text()):
        top, stage = match.groups()
        line = match.group().strip()
        assert top == "dwarfless", f"relative import: {line}"
        if not stage:
            continue
        there = ORDER.index(stage)
        assert there <= here, f"{line}: {stage} is a later stage"
        if ORDER[here] == "consumers" and there == here:
            assert len(where.parts) > 2, f"{line}: consumers ignore each other"
        if ORDER[here] in ("consumers", "cli"):
            assert stage != "_core", f"{line}: only what lies below sees the core"
