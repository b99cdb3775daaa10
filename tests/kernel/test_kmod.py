"""Debian's kernels load the modules we write without a compiler, and refuse what is wrong."""

import dataclasses
import functools
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
from dwarfless.graph.views import Struct
from kernel.guest import boot
from kernel.images import SUITES, Kernel, find_kernel
from kernel.programs import peer

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

#: Bad modules by what is wrong with them; of these the BTF alone is at fault.
BAD_BTF = ("truncated", "overlap", "foreign", "other", "shifted")
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
say swapped; dmesg -c >/dev/null; insmod swapped.ko; echo "status $?"; dmesg -c
id=$(bpftool btf show 2>/dev/null | grep -w swapped | cut -d: -f1)
bpftool btf dump id $id 2>/dev/null | grep "^\\[.*VAR 'victim'"; rmmod swapped
for bad in truncated overlap foreign other shifted vermagic crc; do
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
        swapped: Type id that a variable has over a base in which two structs changed places.
    """

    version: str
    said: dict[str, str]
    num_variables: int
    swapped: int


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


@functools.cache
def extra_of(version: str) -> dwarfless.TypeGraph:
    """Return the variables of a kernel over its BTF."""
    vmlinux = support.kernel(SUITES[version])
    options = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
    return encode_elf(vmlinux, options=options, base=dwarfless.load(vmlinux))[0]


def with_struct(base: dwarfless.TypeGraph, name: str) -> dwarfless.TypeGraph:
    """Return an extra with a variable of one of the base's structs."""
    builder = dwarfless.GraphBuilder(base)
    found = base.find(name, "struct")
    variable = builder.add_var("victim", found.id)
    builder.add_datasec(".data", found.size, [(variable, 0, found.size)])
    return builder.freeze()


def wrong_bases(
    version: str, base: dwarfless.TypeGraph, donor: Donor
) -> Iterator[tuple[str, bytes]]:
    """Yield modules with an extra that was made over another base than the kernel's."""
    others = {"6.1": "6.12", "6.12": "6.1", "7.2": "6.12"}
    yield "other", wrap_btf(dwarfless.encode(extra_of(others[version])), "other", donor, base)
    # The kernel has one type more than that base had.
    own = dwarfless.GraphBuilder(base)
    own.add_int("one more", 4)
    shifted = dwarfless.encode(with_struct(own.freeze(), "list_head"))
    yield "shifted", wrap_btf(shifted, "shifted", donor, base)
    # There list_head has the number that another struct of its size has here.
    yield (
        "swapped",
        wrap_btf(dwarfless.encode(with_struct(base, twin_of(base).name)), "swapped", donor, base),
    )


def twin_of(base: dwarfless.TypeGraph) -> Struct:
    """Return a struct that has the size of list_head and is another."""
    size = base.find("list_head", "struct").size
    structs = (found for found in base if isinstance(found, Struct) and found.name)
    return next(s for s in structs if s.size == size and s.name != "list_head")


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
    extra = extra_of(version)
    donor = Donor.load(find_donor(image.module_folder))
    btf = dwarfless.encode(extra, target=donor.release)
    put = files | {f"{name}.ko": content for name, content in bad_modules(btf, base, donor)}
    put |= {f"{name}.ko": content for name, content in wrong_bases(version, base, donor)}
    put["vmlinux-btf-extra.ko"] = encode_module(extra, donor, "vmlinux-btf-extra")
    put["extra.btf"] = btf
    variables = [found.name for found in extra if found.kind_name == "VAR"]
    put["variables"] = "".join(f"{name}\n" for name in variables).encode()
    outcome = boot(image, SCRIPT, put=put)
    parts = re.split(r"^== (\w+)\n", outcome.text, flags=re.MULTILINE)
    said = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert said["end"].split()[:1] == ["vmlinux"], outcome.text
    assert said["end"].split()[-1] == donor.release
    return Booted(version, said, len(variables), twin_of(base).id)


def test_loads(booted):
    """Without a word but of the taint; the kernel shows the same bytes."""
    assert booted.said["load"] == "status 0\n"
    usual = r"loading out-of-tree module taints kernel|module verification failed"
    # What the kernel says by itself in its first seconds.
    usual += r"|\btsc: Refined|clocksource: |input: "
    assert [m for m in booted.said["messages"].splitlines() if not re.search(usual, m)] == []
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
    # 6.12 takes every type of 6.1's extra for its own, and then says nothing.
    silent = (booted.version, bad) == ("6.12", "other")
    assert silent or re.search(r"BPF: .*(Invalid|Total section length)", said)
    if booted.version == "7.2":
        assert "status 0" not in said
        assert "Invalid argument" in said
    else:
        assert "status 0" in said
        assert re.search(rf"^{bad} \d+", said, re.MULTILINE)


def test_a_wrong_base_that_makes_sense_goes_unnoticed(booted):
    """No kernel can check it: a variable has the type that has this number here."""
    status, *messages, variable = booted.said["swapped"].splitlines()
    assert status == "status 0"
    assert not re.search("BPF|BTF", "".join(messages))
    assert f"VAR 'victim' type_id={booted.swapped}, " in variable


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
