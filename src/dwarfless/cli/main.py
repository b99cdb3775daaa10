"""The `dwarfless` command.

In:  the command line.
Out: an exit status: 0 done, 1 bad input, 2 usage, 130 interrupted; errors are one line.

Start-up is most of what a short command costs, so a command's module is imported when it is
invoked, and rich_click (0.04 s) takes click's place only to show help.
"""

import gc
import importlib
import os
import sys

import click

from dwarfless import __version__
from dwarfless.errors import DwarflessError

__all__ = ["cli", "main", "os_error_line", "run"]

#: Command -> its one line of help; dwarfless.cli.NAME holds the function NAME, - as _.
COMMANDS = {
    "encode": "Write the BTF of a file's DWARF.",
    "explain": "Say why a variable or function is in, or not.",
    "extra": "Write the variables that a kernel's own BTF lacks.",
    "kmod": "Make an extra a module that the kernel loads.",
    "install": "Put extras where modprobe finds them.",
    "uninstall": "Remove what install has put there.",
    "status": "Say which extras a machine has, and what is amiss.",
    "tree": "Draw the levels of split BTF.",
    "split": "Take one BTF apart: a base and an extra.",
    "flatten": "Join all levels into one BTF.",
    "merge": "Join BTF that is split over one base.",
    "distill": "Give split BTF what it needs of its base.",
    "relocate": "Move split BTF from a distilled base onto a whole one.",
    "footprint": "Print what variables cost a kernel.",
    "debug": "Debug a kernel with drgn by its BTF.",
    "isf": "Write symbols for Volatility 3.",
    "verify": "Say whether a kernel is the one an extra is for.",
    "dump": "Print all types: lines, JSON or C.",
    "header": "Write vmlinux.h, or vars.h.",
    "ext": "Print what a BPF object says of its instructions.",
    "min-core": "Write the least BTF that BPF objects need.",
    "check": "Say what the kernel's verifier would.",
    "browse": "Write a web page to look through types and variables.",
    "stat": "Count types and bytes.",
    "find": "Find types by name.",
    "users": "Print who embeds a type, points to it, takes it, returns it.",
    "holes": "Print the structs that waste the most bytes.",
    "diff": "Print what changed from one kernel's BTF to another's.",
    "show": "Print a struct with its holes, a prototype, where a variable is.",
}


#: Commands in which other programs run: drgn with its user's code, a web server.
FOREIGN = frozenset(("debug", "browse"))
#: What asks for help.
HELP = frozenset(("--help", "-h"))


def patch_click() -> None:
    """Make commands that are declared from now on set their help by rich."""
    from rich_click.patch import patch

    patch()


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, importing its module."""
        if cmd_name not in COMMANDS:
            return None
        if not HELP.isdisjoint(sys.argv):
            patch_click()
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"dwarfless.cli.{name}")
        command = getattr(module, name)
        assert isinstance(command, click.Command)
        return command

    def get_help(self, ctx: click.Context) -> str:
        """Return the help as rich_click sets it; commands show their line without an import."""
        import rich_click

        group = rich_click.RichGroup(
            name=self.name,
            commands=[rich_click.RichCommand(name=name, help=h) for name, h in COMMANDS.items()],
            params=self.params,
            help=self.help,
        )
        group.list_commands = self.list_commands  # type: ignore[method-assign]
        return group.get_help(rich_click.RichContext(group, info_name=ctx.info_name))


@click.command(cls=LazyGroup, invoke_without_command=True)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """BTF for the whole Linux kernel, from its DWARF."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(2)


def main() -> None:
    """Run the command line and exit."""
    # numpy's threads for matrices, of which there are none here, take 0.03 s to start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Columns are no circles of objects; to look for such took 2 % of an encode.
    gc.set_threshold(100_000, 50, 100)
    try:
        status = cli.main(prog_name="dwarfless", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us has seen enough; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    except (KeyboardInterrupt, click.Abort):
        status = 130
    except click.ClickException as error:
        status = error.exit_code
        _complain(_usage(error))
    except (DwarflessError, OSError, MemoryError) as error:
        status = 1
        line = os_error_line(error) if isinstance(error, OSError) else str(error)
        _complain(line or "out of memory")
    # All is over: to look for circles once more at exit would take a sixth of a short command.
    gc.freeze()
    sys.exit(status if isinstance(status, int) else 0)


def run() -> None:
    """Run the command line as a program of its own, which leaves nothing for exit to do.

    Writers and threads have ended when `main` returns; to free a kernel's types one by one only
    for the process to end takes 0.02 s of an encode. Commands that start somebody else's program,
    who may want to be told of the end, are not left so.
    """
    # Who is started may take our arguments for its own.
    is_foreign = not FOREIGN.isdisjoint(sys.argv[1:2])
    try:
        main()
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        if is_foreign:
            raise
        os._exit(ended.code if isinstance(ended.code, int) else 0)


def _complain(message: str) -> None:
    print(f"dwarfless: {' '.join(message.split())}", file=sys.stderr)


def _usage(error: click.ClickException) -> str:
    """Return a usage error in one line, with the command it belongs to."""
    context = getattr(error, "ctx", None)
    if context is None:
        return error.format_message()
    name = context.command_path.partition(" ")[2]
    where = f"{name}: " if name else ""
    return f"{where}{error.format_message()} Try '{context.command_path} --help'."


def os_error_line(error: OSError) -> str:
    """Return `file: what is wrong`, as other tools put it."""
    if error.filename is None or error.strerror is None:
        return str(error)
    name = os.fsdecode(error.filename) if not isinstance(error.filename, int) else "file"
    return f"{name}: {error.strerror}"
