"""Modules without code, of made-up kernels of several kinds, read back by pyelftools."""

import contextlib
import io
import lzma
import struct
import subprocess

import pytest
from elftools.elf.elffile import ELFFile

import dwarfless
from build.elf import ALLOC, ARM, ET_REL, PROGBITS, S390, X86_64, Elf, Section
from dwarfless.cli.main import cli
from dwarfless.containers.binding import Binding
from dwarfless.containers.donor import Donor, find_donor
from dwarfless.containers.load import read_binding
from dwarfless.containers.module import encode_module, write_module
from dwarfless.containers.write import write_btf
from dwarfless.elf.compression import decompress_file
from dwarfless.elf.image import ElfImage
from dwarfless.formats.btf import Kind
from dwarfless.formats.modules import kernel_name

VERMAGIC = "6.12.1-test SMP mod_unload "


def kernel(name_at: int = 24, room: int = 56, size: int = 192) -> dwarfless.TypeGraph:
    """Return the BTF of a kernel with some struct module."""
    builder = dwarfless.GraphBuilder()
    builder.add_int("char", 1, char=True)
    index = builder.add_int("unsigned long", 8)
    name = builder.add_array(1, index, room)
    builder.add_composite(Kind.STRUCT, "module", 8, [("unrelated", index, 0)])
    members = [("state", index, 0), ("name", name, name_at * 8)]
    builder.add_composite(Kind.STRUCT, "module", size, members)
    return dwarfless.decode(dwarfless.encode(builder.freeze()), source="vmlinux")


def extra(base: dwarfless.TypeGraph, offsets: tuple[int, ...] = (0, 8)) -> dwarfless.TypeGraph:
    """Return an extra of variables at some offsets of .data."""
    builder = dwarfless.GraphBuilder(base)
    entries = [(builder.add_var(f"v{n}", 2), offset, 8) for n, offset in enumerate(offsets)]
    builder.add_datasec(".data", 64, entries)
    return builder.freeze()


def version(crc: int, name: bytes) -> bytes:
    """Return a record of __versions."""
    return struct.pack("<Q56s", crc, name)


def donor(
    size: int = 192,
    bits: int = 64,
    little: bool = True,
    machine: int = X86_64,
    **sections: bytes,
) -> bytes:
    """Return a module of that kernel."""
    modinfo = f"license=GPL\0vermagic={VERMAGIC}\0retpoline=Y\0intree=Y\0author=x\0"
    parts = {".modinfo": modinfo.encode(), ".gnu.linkonce.this_module": bytes(size)}
    parts |= {name if name[0] == "_" else f".{name}": c for name, c in sections.items()}
    return Elf(
        [Section(name, content, PROGBITS, ALLOC, 0, 64) for name, content in parts.items()],
        bits=bits,
        little=little,
        machine=machine,
        type=ET_REL,
    ).assemble()


def read(module: bytes) -> dict[str, bytes]:
    """Return the sections as pyelftools sees them."""
    return {
        section.name: section.data() for section in ELFFile(io.BytesIO(module)).iter_sections()
    }


def made(base=None, name="vmlinux-btf-extra", **sections) -> bytes:
    """Return a module for an extra over a kernel."""
    base = base or kernel()
    return encode_module(extra(base), Donor.of_image(ElfImage.of_bytes(donor(**sections))), name)


def test_sections():
    """All that the kernel looks at, and nothing of the donor's own."""
    module = made()
    sections = read(module)
    assert sections[".BTF"] == dwarfless.encode(extra(kernel()))
    keys = dict(line.split("=", 1) for line in sections[".modinfo"].decode().split("\0") if line)
    assert keys["vermagic"] == VERMAGIC
    assert keys["name"] == "vmlinux_btf_extra"
    assert keys["retpoline"] == "Y"
    assert keys["depends"] == ""
    assert not {"intree", "author"} & set(keys)
    this_module = sections[".gnu.linkonce.this_module"]
    assert this_module == (bytes(24) + b"vmlinux_btf_extra").ljust(192, b"\0")
    assert "__versions" not in sections
    image = ELFFile(io.BytesIO(module))
    assert image["e_type"] == "ET_REL"
    assert [s["sh_type"] for s in image.iter_sections()].count("SHT_SYMTAB") == 1
    symbols = image.get_section_by_name(".symtab")
    (symbol,) = symbols.get_symbol_by_name("__this_module")
    named = image.get_section(symbol["st_shndx"])
    assert (named.name, symbol["st_size"]) == (".gnu.linkonce.this_module", 192)
    assert image.get_section(symbols["sh_link"]).name == ".strtab"
    allocated = {s.name for s in image.iter_sections() if s["sh_flags"] & ALLOC}
    assert allocated == {".note.gnu.build-id", ".modinfo", ".gnu.linkonce.this_module"}


