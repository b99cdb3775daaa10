"""What drgn calls when a program has its target.

In:  a Program; DWARFLESS_BASE, _EXTRA, _PATH, _ALWAYS and _LOAD in the environment.
Out: finders in it, if it is a Linux kernel.
"""

import os
from pathlib import Path

from drgn import Program, ProgramFlags

from dwarfless.consumers.drgn_plugin.attach import NAME, attach
from dwarfless.consumers.drgn_plugin.sources import Options

__all__ = ["drgn_prog_set", "options_from_environment"]


def options_from_environment() -> Options:
    """Return what the environment asks for."""
    base, extra = os.environ.get("DWARFLESS_BASE"), os.environ.get("DWARFLESS_EXTRA")
    return Options(
        Path(base) if base else None,
        Path(extra) if extra else None,
        always=os.environ.get("DWARFLESS_ALWAYS", "") not in ("", "0"),
        load=os.environ.get("DWARFLESS_LOAD", "") not in ("", "0"),
    )


def drgn_prog_set(prog: Program) -> None:
    """Attach to a Linux kernel; an error is drgn's to show."""
    if not prog.flags & ProgramFlags.IS_LINUX_KERNEL or NAME in prog.config:
        return
    prog.config[NAME] = attach(prog, options_from_environment())
