"""`dwarfless users`: who embeds a type, points to it, takes it, returns it, is one."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from dwarfless.cli.inputs import SCHEMA, btf_input, load_types, missing_type
from dwarfless.formats.btf import Kind

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph
    from dwarfless.graph.users import UserIndex, Users

__all__ = ["users"]

#: Group -> what it is called, and which mask of Users marks its members.
GROUPS: Final = {
    "embeds": ("embedded in", "within"),
    "points": ("pointed to by", "pointing"),
    "callbacks": ("taken or returned by function pointers of", "calling"),
    "takes": ("taken by", ""),
    "returns": ("returned by", ""),
    "variables": ("the type of", ""),
}
THINGS: Final = {"takes": "function", "returns": "function", "variables": "variable"}


@click.command()
@btf_input
@click.argument("name")
@click.option(
    "--transitive", is_flag=True, help="Count what embeds something that embeds it, too."
)
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=20,
    show_default=True,
    help="How many of each group to print; 0 for all.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with all of them.")
@click.pass_context
def users(
    ctx: click.Context,
    file: Path,
    bases: tuple[Path, ...],
    name: str,
    transitive: bool,
    limit: int,
    as_json: bool,
) -> None:
    """Print who uses a type: who embeds it, points to it, takes it, returns it, is one.

    NAME is as for `dwarfless show`; of several types of a name all count. Typedefs, arrays and
    qualified forms of a type count as the type. Exit status 1 if there is no such type.
    """
    from dwarfless.cli.find import near_misses
    from dwarfless.cli.show import find_named
    from dwarfless.graph.users import UserIndex

    graph = load_types(file, bases)
    no_types = (Kind.FUNC, Kind.VAR, Kind.DATASEC, Kind.DECL_TAG)
    ids = [i for i in find_named(graph, name, None) if i and graph[i].kind_number not in no_types]
    if not ids:
        missing_type(file, name, near_misses(graph, name.rpartition(" ")[2]))
        ctx.exit(1)
    index = UserIndex(graph)
    found = index.find(ids, transitive=transitive)
    if as_json:
        rows = {group: listed(graph, index, found, group, 0) for group in GROUPS}
        head = {"schema": SCHEMA, "file": str(file), "name": name, "ids": ids}
        click.echo(json.dumps({**head, "transitive": transitive, **rows}, indent=1))
    else:
        click.echo(text(graph, index, found, limit).encode(errors="surrogateescape"), nl=False)


def listed(
    graph: "TypeGraph", index: "UserIndex", found: "Users", group: str, limit: int
) -> list[dict[str, Any]]:
    """Return the users of one group, by name; 0 for all."""
    from dwarfless.graph.spelling import spell_func, spell_tagged, spell_var
    from dwarfless.graph.views import Func, Var

    views = sorted(
        (graph[i] for i in getattr(found, group).tolist()), key=lambda v: (v.name, v.id)
    )
    rows: list[dict[str, Any]] = []
    for view in views[: limit or None]:
        row: dict[str, Any] = {"id": view.id, "name": view.name}
        if isinstance(view, Func):
            row["declaration"] = spell_func(view)
        elif isinstance(view, Var):
            row["declaration"] = spell_var(view)
        else:
            row["declaration"] = spell_tagged(view)
            row["members"] = index.paths(view.id, getattr(found, GROUPS[group][1]))
        rows.append(row)
    return rows


def text(graph: "TypeGraph", index: "UserIndex", found: "Users", limit: int) -> str:
    """Return all groups for people."""
    lines = []
    for group, (title, _) in GROUPS.items():
        number = len(getattr(found, group))
        thing = THINGS.get(group, "struct or union" if number == 1 else "structs and unions")
        plural = "s" if number != 1 and group in THINGS else ""
        lines.append(f"{title} {number:,} {thing}{plural}{':' if number else ''}")
        for row in listed(graph, index, found, group, limit) if number else ():
            members = f": {', '.join(row['members'])}" if "members" in row else ""
            lines.append(f"  {row['declaration']}{members}")
        if limit and number > limit:
            lines.append(f"  … and {number - limit:,} more")
    return "\n".join(lines) + "\n"
