"""BTF is found where it is, fits its kernel, and what is wrong or missing is said in a line."""

import logging
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import dwarfless
from dwarfless.errors import BaseMismatchError, BtfError, DwarflessError

drgn = pytest.importorskip("drgn", reason="NOT TESTED, drgn is missing: pip install drgn")

from dwarfless.consumers.drgn_plugin import sources  # noqa: E402
from dwarfless.consumers.drgn_plugin.explain import explain  # noqa: E402
from unit.drgn_plugin.small_kernel import (  # noqa: E402
    BUILD_ID,
    SmallKernel,
    attached,
    base,
    extra,
    written,
)


@pytest.fixture(autouse=True)
def no_other_extras(monkeypatch, tmp_path):
    """Keep this machine's extras away."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("DWARFLESS_PATH", raising=False)


def check_variables(prog, kernel: SmallKernel) -> None:
    """Make sure that each variable has its place, type and value."""
    task = prog["init_task"]
    assert task.address_ == kernel.address(".data", 0x40)
    assert (task.pid.value_(), task.comm.string_()) == (7, b"swapper")
    assert prog["count"].value_() == 4
    assert prog["early"].value_() == 5


@pytest.mark.parametrize("suffix", ["elf", "btf"])
@pytest.mark.parametrize("slide", [0, 0x1E000000])
def test_moved_and_unmoved(tmp_path, slide, suffix):
    """KASLR off and on, by the note and by symbols alone."""
    kernel = SmallKernel(slide=slide)
    prog, _ = kernel.attach(tmp_path, extra=written(tmp_path / f"extra.{suffix}"))
    check_variables(prog, kernel)


@pytest.mark.parametrize("has", ["functions", "nothing"])
def test_without_symbols_of_variables(tmp_path, has):
    """The note tells where sections are, and without any kallsyms where the kernel's BTF is."""
    kernel = SmallKernel(kallsyms=has)
    prog, found = kernel.attach(tmp_path, extra=written(tmp_path / "extra.elf"))
    check_variables(prog, kernel)
    said = "in memory, without variables" if has == "functions" else "not told by VMCOREINFO"
    assert f"symbols: kallsyms {said}" in list(explain(found))
    (ends,) = prog.main_module().address_ranges
    assert ends == (kernel.address(".text"), kernel.address(".text", 0x1000))
    assert prog.symbol("__start_BTF").address == kernel.address(".BTF")
    assert prog.symbol("__stop_BTF").address - kernel.address(".BTF") == len(kernel.btf)


@pytest.mark.parametrize("has", ["functions", "nothing"])
def test_raw_extra_without_symbols_of_variables(tmp_path, caplog, has):
    """An error that says what is missing, not a wrong address."""
    named = written(tmp_path / "base.btf", base()), written(tmp_path / "extra.btf")
    prog, found = SmallKernel(kallsyms=has).attach(tmp_path, base=named[0], extra=named[1])
    with pytest.raises(LookupError, match=r"'init_task' is in .data: no symbol tells where"):
        prog["init_task"]
    (line,) = caplog.messages
    assert line.startswith("missing: addresses; no symbols tell them (CONFIG_KALLSYMS_ALL)")
    assert line in list(explain(found))


def test_folders(tmp_path, monkeypatch):
    """By build-id: first those of DWARFLESS_PATH, then the user's, then the machine's."""
    first, second, home = (tmp_path / name for name in ("1", "2", "home"))
    monkeypatch.setenv("DWARFLESS_PATH", f"{first}:{second}")
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    kernel = SmallKernel()
    places = [home / "dwarfless" / f"{BUILD_ID}.ko", second / f"{BUILD_ID}.btf", first / BUILD_ID]
    _, found = kernel.attach(tmp_path)
    steps = found.sources.steps
    looked = [f"extra: no {place}" for place in (*places, f"/usr/lib/dwarfless/{BUILD_ID}.btf")]
    assert set(looked) <= set(steps)
    assert [steps.index(line) for line in looked[2::-1]] == sorted(map(steps.index, looked[:3]))
    for place in places:
        place.parent.mkdir(parents=True)
        made = written(tmp_path / ("made.btf" if place.suffix == ".btf" else "made.elf"))
        made.rename(place)
        prog, found = kernel.attach(tmp_path)
        assert found.sources.steps[-1].startswith(f"extra: {place}, ")
        check_variables(prog, kernel)


