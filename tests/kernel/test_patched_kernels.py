"""Kernels with our patches have their variables where the configuration says, and load extras.

Nothing is built here: `tools/build_kernel.py 6.12 --variants` does that, in half an hour, and
keeps the three kernels in the cache.
"""

import functools
import hashlib
import shutil
from pathlib import Path

import pytest

import kernel_recipe
from dwarfless.cli.main import cli
from dwarfless.containers.load import load
from dwarfless.elf.image import ElfImage
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Datasec
from kernel.guest import Outcome, boot
from kernel.images import Kernel, find_kernel

pytestmark = pytest.mark.kernel

EXTRA, MODULE = "vmlinux_btf_extra", "fuse"

#: Every request that the kernel makes of user space is noted.
MODPROBE = b'#!/bin/sh\necho "$@" >>/asked\nexec busybox modprobe "$@"\n'

HELPERS = f"""\
say() {{ echo "== $1"; }}
shown() {{ [ -e /sys/kernel/btf/$1 ]; }}
# Nobody is told when a request is served; one that isn't made is waited for in vain.
wait_for() {{ n=0; until shown $1 || [ $((n += 1)) -gt 100 ]; do usleep 100000; done; }}
list() {{ ls /sys/kernel/btf | tr '\\n' ' '; echo; }}
mode=/proc/sys/kernel/btf_extra
btf={EXTRA} module={MODULE}
"""

HASHES = """\
for name in fuse loop; do busybox modprobe $name || echo "$name does not load"; done
cd /sys/kernel/btf && sha256sum *
"""

ASKING = """\
say boot; cat $mode; list
busybox modprobe $module; usleep 1500000
say off; list; cat /asked 2>/dev/null
echo sometimes >$mode 2>/dev/null && echo "takes nonsense"; cat $mode
rmmod $module
busybox modprobe $btf; say loaded; list; (cd /sys/kernel/btf && sha256sum $btf)
rmmod $btf; say unloaded; list
echo always >$mode; wait_for $btf; say always; cat $mode; list
busybox modprobe $module; wait_for ${module}_btf; say module; list
rmmod $module; say without; list
say asked; cat /asked
echo off >$mode; say end; cat $mode; usleep 500000; list
"""

ALWAYS = """\
wait_for $btf; say boot; cat $mode; list
busybox modprobe $module; wait_for ${module}_btf; say module; list
rmmod $module; say without; list
say asked; cat /asked
"""


@pytest.fixture(scope="module", params=list(kernel_recipe.VERSIONS))
def builds(request: pytest.FixtureRequest) -> dict[str, Path]:
    """Return the builds of a version by CONFIG_VMLINUX_BTF_EXTRA, or skip and say what to do."""
    recipes = kernel_recipe.variants(request.param)
    found = {choice: kernel_recipe.find_build(recipe) for choice, recipe in recipes.items()}
    built = {choice: folder for choice, folder in found.items() if folder is not None}
    if len(built) < len(recipes):
        command = f"tools/build_kernel.py {request.param} --variants"
        pytest.skip(f"NOT TESTED: not built; {command} does it")
    return built


def module_file(build: Path, name: str) -> Path:
    """Return one of a build's modules."""
    return find_kernel(build).module_files[name]


@functools.cache
def section(path: Path) -> bytes:
    """Return a file's .BTF."""
    image = ElfImage.load(path)
    index = image.find_section(".BTF")
    assert index is not None, f"{path} has no .BTF"
    return bytes(image.section_bytes(index))


@functools.cache
def said(folder: Path, script: str, arguments: str = "") -> Outcome:
    """Return what a script says in a build, whose modules are where modprobe looks."""
    put: dict[str, Path | bytes] = {"/bin/modprobe": MODPROBE, "/lib/modules": folder}
    outcome = boot(build_of(folder), HELPERS + script, put=put, arguments=arguments)
    assert outcome.status == 0, outcome.text
    assert "WARNING" not in outcome.console
    assert "BPF:" not in outcome.console
    return outcome


def build_of(modules: Path) -> Kernel:
    """Return the kernel whose lib/modules this is, or is a copy of."""
    return find_kernel((modules / ".." / "..").resolve())


def parts(outcome: Outcome) -> dict[str, list[str]]:
    """Return a script's output by its headings, in words."""
    pieces = (piece.split() for piece in outcome.text.split("== ")[1:])
    return {piece[0]: piece[1:] for piece in pieces}


