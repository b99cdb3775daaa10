"""`dwarfless status`: which extras a machine has, and what is amiss."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dwarfless.cli.inputs import SCHEMA

if TYPE_CHECKING:
    from dwarfless.host.status import Extra, Status

__all__ = ["status", "system_options"]

F = TypeVar("F", bound=Callable[..., Any])


def system_options(command: F) -> F:
    """Add --root and --release, which say what machine and kernel."""
    root = click.option(
        "--root",
        metavar="DIR",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        default=Path("/"),
        help="Where a machine's root is mounted, if it is not this one's.",
    )
    release = click.option("--release", help="Kernel, as uname -r prints it; the running one.")
    return root(release(command))


@click.command()
@system_options
@click.option("--load", is_flag=True, help="Ask modprobe for what is on disk and not loaded.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, root: Path, release: str | None, load: bool, as_json: bool) -> None:
    """Say which extras a machine has, whether they fit its kernel, and what mends it.

    Exit status 1 if something is amiss.
    """
    from dwarfless.host.status import inspect
    from dwarfless.host.system import System

    system = System.find(root, release)
    found = inspect(system)
    if load and found.missing:
        for name in found.missing:
            subprocess.run(["modprobe", name], check=False)
        found = inspect(system)
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, **found.to_json()}))
    else:
        for line in lines_of(found):
            click.echo(line)
    ctx.exit(0 if found.sound else 1)


def lines_of(found: "Status") -> list[str]:
    """Return a status as text."""
    system = found.system
    running = "running" if system.is_running else f"below {system.root}"
    base = f"BTF of {found.base_size:,} bytes" if found.base_size is not None else "BTF not seen"
    lines = [f"{system.release} ({running}): {base}"]
    lines += [line_of(extra, "loaded   ") for extra in found.loaded]
    lines += [line_of(extra, "on disk  ") for extra in found.installed]
    if found.at_boot:
        lines.append(f"  at boot   by {found.at_boot}")
    if found.signatures:
        lines.append(f"  modules must be signed: {found.signatures}")
    for problem, command in found.mends.items():
        lines += [f"{problem}", f"    {command}"]
    return lines


def line_of(extra: "Extra", where: str) -> str:
    """Return an extra as a line."""
    what = extra.place or extra.name
    return f"  {where} {what}, {extra.size:,} bytes: {extra.problem or 'ok'}"
