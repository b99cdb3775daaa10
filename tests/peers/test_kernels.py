"""Our BTF of real kernels and modules means what pahole's means.

Each difference that is right is listed with its reason in ``allow/SUITE.toml``. To look closer:

    tests/peers/compare.py OURS PAHOLES --allow tests/peers/allow/trixie.toml --explain NAME
"""

import subprocess
from pathlib import Path

import pytest

from peers.compare import Comparison, compare, load_allowances
from peers.symbols import optimized_functions
from support import COMMAND, KERNEL_FEATURES, STANDARD_MODULES, kernel, module, pahole_encode

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

SUITES = ("bookworm", "trixie", "sid")
ALLOW = Path(__file__).parent / "allow"
FEATURES = {"percpu": KERNEL_FEATURES, "global": f"{KERNEL_FEATURES},global_var"}


def compare_encoders(source: Path, features: str, suite: str, output: Path) -> Comparison:
    """Encode a file with both and compare: a is ours, b is pahole's."""
    arguments = ["encode", source, "--features", features, "--no-progress", "-o", output]
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    theirs = pahole_encode(source, features, "--lang_exclude=rust")
    return compare(output, theirs, allow=ALLOW / f"{suite}.toml")


def check(comparison: Comparison) -> None:
    """Fail with the report if something is unexplained, or said twice."""
    ours, theirs = comparison.figures
    assert not comparison.unexplained, f"\n{comparison.to_text()}"
    assert ours["redundant"] == {}
    assert ours["unresolved forwards"] == []
    # Variables are no types: ours are more, for the reason each allowance gives.
    assert ours["types"] - ours["kinds"].get("VAR", 0) <= theirs["types"] - theirs["kinds"].get(
        "VAR", 0
    )


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("suite", SUITES)
def test_kernel(tmp_path, suite, features):
    """A vmlinux, with what its build asks for."""
    output = tmp_path / "vmlinux.btf"
    more = ",attributes" if suite == "sid" else ""
    check(compare_encoders(kernel(suite), FEATURES[features] + more, suite, output))


@pytest.mark.parametrize("features", FEATURES)
@pytest.mark.parametrize("name", STANDARD_MODULES)
def test_module(tmp_path, name, features):
    """A module, encoded whole: no base."""
    output = tmp_path / f"{name}.btf"
    source = module("trixie", name)
    comparison = compare_encoders(source, FEATURES[features], "trixie-modules", output)
    check(comparison)
    for difference in comparison.differences:
        if difference.kind == "FUNC" and difference.side == "only b":
            assert difference.name in optimized_functions(source)


@pytest.mark.parametrize("path", sorted(ALLOW.glob("*.toml")), ids=lambda path: path.stem)
def test_allowances_are_sound(path):
    """Each list can be read, and gives no difference two reasons."""
    entries = load_allowances(path)
    places = [(e.kind, e.name, e.side, e.detail) for e in entries]
    assert len(set(places)) == len(places)
