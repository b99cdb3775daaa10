"""DwarfSections: joined, separate, alternate and split debug information."""

import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from build import elf
from build.elf import Elf, Reloc, Section, Symbol
from dwarfless.dwarf.sections import DwarfSections
from dwarfless.elf.image import ElfImage
from dwarfless.errors import ElfError, UnsupportedError

BUILD_ID = bytes(range(20))


def with_build_id(*sections: Section, build_id: bytes = BUILD_ID, **fields: object) -> bytes:
    """Return a linked file that has a build-id."""
    note = Section(".note.gnu.build-id", elf.note(b"GNU", 3, build_id), type=elf.NOTE)
    return Elf([note, *sections], type=elf.ET_EXEC, **fields).assemble()  # type: ignore[arg-type]


@pytest.mark.parametrize(("bits", "little"), [(32, False), (64, True)])
def test_every_section_has_its_buffer(bits: int, little: bool):
    """By the standard's names; what is absent is empty."""
    names = [
        "info",
        "abbrev",
        "str",
        "line_str",
        "str_offsets",
        "addr",
        "loc",
        "loclists",
        "ranges",
        "rnglists",
        "types",
    ]
    sections = DwarfSections.of(
        ElfImage.of_bytes(
            Elf(
                [Section(f".debug_{name}", name.encode()) for name in names if name != "addr"],
                bits=bits,
                little=little,
                machine=elf.PPC,
            ).assemble(),
            "a.o",
        )
    )
    for name in names:
        expected = b"" if name == "addr" else name.encode()
        assert bytes(getattr(sections, name)) == expected
    assert (sections.source, sections.machine) == ("a.o", elf.PPC)
    assert (sections.is_64, sections.little_endian) == (bits == 64, little)
    assert sections.address_size == bits // 8
    assert sections.has_info
    assert sections.alternate is None
    assert sections.split == ()


def test_no_debug_information():
    """Empty buffers, no error."""
    sections = DwarfSections.of(ElfImage.of_bytes(Elf([Section(".text", b"x")]).assemble()))
    assert not sections.has_info


def test_parts_are_joined_and_relocated():
    """Two .debug_info of an object: one buffer, references count from its start."""
    image = ElfImage.of_bytes(
        Elf(
            [
                Section(".debug_info", bytes(4), relocs=(Reloc(0, 10, 1, 1),)),
                Section(".debug_info", bytes(5), relocs=(Reloc(1, 10, 1, 2),)),
            ],
            [Symbol(section=2, type=elf.SECTION)],
        ).assemble()
    )
    assert bytes(DwarfSections.of(image).info) == b"\5\0\0\0\0\6\0\0\0"


def test_a_linked_file_has_one_of_each():
    """Joining could not be told from damage."""
    made = Elf([Section(".debug_info", b"a"), Section(".debug_info", b"b")], type=elf.ET_EXEC)
    with pytest.raises(UnsupportedError, match=r"a: several .debug_info in a linked file"):
        DwarfSections.of(ElfImage.of_bytes(made.assemble(), "a"))


def test_separate_file_by_build_id(tmp_path: Path):
    """In a given folder, at .build-id/xx/rest.debug."""
    program, home = tmp_path / "program", tmp_path / "debug" / ".build-id" / "00"
    home.mkdir(parents=True)
    program.write_bytes(with_build_id(Section(".text", b"x")))
    debug = home / (BUILD_ID.hex()[2:] + ".debug")
    debug.write_bytes(with_build_id(Section(".debug_info", b"units")))

    sections = DwarfSections.of(ElfImage.load(program), debug_dirs=[str(tmp_path / "debug")])
    assert bytes(sections.info) == b"units"
    assert sections.source == str(debug)
    assert sections.image.path == debug

    debug.write_bytes(with_build_id(Section(".debug_info", b"units"), build_id=b"another"))
    assert not DwarfSections.of(
        ElfImage.load(program), debug_dirs=[str(tmp_path / "debug")]
    ).has_info


@pytest.mark.parametrize("folder", [".", ".debug"])
@pytest.mark.parametrize("little", [True, False])
def test_separate_file_by_debug_link(tmp_path: Path, folder: str, little: bool):
    """Beside the program; only with the right checksum."""
    debug = tmp_path / folder / "program.debug"
    debug.parent.mkdir(exist_ok=True)
    debug.write_bytes(Elf([Section(".debug_info", b"units")], type=elf.ET_EXEC).assemble())
    crc = zlib.crc32(debug.read_bytes())
    order = "little" if little else "big"
    for checksum, expected in ((crc, b"units"), (crc ^ 1, b"")):
        link = b"program.debug\0\0\0" + checksum.to_bytes(4, order)
        program = tmp_path / "program"
        program.write_bytes(
            Elf([Section(".gnu_debuglink", link)], little=little, type=elf.ET_EXEC).assemble()
        )
        assert bytes(DwarfSections.of(ElfImage.load(program)).info) == expected


