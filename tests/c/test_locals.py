"""Static variables of functions, and variables that are only declared, when asked for."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from c.compilers import BUILDS
from c.run import HERE, Case, make
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.selection import type_text
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Datasec, DeclTag, Var

CASE = Case.read(HERE / "locals.c")


def encoded(path: Path, *classes: str) -> TypeGraph:
    """Return the graph of some classes."""
    return encode_elf(path, options=EncodeOptions(only=frozenset(classes)))[0]


def places(graph: TypeGraph) -> dict[int, tuple[str, int, int]]:
    """Return of each VAR in a DATASEC: section, offset, size."""
    return {
        entry.type_id: (section.name, entry.offset, entry.size)
        for section in graph
        if isinstance(section, Datasec)
        for entry in section.entries
    }


def symbols(path: Path) -> dict[tuple[str, int, int], str]:
    """Return the names of objects by section, offset and size."""
    with path.open("rb") as file:
        elf = ELFFile(file)
        return {
            (elf.get_section(s["st_shndx"]).name, s["st_value"], s["st_size"]): s.name
            for s in elf.get_section_by_name(".symtab").iter_symbols()
            if s["st_info"]["type"] == "STT_OBJECT"
        }


@pytest.fixture(params=CASE.builds)
def build(request) -> str:
    """Return the name of one build."""
    return request.param


@pytest.fixture
def path(build: str, tmp_path: Path) -> Path:
    """Return the case as the build makes it."""
    return make(CASE, BUILDS[build], tmp_path).path


def test_statics_of_functions_tell_where_they_stand(path: Path, build: str):
    """Each once, at its symbol, with its function's and its file's name as decl tags."""
    graph = encoded(path, "local")
    tags: dict[int, list[str]] = {}
    for tag in graph:
        if isinstance(tag, DeclTag):
            tags.setdefault(tag.type_id, []).append(tag.name)
    variables = [view for view in graph if isinstance(view, Var)]
    found = sorted(
        (v.name, type_text(graph, v.type_id).split()[0], *tags[v.id][:-1]) for v in variables
    )
    # Clang 14 puts those of an inlined function into one without a name.
    inlined = ("calls", "int") if "clang" in build else ("calls", "int", "function:counted")
    assert found == [
        inlined,
        ("in_block", "short", "function:first"),
        ("twice", "long", "function:second"),
        ("twice", "struct", "function:first"),
    ]
    assert {tags[v.id][-1] for v in variables} == {f"file:{HERE / 'locals.c'}"}
    at, known = places(graph), symbols(path)
    for variable in variables:
        assert variable.name in known[at[variable.id]].split(".")


def test_declarations_lie_at_their_symbols(path: Path, build: str):
    """An array without bound in no DATASEC; what has no symbol is left out."""
    graph = encoded(path, "declarations")
    variables = {view.name: view for view in graph if isinstance(view, Var)}
    at = places(graph)
    if "clang" in build:
        assert not variables, "clang describes declarations for BPF only"
        return
    assert sorted(variables) == ["in_assembler", "open_array"]
    assert type_text(graph, variables["open_array"].type_id) == "char[]"
    assert variables["open_array"].id not in at
    section, offset, size = at[variables["in_assembler"].id]
    assert (section, size) == (".data", 4)
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert table.get_symbol_by_name("in_assembler")[0]["st_value"] == offset
