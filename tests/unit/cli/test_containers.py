"""encode into ELF files and in place, verify; what goes wrong leaves nothing half done.

Processes are real: what is killed is killed, and the disk is full.
"""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import dwarfless
from dwarfless.cli.main import cli
from dwarfless.containers.in_place import SIGNATURE
from dwarfless.containers.load import load, read_binding
from dwarfless.elf.image import ElfImage
from dwarfless.graph.views import Datasec

KERNEL = """
const char banner[] = "Linux version 6.12.1-test (gcc) VERSION";
struct task { struct task *next; int pid; };
struct task init_task;
static int counter = VERSION;
int schedule(struct task *t) { return t->pid + counter++; }
int main(void) { return schedule(&init_task); }
"""
COMMAND = [sys.executable, "-c", "from dwarfless.cli.main import main; main()"]
#: Bytes that a process may write to a file where the disk is to be full.
ROOM = 1 << 16


def compile_c(text: str, output: Path, *flags: str) -> None:
    """Compile C with DWARF and a build-id."""
    command = ["gcc", "-g", "-O1", "-Wl,--build-id", "-fno-pie", "-no-pie", *flags]
    subprocess.run([*command, "-x", "c", "-", "-o", output], input=text.encode(), check=True)


def run(*args: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run dwarfless as a process of its own."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [*COMMAND, *map(str, args)], capture_output=True, text=True, check=False, **options
    )


def do(*args: str | Path) -> None:
    """Run dwarfless in this process; it has to succeed."""
    assert not cli.main([str(arg) for arg in args], "dwarfless", standalone_mode=False)


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line on stderr of a run that failed."""
    assert done.returncode == 1, done
    assert done.stderr.startswith("dwarfless: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two builds of one release: a, b, their BTF, and an extra of a."""
    folder = tmp_path_factory.mktemp("kernels")
    for name, text in (("a", KERNEL), ("b", KERNEL.replace("int pid", "long pid; int more"))):
        compile_c(text.replace("VERSION", "1"), folder / name)
        do("encode", folder / name, "-o", folder / f"{name}.btf")
    extra = ("--features", "+global_var", "--base", folder / "a.btf")
    for suffix in ("elf", "btf"):
        do("encode", folder / "a", *extra, "-o", folder / f"extra.{suffix}")
    return folder


@pytest.fixture
def copy(kernels: Path, tmp_path: Path) -> Path:
    """Return a copy of kernel a, alone in a folder."""
    folder = tmp_path / "copy"
    folder.mkdir()
    return Path(shutil.copy(kernels / "a", folder / "a"))


def test_elf_and_raw_hold_the_same(kernels):
    """Of the two, ELF says what it is for; addresses follow from it."""
    base = load(kernels / "a.btf")
    in_elf, raw = (load(kernels / name, base=base) for name in ("extra.elf", "extra.btf"))
    assert dwarfless.encode(in_elf) == (kernels / "extra.btf").read_bytes()
    assert in_elf.digest == raw.digest
    assert read_binding(kernels / "extra.btf") is None
    binding = read_binding(kernels / "extra.elf")
    assert binding is not None
    image = ElfImage.load(kernels / "a")
    assert image.build_id is not None
    assert (binding.release, binding.build_id) == ("6.12.1-test", image.build_id.hex())
    assert binding.bases == (base.digest,)
    symbols = image.symbols()
    checked = 0
    for view in in_elf:
        if isinstance(view, Datasec):
            for entry in view.entries:
                name = in_elf[entry.type_id].name.encode()
                (at,) = symbols.value[symbols.named(name)].tolist()
                assert binding.address(view.name, entry.offset) == at
                checked += 1
    assert checked == 3


def test_format_overrides_the_suffix(kernels, tmp_path):
    """In a folder of modules too."""
    out = tmp_path / "x.btf"
    do("encode", kernels / "a", "--format", "elf", "-o", out)
    assert out.read_bytes()[:4] == b"\x7fELF"
    modules = tmp_path / "modules"
    modules.mkdir()
    shutil.copy(kernels / "a", modules / "one.ko")
    command = ("encode", "--modules", modules, "--base", kernels / "a.btf", "-o", tmp_path / "o")
    do(*command, "--format", "elf")
    assert read_binding(tmp_path / "o/one.elf") is not None


