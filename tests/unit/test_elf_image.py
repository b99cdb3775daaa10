"""ElfImage: sections, symbols, notes, compression."""

import gzip
import lzma
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import support
from build import elf
from build.elf import Elf, Section, Symbol
from dwarfless.elf.headers import Layout
from dwarfless.elf.image import ElfImage
from dwarfless.elf.writer import OutputSection, encode_elf
from dwarfless.errors import ElfError, UnsupportedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LAYOUTS = [(bits, little) for bits in (32, 64) for little in (True, False)]


@pytest.mark.parametrize(("bits", "little"), LAYOUTS)
def test_sections_and_symbols_in_every_layout(bits: int, little: bool):
    """Word size and byte order change nothing that is read."""
    image = ElfImage.of_bytes(
        Elf(
            [
                Section(".text", b"\x90" * 5, flags=elf.ALLOC | elf.EXEC, addr=0x1000, align=16),
                Section(".bss", type=elf.NOBITS, flags=elf.ALLOC, addr=0x2000, size=64),
            ],
            [
                Symbol("main", 0x1001, 4, 1, elf.FUNC, elf.GLOBAL),
                Symbol("limit", 7, 0, elf.ABS, elf.OBJECT),
                Symbol("pool", 8, 32, elf.COMMON, elf.OBJECT, elf.WEAK),
            ],
            bits=bits,
            little=little,
            machine=elf.PPC,
            type=elf.ET_EXEC,
        ).assemble()
    )

    assert (image.is_64, image.little_endian, image.machine, image.type) == (
        bits == 64,
        little,
        elf.PPC,
        elf.ET_EXEC,
    )
    assert image.section_names == ["", ".text", ".bss", ".symtab", ".strtab", ".shstrtab"]
    assert image.find_section(".bss") == 2
    assert image.find_section(".data") is None
    assert bytes(image.section_bytes(1)) == b"\x90" * 5
    assert bytes(image.section_bytes(2)) == b""
    assert [section.addr for section in image.sections[1:3]] == [0x1000, 0x2000]
    assert image.sections[2].size == 64
    symbols = image.symbols()
    assert symbols.value.tolist() == [0, 0x1001, 7, 8]
    assert symbols.size.tolist() == [0, 4, 0, 32]
    assert symbols.section_index.tolist() == [0, 1, elf.ABS, elf.COMMON]
    assert symbols.in_section.tolist() == [False, True, False, False]
    assert symbols.type.tolist() == [0, elf.FUNC, elf.OBJECT, elf.OBJECT]
    assert symbols.binding.tolist() == [0, elf.GLOBAL, 0, elf.WEAK]
    assert [bytes(symbols.strings[at:]).split(b"\0")[0] for at in symbols.name_offset] == [
        b"",
        b"main",
        b"limit",
        b"pool",
    ]


@pytest.mark.parametrize(("bits", "little"), LAYOUTS)
@pytest.mark.parametrize("kind", [elf.ET_REL, elf.ET_EXEC])
def test_functions_are_those_of_the_symbols(bits: int, little: bool, kind: int):
    """They are read apart from the rest; also where an index is extended."""
    text = Section(".text", b"x" * 16, flags=elf.ALLOC, align=16)
    image = ElfImage.of_bytes(
        Elf(
            [*[text] * 0xFF05],
            [
                Symbol("near", 3, section=2, type=elf.FUNC),
                Symbol("far", 5, section=0xFF03, type=elf.FUNC, binding=elf.GLOBAL),
                Symbol("data", 7, section=2, type=elf.OBJECT),
                Symbol("absolute", 9, section=elf.ABS, type=elf.FUNC),
                Symbol("nowhere", 11, type=elf.FUNC),
            ],
            bits=bits,
            little=little,
            type=kind,
        ).assemble()
    )
    strings, offsets, values = image.function_symbols()
    whole = image.symbols()
    functions = whole.type == elf.FUNC
    assert image.num_symbols() == len(whole)
    assert offsets.tolist() == whole.name_offset[functions].tolist()
    assert values.tolist() == whole.value[functions].tolist()
    assert bytes(strings) == bytes(whole.strings)
    assert values[1] == (5 if kind == elf.ET_EXEC else 0x10000 + 32 * 0xFF02 + 5)


