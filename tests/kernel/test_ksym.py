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
CASES = re.findall(
    r"^static inline void read_(\w+)\(", (HERE / "read_variable.c").read_text(), re.M
)
TIMEOUT = 4711

SCRIPT = f"""\
echo {TIMEOUT} >/proc/sys/kernel/panic
echo 3 1 1 5 >/proc/sys/kernel/printk
load_bpf data.o
echo "== insmod"
insmod vmlinux-btf-extra.ko 2>/dev/null; echo "status $?"
load_bpf {" ".join(f"{case}.o" for case in CASES)} clock.o
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


def compile_case(folder: Path, case: str) -> bytes:
    """Return the BPF object of a case."""
    output = folder / f"{case}.o"
    flags = ["-target", "bpf", "-mcpu=v3", "-g", "-O2", f"-DREAD={case}", f"-I{folder}"]
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
    put: dict[str, Path | bytes] = {f"{case}.o": compile_case(folder, case) for case in CASES}
    put["vmlinux-btf-extra.ko"] = encode_module(extra, donor, "vmlinux-btf-extra")
    put |= with_libraries("load_bpf", support.peer_program(HERE / "load_bpf.c", "libbpf.so.1"))
    text = boot(kernel, SCRIPT, put=put).text
    parts = re.split(r"^== ([\w.]+)\n", text, flags=re.MULTILINE)
    said = [(name, part.splitlines()) for name, part in zip(parts[1::2], parts[2::2], strict=True)]
    assert said[-1][0] == "end", text
    return Booted(version, dict(said), said[0][1])


def test_x(booted):
    print(booted)
    assert 0