def test_verify_what_is_right(kernels):
    """A kernel's own file lacks .BTF here, so its raw BTF tells digest and types."""
    done = run("verify", kernels / "extra.elf", "--base", kernels / "a.btf")
    assert (done.returncode, done.stderr) == (0, "")
    assert "for Linux 6.12.1-test, build-id " in done.stdout
    assert "WRONG" not in done.stdout
    assert "unknown build-id" in " ".join(done.stdout.split())


def test_verify_a_kernel_with_btf(kernels, copy, tmp_path):
    """With the ELF file everything is compared; of a rebuilt one nothing agrees but the name."""
    do("encode", "--in-place", copy)
    extra = tmp_path / "extra.elf"
    options = ("--features", "+global_var", "--base", copy, "-o", extra)
    do("encode", copy, *options)
    done = run("verify", extra, "--base", copy, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["holds"], told["schema"]) == (0, True, 1)
    by_name = {check["what"]: check["holds"] for check in told["checks"]}
    named = {f"section {name}" for name in (".text", ".data", ".bss", ".rodata")}
    assert by_name == dict.fromkeys(
        {"content", "base 1", "types", "release", "build-id"} | named, True
    )
    assert told["binding"]["sections"][0]["name"] == ".bss"

    rebuilt = tmp_path / "b"
    shutil.copy(kernels / "b", rebuilt)
    do("encode", "--in-place", rebuilt)
    done = run("verify", extra, "--base", rebuilt, "--json")
    wrong = {c["what"] for c in json.loads(done.stdout)["checks"] if c["holds"] is False}
    assert done.returncode == 1
    assert {"base 1", "build-id"} <= wrong
    assert not {"release", "content"} & wrong
    assert "made for Linux 6.12.1-test" in complaint(run("dump", extra, "--base", rebuilt))


def test_verify_a_kernel_that_moved(kernels, copy, tmp_path):
    """The same types elsewhere: they can be read, but the addresses are wrong, and told."""
    moved = tmp_path / "moved"
    compile_c(KERNEL.replace("VERSION", "1"), moved, "-Wl,-Ttext-segment=0x800000")
    for path in (copy, moved):
        do("encode", "--in-place", path)
    extra = tmp_path / "extra.elf"
    options = ("--features", "+global_var", "--base", copy, "-o", extra)
    do("encode", copy, *options)
    done = run("verify", extra, "--base", moved)
    wrong = [line.split(maxsplit=1)[1] for line in done.stdout.splitlines() if " WRONG " in line]
    assert done.returncode == 1
    assert {line.split()[0] for line in wrong} == {"build-id", "section"}


def test_verify_levels_and_damage(kernels, tmp_path):
    """One level too many or too few is wrong; so is an extra that is not as it was written."""
    extra, base = kernels / "extra.elf", kernels / "a.btf"
    with pytest.raises(click.UsageError, match="--base"):
        do("verify", extra)
    done = run("verify", extra, "--base", base, "--base", kernels / "extra.btf")
    assert done.returncode == 1
    assert "not nothing" in done.stdout
    broken = tmp_path / "broken"
    content = bytearray(extra.read_bytes())
    content[content.index(b"counter")] ^= 1
    broken.write_bytes(content)
    done = run("verify", broken, "--base", base)
    assert done.returncode == 1
    assert "WRONG   content" in done.stdout
    assert "raw BTF can't carry one" in complaint(
        run("verify", kernels / "extra.btf", "--base", base)
    )


@pytest.mark.parametrize("command", ["dump", "check", "stat", "verify"])
def test_a_truncated_base(kernels, tmp_path, command):
    """The base is what is complained about."""
    base = tmp_path / "base.btf"
    base.write_bytes((kernels / "a.btf").read_bytes()[:-40])
    assert str(base) in complaint(run(command, kernels / "extra.elf", "--base", base))


