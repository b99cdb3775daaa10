"""`dwarfless debug`: drgn with a kernel's BTF and extra in place of DWARF."""

import os
import sys
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Final

import click

from dwarfless.errors import DwarflessError

__all__ = ["debug"]

PLUGIN = "dwarfless.consumers.drgn_plugin.plugin"
#: Options, ours and drgn's, that a value follows.
WITH_VALUE: Final = frozenset(
    (
        *("-c", "--core", "--base", "--extra", "-e", "-p", "--pid", "--qemu", "-s", "--symbols"),
        *("--extra-symbols", "--try-symbols-by", "--no-symbols-by", "--debug-directory"),
        *("--debug-link-directory", "--kernel-directory", "--architecture", "--vmcoreinfo"),
        "--log-level",
    )
)


class _Debugger(click.Command):
    """Options end where a script begins: what follows is the script's, whatever it looks like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the end of options before the first argument that is no option's value."""
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] != "--":
            # -qc VMCORE is -q -c VMCORE.
            last = args[at] if args[at].startswith("--") else f"-{args[at][-1]}"
            at += 2 if last in WITH_VALUE else 1
        if at < len(args) and args[at] != "--":
            args = [*args[:at], "--", *args[at:]]
        return super().parse_args(ctx, args)


@click.command(cls=_Debugger, context_settings={"ignore_unknown_options": True})
@click.option(
    "-c",
    "--core",
    metavar="VMCORE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Debug a core file instead of the running kernel.",
)
@click.option(
    "--base",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The kernel's BTF, raw or in its vmlinux; else its memory has it.",
)
@click.option(
    "--extra",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Its variables; else those that were loaded, or are installed.",
)
@click.option("--load", is_flag=True, help="Load the running kernel's extra if it is not.")
@click.option("--explain", "explaining", is_flag=True, help="Say what was found where, and stop.")
@click.argument("arguments", metavar="[DRGN'S ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def debug(
    core: Path | None,
    base: Path | None,
    extra: Path | None,
    load: bool,
    explaining: bool,
    arguments: tuple[str, ...],
) -> None:
    """Start drgn with a kernel's BTF and extra, and no DWARF.

    Plain drgn does the same by itself where dwarfless is installed beside it and DWARF is not. A
    script and its arguments come after the options, as in drgn.
    """
    try:
        import drgn.cli
    except ImportError:
        raise click.UsageError("drgn is not installed: pip install 'dwarfless[drgn]'") from None
    if explaining:
        for line in explained(core, base, extra, load):
            click.echo(line)
        return
    named = {"DWARFLESS_BASE": base, "DWARFLESS_EXTRA": extra}
    os.environ.update({key: str(path) for key, path in named.items() if path is not None})
    os.environ["DWARFLESS_ALWAYS"] = "1"
    if load:
        os.environ["DWARFLESS_LOAD"] = "1"
    # From a source tree it may be no entry point; being named twice does no harm.
    others = os.environ.get("DRGN_PLUGINS", "")
    os.environ["DRGN_PLUGINS"] = ",".join(filter(None, [others, f"dwarfless={PLUGIN}"]))
    sys.argv = ["drgn", *(["-c", str(core)] if core is not None else []), *arguments]
    try:
        drgn.cli._main()
    except Exception as error:
        if _is_of_start(error):
            raise _not_sound(core, error) from None
        if _is_of_script(error):
            sys.excepthook(type(error), error, error.__traceback__)
            raise SystemExit(1) from None
        raise


def _is_of_start(error: BaseException) -> bool:
    """Tell whether drgn failed before it did anything that was asked for.

    libelf's complaints about a core file come as plain Exception; drgn expects ValueError.
    """
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return (
        type(error) is Exception and last is not None and last.tb_frame.f_code.co_name == "_main"
    )


def _is_of_script(error: BaseException) -> bool:
    """Tell whether somebody's script raised an error, who wants to be told where."""
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") == "runpy" for frame, _ in frames)


def _not_sound(core: Path | None, error: Exception) -> DwarflessError:
    return DwarflessError(f"{core or 'the running kernel'}: {error}")


def explained(core: Path | None, base: Path | None, extra: Path | None, load: bool) -> list[str]:
    """Return what was found for a kernel.

    Raises:
        DwarflessError: The core is not sound, or what was found does not fit it.
    """
    import drgn

    from dwarfless.consumers.drgn_plugin.attach import attach
    from dwarfless.consumers.drgn_plugin.explain import explain
    from dwarfless.consumers.drgn_plugin.plugin import options_from_environment

    # The hook would look for BTF by itself, without what is named here.
    os.environ["DRGN_DISABLE_PLUGINS"] = "*"
    prog = drgn.Program()
    try:
        if core is None:
            prog.set_kernel()
        else:
            prog.set_core_dump(core)
    except OSError:
        raise
    except Exception as error:
        raise _not_sound(core, error) from None
    if not prog.flags & drgn.ProgramFlags.IS_LINUX_KERNEL:
        raise DwarflessError(f"{core}: no core file of a Linux kernel: it has no VMCOREINFO")
    told = options_from_environment()
    options = replace(
        told,
        base=base or told.base,
        extra=extra or told.extra,
        always=True,
        load=load or told.load,
    )
    return list(explain(attach(prog, options)))
