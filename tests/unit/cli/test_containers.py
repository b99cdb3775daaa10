"""encode into ELF files, and verify."""

import json
import shutil

import click
import pytest

import dwarfless
from dwarfless.containers.load import load, read_binding
from dwarfless.elf.image import ElfImage
from dwarfless.graph.views import Datasec
from support_containers import KERNEL, compile_c, complaint, do, run


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


def test_what_brings_its_base_is_moved_onto_others(kernels, tmp_path):
    """It is bound to its program, and to no BTF: it loads over any base that fits."""
    out = tmp_path / "extra.elf"
    base = ("--base", kernels / "a.btf")
    do("encode", kernels / "a", "--features", "+global_var,distilled_base", *base, "-o", out)
    binding = read_binding(out)
    assert binding is not None
    assert (binding.release, binding.bases) == ("6.12.1-test", ())
    done = run("verify", out, *base)
    assert (done.returncode, "WRONG" in done.stdout) == (0, False)
    assert "ok      content" in done.stdout
