"""`dwarfless find`: types by name."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dwarfless.cli.inputs import SCHEMA, btf_input, kind_option, load_with_bases, missing_type

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["find"]


@click.command()
@btf_input
@click.argument("name")
@kind_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def find(
    ctx: click.Context,
    file: Path,
    bases: tuple[Path, ...],
    name: str,
    kind: str | None,
    as_json: bool,
) -> None:
    """Print the types with a NAME, as `dump` does.

    Exit status 1 if there is none; names that are nearly the same are then suggested.
    """
    from dwarfless.consumers.listing import listing

    graph = load_with_bases(file, bases)
    ids = graph.find_ids(name, kind)
    near = [] if ids else near_misses(graph, name)
    if as_json:
        import json

        found = [{"id": i, "kind": graph[i].kind_name, "name": graph[i].name} for i in ids]
        click.echo(
            json.dumps({"schema": SCHEMA, "file": str(file), "types": found, "suggestions": near})
        )
    elif ids:
        click.echo(listing(graph, ids), nl=False)
    else:
        missing_type(file, f"{kind} {name}" if kind else name, near)
    ctx.exit(0 if ids else 1)


def near_misses(graph: "TypeGraph", name: str) -> list[str]:
    """Return up to five names of types that look like a name, best first."""
    from difflib import get_close_matches

    names: set[str] = set()
    level: TypeGraph | None = graph
    while level is not None:
        # Same first letter, about the same length: to compare all of a kernel's takes seconds.
        texts = level.strings.decode(errors="surrogateescape").split("\0")
        names.update(t for t in texts if abs(len(t) - len(name)) <= 2 and t[:1] == name[:1])
        level = level.base
    best = get_close_matches(name, sorted(names), n=20, cutoff=0.75)
    return [t for t in best if graph.find_ids(t)][:5]
