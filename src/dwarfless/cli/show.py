"""`dwarfless show`: a struct with its holes, a prototype, where a variable is."""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dwarfless.cli.inputs import SCHEMA, btf_input, kind_option, load_types, missing_type
from dwarfless.formats.btf import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dwarfless.graph.layout import Layouts
    from dwarfless.graph.type_graph import TypeGraph

__all__ = ["show"]

#: What C would say before a name, and what that means.
TAGS: Final = {"struct": ("struct", "fwd"), "union": ("union", "fwd"), "enum": ("enum", "enum64")}


@click.command()
@btf_input
@click.argument("name")
@kind_option
@click.option("--expand", is_flag=True, help="Show what is in named structs inside, too.")
@click.option(
    "--cacheline",
    type=click.IntRange(8, 4096),
    default=64,
    show_default=True,
    help="Bytes of a cache line, a power of two.",
)
@click.option("--color/--no-color", default=None, help="Colours; on a terminal if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(
    ctx: click.Context,
    file: Path,
    bases: tuple[Path, ...],
    name: str,
    kind: str | None,
    expand: bool,
    cacheline: int,
    color: bool | None,
    as_json: bool,
) -> None:
    """Print a type: a struct as pahole does, a function's prototype, where a variable is.

    NAME is as in C, such as `sk_buff` or `struct sk_buff`, or a type id. Of a file without BTF the
    DWARF is read. Exit status 1 if there is none; names that are nearly the same are suggested.
    """
    from dwarfless.cli.find import near_misses
    from dwarfless.containers.addresses import section_addresses
    from dwarfless.graph.layout import Layouts

    if cacheline & (cacheline - 1):
        raise click.BadParameter(f"{cacheline} is no power of two.", ctx, param_hint="--cacheline")
    graph = load_types(file, bases)
    ids = find_named(graph, name, kind)
    layouts = Layouts(graph, line=cacheline)
    is_var = any(graph[i].kind_number == Kind.VAR for i in ids)
    addresses = section_addresses((file, *reversed(bases))) if is_var else {}
    near = [] if ids else near_misses(graph, name.rpartition(" ")[2])
    if as_json:
        import json

        from dwarfless.consumers.layout.description import describe

        types = [describe(layouts, i, expand=expand, addresses=addresses) for i in ids]
        said = {"schema": SCHEMA, "file": str(file), "types": types, "suggestions": near}
        click.echo(json.dumps(said, indent=1))
    elif ids:
        text = "\n".join(describe_all(layouts, ids, addresses, expand=expand))
        text = paint(text) if wants_color(color) else text
        # As bytes: names are not always UTF-8.
        click.echo(text.encode(errors="surrogateescape"), nl=False)
    else:
        missing_type(file, f"{kind} {name}" if kind else name, near)
    ctx.exit(0 if ids else 1)


def find_named(graph: "TypeGraph", name: str, kind: str | None) -> list[int]:
    """Return the ids of what a user may mean: `sk_buff`, `struct sk_buff`, or an id."""
    if name.isdecimal():
        return [int(name)] if int(name) < len(graph) else []
    tag, _, rest = name.partition(" ")
    if rest and tag in TAGS:
        ids = sorted(i for k in TAGS[tag] for i in graph.find_ids(rest.strip(), k))
        union = tag == "union"
        ids = [i for i in ids if graph[i].kind_name != "FWD" or graph[i].kind_flag == union]
        return [i for i in ids if kind is None or graph[i].kind_name == kind.upper()]
    return graph.find_ids(name, kind)


def describe_all(
    layouts: "Layouts", ids: list[int], addresses: "Mapping[str, int]", *, expand: bool
) -> Iterator[str]:
    """Yield each type as text, with its id if there are several."""
    for type_id in ids:
        head = f"/* [{type_id}] {layouts.graph[type_id].kind_name} */\n" if len(ids) > 1 else ""
        yield head + describe_one(layouts, type_id, addresses, expand=expand)


def describe_one(
    layouts: "Layouts", type_id: int, addresses: "Mapping[str, int]", *, expand: bool
) -> str:
    """Return a type as text."""
    from dwarfless.consumers.layout.text import layout_text
    from dwarfless.graph.layout import follow
    from dwarfless.graph.spelling import spell, spell_func, spell_var
    from dwarfless.graph.views import Datasec, DeclTag, Func, Typedef, Var, Void

    view = layouts.graph[type_id]
    if isinstance(view, Func):
        return f"{spell_func(view)};\n"
    if isinstance(view, Var):
        return f"{spell_var(view)}; {place(layouts, view.id, addresses)}\n"
    if isinstance(view, Datasec | DeclTag | Void):
        from dwarfless.consumers.listing import listing

        return listing(layouts.graph, [type_id]).decode(errors="surrogateescape")
    text = layout_text(layouts, type_id, expand=expand)
    if isinstance(view, Typedef) and text.count("\n") == 1:
        size = layouts.size(type_id)
        return f"{text[:-1]} /* {spell(follow(view))}, {size} byte{'s' * (size != 1)} */\n"
    return text


def place(layouts: "Layouts", var_id: int, addresses: "Mapping[str, int]") -> str:
    """Return where a variable is, as a comment."""
    from dwarfless.graph.placement import find_placement

    found = find_placement(layouts.graph, var_id)
    if found is None:
        return "/* in no section */"
    said = f"{found.section}+{found.offset:#x}, {found.size} byte{'s' * (found.size != 1)}"
    if found.section in addresses:
        said += f", at {addresses[found.section] + found.offset:#x}"
    return f"/* {said} */"


def wants_color(asked: bool | None) -> bool:
    """Return whether to use colours: as asked, else on a terminal that has some."""
    if asked is not None:
        return asked
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.getenv("TERM") != "dumb"


#: A comment, or a word of C that is no name.
PAINTED: Final = re.compile(
    r"/\*.*?\*/|\b(?:struct|union|enum|typedef|const|volatile|restrict|static|extern|void)\b"
)


def paint(text: str) -> str:
    """Return C with colours: what costs space stands out."""

    def style(match: re.Match[str]) -> str:
        part = match.group()
        if not part.startswith("/*"):
            return click.style(part, fg="blue")
        if "XXX" in part:
            return click.style(part, fg="red")
        return click.style(part, fg="cyan" if "cacheline" in part else "bright_black")

    return PAINTED.sub(style, text)