def test_loads_as_an_extra():
    """The module is a file of split BTF like any other."""
    base = kernel()
    assert dwarfless.load(made(base), base=base).find("v1").type.name == "unsigned long"


def test_layout_of_struct_module():
    """Size and place of the name come from the base."""
    base = kernel(name_at=40, room=16, size=256)
    this_module = read(made(base, "short", size=256))[".gnu.linkonce.this_module"]
    assert this_module == (bytes(40) + b"short").ljust(256, b"\0")
    made(base, "x" * 15, size=256)
    for name in ("x" * 16, "", "a b", "ä", "a/b"):
        with pytest.raises(dwarfless.DwarflessError, match="is no module name of at most 15"):
            made(base, name, size=256)


def test_symbol_versions():
    """Only module_layout's is copied, from either form."""
    records = version(1, b"printk") + version(0xABCD, b"module_layout") + version(3, b"kfree")
    assert read(made(__versions=records))["__versions"] == version(0xABCD, b"module_layout")
    extended = read(
        made(
            __version_ext_crcs=struct.pack("<3I", 1, 0xABCD, 3),
            __version_ext_names=b"printk\0module_layout\0kfree\0",
        )
    )
    assert extended["__version_ext_crcs"] == struct.pack("<I", 0xABCD)
    assert extended["__version_ext_names"] == b"module_layout\0"


def test_survives_strip(tmp_path):
    """Kernels are built with INSTALL_MOD_STRIP; a module without symbol table does not load."""
    (tmp_path / "x.ko").write_bytes(made())
    subprocess.run(["strip", "--strip-debug", tmp_path / "x.ko"], check=True)
    sections = read((tmp_path / "x.ko").read_bytes())
    assert {".symtab", ".BTF", ".modinfo", ".note.gnu.build-id"} <= set(sections)


@pytest.mark.parametrize(("bits", "little", "machine"), [(64, False, S390), (32, True, ARM)])
def test_other_machines(bits, little, machine):
    """Class, byte order and machine are the donor's; the BTF's order follows."""
    order = "<" if little else ">"
    record = struct.pack(order + ("I60s" if bits == 32 else "Q56s"), 7, b"module_layout")
    content = donor(bits=bits, little=little, machine=machine, __versions=record)
    base = kernel()
    module = encode_module(extra(base), Donor.of_image(ElfImage.of_bytes(content)), "x")
    image = ELFFile(io.BytesIO(module))
    assert (image.elfclass, image.little_endian) == (bits, little)
    assert module[18:20] == struct.pack(order + "H", machine)
    sections = read(module)
    assert sections["__versions"] == record
    assert sections[".BTF"][:2] == struct.pack(order + "H", 0xEB9F)
    assert ElfImage.of_bytes(module).build_id
    assert dwarfless.load(module, base=base).find("v1")


def test_build_id_tells_contents_apart():
    """Equal contents, equal files; any other content, another build-id."""
    assert made() == made()
    versions = version(1, b"module_layout")
    modules = (made(), made(name="x"), made(__versions=versions))
    ids = {ElfImage.of_bytes(module).build_id for module in modules}
    assert len(ids) == 3
    assert all(len(build_id or b"") == 20 for build_id in ids)


def test_refuses_what_the_kernel_would():
    """Overlapping variables, BTF that is not split, or split over a module."""
    base, shown = kernel(), Donor.of_image(ElfImage.of_bytes(donor()))
    with pytest.raises(dwarfless.DwarflessError, match=r"would refuse it.*entry offset"):
        encode_module(extra(base, (0, 4)), shown, "x")
    with pytest.raises(dwarfless.DwarflessError, match="split over nothing"):
        encode_module(base, shown, "x")
    with pytest.raises(dwarfless.DwarflessError, match="another module's"):
        encode_module(extra(extra(base)), shown, "x")


def test_refuses_a_donor_of_another_kernel():
    """By the size of struct module, and by its own BTF."""
    with pytest.raises(dwarfless.BaseMismatchError, match="has 200 bytes, the base's 192"):
        made(size=200)
    builder = dwarfless.GraphBuilder(extra(kernel()))
    builder.add_var("late", 8)
    with pytest.raises(dwarfless.BaseMismatchError, match="makes no sense over the base"):
        made(BTF=dwarfless.encode(builder.freeze()))
    assert made(BTF=dwarfless.encode(extra(kernel())))


@pytest.mark.parametrize("missing", [".modinfo", ".gnu.linkonce.this_module"])
def test_refuses_what_is_no_module(missing):
    """An ELF file without one of the two."""
    content = donor().replace(missing.encode() + b"\0", b"x" * len(missing) + b"\0")
    with pytest.raises(dwarfless.ElfError, match="no kernel module"):
        Donor.of_image(ElfImage.of_bytes(content))


