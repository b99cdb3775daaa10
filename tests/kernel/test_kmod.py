"""Debian's kernels load the modules we write without a compiler, and refuse what is wrong."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import dwarfless
import support
from dwarfless.containers.donor import Donor, find_donor
from dwarfless.containers.module import encode_module, wrap_btf
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import DEFAULT_FEATURES, EncodeOptions
from kernel.guest import boot
from kernel.images import SUITES, Kernel, find_kernel
from kernel.programs import peer

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

#: Bad modules by what is wrong with them; of these the BTF alone is at fault.
BAD_BTF = ("truncated", "overlap", "foreign")
BAD_MODULE = ("vermagic", "crc")

SCRIPT = """\
say() { echo "== $1"; }
say load; dmesg -c >/dev/null; insmod vmlinux-btf-extra.ko 2>&1; echo "status $?"
say messages; dmesg -c
say same; cmp /sys/kernel/btf/vmlinux_btf_extra extra.btf && echo yes
say notes; ls -A /sys/module/vmlinux_btf_extra/notes
say bpftool
id=$(bpftool btf show 2>/dev/null | sed -n 's/^\\([0-9]*\\): name \\[vmlinux_btf_extra\\].*/\\1/p')
bpftool btf dump id $id 2>/dev/null | sed -n "s/^\\[[0-9]*\\] VAR '\\([^']*\\)'.*/\\1/p" >listed
wc -l <listed; grep -x -e init_task -e jiffies_64 listed; cmp listed variables && echo same
say unload; rmmod vmlinux_btf_extra; echo "status $?"; ls /sys/kernel/btf /proc/modules
for bad in truncated overlap foreign vermagic crc; do
  [ -e $bad.ko ] || continue
  say $bad; dmesg -c >/dev/null; insmod $bad.ko 2>&1; echo "status $?"
  ls /sys/kernel/btf; cat /proc/modules; dmesg -c; rmmod $bad 2>/dev/null
done
say end; ls /sys/kernel/btf; uname -r
"""


@dataclass(frozen=True)
class Booted:
    """What a kernel said of our modules.

    Attributes:
        version: Such as "6.12".
        said: Part of the script -> what it printed.
        num_variables: In the extra.
    """

    version: str
    said: dict[str, str]
    num_variables: int


@support.needs
def lab(version: str) -> tuple[Kernel, dict[str, object]]:
    """Return what is needed to boot a kernel: the image, and bpftool."""
    return find_kernel(version), dict(peer("bpftool"))


def overlapping(base: dwarfless.TypeGraph) -> dwarfless.TypeGraph:
    """Return an extra with two variables at one place."""
    builder = dwarfless.GraphBuilder(base)
    size = builder.add_int("own int", 4)
    entries = [(builder.add_var(name, size), 0, 4) for name in ("a", "b")]
    builder.add_datasec(".data", 64, entries)
    return builder.freeze()


def bad_modules(
    btf: bytes, base: dwarfless.TypeGraph, donor: Donor
) -> Iterator[tuple[str, bytes]]:
    """Yield modules that a kernel must not take, by what is wrong with them."""
    yield "truncated", wrap_btf(btf[: len(btf) // 2], "truncated", donor, base)
    yield "overlap", wrap_btf(dwarfless.encode(overlapping(base)), "overlap", donor, base)
    # Ids and strings from where another kernel's types end.
    yield (
        "foreign",
        wrap_btf(dwarfless.encode(overlapping(overlapping(base))), "foreign", donor, base),
    )
    # With symbol versions the kernel looks past the release, but not at other options.
    magic = donor.modinfo | {"vermagic": donor.modinfo["vermagic"].replace("SMP", "SMP PREEMPT")}
    yield "vermagic", wrap_btf(btf, "vermagic", dataclasses.replace(donor, modinfo=magic), base)
    if donor.versions:
        versions = {name: b"\x01" + content[1:] for name, content in donor.versions.items()}
        yield "crc", wrap_btf(btf, "crc", dataclasses.replace(donor, versions=versions), base)


@pytest.fixture(scope="module", params=SUITES)
def booted(request: pytest.FixtureRequest) -> Booted:
    """Boot a kernel once with a good module and several bad ones."""
    version = request.param
    image, files = lab(version)
    vmlinux = support.kernel(SUITES[version])
    base = dwarfless.load(vmlinux)
    options = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
    extra, _ = encode_elf(vmlinux, options=options, base=base)
    donor = Donor.load(find_donor(image.module_folder))
    btf = dwarfless.encode(extra, target=donor.release)
    put = files | {f"{name}.ko": content for name, content in bad_modules(btf, base, donor)}
    put["vmlinux-btf-extra.ko"] = encode_module(extra, donor, "vmlinux-btf-extra")
    put["extra.btf"] = btf
    variables = [found.name for found in extra if found.kind_name == "VAR"]
    put["variables"] = "".join(f"{name}\n" for name in variables).encode()
    outcome = boot(image, SCRIPT, put=put)
    parts = re.split(r"^== (\w+)\n", outcome.text, flags=re.MULTILINE)
    said = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert said["end"].split()[:1] == ["vmlinux"], outcome.text
    assert said["end"].split()[-1] == donor.release
    return Booted(version, said, len(variables))


def test_loads(booted):
    """Without a word but of the taint; the kernel shows the same bytes."""
    assert booted.said["load"] == "status 0\n"
    taint = r"loading out-of-tree module taints kernel|module verification failed"
    assert [m for m in booted.said["messages"].splitlines() if not re.search(taint, m)] == []
    assert booted.said["same"] == "yes\n"
    assert ".note.gnu.build-id" in booted.said["notes"]


def test_bpftool_lists_every_variable(booted):
    """In the guest, by the id of the kernel's object."""
    number, *found, same = booted.said["bpftool"].split()
    assert int(number) == booted.num_variables > 20_000
    assert sorted(found) == ["init_task", "jiffies_64"]
    assert same == "same"


def test_unloads(booted):
    """The module goes, its BTF with it."""
    assert booted.said["unload"].startswith("status 0\n")
    assert "vmlinux_btf_extra" not in booted.said["unload"]


@pytest.mark.parametrize("bad", BAD_BTF)
def test_bad_btf(booted, bad):
    """7.2 refuses it with EINVAL; 6.1 and 6.12 load the module and show no BTF."""
    said = booted.said[bad]
    assert f"/sys/kernel/btf/{bad}" not in said
    assert not re.search(rf"^{bad}$", said, re.MULTILINE)
    # 6.12 says which module only by what is wrong with it.
    assert f"failed to validate module [{bad}] BTF: -22" in said or booted.version == "6.12"
    assert re.search(r"BPF: .*(Invalid|Total section length)", said)
    if booted.version == "7.2":
        assert "status 0" not in said
        assert "Invalid argument" in said
    else:
        assert "status 0" in said
        assert re.search(rf"^{bad} \d+", said, re.MULTILINE)


@pytest.mark.parametrize("bad", BAD_MODULE)
def test_bad_module(booted, bad):
    """No kernel loads it."""
    if bad == "crc" and booted.version == "7.2":
        assert bad not in booted.said, "Debian's 7.2 has no symbol versions to get wrong"
        return
    said = booted.said[bad]
    assert "status 0" not in said
    assert {"vermagic": "version magic", "crc": "disagrees about version"}[bad] in said


def test_nothing_oopses(booted):
    """Whatever was wrong."""
    said = "".join(booted.said.values())
    assert not re.search(r"\bBUG\b|Oops|WARNING|Call Trace", said)
