"""`dwarfless verify`: is this the kernel that an extra is for?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from dwarfless.cli.inputs import SCHEMA, base_option

if TYPE_CHECKING:
    from dwarfless.containers.verify import Check

__all__ = ["verify"]

WORDS: Final = {True: "ok", False: "WRONG", None: "unknown"}


@click.command()
@click.argument("extra", type=click.Path(path_type=Path))
@base_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(ctx: click.Context, extra: Path, bases: tuple[Path, ...], as_json: bool) -> None:
    """Say what EXTRA is bound to, and whether the bases are that.

    Compared are the BTF of every base, and where a base is an ELF file its build-id, its release,
    and the sections' addresses and sizes. Exit status 1 if something differs.
    """
    from dwarfless.containers.verify import verify as verify_extra

    if not bases:
        raise click.UsageError("Name what it is to be split over: --base.")
    verdict = verify_extra(extra, bases)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, "file": str(extra), **verdict.to_json()}))
    else:
        click.echo(f"{extra}: for {verdict.binding.program}")
        for check in verdict.checks:
            click.echo(line_of(check))
    ctx.exit(0 if verdict.holds else 1)


def line_of(check: "Check") -> str:
    """Return a check as a line."""
    told = check.found if check.holds else f"{check.found}, not {check.expected}"
    if check.holds is None:
        told = f"{check.expected or '-'} ({check.found})"
    return f"  {WORDS[check.holds]:<8}{check.what:<24}{told}"
