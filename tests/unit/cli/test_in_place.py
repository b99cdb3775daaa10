"""encode --in-place: .BTF changes and nothing else, or nothing at all."""

import os
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from dwarfless.containers.in_place import SIGNATURE
from dwarfless.containers.load import load
from dwarfless.elf.image import ElfImage
from support_containers import KERNEL, compile_c, complaint, do, program, run


def test_in_place_adds_and_replaces(copy, monkeypatch):
    """With either objcopy: the file runs as before, all else is the same."""
    copy.chmod(0o750)
    before = ElfImage.load(copy)
    code = bytes(before.section_bytes(before.section_names.index(".text")))
    inode = copy.stat().st_ino
    for objcopy, features in (("objcopy", "default"), ("llvm-objcopy", "+global_var")):
        if shutil.which(objcopy) is None:
            pytest.skip(f"NOT TESTED: no {objcopy}")
        monkeypatch.setenv("OBJCOPY", objcopy)
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


def test_in_place_with_a_distilled_base(copy, kernels):
    """It goes into .BTF.base, as into a file of its own, and goes when there is none."""
    over = ("--base", kernels / "a.btf")
    features = ("--features", "+global_var,distilled_base")
    do("encode", kernels / "a", *features, *over, "-o", copy.parent / "own.elf")
    do("encode", "--in-place", copy, *features, *over)
    own = ElfImage.load(copy.parent / "own.elf")
    (copy.parent / "own.elf").unlink()
    after = ElfImage.load(copy)
    for name in (".BTF", ".BTF.base"):
        expected = own.section_bytes(own.section_names.index(name))
        assert after.section_bytes(after.section_names.index(name)) == expected
    assert load(copy, base=load(kernels / "a.btf")).find("counter", "var")
    do("encode", "--in-place", copy)
    assert ".BTF.base" not in ElfImage.load(copy).section_names
    assert load(copy).find("task", "struct").size == 16


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
