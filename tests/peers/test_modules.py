"""Fifty modules over one base mean what pahole's mean, and repeat nothing of it.

The base is made by the same pahole: over Debian's, of pahole 1.30, it repeats types. All modules
are compared as one: own types of each are marked with its name.
"""

import subprocess
from pathlib import Path

import pytest

from oracle.btf_reader import Btf, read
from peers.compare import load_allowances
from peers.differences import all_differences
from peers.joined import Joined
from peers.meaning import Meaning
from peers.symbols import optimized_functions
from support import (
    COMMAND,
    KERNEL_FEATURES,
    STANDARD_MODULES,
    kernel,
    module,
    modules,
    pahole_encode,
)

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

ALLOW = Path(__file__).parent / "allow" / "modules.toml"
#: Every 29th of Debian's 1,138 modules by size, and the ones that other tests read.
# fmt: off
NAMES = (
    *STANDARD_MODULES,
    "libcurve25519", "nls_iso8859-13", "mac-inuit", "dummy_stm", "quota_v1", "pps-ldisc",
    "pcrypt", "surface_platform_profile", "coreboot_table", "virtio-rng",
    "camellia-aesni-avx2", "ni_65xx", "x86_pkg_temp_thermal", "einj", "ni_pcidio",
    "hid-elecom", "msdos", "mpls_gso", "acpi-cpufreq", "ebt_limit", "xt_HL",
    "nf_flow_table_inet", "af_packet_diag", "target_core_pscsi", "xt_esp", "nft_connlimit",
    "sch_etf", "ip_vs_mh", "nfnetlink_acct", "ipip", "cls_flow", "kyber-iosched",
    "drop_monitor", "nfnetlink_queue", "tcrypt", "l2tp_core", "ipr", "vmw_vmci", "mpi3mr",
    "gve",
)
# fmt: on


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Btf, dict[str, Btf], dict[str, Btf]]:
    """Return the base, our modules and pahole's."""
    folder = tmp_path_factory.mktemp("modules")
    (folder / "in").mkdir()
    paths = modules("trixie", *NAMES)
    assert len(paths) == len(set(NAMES)) >= 50
    for path in paths:
        (folder / "in" / path.name).symlink_to(path)
    vmlinux = pahole_encode(kernel("trixie"), KERNEL_FEATURES, "--lang_exclude=rust")
    command = ["encode", "--modules", folder / "in", "--base", vmlinux, "-o", folder / "out"]
    arguments = [*command, "--features", KERNEL_FEATURES, "--no-progress"]
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    base = read(vmlinux)
    ours, theirs = {}, {}
    for path in paths:
        name = path.stem.replace("-", "_")
        ours[name] = read(folder / "out" / f"{name}.btf", base)
        options = ("--lang_exclude=rust", f"--btf_base={vmlinux}")
        theirs[name] = read(pahole_encode(path, KERNEL_FEATURES, *options), base)
    return base, ours, theirs


def test_they_mean_the_same(made):
    """Each difference that is right is listed with its reason, or known by a symbol."""
    base, ours, theirs = made
    meaning = Meaning(Joined(base, ours).marked(), Joined(base, theirs).marked())
    allowances = load_allowances(ALLOW)
    unexplained = []
    for difference in all_differences(meaning):
        covering = [allowance for allowance in allowances if allowance.covers(difference)]
        for allowance in covering:
            allowance.used += 1
        only_theirs = difference.kind == "FUNC" and difference.side == "only b"
        if not covering and not (only_theirs and has_changed_parameters(difference.name)):
            unexplained.append(f"{difference.kind} {difference.name} {difference.side}")
    assert unexplained == []
    assert [allowance for allowance in allowances if not allowance.used] == []


def has_changed_parameters(name: str) -> bool:
    """Tell whether the compiler changed a function's parameters: MODULE:FUNCTION."""
    module_name, _, function = name.partition(":")
    return function in optimized_functions(module("trixie", module_name))


def test_nothing_is_repeated(made):
    """Neither of the base nor of the module; pahole repeats every typedef."""
    base, ours, theirs = made
    assert sum(Joined(base, ours).repeated.values()) == 0
    assert sum(Joined(base, theirs).repeated.values()) > 0


def test_no_larger_than_paholes(made):
    """In types and in words, module by module."""
    _, ours, theirs = made
    larger = {
        name: (ours[name].num_words, theirs[name].num_words)
        for name in ours
        if ours[name].num_words > theirs[name].num_words
    }
    assert larger == {}