def test_no_symbol_table_means_no_symbols():
    """A stripped file has columns too."""
    image = ElfImage.of_bytes(Elf([Section(".text", b"x")]).assemble())
    symbols = image.symbols()
    assert image.num_symbols() == len(image.function_symbols()[1]) == 0
    assert len(symbols) == 0
    assert symbols.value.dtype == np.uint64


def test_relocatable_sections_get_addresses_of_their_own():
    """Aligned, non-zero, apart from each other; symbols follow."""
    image = ElfImage.of_bytes(
        Elf(
            [
                Section(".text", b"x" * 10, flags=elf.ALLOC, align=16),
                Section(".comment", b"gcc"),
                Section(".empty", flags=elf.ALLOC, align=1),
                Section(".bss", type=elf.NOBITS, flags=elf.ALLOC, align=4096, size=5000),
                Section(".data", b"y" * 8, flags=elf.ALLOC, align=8),
            ],
            [Symbol("end", 10, section=1), Symbol("first", 3, section=5), Symbol("gone", 9)],
        ).assemble()
    )

    addresses = [section.addr for section in image.sections[1:6]]
    assert addresses == [0x10000, 0, 0x1000B, 0x11000, 0x12390]
    assert image.symbols().value.tolist() == [0, 0x1000A, 0x12393, 9]


def test_debug_sections_of_one_name_follow_each_other():
    """Their address is their place in the concatenation, counted after decompression."""
    image = ElfImage.of_bytes(
        Elf(
            [
                Section(".debug_info", elf.compressed(b"abc" * 50), flags=elf.COMPRESSED),
                Section(".debug_info", b"defgh"),
                Section(".debug_info", b"i"),
            ]
        ).assemble()
    )
    assert [section.addr for section in image.sections[1:4]] == [0, 150, 155]


def test_more_sections_than_the_header_can_count():
    """Number and name table stand in section 0, symbols use the extended index."""
    many = [Section(".text", b"", flags=elf.ALLOC)] * 65300
    image = ElfImage.of_bytes(
        Elf(
            [*many, Section(".last", b"end", flags=elf.ALLOC)],
            [
                Symbol("far", 2, section=65301),
                Symbol("near", 1, section=1),
                Symbol("three", 3, section=elf.ABS),
            ],
        ).assemble()
    )

    assert len(image.sections) == 65306
    assert image.find_section(".last") == 65301
    symbols = image.symbols()
    assert symbols.section_index.tolist() == [0, 65301, 1, elf.ABS]
    assert symbols.in_section.tolist() == [False, True, True, False]
    assert symbols.value.tolist()[1:] == [
        image.sections[65301].addr + 2,
        image.sections[1].addr + 1,
        3,
    ]


@pytest.mark.parametrize(("bits", "little"), LAYOUTS)
def test_compressed_sections_read_as_plain_ones(bits: int, little: bool):
    """SHF_COMPRESSED and .zdebug_ are undone."""
    content = bytes(range(256)) * 40
    packed = elf.compressed(content, bits=bits, order="<" if little else ">")
    old = b"ZLIB" + len(content).to_bytes(8, "big") + packed[24 if bits == 64 else 12 :]
    image = ElfImage.of_bytes(
        Elf(
            [
                Section(".debug_info", packed, flags=elf.COMPRESSED),
                Section(".zdebug_str", old),
            ],
            bits=bits,
            little=little,
        ).assemble()
    )
    assert image.section_bytes(1) == content
    assert image.section_bytes(2) == content
    assert image.section_bytes(1) is image.section_bytes(1)


def test_unknown_compression_is_unsupported():
    """Method 3 has no meaning yet."""
    image = ElfImage.of_bytes(
        Elf(
            [Section(".debug_info", elf.compressed(b"x", method=3), flags=elf.COMPRESSED)]
        ).assemble(),
        "a.o",
    )
    with pytest.raises(UnsupportedError, match=r"a.o: .debug_info: compression method 3"):
        image.section_bytes(1)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstd.compress])
