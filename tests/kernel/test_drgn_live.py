"""drgn on a running kernel knows by BTF and extras what that kernel says of itself."""

import json
from pathlib import Path

import pytest

from kernel.cores import dwarfless, extra_module
from kernel.guest import boot
from kernel.images import find_kernel, read_module
from kernel.machine import NO_CX16
from kernel.roots import HOME, put_drgn, put_python
from support import kernel, module, needs

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

VERSION, SUITE = "6.12", "trixie"
extra_of = needs(extra_module)

SCRIPT = f"""\
insmod vmlinux_btf_extra.ko || exit 1
sleep 1000 &
{HOME}/start look.py $!
status=$?
/usr/bin/dwarfless debug --explain
exit $status
"""

#: Runs in the guest; what is not so raises.
LOOK = """\
import json
import subprocess
import sys
from pathlib import Path

import drgn
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import find_task, for_each_task

prog = drgn.Program()
prog.set_kernel()
said = {}


def insmod(name):
    subprocess.run(["insmod", name], check=True)


def missing(find):
    try:
        find()
    except LookupError:
        return True
    return False


def symbol(name):
    found = subprocess.check_output(["grep", "-wm1", f". {name}", "/proc/kallsyms"], text=True)
    return int(found.split()[0], 16)


init = prog["init_task"]
said["comm"] = init.comm.string_().decode()
said["address"] = init.address_ == symbol("init_task")
said["per-CPU"] = per_cpu(prog["runqueues"], 0).idle == init.address_of_()
said["char"] = prog.type("char").is_signed
shown = {int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()}
said["tasks"] = sorted(shown ^ {task.pid.value_() for task in for_each_task(prog)})
trace = prog.stack_trace(int(sys.argv[1]))
said["trace"] = [frame.name for frame in trace]
said["comm of sleep"] = find_task(prog, int(sys.argv[1])).comm.string_().decode()

names = (
    lambda: prog.type("struct loop_device"),
    lambda: prog["max_loop"],
    lambda: prog.symbol("loop_configure"),
)
said["missing before"] = [missing(each) for each in names]
insmod("loop.ko")
said["missing with the module"] = [missing(each) for each in names]
own = prog.type("struct loop_device")
insmod("loop_btf.ko")
said["missing with its extra"] = [missing(each) for each in names]
parameter = Path("/sys/module/loop/parameters/max_loop").read_text()
said["variable"] = prog["max_loop"].value_() == int(parameter)
said["variable's address"] = prog["loop_ctl_mutex"].address_ == symbol("loop_ctl_mutex")
both = prog.type("struct loop_device")
said["same type"] = (own.size, len(own.members)) == (both.size, len(both.members))
subprocess.run(["rmmod", "loop_btf"], check=True)
subprocess.run(["rmmod", "loop"], check=True)
said["missing after"] = [missing(each) for each in names]
print("said: " + json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], str]:
    """Return what drgn said in the guest, and all that was printed."""
    pytest.importorskip("drgn", reason="NOT TESTED, drgn is missing: pip install dwarfless[drgn]")
    folder = tmp_path_factory.mktemp("live")
    booted, vmlinux = find_kernel(VERSION), kernel(SUITE)
    (folder / "loop.ko").write_bytes(read_module(booted.module_files["loop"]))
    extra = folder / "loop.extra"
    dwarfless("extra", module(SUITE, "loop"), "--base", vmlinux, "--no-progress", "-o", extra)
    donors = ("--base", vmlinux, "--for", folder / "loop.ko")
    dwarfless("kmod", extra, *donors, "--name", "loop_btf", "-o", folder / "loop_btf.ko")
    root = folder / "root"
    put_python(root)
    put_drgn(root)
    put: dict[str, Path | bytes] = {f"/{path.name}": path for path in root.iterdir()}
    put |= {name: folder / name for name in ("loop.ko", "loop_btf.ko")}
    put |= {"vmlinux_btf_extra.ko": extra_of(SUITE), "look.py": LOOK.encode()}
    outcome = boot(booted, SCRIPT, put=put, arguments=NO_CX16, memory=2048)
    assert outcome.status == 0, outcome.text
    (line,) = (line for line in outcome.text.splitlines() if line.startswith("said: "))
    return json.loads(line.removeprefix("said: ")), outcome.text


def test_kernel(said):
    """A variable, its address, one of a CPU; every task; the stack of one that sleeps."""
    told, _ = said
    assert told["comm"] == "swapper/0"
    assert told["address"]
    assert told["per-CPU"]
    # Linux is compiled so since 6.2.
    assert told["char"] is False
    assert told["tasks"] == []
    assert told["comm of sleep"] == "sleep"
    assert {"schedule", "do_nanosleep", "do_syscall_64"} <= set(told["trace"])


def test_modules_come_and_go(said):
    """What was not there is found once its module is loaded, and no longer when it is removed."""
    told, _ = said
    assert told["missing before"] == [True] * 3
    assert told["missing with the module"] == [False, True, False]
    assert told["missing with its extra"] == [False] * 3
    assert told["missing after"] == [True] * 3


def test_module_with_an_extra(said):
    """Its variables; types that both its BTF and its extra have are one."""
    told, _ = said
    assert told["variable"]
    assert told["variable's address"]
    assert told["same type"]


def test_explain(said):
    """Where all of it came from."""
    _, text = said
    assert "base: /sys/kernel/btf/vmlinux, " in text
    assert "extra: module vmlinux_btf_extra, " in text
