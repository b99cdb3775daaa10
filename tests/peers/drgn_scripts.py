"""Compare what drgn's scripts and its commands of crash print in two programs of one core.

In:  a Program that reads DWARF, one that has our finders; drgn's own folder contrib.
Out: each line goes to a function `compare(what, name, with DWARF, with BTF)`.
"""

import contextlib
import importlib
import io
import pkgutil
import re
import runpy
import sys
from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from pathlib import Path

import drgn
import drgn.commands._crash
from drgn.commands._crash.common import CRASH_COMMAND_NAMESPACE

from peers.drgn_names import Compare

#: drgn's scripts that run on such a core, and their arguments.
SCRIPTS: tuple[tuple[str, ...], ...] = (
    ("bpf_inspect.py", "prog"),
    ("bpf_inspect.py", "map"),
    ("bpf_inspect.py", "link"),
    ("cgroup.py", "tree"),
    ("fs_inodes.py", "/"),
    ("irq.py",),
    ("kcore_list.py",),
    ("lsmod.py",),
    ("mount.py",),
    ("mutex_owner.py", "cgroup_mutex"),
    ("platform_drivers.py",),
    ("ps.py",),
    ("search_kernel_memory.py", "--string", "swapper"),
    ("slabinfo.py",),
    ("tcp_sock.py",),
    ("vmallocinfo.py",),
    ("vmmap.py", "1"),
    ("vmstat.py",),
)
#: Its commands that are called as those of crash; those that print source lines are left out, and
#: those that start from the task that panicked, for none did.
COMMANDS = (
    *("ps", "ps -a", "ps -t", "sys", "log", "mod", "dev", "dev -p", "dev -d", "irq"),
    *("net", "net -a"),
    *("runq", "swap", "timer", "kmem -i", "kmem -s", "kmem -V", "kmem -z", "kmem -n"),
    *("struct task_struct", "whatis list_head", "p jiffies", "sym init_task", "rd init_task"),
    *("list -H modules", "bpf", "foreach files", "foreach vm"),
)
LABEL = re.compile(r"\.LC\d+\+0x[0-9a-f]+ = ")
#: The line that names the file of DWARF.
DEBUG_FILE = re.compile(r"^ +KERNEL:.*\n", re.M)


def printed(prog: drgn.Program, run: Callable[[], object]) -> str:
    """Return what something prints, and how it fails."""
    out = io.StringIO()
    drgn.set_default_prog(prog)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            run()
        except (Exception, SystemExit) as error:
            print(f"{type(error).__name__}: {error}", file=out)
    return out.getvalue()


def compare_lines(compare: Compare, what: str, one: str, other: str) -> None:
    """Compare two texts line by line."""
    for line, ours in zip_longest(one.splitlines(), other.splitlines()):
        compare(f"line of {what}", what, line, ours)


def compare_scripts(
    compare: Compare, dwarf: drgn.Program, btf: drgn.Program, folder: Path
) -> None:
    """What drgn's scripts print, line by line."""
    for name, *arguments in SCRIPTS:
        texts = []
        for prog in (dwarf, btf):
            sys.argv = [name, *arguments]
            known = {"prog": prog}
            run = partial(runpy.run_path, str(folder / name), known, "__main__")
            texts.append(printed(prog, run))
        # Labels that the compiler gives strings are in vmlinux's symbol table, not in kallsyms.
        compare_lines(compare, name, LABEL.sub("", texts[0]), texts[1])


def compare_commands(compare: Compare, dwarf: drgn.Program, btf: drgn.Program) -> None:
    """What drgn prints for crash's commands, line by line."""
    package = drgn.commands._crash
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    for command in COMMANDS:
        one, other = (
            printed(prog, partial(CRASH_COMMAND_NAMESPACE.run, prog, command))
            for prog in (dwarf, btf)
        )
        compare_lines(
            compare, f"crash {command}", *(DEBUG_FILE.sub("", text) for text in (one, other))
        )
