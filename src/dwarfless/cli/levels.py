"""What commands that work on levels share: a row a level, and how a graph is written.

In:  TypeGraphs.
Out: a drawing on stdout; BTF files, whole or not at all.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

from dwarfless.containers.write import write_btf
from dwarfless.formats.btf import Kind
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Row", "describe", "print_levels", "write_graph"]


class Row(NamedTuple):
    """One level.

    Attributes:
        file: Where it is.
        first_id: Its first type.
        last_id: Its last type; first_id - 1 if it has none.
        types: Its types other than functions and variables.
        functions: Its functions.
        variables: Its variables.
        type_bytes: Bytes of its type section.
        string_bytes: Bytes of its strings.
    """

    file: str
    first_id: int
    last_id: int
    types: int
    functions: int
    variables: int
    type_bytes: int
    string_bytes: int


def write_graph(path: Path, graph: TypeGraph) -> None:
    """Write a graph's own level; the suffix chooses raw BTF or ELF."""
    write_btf(path, graph)


def describe(graph: TypeGraph, files: Sequence[Path]) -> list[Row]:
    """Return a row for each level, the lowest first."""
    rows = []
    for level, file in zip(levels(graph), files, strict=True):
        functions = int(np.count_nonzero(level.kinds == Kind.FUNC))
        variables = int(np.count_nonzero(level.kinds == Kind.VAR))
        rows.append(
            Row(
                str(file),
                level.first_id,
                len(level) - 1,
                level.num_own - functions - variables,
                functions,
                variables,
                4 * len(level.words),
                len(level.strings),
            )
        )
    return rows


def print_levels(graph: TypeGraph, files: Sequence[Path]) -> None:
    """Draw the levels, each below its base."""
    for depth, row in enumerate(describe(graph, files)):
        indent = "" if depth == 0 else "   " * (depth - 1) + "└─ "
        ids = f"[{row.first_id:,}..{row.last_id:,}]" if row.last_id >= row.first_id else "[none]"
        click.echo(
            f"{indent}{row.file} {ids}  {row.types:,} types, {row.functions:,} functions, "
            f"{row.variables:,} variables; {row.type_bytes:,} bytes of types, "
            f"{row.string_bytes:,} of strings"
        )
