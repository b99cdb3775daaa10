"""What goes in: the options that commands share which choose types, functions and variables.

In:  a command line.
Out: the command's Encoding, its EncodeOptions narrowed.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import click

from dwarfless.cli.encoding import Encoding, parsed
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.rules import (
    Rule,
    RuleFile,
    load_profile,
    load_rules,
    parse_only,
    parse_pattern,
)

__all__ = ["narrow_options", "selection_options"]

F = TypeVar("F", bound=Callable[..., Any])


def _each(
    parse: Callable[[str], object],
) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], list[object]]:
    """Return the callback of an option that may be repeated."""

    def callback(
        ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]
    ) -> list[object]:
        return [parsed(parse)(ctx, param, text) for text in texts]

    return callback


def _patterns(*, keep: bool) -> Callable[[str], Rule]:
    return lambda text: parse_pattern(text, keep=keep)


_OPTIONS = (
    click.option(
        "--only",
        metavar="LIST",
        callback=parsed(parse_only),
        help="Write these classes and what they reach: types, functions, percpu, global, static, "
        "local, declarations; vars is percpu,global,static.",
    ),
    click.option(
        "--exclude",
        "excluded",
        metavar="PATTERN",
        multiple=True,
        callback=_each(_patterns(keep=False)),
        help="Leave out functions and variables by name, or by section:, unit:, type:, class:, "
        "exported: or init:; may be repeated.",
    ),
    click.option(
        "--include",
        "included",
        metavar="PATTERN",
        multiple=True,
        callback=_each(_patterns(keep=True)),
        help="Write only these, or also these before what rules say; may be repeated.",
    ),
    click.option(
        "--rules",
        "rule_files",
        metavar="FILE",
        multiple=True,
        callback=_each(load_rules),
        help="Rules in TOML; may be repeated.",
    ),
    click.option(
        "--profile",
        "profiles",
        metavar="NAME",
        multiple=True,
        callback=_each(load_profile),
        help="Rules that come with the program: debugger; may be repeated.",
    ),
    click.option(
        "--with-init/--without-init",
        default=None,
        help="Write variables that the kernel frees after its start.",
    ),
    click.option(
        "--tag-duplicates",
        is_flag=True,
        help="Give variables that share a name a decl tag of their file.",
    ),
)


def selection_options(*, only: str | None, with_init: bool) -> Callable[[F], F]:
    """Return a decorator that adds the options; it stands below @encoding_options.

    Args:
        only: What a command writes if not told; None: what --features say.
        with_init: Whether that takes in what the kernel frees after its start.
    """
    classes = None if only is None else parse_only(only)

    def decorate(command: F) -> F:
        @functools.wraps(command)
        def narrow(*, encoding: Encoding, **others: Any) -> object:
            chosen = {name: others.pop(name) for name in _PARAMETERS}
            options = replace(encoding.options, only=classes, with_init=with_init)
            options = narrow_options(options, **chosen)
            return command(encoding=replace(encoding, options=options), **others)

        for option in reversed(_OPTIONS):
            narrow = option(narrow)
        return narrow  # type: ignore[return-value]

    return decorate


_PARAMETERS = (
    "only",
    "excluded",
    "included",
    "rule_files",
    "profiles",
    "with_init",
    "tag_duplicates",
)


def narrow_options(
    options: EncodeOptions,
    *,
    only: frozenset[str] | None,
    excluded: list[Rule],
    included: list[Rule],
    rule_files: list[RuleFile],
    profiles: list[RuleFile],
    with_init: bool | None,
    tag_duplicates: bool,
) -> EncodeOptions:
    """Return the options with what a command line adds; it counts before files and profiles."""
    files = [*rule_files, *profiles]

    def first(said: Iterator[Any], otherwise: Any) -> Any:
        return next((value for value in said if value is not None), otherwise)

    return replace(
        options,
        only=first(iter([only, *(file.only for file in files)]), options.only),
        with_init=first(iter([with_init, *(file.with_init for file in files)]), options.with_init),
        rules=(*excluded, *included, *(rule for file in files for rule in file.rules)),
        tag_duplicates=tag_duplicates,
    )