@pytest.mark.parametrize("command", ["dump", "check", "stat"])
def test_a_wrong_base(kernels, command):
    """Both files, both digests, and which kernel it is for."""
    base = kernels / "b.btf"
    said = complaint(run(command, kernels / "extra.elf", "--base", base))
    for part in ("extra.elf", str(base), load(base).digest, load(kernels / "a.btf").digest):
        assert part in said
    assert "6.12.1-test" in said


def test_in_place_adds_and_replaces(copy, monkeypatch):
    """With either objcopy: the file runs as before, all else is the same."""
    copy.chmod(0o750)
    before = ElfImage.load(copy)
    code = bytes(before.section_bytes(before.section_names.index(".text")))
    inode = copy.stat().st_ino
    for program, features in (("objcopy", "default"), ("llvm-objcopy", "+global_var")):
        if shutil.which(program) is None:
            pytest.skip(f"NOT TESTED: no {program}")
        monkeypatch.setenv("OBJCOPY", program)
        do("encode", "--in-place", copy, "--features", features)
        graph = load(copy)
        assert bool(graph.find_ids("counter", "var")) == (features == "+global_var")
        after = ElfImage.load(copy)
        assert after.section_names.count(".BTF") == 1
        assert after.section_bytes(after.section_names.index(".text")) == code
        assert len(after.symbols()) == len(before.symbols())
        assert copy.stat().st_mode & 0o7777 == 0o750
        assert subprocess.run([copy], check=False).returncode == 1
    assert copy.stat().st_ino != inode
    assert os.listdir(copy.parent) == ["a"]


def loaded_btf(copy: Path) -> None:
    """Make .BTF part of what is loaded, as in a vmlinux."""
    raw = copy.with_suffix(".btf")
    do("encode", copy, "-o", raw)
    assembler = f'.section .BTF,"a"\n.incbin "{raw}"\n'
    subprocess.run(
        ["gcc", "-c", "-x", "assembler", "-", "-o", f"{copy}.o"],
        input=assembler.encode(),
        check=True,
    )
    compile_c(KERNEL.replace("VERSION", "1"), copy, "-x", "none", f"{copy}.o")
    raw.unlink()
    Path(f"{copy}.o").unlink()


def signed(copy: Path) -> None:
    """End a file as a signed module ends."""
    copy.write_bytes(copy.read_bytes() + b"signature" + SIGNATURE)


def compressed(copy: Path) -> None:
    """Compress a file as modules are."""
    subprocess.run(["gzip", copy], check=True)
    Path(f"{copy}.gz").rename(copy)


def nothing(copy: Path) -> None:
    """Change nothing."""


def program(text: str) -> Callable[[Path], Path]:
    """Return what puts a script beside the folder of the kernel."""

    def write(folder: Path) -> Path:
        script = folder / "objcopy"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        return script

    return write


@pytest.mark.parametrize(
    ("change", "objcopy", "why"),
    [
        (loaded_btf, None, "only linking can change it"),
        (signed, None, "is signed"),
        (compressed, None, "is compressed"),
        (nothing, program("echo 'no such format' >&2; exit 1"), "objcopy fails: no such format"),
        (nothing, program("exit 0"), "is empty"),
        (nothing, program('cp "$2" "$3"'), "would change .BTF"),
        (nothing, program("kill -9 $$"), "objcopy fails: exit status -9"),
        (nothing, program('objcopy --strip-all "$1" "$2" "$3"'), "would change"),
        (nothing, program('objcopy -R .data "$1" "$2" "$3"'), "would change"),
        (nothing, lambda folder: folder / "none", "$OBJCOPY: no program"),
    ],
    ids=range(10),
)
def test_in_place_leaves_the_file_alone_on_failure(copy, tmp_path, change, objcopy, why):
    """One line; the very same file, and nothing beside it."""
    change(copy)
    before, inode = copy.read_bytes(), copy.stat().st_ino
    environment = dict(os.environ)
    if objcopy is not None:
        environment["OBJCOPY"] = str(objcopy(tmp_path))
    assert why in complaint(run("encode", "--in-place", copy, env=environment))
    assert (copy.read_bytes(), copy.stat().st_ino) == (before, inode)
    assert os.listdir(copy.parent) == ["a"]


