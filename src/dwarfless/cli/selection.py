"""What goes in: the options that commands share which choose types, functions and variables.

In:  a command line.
Out: the command's Encoding, its EncodeOptions narrowed.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import rich_click as click

from dwarfless.cli.encoding import Encoding, parsed
from dwarfless.graph.options import parse_only

__all__ = ["selection_options"]

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(*, only: str | None, with_init: bool) -> Callable[[F], F]:
    """Return a decorator that adds the options; it stands below @encoding_options.

    Args:
        only: What a command writes if not told; None: what --features say.
        with_init: Whether that takes in what the kernel frees after its start.
    """
    options = (
        click.option(
            "--only",
            metavar="LIST",
            callback=parsed(parse_only),
            default=only,
            show_default=only is not None,
            help="Write these classes and what they reach: types, functions, percpu, global, "
            "static, local, declarations; vars is percpu,global,static.",
        ),
        click.option(
            "--with-init/--without-init",
            default=with_init,
            show_default=True,
            help="Write variables that the kernel frees after its start.",
        ),
    )

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def narrow(
            *, encoding: Encoding, only: frozenset[str] | None, with_init: bool, **others: Any
        ) -> object:
            narrowed = replace(encoding.options, only=only, with_init=with_init)
            return command(encoding=replace(encoding, options=narrowed), **others)

        for option in reversed(options):
            narrow = option(narrow)
        return narrow  # type: ignore[return-value]

    return decorate
