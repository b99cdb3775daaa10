"""What we write of real kernels is taken by those who read it, and doesn't depend on threads."""

import os
import subprocess
from pathlib import Path

import pytest

import dwarfless
from dwarfless.consumers.listing import listing
from support import COMMAND, KERNEL_FEATURES, bpftool, kernel
from support_bpf import btf_load

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SUITES = ("bookworm", "trixie", "sid")


@pytest.fixture(scope="module", params=SUITES)
def encoded(request, tmp_path_factory) -> dict[int, Path]:
    """The BTF of a vmlinux, variables and all, by number of threads."""
    made = {}
    for jobs in (1, 2, 8):
        made[jobs] = tmp_path_factory.mktemp(request.param) / f"{jobs}.btf"
        arguments = ["--jobs", str(jobs), "--features", f"{KERNEL_FEATURES},global_var"]
        subprocess.run(
            [*COMMAND, "encode", str(kernel(request.param)), "-o", str(made[jobs]), *arguments],
            check=True,
            capture_output=True,
        )
    return made


def test_threads_make_no_difference(encoded):
    """One, two and eight threads write the same bytes."""
    assert encoded[1].read_bytes() == encoded[2].read_bytes() == encoded[8].read_bytes()


def test_check_finds_nothing(encoded):
    """No rule of the kernel's verifier is broken."""
    assert dwarfless.check(dwarfless.load(encoded[1])) == []


def test_bpftool_lists_the_same(encoded):
    """Our listing is bpftool's, to the byte."""
    theirs = bpftool("btf", "dump", "file", str(encoded[1])).stdout
    ours = listing(dwarfless.load(encoded[1]))

    assert ours == (theirs if isinstance(theirs, bytes) else theirs.encode())


def test_the_running_kernel_takes_it(encoded):
    """BPF_BTF_LOAD succeeds, with nothing in its log."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root may load BTF")
    assert btf_load(encoded[1].read_bytes()) == ""
