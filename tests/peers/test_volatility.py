"""Volatility says of a guest's memory what it says with an ISF made from DWARF.

docs/volatility.md tells which others were compared.
"""

from pathlib import Path

import pytest

from kernel.memory_image import memory_image
from peers import volatility_venv
from support import kernel, needs
from support_containers import do

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SUITE = "trixie"
PLUGINS = ("linux.pslist", "linux.bash", "linux.check_syscall")
image = needs(memory_image)


def test_plugins_say_the_same(tmp_path: Path):
    """Processes, a shell's history, the table of system calls by names of functions."""
    vmlinux, memory = kernel(SUITE), image(SUITE)
    do("extra", vmlinux, "--no-progress", "-o", tmp_path / "extra")
    said = []
    for name, files in (("btf", (vmlinux, tmp_path / "extra")), ("dwarf", (vmlinux,))):
        folder = tmp_path / name / "linux"
        folder.mkdir(parents=True)
        do("isf", *files, "-o", folder / "kernel.json")
        said.append(
            volatility_venv.run_plugins(folder.parent, tmp_path / f"{name}.cache", memory, PLUGINS)
        )

    btf, dwarf = said
    names = [row[5] for row in btf["linux.pslist"]]
    assert {"bash", "nc", "sleep", "kswapd0"} <= set(names)
    assert "echo first of three >/tmp/a/said" in [row[-1] for row in btf["linux.bash"]]
    assert len(btf["linux.check_syscall"]) > 300
    for plugin in PLUGINS:
        assert btf[plugin] == dwarf[plugin], plugin