def test_compressed_files_open(tmp_path: Path, pack):
    """A module may be .ko.gz, .ko.xz or .ko.zst."""
    path = tmp_path / "a.ko.z"
    path.write_bytes(pack(Elf([Section(".BTF", b"types")]).assemble()))
    image = ElfImage.load(path)
    assert bytes(image.section_bytes(1)) == b"types"
    assert image.source == str(path)


def test_notes_and_build_id():
    """All notes are seen; the build-id is GNU's type 3."""
    notes = elf.note(b"Linux", 0x101, b"\0\0\0\0") + elf.note(b"GNU", 3, b"\xab\xcd\xef")
    image = ElfImage.of_bytes(Elf([Section(".notes", notes, type=elf.NOTE)]).assemble())
    assert [(n.owner, n.type, bytes(n.content)) for n in image.iter_notes()] == [
        (b"Linux", 0x101, b"\0\0\0\0"),
        (b"GNU", 3, b"\xab\xcd\xef"),
    ]
    assert image.build_id == b"\xab\xcd\xef"


@pytest.mark.parametrize(("bits", "little"), LAYOUTS)
def test_what_is_written_reads_back(bits: int, little: bool):
    """encode_elf undone by ElfImage."""
    layout = Layout(bits == 64, little)
    made = encode_elf(
        [OutputSection(".BTF", 1, 0, b"12345"), OutputSection(".BTF.base", 1, 2, b"67", 32)],
        layout=layout,
        machine=elf.S390,
    )
    image = ElfImage.of_bytes(made)
    assert image.layout == layout
    assert image.machine == elf.S390
    assert image.section_names == ["", ".BTF", ".BTF.base", ".shstrtab"]
    assert bytes(image.section_bytes(1)) == b"12345"
    assert bytes(image.section_bytes(2)) == b"67"
    assert image.sections[2].offset % 32 == 0
    assert [section.flags for section in image.sections] == [0, 0, 2, 0]


def test_readelf_accepts_what_is_written(tmp_path: Path):
    """No warning from readelf."""
    path = tmp_path / "a.elf"
    path.write_bytes(
        encode_elf([OutputSection(".BTF", 1, 0, b"12345")], layout=Layout(True, True), machine=62)
    )
    done = subprocess.run(["readelf", "-aW", path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert ".BTF" in done.stdout


def test_errors_name_the_place():
    """File, section and offset."""
    with pytest.raises(ElfError, match=r"a.o: ELF header\+0x0: not an ELF file"):
        ElfImage.of_bytes(b"#!/bin/sh", "a.o")
    image = ElfImage.of_bytes(Elf([Section(".text", b"ab", size=1 << 40)]).assemble(), "a.o")
    with pytest.raises(ElfError, match=r"a.o: \.text\+0x0: section at .* outside the file"):
        image.section_bytes(1)


def test_lost_extended_index_is_an_error():
    """A symbol in a far section needs its entry in .symtab_shndx."""
    image = ElfImage.of_bytes(
        Elf([Section(".text")], [Symbol("far", section=0xFFFF)]).assemble(),
        "a.o",
    )
    image.sections = [
        section._replace(type=elf.PROGBITS) if section.type == elf.SYMTAB_SHNDX else section
        for section in image.sections
    ]
    with pytest.raises(ElfError, match=r"a.o: \.symtab\+0x18: symbol lacks its extended"):
        image.symbols()


@pytest.mark.kernel
def test_symbols_of_a_kernel_are_those_of_pyelftools(kernel_path: Path):
    """Each column of each symbol."""
    elffile = pytest.importorskip("elftools.elf.elffile")
    symbols = ElfImage.load(kernel_path).symbols()
    with kernel_path.open("rb") as file:
        table = elffile.ELFFile(file).get_section_by_name(".symtab")
        assert table.num_symbols() == len(symbols)
        for index in range(0, len(symbols), 97):
            theirs = table.get_symbol(index)
            at = int(symbols.name_offset[index])
            end = bytes(symbols.strings[at : at + 4096]).index(b"\0")
            assert bytes(symbols.strings[at : at + end]).decode() == theirs.name
            assert symbols.value[index] == theirs["st_value"]
            assert symbols.size[index] == theirs["st_size"]


@pytest.fixture(scope="module")
def kernel_path() -> Path:
    """Path of a distribution's vmlinux with debug information."""
    return support.kernel("trixie")
