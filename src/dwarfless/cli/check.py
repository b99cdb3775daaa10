"""`dwarfless check`: what the kernel's verifier would say."""

import json
from pathlib import Path

import click

from dwarfless.cli.inputs import SCHEMA, btf_input, load_with_bases, target_option

__all__ = ["check"]


@click.command()
@btf_input
@target_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many violations to print; 0 for all.",
)
@click.pass_context
def check(
    ctx: click.Context,
    file: Path,
    bases: tuple[Path, ...],
    target: str | None,
    as_json: bool,
    limit: int,
) -> None:
    """Say what the kernel's verifier would.

    Exit status 1 if a rule is broken. For vmlinux and modules the kernel itself looks at each
    record and at the order of type tags only; here references are resolved too.
    """
    from dwarfless.graph.check import check as check_graph

    graph = load_with_bases(file, bases)
    violations = check_graph(graph, target)
    if as_json:
        found = [violation._asdict() for violation in violations]
        click.echo(json.dumps({"schema": SCHEMA, "file": str(file), "violations": found}))
    else:
        for violation in violations[: limit or None]:
            click.echo(str(violation))
        if limit and len(violations) > limit:
            click.echo(f"… and {len(violations) - limit:,} more (--limit 0 prints all)")
        if not violations:
            click.echo(f"{graph.num_own:,} types, no rule broken")
    ctx.exit(1 if violations else 0)