def test_alternate_file(tmp_path: Path):
    """Relative to where the file really is; the build-id has to agree."""
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "common").write_bytes(with_build_id(Section(".debug_info", b"partial units")))
    link = Section(".gnu_debugaltlink", b"../common\0" + BUILD_ID)
    (real / "program").write_bytes(
        Elf([Section(".debug_info", b"units"), link], type=elf.ET_EXEC).assemble()
    )
    (tmp_path / "alias").symlink_to(real / "program")

    sections = DwarfSections.of(ElfImage.load(tmp_path / "alias"))
    assert bytes(sections.info) == b"units"
    assert sections.alternate is not None
    assert bytes(sections.alternate.info) == b"partial units"

    (tmp_path / "common").write_bytes(with_build_id(build_id=b"another"))
    with pytest.raises(ElfError, match=r"\.gnu_debugaltlink\+0x0: no file \.\./common"):
        DwarfSections.of(ElfImage.load(tmp_path / "alias"))


def test_split_units():
    """A .dwo file's sections end in .dwo."""
    program = ElfImage.of_bytes(Elf([Section(".debug_info", b"skeleton")]).assemble())
    dwo = ElfImage.of_bytes(
        Elf([Section(".debug_info.dwo", b"unit"), Section(".debug_str.dwo", b"names")]).assemble(),
        "a.dwo",
    )
    (part,) = DwarfSections.of(program, split=[dwo]).split
    assert (part.source, bytes(part.info), bytes(part.str)) == ("a.dwo", b"unit", b"names")

    package = ElfImage.of_bytes(Elf([Section(".debug_cu_index", b"")]).assemble(), "a.dwp")
    with pytest.raises(UnsupportedError, match=r"a.dwp: DWARF package"):
        DwarfSections.of(program, split=[package])


def test_large_compressed_sections_come_out_alike():
    """Decompression by several threads changes nothing."""
    noise = (
        b"".join(zlib.crc32(bytes([n & 255, n >> 8])).to_bytes(4, "big") for n in range(1 << 16))
        * 8
    )
    made = Elf(
        [
            Section(f".debug_{name}", elf.compressed(noise + name.encode()), flags=elf.COMPRESSED)
            for name in ("info", "abbrev", "str")
        ]
    )
    sections = DwarfSections.of(ElfImage.of_bytes(made.assemble()))
    for name in ("info", "abbrev", "str"):
        assert getattr(sections, name) == noise + name.encode()


@pytest.mark.skipif(
    shutil.which("gcc") is None or shutil.which("objcopy") is None,
    reason="NOT TESTED, no gcc or objcopy",
)
@pytest.mark.parametrize("compress", ["zlib", "zlib-gnu", "zstd"])
def test_objcopy_compression_is_undone(tmp_path: Path, compress: str):
    """Each of the ways that binutils compress."""
    source, path = tmp_path / "a.c", tmp_path / "a.o"
    source.write_text("".join(f"struct s{n} {{ long a, b; }} v{n};\n" for n in range(200)))
    subprocess.run(["gcc", "-g", "-c", "-o", path, source], check=True)
    plain = DwarfSections.of(ElfImage.load(path))
    done = subprocess.run(
        ["objcopy", f"--compress-debug-sections={compress}", path, tmp_path / "b.o"],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"NOT TESTED, objcopy lacks {compress}")
    packed = DwarfSections.of(ElfImage.load(tmp_path / "b.o"))
    assert (tmp_path / "b.o").stat().st_size < path.stat().st_size
    assert packed.info == plain.info
    assert packed.str == plain.str


@pytest.mark.skipif(
    shutil.which("gcc") is None or shutil.which("objcopy") is None,
    reason="NOT TESTED, no gcc or objcopy",
)
def test_stripped_object_finds_its_debug_file(tmp_path: Path):
    """Code sections of the debug file are NOBITS, but get the same addresses."""
    source, path = tmp_path / "a.c", tmp_path / "a.ko"
    source.write_text("int x = 5; int y[9]; int f(int n) { return x + y[n]; }\n")
    subprocess.run(
        ["gcc", "-g", "-O2", "-ffunction-sections", "-fdata-sections", "-c", "-o", path, source],
        check=True,
    )
    whole = DwarfSections.of(ElfImage.load(path))
    debug = tmp_path / "a.ko.debug"
    for arguments in (
        ["--only-keep-debug", path, debug],
        ["--strip-debug", path],
        [f"--add-gnu-debuglink={debug}", path],
    ):
        subprocess.run(["objcopy", *arguments], check=True)
    stripped = ElfImage.load(path)
    assert stripped.find_section(".debug_info") is None
    found = DwarfSections.of(stripped)
    assert found.source == str(debug)
    assert found.info == whole.info
    ours, theirs = stripped.sections, found.image.sections
    for name in (".text.f", ".data.x", ".bss.y"):
        mine, its = stripped.find_section(name), found.image.find_section(name)
        assert ours[mine].addr == theirs[its].addr != 0
