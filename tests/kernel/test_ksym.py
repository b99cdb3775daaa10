"""BPF programs read variables of Debian's kernels by their types, with the extra loaded."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

import dwarfless
import support
from dwarfless.consumers.c.header import header
from dwarfless.consumers.c.variables import variables_header
from dwarfless.containers.donor import Donor, find_donor
from dwarfless.containers.module import encode_module
from dwarfless.encoder import encode_elf
from dwarfless.graph.options import DEFAULT_FEATURES, EncodeOptions
from dwarfless.graph.report import Report
from kernel.guest import boot
from kernel.images import SUITES, Kernel, find_kernel
from kernel.programs import with_libraries

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

HERE = Path(__file__).parent
TIMEOUT = 4711

SCRIPT = f"""\
echo {TIMEOUT} >/proc/sys/kernel/panic
echo 3 1 1 5 >/proc/sys/kernel/printk
load_bpf read.o read_data
echo "== insmod"
insmod vmlinux-btf-extra.ko 2>/dev/null; echo "status $?"
load_bpf read.o
echo "== version"; cat /proc/version
echo "== cmdline"; cat /proc/cmdline
echo "== warnings"; cat /sys/kernel/warn_count
echo "== dmesg"; dmesg | grep -E 'BUG|Oops|WARNING|Call Trace'
echo "== end"
"""


@dataclass(frozen=True)
class Booted:
    """What programs read.

    Attributes:
        version: Such as "6.12".
        said: Part of the script -> what it printed.
        without: What the first program printed before the extra was there.
    """

    version: str
    said: dict[str, list[str]]
    without: list[str]


@support.needs
def image(version: str) -> Kernel:
    """Return what is needed to boot a kernel."""
    return find_kernel(version)


def compile_programs(folder: Path) -> bytes:
    """Return the BPF object, made with the headers in a folder."""
    output = folder / "read.o"
    flags = ["-target", "bpf", "-mcpu=v3", "-g", "-O2", f"-I{folder}"]
    subprocess.run(["clang", *flags, "-c", HERE / "read_variable.c", "-o", output], check=True)
    return output.read_bytes()


@pytest.fixture(scope="module", params=SUITES)
def booted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Booted:
    """Boot a kernel with its extra and one program a class of variables."""
    version = request.param
    folder = tmp_path_factory.mktemp("ksym")
    vmlinux, kernel = support.kernel(SUITES[version]), image(version)
    base = dwarfless.load(vmlinux)
    options = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
    extra, _ = encode_elf(vmlinux, options=options, base=base)
    (folder / "vmlinux.h").write_bytes(header(base))
    (folder / "vars.h").write_bytes(variables_header(extra, Report()))
    donor = Donor.load(find_donor(kernel.module_folder))
    put: dict[str, Path | bytes] = {"read.o": compile_programs(folder)}
    put["vmlinux-btf-extra.ko"] = encode_module(extra, donor, "vmlinux-btf-extra")
    put |= with_libraries("load_bpf", support.peer_program(HERE / "load_bpf.c", "libbpf.so.1"))
    text = boot(kernel, SCRIPT, put=put).text
    parts = re.split(r"^== ([\w.]+)\n", text, flags=re.MULTILINE)
    said = [(name, part.splitlines()) for name, part in zip(parts[1::2], parts[2::2], strict=True)]
    assert said[-1][0] == "end", text
    return Booted(version, dict(said), said[0][1])


def numbers(booted: Booted, case: str) -> list[int]:
    """Return what a program read, or fail with what the kernel said."""
    said = booted.said[f"read_{case}"]
    assert not said[0].startswith("error"), "\n".join(said)
    return list(map(int, said[0].split()))


def refusal(booted: Booted, case: str) -> str:
    """Return what the kernel said to a program that it refused."""
    said = booted.said[f"read_{case}"]
    assert said[0].startswith("error"), said
    return "\n".join(said)


def test_without_extra(booted):
    """Stock kernels describe per-CPU variables alone."""
    assert "': not found in kernel BTF" in booted.without[-1]


def test_numbers_and_arrays(booted):
    """What was set by sysctl."""
    assert booted.said["insmod"] == ["status 0"]
    assert numbers(booted, "data")[0] == TIMEOUT
    assert numbers(booted, "array")[:2] == [3, 5]
    assert numbers(booted, "clock")[0] > 0xFFFFFFFF - 300 * 1000


def test_structs(booted):
    """Members by name; a pointer in a struct leads on to what it points to."""
    assert numbers(booted, "struct")[0] == 0
    assert booted.said["read_struct"][1] == "swapper/0"
    assert numbers(booted, "pointer_in_struct")[:2] == [1, 1]


def test_pointers_and_text(booted):
    """What a pointer variable points to is read by a helper; read-only data is data."""
    assert booted.said["cmdline"][0].startswith(booted.said["read_pointer"][1])
    assert booted.said["version"][0].startswith(booted.said["read_rodata"][1])
    assert len(booted.said["read_rodata"][1]) == 63
    assert "invalid mem access 'scalar'" in refusal(booted, "pointer_followed")


def test_typedefs(booted):
    """6.1 takes no typedef of a struct for a struct; a helper reads it all the same."""
    warnings = int(booted.said["warnings"][0])
    assert numbers(booted, "copied")[0] == warnings
    if booted.version == "6.1":
        assert "Type 'atomic_t' is not a struct" in refusal(booted, "static")
    else:
        assert numbers(booted, "static")[0] == warnings


def test_per_cpu(booted):
    """By bpf_per_cpu_ptr alone."""
    cpu, clock = numbers(booted, "percpu")[:2]
    assert cpu == 0
    assert clock > 0
    assert "access percpu memory" in refusal(booted, "percpu_directly")


def test_read_only(booted):
    """Through a typed address nothing is written."""
    assert "cannot write into rdonly_mem" in refusal(booted, "write")
    assert booted.said["dmesg"] == []
