"""Kernels built with dwarfless-pahole hold what pahole 1.32 makes of the same objects, and boot.

Nothing is built here: `tools/build_kernel.py 6.12` does that, in a quarter of an hour, and keeps
the result in the cache. It links the same objects again with pahole for the comparison.
"""

import functools
import hashlib
import shutil
from pathlib import Path

import pytest

import kernel_recipe
import support
from dwarfless.btf.decode import decode
from dwarfless.cli.pahole import run
from dwarfless.containers.load import load
from dwarfless.containers.section import ElfReader
from kernel.guest import Outcome, boot
from oracle.btf_reader import Btf, read
from peers.compare import compare
from peers.differences import all_differences
from peers.joined import Joined
from peers.meaning import Meaning
from peers.symbols import optimized_functions
from support import KERNEL_FEATURES

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

#: Loads every module in the order given, then prints what the tests read.
SCRIPT = """
for name in $ORDER; do insmod /lab/built/$name.ko || echo "$name does not load"; done
echo loaded $(lsmod | tail -n +2 | cut -d' ' -f1)
cd /sys/kernel/btf && sha256sum *
"""


ALLOW = Path(__file__).parent / "allow"


@pytest.fixture(scope="module", params=["6.1", "6.12"])
def built(request: pytest.FixtureRequest) -> Path:
    """Return a build."""
    return find(request.param)


def find(version: str) -> Path:
    """Return a build without patches and options of its own, or skip and say how to get it."""
    found = kernel_recipe.find_build(kernel_recipe.Recipe(version))
    if found is None:
        pytest.skip(f"NOT TESTED: not built; tools/build_kernel.py {version} does it")
    return found


@functools.cache
def module_files(built: Path) -> dict[str, Path]:
    """Return a build's modules by name, those that others need first."""
    (listing,) = built.glob("lib/modules/*/modules.dep")
    needs = {}
    for line in listing.read_text().splitlines():
        path, _, others = line.partition(":")
        needs[listing.parent / path] = [listing.parent / other for other in others.split()]
    order: dict[str, Path] = {}
    while len(order) < len(needs):
        for path, others in needs.items():
            if all(other in order.values() for other in others):
                order.setdefault(path.stem.replace("-", "_"), path)
    assert len(order) >= 10
    return order


def test_the_kernel_means_the_same(built):
    """But for one weak function of 6.1, as in Debian's build of it."""
    allow = ALLOW / "bookworm.toml" if built.name.startswith("6.1.") else None
    comparison = compare(built / "vmlinux", built / "pahole/vmlinux.btf", allow=allow)
    assert not comparison.unexplained, f"\n{comparison.to_text()}"
    assert comparison.figures[0]["redundant"] == {}


def test_the_modules_mean_the_same(built):
    """But for functions whose parameters the compiler changed, which pahole leaves in modules.

    Theirs repeat typedefs of the base, ours repeat nothing.
    """
    sides: list[Joined] = []
    for base, suffix in ((built / "vmlinux", ""), (built / "pahole/vmlinux.btf", ".btf")):
        types: Btf = read(base)
        own = {
            name: read(built / "pahole" / f"{path.stem}.btf" if suffix else path, types)
            for name, path in module_files(built).items()
        }
        sides.append(Joined(types, own))
    ours, theirs = sides
    unexplained = []
    for difference in all_differences(Meaning(ours.marked(), theirs.marked())):
        module, _, function = difference.name.partition(":")
        changed = difference.kind == "FUNC" and difference.side == "only b"
        if not changed or function not in optimized_functions(module_files(built)[module]):
            unexplained.append(f"{difference.kind} {difference.name} {difference.side}")
    assert unexplained == []
    assert sum(ours.repeated.values()) == 0


@support.needs
def booted(built: str) -> Outcome:
    """Return what one boot says; it serves several tests."""
    modules = module_files(Path(built))
    script = SCRIPT.replace("$ORDER", " ".join(modules))
    return boot(Path(built), script, put={f"/lab/built/{n}.ko": p for n, p in modules.items()})


def test_the_kernel_boots_with_this_btf(built):
    """All modules load; /sys/kernel/btf holds what is in the files, byte for byte."""
    outcome = booted(str(built))
    assert outcome.status == 0, outcome.text
    *said, loaded = (line for line in outcome.text.splitlines() if "  " not in line)
    assert said == []
    modules = module_files(built)
    assert set(loaded.split()[1:]) == set(modules)
    shown = dict(line.split()[::-1] for line in outcome.text.splitlines() if "  " in line)
    assert set(shown) == {"vmlinux", *modules}
    for name, path in {"vmlinux": built / "vmlinux", **modules}.items():
        assert shown[name] == hashlib.sha256(section(path)).hexdigest(), name


def section(path: Path) -> bytes:
    """Return an ELF file's .BTF."""
    with open(path, "rb", buffering=0) as file:
        found = ElfReader(file, str(path)).section(".BTF")
    assert found is not None
    return found


def test_the_kernel_does_not_complain(built):
    """No message about BTF, no warning."""
    console = booted(str(built)).console
    assert [line for line in console.splitlines() if "BTF" in line or "btf" in line] == []
    assert "WARNING" not in console
    assert "Invalid" not in console


def test_a_module_with_a_distilled_base(tmp_path):
    """As the build makes modules outside the tree; Linux 6.12 moves its types onto its own."""
    built = find("6.12")
    module = Path(shutil.copy(module_files(built)["ext2"], tmp_path))
    options = f"-J --btf_features={KERNEL_FEATURES} --btf_features=distilled_base"
    assert run([*options.split(), "--btf_base", str(built / "vmlinux"), str(module)]) == 0
    outcome = boot(built, "insmod ext2.ko && cat /sys/kernel/btf/ext2", put={"ext2.ko": module})
    assert outcome.status == 0, outcome.console
    kernels = decode(outcome.output, base=load(built / "vmlinux"))
    assert kernels.find("ext2_inode_info", "struct").size > 0
    assert outcome.output != section(module)
