"""drgn with a kernel's BTF and extra says what it says with DWARF, on cores of three kernels."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import kernel_recipe
from dwarfless.containers.section import ElfReader
from dwarfless.elf.image import ElfImage
from kernel import cores
from peers import drgn_venv
from peers.compare import load_allowances
from peers.differences import Difference
from support import COMMAND, ROOT, kernel, modules, needs, running_in_ci

pytestmark = [pytest.mark.kernel, pytest.mark.peer]

HERE = Path(__file__).resolve().parent
SOURCE = ROOT / "src" / "dwarfless"
SUITES = ("bookworm", "trixie", "sid")
#: What differs from a usual kernel: kallsyms has no variables, and KASLR is on.
NO_VARIABLES = {
    "CONFIG_KALLSYMS_ALL": "n",
    "CONFIG_RELOCATABLE": "y",
    "CONFIG_RANDOMIZE_BASE": "y",
}
NO_BTF = {"CONFIG_DEBUG_INFO_BTF": "n", "CONFIG_DEBUG_INFO_BTF_MODULES": "n"}
EXIT = re.compile(r"(exit_\w+|\w+_exit) \[\d+\] \| \[\]")
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


def make_extra(over: list[Path], path: Path, *arguments: str) -> None:
    """Write the extra of the last of some files, split over what comes before."""
    bases = [part for each in over[:-1] for part in ("--base", each)]
    command = [*COMMAND, "extra", over[-1], *bases, "--no-progress", "-o", path, *arguments]
    subprocess.run([*map(str, command)], check=True, capture_output=True)


def compared(dump: Path, vmlinux: Path, way: str, *debugged: Path) -> dict[str, Any]:
    """Return what drgn_core.py says, kept as long as neither code nor core change.

    Args:
        dump: A core file.
        vmlinux: The kernel's DWARF.
        way: "loaded" if the extra is in the core; "named" to make one of all variables, those of
            functions, too; "from DWARF" to make the kernel's BTF, too.
        debugged: The DWARF of modules of the core; their extras are made, each split over the
            kernel, the last over its module's own BTF, too.

    Cost: 30 s of CPU the first time.
    """
    script, scripts = HERE / "drgn_core.py", drgn_venv.source() / "contrib"
    key = hashlib.sha256(repr((dump.stat().st_mtime_ns, way, len(debugged))).encode())
    code = [path for end in ("py", "pyx", "pxd") for path in SOURCE.rglob(f"*.{end}")]
    for path in [*sorted(code), *sorted(HERE.glob("drgn_*.py"))]:
        key.update(path.read_bytes())
    kept = dump.with_name(f"{dump.stem}-{key.hexdigest()[:16]}.json")
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            settings = {"DRGN_DISABLE_PLUGINS": "*", "DWARFLESS_PATH": folder}
            extra = [] if way == "loaded" else [Path(folder) / "extra.elf"]
            over = [vmlinux]
            if way == "from DWARF":
                base = Path(folder) / "base.btf"
                encode = [*COMMAND, "encode", vmlinux, "--no-progress", "-o", base]
                subprocess.run([*map(str, encode)], check=True, capture_output=True)
                over, settings["DWARFLESS_BASE"] = [base, vmlinux], str(base)
            for path in extra:
                make_extra(over, path, "--only", "vars,local")
            for each in debugged:
                over = [vmlinux, each, each] if each == debugged[-1] else [vmlinux, each]
                build_id = ElfImage.load(each).build_id
                assert build_id is not None
                make_extra(over, Path(folder) / f"{build_id.hex()}.elf")
            text = run(script, dump, vmlinux, scripts, *extra, *debugged, **settings)
        kept.with_suffix(".part").write_text(text)
        kept.with_suffix(".part").replace(kept)
    found: dict[str, Any] = json.loads(kept.read_text())
    return found


def unexplained(said: dict[str, Any], *more: str) -> list[Difference]:
    """Return the differences that no allowance covers; print how many each covers.

    Args:
        said: What drgn_core.py says.
        more: Files of allowances for this kernel alone.
    """
    files = ["drgn-core.toml", *more]
    allowed = [each for name in files for each in load_allowances(HERE / "allow" / name)]
    reasons: Counter[str] = Counter()
    left = []
    for what, name, one, other in said["differences"]:
        difference = Difference(what, name, "differs", f"{one} | {other}")
        allowance = next((each for each in allowed if each.covers(difference)), None)
        if allowance is None:
            left.append(difference)
        else:
            reasons[allowance.reason] += 1
    for reason, count in reasons.most_common():
        print(f"{count:,}: {reason}")
    return left


@pytest.mark.parametrize(
    ("suite", "arguments", "way"),
    [(suite, "", way) for suite in SUITES for way in ("loaded", "named")]
    + [("trixie", "nokaslr", "named")],
)
def test_says_what_dwarf_says(suite, arguments, way):
    """Every variable, function, enumerator and named type, stacks, log, what scripts print.

    The extra is that in the core's memory, found by symbols, or a file, found by its sections.
    """
    debugged = modules(suite, "xfs", "nf_conntrack") if way == "named" else []
    said = compared(core(suite, *arguments.split()), kernel(suite), way, *debugged)
    left = unexplained(said, *(["drgn-core-bookworm.toml"] if suite == "bookworm" else []))
    assert not left, f"{len(left):,}, among them {left[:10]}"
    checked, differing = said["checked"], Counter(each[0] for each in said["differences"])
    assert checked["variable"] > 15_000
    assert checked["type"] > 9_000
    assert checked["stack trace"] > 40
    assert checked["frame"] > 200
    assert checked["several of a name"] > 120
    assert checked["place of a function"] > 40_000
    assert checked["function"] > 35_000
    assert differing["function"] + differing["function that DWARF has elsewhere"] < 100
    assert differing["parameters"] < checked["parameters"] / 50
    assert checked["enumerator"] > 14_000
    assert checked["record of the log"] > 300
    if way == "named":
        assert checked["static of a function"] > 2_500
        assert checked["variable of a module"] > 2_500
        assert checked["variable of a module that DWARF has elsewhere"] < 20
    assert sum(number for what, number in checked.items() if what.startswith("line")) > 2_500


def built(config: dict[str, str]) -> Path:
    """Return the build of a 6.12 with some options, or skip."""
    found = kernel_recipe.find_build(kernel_recipe.Recipe("6.12", config=config))
    if found is None:
        options = " ".join(f"--config {name}={value}" for name, value in config.items())
        command = f"tools/build_kernel.py 6.12 {options}"
        pytest.skip(f"NOT TESTED: not built; {command} does it in a quarter of an hour")
    return found


def test_kernel_without_btf():
    """A line says what is missing; what is made from its debug file says what that says."""
    build = built(NO_BTF)
    dump = needs(cores.built_core)(build)
    told = debug("-c", dump, "--explain").stdout
    assert "base: the kernel has no BTF, " in told
    missing = "missing: types; name the kernel's BTF, raw or in its vmlinux: --base FILE"
    assert missing in told
    done = debug("-c", dump, "-e", "prog['init_task']")
    assert done.returncode == 1
    assert done.stderr.count(missing) == 1
    assert "could not find 'init_task'" in done.stderr
    said = compared(dump, build / "vmlinux", "from DWARF")
    left = unexplained(said)
    assert not left, f"{len(left):,}, among them {left[:10]}"
    checked = said["checked"]
    assert checked["variable"] > 7_000
    assert checked["type"] > 5_000
    assert checked["stack trace"] > 30


def test_kernel_without_symbols_of_variables():
    """A kernel without CONFIG_KALLSYMS_ALL, moved by KASLR: each variable by the extra's note.

    Of functions in .exit.text alone, which was not freed, nothing tells the place.
    """
    build = built(NO_VARIABLES)
    said = compared(needs(cores.built_core)(build), build / "vmlinux", "named")
    left = [each for each in unexplained(said) if not EXIT.fullmatch(f"{each.name} {each.detail}")]
    assert not left, f"{len(left):,}, among them {left[:10]}"
    checked = said["checked"]
    assert checked["variable"] > 7_000
    assert checked["static of a function"] > 1_000
    assert checked["type"] > 5_000
    assert checked["stack trace"] > 30


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


@pytest.mark.parametrize("suite", ["trixie", "sid"])
def test_raw_extra_of_another_kernel(tmp_path, suite):
    """It does not say whose it is, but over another kernel's BTF it makes no sense: one line."""
    raw, module = tmp_path / "extra.btf", extra_module("bookworm")
    with open(module, "rb") as file:
        raw.write_bytes(ElfReader(file, str(module)).section(".BTF"))
    assert debug("-c", core("bookworm"), "--extra", raw, "--explain").returncode == 0
    done = debug("-c", core(suite), "--extra", raw, "--explain")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"dwarfless: {raw}: ")