@pytest.mark.parametrize(
    "other",
    [
        {"build_id": "cd" * 20},
        {"build_id": "", "release": "6.12.0-other"},
        {"release": "6.1.0-small", "build_id": "cd" * 20, "bases": (base("other").digest,)},
        {"bases": (base("other").digest,)},
    ],
    ids=["same release", "no build-id", "another kernel", "another base"],
)
def test_extra_of_another_kernel(tmp_path, other):
    """A line that names the file and both kernels; nothing of it is used."""
    path = written(tmp_path / "extra.elf", **other)
    prog, found = SmallKernel().attach(tmp_path, extra=path)
    with pytest.raises(BaseMismatchError) as caught:
        prog["init_task"]
    assert str(caught.value).startswith(f"{path}: made for Linux 6.")
    with pytest.raises(BaseMismatchError):
        list(explain(found))
    assert "\n" not in str(caught.value)


def test_raw_extra_of_another_kernel(tmp_path):
    """It has no note, but over this kernel's BTF it makes no sense."""
    other = base("another", "kernel", "has", "more")
    path = written(tmp_path / "extra.btf", extra(other))
    kernel = SmallKernel(btf=dwarfless.encode(base("another", "kernel", "with", "less")))
    prog, _ = kernel.attach(tmp_path, extra=path)
    with pytest.raises(DwarflessError, match=f"{path}: "):
        prog["init_task"]


def test_base_of_another_kernel(tmp_path):
    """VMCOREINFO tells the size of structs."""
    path = written(tmp_path / "base.btf", base())
    prog, _ = SmallKernel(told={"SIZE(task_struct)": 9}).attach(tmp_path, base=path)
    with pytest.raises(BaseMismatchError, match=r"task_struct has 12 bytes, in Linux .* it has 9"):
        prog["init_task"]


def test_build_id_that_is_garbage(tmp_path):
    """Some stable kernels say a wrong one; the release has to do."""
    garbage = {"OSRELEASE": "6.6.60", "BUILD-ID": "00" * 20}
    path = written(tmp_path / "extra.elf", release="6.6.60")
    prog, found = SmallKernel(told=garbage).attach(tmp_path, extra=path)
    check_variables(prog, SmallKernel())
    assert found.memory.build_id == ""
    _, found = SmallKernel(told=garbage | {"OSRELEASE": "6.6.63"}).attach(tmp_path)
    assert found.memory.build_id == "00" * 20


@pytest.mark.parametrize("release", ["6.1.0-28-amd64", "6.6.60", "6.6.63"])
def test_build_id_in_notes(tmp_path, release):
    """Debian's release hides the patch level; where VMCOREINFO may be wrong, notes are right."""
    told = {"OSRELEASE": release, "BUILD-ID": "00" * 20}
    linux = struct.pack("<3I8s", 6, 0, 0x101, b"Linux")
    right = struct.pack("<3I4s20s", 4, 20, 3, b"GNU", bytes.fromhex(BUILD_ID))
    kernel = SmallKernel(told=told, notes=linux + right)
    prog, found = kernel.attach(tmp_path, extra=written(tmp_path / "extra.elf"))
    check_variables(prog, kernel)
    assert found.memory.build_id == BUILD_ID
    for broken in (linux, linux + right[:-1], b"\xff" * 32):
        _, found = replace(kernel, notes=broken).attach(tmp_path)
        assert found.memory.build_id == ("" if release == "6.6.60" else "00" * 20)


