"""drgn with a kernel's BTF and extra says what it says with DWARF, on cores of three kernels."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kernel import cores
from peers import drgn_venv
from peers.compare import load_allowances
from peers.differences import Difference
from support import ROOT, kernel, needs, running_in_ci

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

HERE = Path(__file__).resolve().parent
SOURCE = ROOT / "src" / "dwarfless"
SUITES = ("bookworm", "trixie", "sid")
core = needs(cores.core)
extra_module = needs(cores.extra_module)


@pytest.fixture(scope="module", autouse=True)
def drgn_installed() -> None:
    """Skip without drgn; fail in CI."""
    try:
        import drgn  # noqa: F401
    except ImportError:
        if running_in_ci():
            pytest.fail("CI needs drgn: pip install dwarfless[drgn]", pytrace=False)
        pytest.skip("NOT TESTED, drgn is missing: pip install dwarfless[drgn]")


def run(*arguments: str | Path, **environment: str) -> str:
    """Run Python and return what it prints."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def debug(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `dwarfless debug`."""
    code = "import sys; from dwarfless.cli.main import main; sys.argv[0] = 'dwarfless'; main()"
    command = [sys.executable, "-c", code, "debug", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def compared(dump: Path, vmlinux: Path, extra: list[Path]) -> dict[str, Any]:
    """Return what drgn_core.py says, kept as long as neither code nor core change.

    Cost: 10 s of CPU the first time.
    """
    script, scripts = HERE / "drgn_core.py", drgn_venv.source() / "contrib"
    key = hashlib.sha256(repr((dump.stat().st_mtime_ns, extra)).encode())
    code = [path for end in ("py", "pyx", "pxd") for path in SOURCE.rglob(f"*.{end}")]
    for path in [*sorted(code), script, HERE / "drgn_variables.py"]:
        key.update(path.read_bytes())
    kept = dump.with_name(f"{dump.stem}-{key.hexdigest()[:16]}.json")
    if not kept.exists():
        text = run(script, dump, vmlinux, scripts, *extra, DRGN_DISABLE_PLUGINS="*")
        kept.with_suffix(".part").write_text(text)
        kept.with_suffix(".part").replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


@pytest.mark.parametrize(
    ("suite", "arguments", "way"),
    [(suite, "", way) for suite in SUITES for way in ("loaded", "named")]
    + [("trixie", "nokaslr", "named")],
)
def test_says_what_dwarf_says(suite, arguments, way):
    """Every variable, every named type, the stacks of all tasks, what drgn's scripts print.

    The extra is that in the core's memory, found by symbols, or a file, found by its sections.
    """
    extra = [extra_module(suite)] if way == "named" else []
    said = compared(core(suite, *arguments.split()), kernel(suite), extra)
    allowed = load_allowances(HERE / "allow" / "drgn-core.toml")
    reasons: Counter[str] = Counter()
    unexplained = []
    for what, name, one, other in said["differences"]:
        difference = Difference(what, name, "differs", f"{one} | {other}")
        allowance = next((each for each in allowed if each.covers(difference)), None)
        if allowance is None:
            unexplained.append(difference)
        else:
            reasons[allowance.reason] += 1
    for reason, count in reasons.most_common():
        print(f"{count:,}: {reason}")
    assert not unexplained, f"{len(unexplained):,}, among them {unexplained[:10]}"
    checked = said["checked"]
    assert checked["variable"] > 15_000
    assert checked["type"] > 9_000
    assert checked["stack trace"] > 40
    assert checked["frame"] > 200
    assert sum(number for what, number in checked.items() if what.startswith("line")) > 1_000


def test_refuses_what_is_not_this_kernels():
    """One line that names both kernels; no program is started."""
    dump = core("bookworm")
    for named in (["--extra", extra_module("trixie")], ["--base", kernel("trixie")]):
        for more in (["--explain"], ["-q", os.devnull]):
            done = debug("-c", dump, *named, *more)
            assert done.returncode == 1
            (line,) = done.stderr.splitlines()
            assert line.startswith(f"dwarfless: {named[1]}: ")
            assert "Linux 6.1." in line


def test_truncated_core(tmp_path):
    """What can't be read is said."""
    dump = tmp_path / "core"
    with open(core("bookworm"), "rb") as whole:
        dump.write_bytes(whole.read(64 << 20))
    done = debug("-c", dump, "--explain")
    assert done.returncode == 0
    assert "base: the kernel's memory can't be read: " in done.stdout
    assert "missing: types; name the kernel's BTF" in done.stdout


def test_explains_and_runs_scripts(tmp_path):
    """What was found, and a script that sees it, without any file of ours."""
    dump, script = core("trixie"), tmp_path / "script.py"
    told = debug("-c", dump, "--explain").stdout
    assert "base: the kernel's memory, " in told
    assert "extra: module vmlinux_btf_extra, " in told
    assert "module xfs: " in told
    script.write_text(
        "import sys\n"
        "print(prog['init_task'].comm.string_(), prog['PIDTYPE_MAX'].value_(), sys.argv[1:])\n"
        "print(prog.type('struct xfs_mount').tag)\n"
    )
    done = debug("-q", "-c", dump, script, "more")
    assert done.stdout == "b'swapper/0' 4 ['more']\nxfs_mount\n"


def test_tasks_without_numpy(tmp_path):
    """Importing it would take longer than finding all that a helper asks for."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from drgn.helpers.linux.pid import for_each_task\n"
        "print(next(for_each_task(prog)).pid.value_(), 'numpy' in sys.modules)\n"
    )
    assert debug("-q", "-c", core("trixie"), script).stdout == "1 False\n"


def test_ambiguous_names():
    """An error that lists them, and each can be had."""
    code = """
import sys, drgn
from dwarfless.consumers.drgn_plugin import plugin
prog = drgn.program_from_core_dump(sys.argv[1])
plugin.drgn_prog_set(prog)
try:
    prog["alg"]
except LookupError as error:
    print(error)
    first = str(error).rpartition("'#")[2].rstrip("'")
    print(hex(prog.variable("alg", "#" + first).address_))
"""
    text, address = run("-c", code, core("trixie")).splitlines()
    assert text.startswith("'alg' is ambiguous: #")
    assert int(address, 16) >> 47 == 0x1FFFF