@pytest.mark.parametrize("size", [0, 300, 4000], ids=["empty", "in headers", "in notes"])
def test_core_without_its_start(tmp_path, size):
    """One line that names the file, whatever is asked for."""
    dump = tmp_path / "core"
    with open(core("bookworm"), "rb") as whole:
        dump.write_bytes(whole.read(size))
    for more in (["--explain"], ["-q", "-e", "prog"]):
        done = debug("-c", dump, *more)
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith((f"dwarfless: {dump}: ", "error: not an ELF core file"))


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


def test_plain_drgn(tmp_path):
    """It finds the plugin by itself, and what it needs in the core; DWARF is nowhere."""
    script = tmp_path / "script.py"
    script.write_text(
        "print(prog['init_task'].comm.string_(), prog.type('struct xfs_mount').size)"
    )
    command = [sys.executable, "-m", "drgn", "-q", "-c", core("trixie"), script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("b'swapper/0' "), done.stderr
    assert int(done.stdout.split()[1]) > 1000


@pytest.mark.parametrize(
    "options", [["-q", "-c"], ["-qc"], ["-q", "--log-level", "error", "--core"]]
)
def test_options_of_a_script(tmp_path, options):
    """What comes after a script is its own."""
    dump, script = core("trixie"), tmp_path / "script.py"
    script.write_text("import sys; print(prog['init_task'].pid.value_(), sys.argv[1:])")
    mine = ["-c", "this", "--extra", "none", "--explain", "--", "x"]
    assert debug(*options, dump, script, *mine).stdout == f"0 {mine}\n"


def test_tasks_without_numpy(tmp_path):
    """Importing it would take longer than finding all that a helper asks for."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from drgn.helpers.linux.pid import for_each_task\n"
        "print(next(for_each_task(prog)).pid.value_(), 'numpy' in sys.modules)\n"
    )
    assert debug("-q", "-c", core("trixie"), script).stdout == "1 False\n"


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("way", ["loaded", "named"])
def test_every_variable_is_at_its_symbol(suite, way, tmp_path):
    """Both say where it is; if they did not agree, that would be an error."""
    code = """
import sys, drgn
from pathlib import Path
from dwarfless.consumers.drgn_plugin.attach import attach
from dwarfless.consumers.drgn_plugin.sources import Options
from dwarfless.formats.btf import Kind
core, *extra = sys.argv[1:]
prog = drgn.program_from_core_dump(core)
found = attach(prog, Options(extra=Path(extra[0]) if extra else None))
assert found.memory.index is not None
num_told = 0
for level in found.kernel_levels:
    for var_id in level.graph.arrays.find_kind(Kind.VAR):
        name = level.graph[var_id].name
        place = prog.variable(name, f"#{var_id}").address_
        num_told += place in found.known_symbols(name, level)
print(num_told)
"""
    extra = [tmp_path / "extra.elf"] if way == "named" else []
    for path in extra:
        make_extra([kernel(suite)], path, "--only", "vars,local", "--with-init")
    said = run("-c", code, core(suite), *extra, DRGN_DISABLE_PLUGINS="*")
    assert int(said) > (20_000 if way == "named" else 17_000)


def test_function_that_a_variable_is_called_like():
    """kallsyms has both; a function is no variable."""
    code = """
import sys, drgn
from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms
from dwarfless.consumers.drgn_plugin import plugin
for early in (True, False):
    prog = drgn.program_from_core_dump(sys.argv[1])
    plugin.drgn_prog_set(prog)
    kinds = [s.kind.name for s in load_vmlinux_kallsyms(prog)(prog, "event_function", None, False)]
    if not early:
        prog.symbol(prog.symbol("schedule").address)
    function, variable = prog.function("event_function"), prog.variable("event_function")
    print(sorted(kinds), function.address_ != variable.address_)
"""
    assert run("-c", code, core("trixie")) == 2 * "['FUNC', 'OBJECT'] True\n"


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
