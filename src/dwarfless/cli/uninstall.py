"""`dwarfless uninstall`: remove what install has put there."""

from pathlib import Path

import click

from dwarfless.cli.status import system_options

__all__ = ["uninstall"]


@click.command()
@system_options
def uninstall(root: Path, release: str | None) -> None:
    """Remove what install has put there for a kernel, and nothing else.

    Loaded extras stay loaded until rmmod or a reboot. A file that was changed since stays, and
    is named.
    """
    from dwarfless.host.install import uninstall as remove
    from dwarfless.host.system import System

    removed, stays = remove(System.find(root, release))
    for path in removed:
        click.echo(f"removed {path}")
    for reason in stays:
        click.echo(reason, err=True)