def test_in_place_without_objcopy(copy, tmp_path):
    """Says what is missing."""
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("encode", "--in-place", copy, env={**os.environ, "PATH": str(empty)})
    assert "needs objcopy or llvm-objcopy" in complaint(done)


def test_usage(copy, tmp_path):
    """-o or --in-place, and not both."""
    for arguments in (
        (copy,),
        (copy, "--in-place", "-o", tmp_path / "o"),
        (copy, "--in-place", "--format", "elf"),
        ("--modules", copy.parent, "--in-place", "--base", copy),
    ):
        with pytest.raises(click.UsageError, match="Give either -o, or --in-place"):
            do("encode", *arguments)
    assert "dwarfless kmod" in complaint(run("encode", copy, "-o", tmp_path / "x.ko"))


def small_room() -> None:
    """Let a process write no more than ROOM bytes to a file, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.fixture
def large(copy: Path) -> Path:
    """Return kernel a with more BTF than there is room for."""
    types = "".join(f"struct type_{n} {{ int member_{n}; }} v{n};\n" for n in range(2500))
    compile_c(types + KERNEL.replace("VERSION", "1"), copy)
    return copy


@pytest.mark.parametrize("name", ["out.btf", "out.elf"])
def test_a_full_disk(large, tmp_path, name):
    """The error names the file; what was there stays, and nothing is beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / name).write_text("old")
    done = run("encode", large, "-o", folder / name, preexec_fn=small_room)
    assert f"{folder / name}: " in complaint(done)
    assert (folder / name).read_text() == "old"
    assert os.listdir(folder) == [name]


def test_a_full_disk_in_place(large):
    """The file stays what it was, whoever runs out of room."""
    before = large.read_bytes()
    complaint(run("encode", "--in-place", large, preexec_fn=small_room))
    assert large.read_bytes() == before
    assert os.listdir(large.parent) == ["a"]


def test_a_full_device(kernels):
    """What can't be renamed to is written to directly, and fails by name."""
    done = run("encode", kernels / "a", "-o", "/dev/full")
    assert complaint(done) == "dwarfless: /dev/full: No space left on device\n"
    with open("/dev/full", "wb") as full:
        command = [*COMMAND, "encode", str(kernels / "a"), "-o", "-"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.stderr.splitlines()[0] == "dwarfless: standard output: No space left on device"
    assert done.returncode != 0


SLOW_WRITE = """
import os, sys, time
real = os.fsync
def fsync(handle):
    print("now", flush=True)
    time.sleep(60)
os.fsync = fsync
from dwarfless.cli.main import main
main()
"""


@pytest.mark.parametrize("arguments", [["-o", "{out}/a"], ["--in-place"]])
def test_killed_while_writing(copy, tmp_path, arguments):
    """kill -9 before the rename: the old file stays; what is left says that it is temporary."""
    out = tmp_path / "out"
    out.mkdir()
    shutil.copy(copy, out / "a")
    before = (out / "a").read_bytes()
    given = [word.format(out=out) for word in arguments]
    source = out / "a" if given == ["--in-place"] else copy
    command = [sys.executable, "-c", SLOW_WRITE, "encode", str(source), *given]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "now\n"
        child.send_signal(signal.SIGKILL)
    assert (out / "a").read_bytes() == before
    (left,) = [entry for entry in os.listdir(out) if entry != "a"]
    assert left.startswith(".a.")
    assert left.endswith(".tmp")


def test_killed_while_objcopy_runs(copy, tmp_path):
    """The file is untouched; objcopy may finish what nobody will look at."""
    started = tmp_path / "started"
    script = program(f'touch {started}; sleep 1; exec objcopy "$1" "$2" "$3"')(tmp_path)
    before = copy.read_bytes()
    command = [*COMMAND, "encode", "--in-place", str(copy)]
    with subprocess.Popen(command, env={**os.environ, "OBJCOPY": str(script)}) as child:
        end = time.monotonic() + 30
        while not started.exists() and time.monotonic() < end:
            time.sleep(0.01)
        assert started.exists()
        child.kill()
    assert copy.read_bytes() == before
    (left,) = [entry for entry in os.listdir(copy.parent) if entry != "a"]
    assert left.startswith(".a.")
    assert left.endswith(".tmp")