def test_compressed_by_suffix(tmp_path):
    """As the kernel can unpack it: xz with CRC32 only; donors are read so too."""
    (tmp_path / "donor.ko.xz").write_bytes(lzma.compress(donor()))
    shown = Donor.load(tmp_path / "donor.ko.xz")
    graph, plain = extra(kernel()), None
    for suffix in (".ko", ".ko.xz", ".ko.zst"):
        path = tmp_path / f"a-btf{suffix}"
        content = write_module(path, graph, shown)
        plain = plain or content
        assert content == plain
        packed = path.read_bytes()
        assert suffix == ".ko" or decompress_file(memoryview(packed), "") == plain
    stream = lzma.LZMADecompressor()
    stream.decompress((tmp_path / "a-btf.ko.xz").read_bytes())
    assert stream.check == lzma.CHECK_CRC32


def test_finds_a_donor(tmp_path):
    """Not one that was put there later."""
    for name in ("updates/a.ko", "kernel/fs/b.ko.xz", "kernel/c/d/a.ko", "kernel/fs/readme"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert find_donor(tmp_path) == str(tmp_path / "kernel/fs/b.ko.xz")
    with pytest.raises(FileNotFoundError):
        find_donor(tmp_path / "updates")


def test_command(tmp_path, capsys):
    """Names by file or by option; the base must be named for another kernel."""
    base = tmp_path / "vmlinux.btf"
    base.write_bytes(dwarfless.encode(kernel()))
    (tmp_path / "extra.btf").write_bytes(dwarfless.encode(extra(kernel())))
    (tmp_path / "donor.ko").write_bytes(donor())
    target = tmp_path / "my-btf.ko"
    arguments = ["kmod", tmp_path / "extra.btf", "--for", tmp_path / "donor.ko", "-o", target]
    cli.main([*map(str, arguments), "-B", str(base)], standalone_mode=False)
    assert b"my_btf" in read(target.read_bytes())[".gnu.linkonce.this_module"]
    named = [*map(str, arguments), "-B", str(base), "--name", "other-name"]
    cli.main(named, standalone_mode=False)
    assert b"other_name" in read(target.read_bytes())[".gnu.linkonce.this_module"]
    assert "for 6.12.1-test" in capsys.readouterr().out
    import click

    with pytest.raises(click.UsageError, match="not the running kernel"):
        cli.main([*map(str, arguments)], standalone_mode=False)


def test_command_joins_levels_and_binds(tmp_path):
    """An extra over a module comes to stand on the kernel; the note says which kernel that is."""
    base = dwarfless.decode(dwarfless.encode(kernel()))
    middle = extra(base, (0,))
    content = dwarfless.encode(middle)
    third = extra(dwarfless.decode(content, base=base), (8, 16, 24))
    for name, graph in (("kernel", base), ("middle", middle), ("third", third)):
        (tmp_path / f"{name}.btf").write_bytes(dwarfless.encode(graph))
    (tmp_path / "donor.ko").write_bytes(donor())
    arguments = ["kmod", "third.btf", "--for", "donor.ko", "-o", "a-btf.ko"]
    arguments += ["-B", "kernel.btf", "-B", "middle.btf"]
    with contextlib.chdir(tmp_path):
        cli.main(arguments, standalone_mode=False)
        found = read_binding("a-btf.ko")
        assert dwarfless.load("a-btf.ko", base=dwarfless.load("kernel.btf")).find("v2")
        with pytest.raises(dwarfless.BaseMismatchError):
            dwarfless.load("a-btf.ko", base=middle)
    assert found is not None
    assert (found.release, found.bases) == ("6.12.1-test", (base.digest,))


def test_command_refuses_another_kernels_extra(tmp_path):
    """Whose note names another release than the donor's version magic."""
    base = dwarfless.decode(dwarfless.encode(kernel()))
    bound = Binding(release="6.12.2-other", bases=(base.digest,))
    write_btf(tmp_path / "extra", extra(base), binding=bound)
    (tmp_path / "vmlinux.btf").write_bytes(dwarfless.encode(base))
    (tmp_path / "donor.ko").write_bytes(donor())
    arguments = ["kmod", "extra", "--for", "donor.ko", "-B", "vmlinux.btf", "-o", "x.ko"]
    with (
        contextlib.chdir(tmp_path),
        pytest.raises(dwarfless.BaseMismatchError, match=r"made for Linux 6\.12\.2-other"),
    ):
        cli.main(arguments, standalone_mode=False)


def test_name():
    """Dashes become underscores, suffixes go."""
    assert kernel_name("/lib/a-b.c/x-y-btf.ko.zst") == "x_y_btf"