def test_kernel_without_btf(tmp_path, caplog):
    """A line that says so when the first name is looked up, and how to mend it."""
    prog, found = SmallKernel(btf=None).attach(tmp_path)
    for _ in range(2):
        with pytest.raises(LookupError):
            prog["init_task"]
    assert caplog.messages == [
        "missing: types; name the kernel's BTF, raw or in its vmlinux: --base FILE"
    ]
    said = list(explain(found))
    assert "base: the kernel has no BTF, or neither kallsyms nor an extra say where" in said


def test_kernel_without_extra(tmp_path, caplog):
    """Types are there; that variables are not is said once."""
    prog, _ = SmallKernel().attach(tmp_path)
    assert prog.type("struct task_struct").size == 12
    with pytest.raises(LookupError):
        prog["init_task"]
    (line,) = caplog.messages
    assert line.startswith("missing: variables; make them from the debug package")


def test_zeros_in_place_of_btf(tmp_path):
    """They are no BTF, and where they are is said."""
    prog, _ = SmallKernel(btf=bytes(256)).attach(tmp_path)
    with pytest.raises(BtfError, match=r"vmlinux in memory: .BTF\+0x0: "):
        prog.type("struct task_struct")


def test_cut_anywhere(tmp_path, caplog):
    """In headers, the note, each piece of memory: errors of one line, or the right answer."""
    caplog.set_level(logging.CRITICAL)
    whole, path = SmallKernel().to_bytes(), tmp_path / "core"
    named = written(tmp_path / "extra.elf")
    outcomes, said = set(), set()
    for size in [*range(0, 1200, 40), *range(1200, len(whole), 997), len(whole)]:
        path.write_bytes(whole[:size])
        try:
            prog, found = attached(path, extra=named)
            check_variables(prog, SmallKernel())
            assert found.sources.base is not None
            outcomes.add("right")
        except Exception as error:
            outcomes.add(type(error))
            said.add(str(error))
    # libelf's complaints are plain exceptions; after them there is a program of a kernel.
    before = {Exception, ValueError}
    assert outcomes >= {"right", drgn.ObjectNotFoundError, *before}
    sound = (LookupError, DwarflessError, drgn.FaultError)
    assert all(issubclass(each, sound) for each in outcomes - before - {"right"})
    assert not any("\n" in text for text in said)


def test_loads_the_extra_if_asked(tmp_path, monkeypatch):
    """One modprobe, of the running kernel's alone; then it is where the kernel shows it."""
    asked = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        asked.append(list(command))
        Path(tmp_path / "vmlinux_btf_extra").write_bytes(dwarfless.encode(extra()))
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(sources, "SYS", tmp_path)
    kernel = SmallKernel()
    kernel.attach(tmp_path, load=True)[1].sources  # noqa: B018
    assert asked == []
    monkeypatch.setattr(sources, "is_running", lambda memory: True)
    (tmp_path / "vmlinux").write_bytes(dwarfless.encode(base()))
    _, found = kernel.attach(tmp_path)
    assert found.sources.extra is None
    assert asked == []
    prog, found = kernel.attach(tmp_path, load=True)
    check_variables(prog, kernel)
    assert asked == [["modprobe", "vmlinux-btf-extra"]]
    assert "extra: modprobe vmlinux-btf-extra: done" in found.sources.steps


def test_loading_that_fails_is_said(tmp_path, monkeypatch):
    """With what modprobe says of it."""
    refused = SimpleNamespace(returncode=1, stderr="FATAL: Module not found\n")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: refused)
    monkeypatch.setattr(sources, "SYS", tmp_path)
    monkeypatch.setattr(sources, "is_running", lambda memory: True)
    _, found = SmallKernel().attach(tmp_path, load=True)
    assert "extra: modprobe vmlinux-btf-extra: FATAL: Module not found" in found.sources.steps
