#!/usr/bin/env python3
"""Write the reference of all commands, from what their --help says.

    tools/manual.py     # man/*.1, one a command, and their list in meson.build

In:  the commands, as click knows them.
Out: man pages; for the manual, the same as Markdown (docs/conf.py asks for it).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import click

from dwarfless import __version__
from dwarfless.cli.main import COMMANDS, cli

__all__ = ["Page", "iter_pages", "man_pages", "markdown", "meson_list"]

ROOT: Final = Path(__file__).resolve().parent.parent
#: What dwarfless(1) says beside the list of commands.
STATUS: Final = (
    "0 done; 1 bad input, and what the command says; 2 usage; 130 interrupted. An error is one "
    "line on standard error, and the output stays what it was before."
)
COMPLETION: Final = "Shells complete commands, options and files after one of:"
SHELLS: Final = (
    'eval "$(_DWARFLESS_COMPLETE=bash_source dwarfless)"',
    'eval "$(_DWARFLESS_COMPLETE=zsh_source dwarfless)"',
    "_DWARFLESS_COMPLETE=fish_source dwarfless | source",
)


class Page(NamedTuple):
    """What is said of one command.

    Attributes:
        name: Such as "encode".
        summary: One line.
        usage: What follows the name.
        paragraphs: What it does.
        options: Spellings, and what each does.
    """

    name: str
    summary: str
    usage: str
    paragraphs: list[str]
    options: list[tuple[str, str]]


def iter_pages() -> Iterator[Page]:
    """Iterate over the commands, in the order of `dwarfless --help`."""
    for name, summary in COMMANDS.items():
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        context = click.Context(command, info_name=name)
        records = (param.get_help_record(context) for param in command.get_params(context))
        text = re.sub(r"[\b\f]", "", command.help or "")
        yield Page(
            name,
            summary,
            " ".join(command.collect_usage_pieces(context)),
            [" ".join(each.split()) for each in text.strip().split("\n\n")],
            [record for record in records if record is not None and record[1]],
        )


def markdown() -> str:
    """Return the reference as Markdown."""
    lines: list[str] = []
    for page in iter_pages():
        lines += [f"## dwarfless {page.name}", "", "```text"]
        lines += [f"dwarfless {page.name} {page.usage}", "```", ""]
        for paragraph in page.paragraphs:
            lines += [re.sub(r"([<*_\[`])", r"\\\1", paragraph), ""]
        lines += [f"`{option}`\n: {_plain(text)}\n" for option, text in page.options]
    return "\n".join(lines)


def man_pages() -> dict[str, str]:
    """Return the man pages by name of their file."""
    pages = list(iter_pages())
    found = {f"dwarfless-{page.name}.1": _man_page(page) for page in pages}
    found["dwarfless.1"] = _main_page(pages)
    return found


def _man_page(page: Page) -> str:
    """Return one command's page, in the man macros."""
    title = f"dwarfless-{page.name}"
    lines = [*_head(title, page.summary), ".SH SYNOPSIS"]
    lines += [f".B dwarfless {_roff(page.name)}", _roff(page.usage), ".SH DESCRIPTION"]
    lines += "\n.PP\n".join(map(_roff, page.paragraphs)).split("\n")
    lines.append(".SH OPTIONS")
    for option, text in page.options:
        lines += [".TP", f".B {_roff(option)}", _roff(_plain(text))]
    return "\n".join([*lines, ".SH SEE ALSO", ".BR dwarfless (1)", ""])


def _main_page(pages: list[Page]) -> str:
    """Return the page of `dwarfless` itself."""
    lines = [*_head("dwarfless", "BTF for the whole Linux kernel, from its DWARF.")]
    lines += [".SH SYNOPSIS", ".B dwarfless", "COMMAND ...", ".SH COMMANDS"]
    for page in pages:
        lines += [".TP", f".BR dwarfless\\-{_roff(page.name)} (1)", _roff(page.summary)]
    lines += [".SH EXIT STATUS", _roff(STATUS), ".SH SHELL COMPLETION", _roff(COMPLETION)]
    for shell in SHELLS:
        lines += [".PP", ".nf", ".RS", _roff(shell), ".RE", ".fi"]
    return "\n".join([*lines, ""])


def _head(title: str, summary: str) -> list[str]:
    line = summary[:1].lower() + summary[1:].rstrip(".")
    version = f"dwarfless {__version__}"
    return [
        f'.TH {title.upper()} 1 "" "{version}" "dwarfless"',
        ".SH NAME",
        f"{_roff(title)} \\- {_roff(line)}",
    ]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _roff(text: str) -> str:
    """Return text as roff takes it literally."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return re.sub(r"^([.])", r"\\&\1", text)


def meson_list(text: str) -> str:
    """Return meson.build with the list of man pages."""
    rows = "".join(f"  'man' / '{name}',\n" for name in sorted(man_pages()))
    return re.sub(r"(?:  'man' / '.*',\n)+", rows, text)


def main() -> None:
    """Write everything."""
    folder = ROOT / "man"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("dwarfless*.1"):
        old.unlink()
    for name, text in man_pages().items():
        (folder / name).write_text(text)
    build = ROOT / "meson.build"
    build.write_text(meson_list(build.read_text()))


if __name__ == "__main__":
    main()
