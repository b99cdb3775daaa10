"""The commands in the README and the manual run, in the order in which a page gives them.

They run on a kernel of a few lines with three modules, under the names that the manual uses. What
can't be run here is listed with what tests it instead.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from dwarfless.cli.main import cli
from support import ROOT
from support_containers import KERNEL, compile_c, do

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

#: What a command starts with -> why it isn't run.
NOT_RUN = {
    "debug": "needs a core file: tests/peers/test_drgn_plugin.py",
    "kmod": "needs a real kernel's module: tests/unit/test_module.py, tests/kernel/test_kmod.py",
    "install": "needs root: tests/unit/host, tests/kernel/test_install.py",
    "uninstall": "needs root: tests/unit/host, tests/kernel/test_install.py",
    "status": "looks at the machine: tests/unit/host",
    "browse vmlinux --serve": "does not end: tests/unit/browse/test_page.py",
}
#: Commands whose exit status 1 is an answer.
MAY_SAY_NO = ("diff", "show vmlinux-6.12 tsk_struct")
#: What stands for what depends on the machine; the rest are names of files that are there.
STAND_INS = (
    (r"vmlinux-6\.12", "full-vmlinux"),
    (r"build/demo/.*", "out"),
    (r"VMLINUX|/sys/kernel/btf/vmlinux|.*/vmlinux-.*|vmlinux-6\..*", "vmlinux"),
    (r"vmlinux-7\..*", "other-vmlinux"),
    (r"/.*/(RELEASE|\$\(uname -r\))|DIR", "modules"),
    (r"FILE", "vmlinux.btf"),
)
#: More that the manual asks for.
MORE = """
struct ucounts { int count; };
struct cred { int usage; struct ucounts *ucounts; };
struct cred init_cred;
struct rq { char nr; long clock; } runqueues;
const int __ksymtab_schedule = 1;
__attribute__((noinline)) long vfs_read(struct cred *c) { return c->usage + runqueues.clock; }
long (*reader)(struct cred *) = vfs_read;
"""
MODULE = "struct task_struct { struct task_struct *next; int pid; } NAME_task; int NAME_x[3];"


def commands(page: Path) -> list[str]:
    """Return the dwarfless commands of a page's console blocks, whole lines."""
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", page.read_text(), re.S | re.M)
    lines = [line for b in blocks for line in b.replace("\\\n", " ").splitlines()]
    found = [re.match(r"\s*[$#] (?:\w+=\S+ )*dwarfless (\w.*)", line) for line in lines]
    return [match[1] for match in found if match]


def words_of(command: str) -> list[str]:
    """Return a command's words, up to a pipe or redirection, on the files that are here."""
    words = []
    for word in shlex.split(re.sub(r"\$\(uname -r\)", "RELEASE", command), comments=True):
        if word.startswith(("|", ">")):
            break
        for pattern, there in STAND_INS:
            if re.fullmatch(pattern, word):
                word = there
        words.append(word)
    return words


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with kernels, modules, their BTF and extras."""
    folder = tmp_path_factory.mktemp("world")
    changed = KERNEL.replace("int pid", "long pid; int more")
    for name, text in (("vmlinux", KERNEL), ("other-vmlinux", changed)):
        text = text.replace("VERSION", "1").replace("struct task", "struct task_struct")
        compile_c(text + MORE, folder / name)
        do("encode", folder / name, "--in-place")
    vmlinux = folder / "vmlinux"
    # Real kernels' own BTF has per-CPU variables, such as runqueues.
    shutil.copy(vmlinux, folder / "full-vmlinux")
    do("encode", folder / "full-vmlinux", "--features", "+global_var", "--in-place")
    do("encode", vmlinux, "-o", folder / "vmlinux.btf", "--features", "+global_var")
    for name in ("vmlinux-extra", "extra.elf", "vmlinux-btf-extra.btf"):
        do("extra", vmlinux, "-o", folder / name)
    (folder / "modules").mkdir()
    for name in ("xfs", "kvm", "nf_conntrack"):
        module = folder / "modules" / f"{name}.ko"
        compile_c(MODULE.replace("NAME", name), module, "-c")
        shutil.copy(module, folder)
        do("encode", module, "--base", vmlinux, "-o", folder / f"{name}.btf")
    base = ("--base", vmlinux, "--base", folder / "xfs.btf")
    do("extra", folder / "xfs.ko", *base, "-o", folder / "xfs-btf.btf")
    return folder


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda page: page.name
)
def test_commands_run(
    page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd
):
    """Each ends well, given what those before it left."""
    shutil.copytree(world, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    for command in commands(page):
        if command.startswith(tuple(NOT_RUN)):
            continue
        words = words_of(command)
        status = cli.main(words, "dwarfless", standalone_mode=False)
        assert not status or command.startswith(MAY_SAY_NO), f"{command}: {capfd.readouterr()}"


def test_exceptions_are_needed():
    """Each exception stands for something that the manual says."""
    given = [command for page in PAGES for command in commands(page)]
    for start in NOT_RUN:
        assert any(command.startswith(start) for command in given), start
