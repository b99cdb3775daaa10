"""`dwarfless header`: vmlinux.h and vars.h."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.inputs import btf_input, load_with_bases

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["header"]


@click.command()
@btf_input
@click.option(
    "--types",
    "names",
    metavar="NAME[,NAME…]",
    multiple=True,
    help="Only these types and what they need; what they point to is announced.",
)
@click.option(
    "--vars", "variables", is_flag=True, help="Declarations of variables, for use after vmlinux.h."
)
@click.option(
    "--symbols",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="System.map or kallsyms: leave out variables that it can't tell from others.",
)
@click.option(
    "--report", type=click.Path(path_type=Path), metavar="FILE", help="What is left out, as JSON."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    default="-",
    help="Where to write; standard output if not given.",
)
def header(
    file: Path,
    bases: tuple[Path, ...],
    names: tuple[str, ...],
    variables: bool,
    symbols: Path | None,
    report: Path | None,
    output: Path,
) -> None:
    """Write C that compiles: vmlinux.h, or vars.h.

    FILE is raw BTF, or an ELF file with a .BTF section.
    """
    if names and variables:
        raise click.UsageError("--types and --vars exclude each other.")
    if not variables and (symbols or report):
        raise click.UsageError("--symbols and --report go with --vars.")
    from dwarfless.consumers.c.header import header as make_header
    from dwarfless.containers.output import write_atomically

    graph = load_with_bases(file, bases)
    if variables:
        content = _variables(graph, symbols, report)
    else:
        wanted = [name for group in names for name in group.split(",")]
        content = make_header(graph, find_types(graph, wanted) if wanted else None)
    write_atomically(output, content)


def find_types(graph: "TypeGraph", names: list[str]) -> list[int]:
    """Return the ids of the types that C can define with such names; all of several.

    Raises:
        TypeLookupError: A name is none's.
    """
    from dwarfless.errors import TypeLookupError
    from dwarfless.formats.btf import Kind

    kinds = {Kind.STRUCT, Kind.UNION, Kind.ENUM, Kind.ENUM64, Kind.TYPEDEF}
    ids = []
    for name in names:
        found = [i for i in graph.find_ids(name) if graph[i].kind_number in kinds]
        if not found:
            raise TypeLookupError(name)
        ids += found
    return ids


def _variables(graph: "TypeGraph", symbols: Path | None, report_to: Path | None) -> bytes:
    """Return vars.h; what is left out is counted on standard error."""
    import json

    from dwarfless.consumers.c.variables import read_symbols, variables_header
    from dwarfless.containers.output import write_atomically
    from dwarfless.graph.report import Report

    report = Report()
    known = read_symbols(symbols.read_bytes()) if symbols else None
    content = variables_header(graph, report, known)
    if report_to:
        write_atomically(report_to, (json.dumps(report.to_json(), indent=1) + "\n").encode())
    for _, reason, number in report.summary():
        click.echo(f"{number:,} variables: {reason}", err=True)
    return content