@pytest.fixture(scope="module")
def with_module_extra(builds: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return lib/modules of the build with m, where install has put an extra of one module."""
    root = tmp_path_factory.mktemp(builds["m"].name)
    build = builds["m"]
    shutil.copytree(build / "lib", root / "lib")
    shutil.copy(build / "bzImage", root)
    extra, module = root / f"{MODULE}.elf", module_file(build, MODULE)
    for arguments in (
        ["extra", module, "--base", build / "vmlinux", "--no-progress", "-o", extra],
        ["install", extra, "-B", build / "vmlinux", "--root", root],
    ):
        cli.main([str(argument) for argument in arguments], standalone_mode=False)
    (installed,) = root.rglob(f"{MODULE}-btf.ko*")
    assert installed.is_file()
    return root / "lib/modules"


def test_sizes(builds):
    """With m vmlinux and modules are as with n, and the extra costs what y does."""
    sizes = {choice: len(section(build / "vmlinux")) for choice, build in builds.items()}
    extra = len(section(module_file(builds["m"], EXTRA)))
    assert section(builds["n"] / "vmlinux") == section(builds["m"] / "vmlinux")
    assert sizes["y"] > 1.15 * sizes["n"]
    assert sizes["n"] + extra == pytest.approx(sizes["y"], rel=0.005)
    n, m, y = (section(module_file(build, MODULE)) for build in builds.values())
    assert n == m
    assert len(y) > len(n)
    assert EXTRA not in find_kernel(builds["n"]).module_files
    assert EXTRA not in find_kernel(builds["y"]).module_files


def addresses(image: ElfImage, graph: TypeGraph) -> set[tuple[str, int]]:
    """Return name and address of each variable of a graph of vmlinux."""
    linked = [section.addr for section in image.sections]
    starts = dict(zip(image.section_names, linked, strict=True))
    return {
        (graph[entry.type_id].name, starts[datasec.name] + entry.offset)
        for datasec in graph
        if isinstance(datasec, Datasec)
        for entry in datasec.entries
    }


@pytest.mark.parametrize("choice", ["m", "y"])
def test_variables_are_where_the_map_says(builds, choice):
    """Also those in .rodata, which moves after the link that BTF is made from."""
    build = builds[choice]
    base = load(build / "vmlinux")
    graph = load(module_file(build, EXTRA), base=base) if choice == "m" else base
    lines = (build / "System.map").read_text().splitlines()
    rows = (line.split() for line in lines)
    # 7.2 calls what runs before it is where it was linked to so; DWARF does not.
    known = {(name.removeprefix("__pi_"), int(address, 16)) for address, _, name in rows}
    found = addresses(ElfImage.load(build / "vmlinux"), graph)
    assert found - known == set()
    assert len(found) > 7000
    assert {"init_task", "fair_sched_class", "jiffies_64"} <= {name for name, _ in found}


@pytest.mark.parametrize("choice", ["n", "m", "y"])
def test_shows_what_the_files_hold(builds, choice):
    """Vmlinux and its modules, byte for byte; nothing more."""
    build = builds[choice]
    outcome = said(build / "lib/modules", HASHES)
    shown = dict(line.split()[::-1] for line in outcome.text.splitlines())
    files = {name: module_file(build, name) for name in ("fuse", "loop")}
    files["vmlinux"] = build / "vmlinux"
    expected = {name: hashlib.sha256(section(path)).hexdigest() for name, path in files.items()}
    assert shown == expected


def test_m_and_the_sysctl(builds, with_module_extra):
    """Off, nothing is asked for; modprobe loads the extra, rmmod frees it; always asks."""
    heard = parts(said(with_module_extra, ASKING))
    assert heard["boot"] == ["off", "vmlinux"]
    assert heard["off"] == [MODULE, "vmlinux", "off"]
    digest = hashlib.sha256(section(module_file(builds["m"], EXTRA))).hexdigest()
    assert heard["loaded"] == ["vmlinux", EXTRA, digest, EXTRA]
    assert heard["unloaded"] == ["vmlinux"]
    assert heard["always"] == ["always", "vmlinux", EXTRA]
    assert heard["module"] == [MODULE, f"{MODULE}_btf", "vmlinux", EXTRA]
    assert heard["without"] == ["vmlinux", EXTRA]
    # Not for an extra's extra.
    assert heard["asked"] == ["-q", "--", "vmlinux-btf-extra", "-q", "--", f"{MODULE}-btf"]
    assert heard["end"] == ["off", "vmlinux", EXTRA]


def test_always_from_the_start(builds, with_module_extra):
    """The kernel parameter."""
    heard = parts(said(with_module_extra, ALWAYS, "btf_extra=always"))
    assert heard["boot"] == ["always", "vmlinux", EXTRA]
    assert heard["module"] == [MODULE, f"{MODULE}_btf", "vmlinux", EXTRA]
    assert heard["without"] == ["vmlinux", EXTRA]
    wanted = heard["asked"]
    assert "vmlinux-btf-extra" in wanted
    assert [word for word in wanted if word.endswith("-btf")] == [f"{MODULE}-btf"]
