"""Truncated, mutated and lying ELF files: only DwarflessError escapes, memory stays small."""

import os
import random
import struct
import tracemalloc
from collections.abc import Callable

import pytest

from build import elf
from build.elf import Elf, Reloc, Section, Symbol
from dwarfless.dwarf.sections import DwarfSections
from dwarfless.elf.image import ElfImage
from dwarfless.errors import DwarflessError, ElfError

#: No input here is larger than some kilobytes.
MEMORY = 8 << 20


def sample(bits: int = 64, little: bool = True, machine: int = elf.RISCV) -> bytes:
    """Return a small file with a bit of everything."""
    order = "<" if little else ">"
    packed = elf.compressed(b"units" * 20, bits=bits, order=order)
    kind = 1 if machine == elf.X86_64 else 2
    return Elf(
        [
            Section(".text", bytes(16), flags=elf.ALLOC, align=16),
            Section(".debug_info", packed, flags=elf.COMPRESSED, relocs=(Reloc(8, kind, 1, 4),)),
            Section(".debug_info", bytes(12), relocs=(Reloc(0, kind, 2, 4), Reloc(8, 61, 1))),
            Section(".zdebug_str", b"ZLIB" + (100).to_bytes(8, "big") + packed[-20:]),
            Section(".notes", elf.note(b"GNU", 3, b"abcd", order), type=elf.NOTE),
            Section(".gnu_debuglink", b"a.debug\0\1\2\3\4"),
        ],
        [Symbol("f", 4, 4, 1, elf.FUNC), Symbol("g", 4, 4, 3), Symbol("h", 4, 4, 1)],
        bits=bits,
        little=little,
        machine=machine,
    ).assemble()


def read_everything(content: bytes) -> None:
    """Touch all that ElfImage offers; refuse nothing but by DwarflessError."""
    try:
        image = ElfImage.of_bytes(content)
    except DwarflessError:
        return
    steps: list[Callable[[], object]] = [
        image.symbols,
        lambda: list(image.iter_notes()),
        lambda: image.build_id,
        lambda: DwarfSections.of(image),
    ]
    for index in range(len(image.sections)):
        steps += [
            lambda index=index: image.section_bytes(index),  # type: ignore[misc]
            lambda index=index: image.relocated_bytes(index),  # type: ignore[misc]
        ]
    for step in steps:
        try:
            step()
        except DwarflessError:
            continue


@pytest.mark.parametrize("bits", [32, 64])
def test_cut_off_anywhere(bits: int):
    """At every byte."""
    content = sample(bits)
    for end in range(len(content)):
        read_everything(content[:end])


@pytest.mark.parametrize(
    ("bits", "little", "machine"),
    [
        (64, True, elf.RISCV),
        (64, True, elf.X86_64),
        (32, False, elf.RISCV),
        (64, False, elf.MIPS),
        (64, False, elf.SPARCV9),
    ],
)
def test_each_byte_mutated(bits: int, little: bool, machine: int):
    """A bit flipped, all bits set, all cleared."""
    content = sample(bits, little, machine)
    for at in range(len(content)):
        for value in (content[at] ^ 1 << at % 8, 0xFF, 0):
            read_everything(content[:at] + bytes([value]) + content[at + 1 :])


def test_several_bytes_mutated():
    """Words of extreme values at random places; the same on every run."""
    rng = random.Random(4)
    content = sample()
    extremes = [
        struct.pack("<Q", value)
        for value in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 32, 1 << 63, (1 << 64) - 1, 0xFFFF)
    ]
    for _ in range(3000):
        made = bytearray(content)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(made) - 8)
            width = rng.choice((1, 2, 4, 8))
            made[at : at + width] = rng.choice(extremes)[:width]
        read_everything(bytes(made))


LIES = {
    "number of sections": Elf([Section("x" * 100)]).assemble()[:60] + bytes(2) + bytes(2),
    "decompressed size": Elf(
        [Section(".debug_info", elf.compressed(b"x", size=1 << 62), flags=elf.COMPRESSED)]
    ).assemble(),
    "size within reason": Elf(
        [Section(".debug_info", elf.compressed(b"x", size=60 << 20), flags=elf.COMPRESSED)]
    ).assemble(),
    "old decompressed size": Elf([Section(".zdebug_info", b"ZLIB" + b"\xff" * 8)]).assemble(),
    "size of NOBITS": Elf(
        [Section(".bss", type=elf.NOBITS, flags=elf.ALLOC, size=(1 << 64) - 1)]
    ).assemble(),
    "alignment": Elf(
        [
            Section(".text", flags=elf.ALLOC, align=1 << 63),
            Section(".text", flags=elf.ALLOC, align=1 << 63),
        ]
    ).assemble(),
}


@pytest.mark.parametrize("content", LIES.values(), ids=LIES)
def test_lies_allocate_nothing(content: bytes):
    """What a header promises isn't believed."""
    tracemalloc.start()
    try:
        read_everything(content)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def test_overlapping_names_are_refused():
    """Thousands of names that are tails of one long string would fill the memory."""
    count = 20000
    strings = b"a" * (1 << 20) + b"\0"
    body = bytearray(Elf([Section(".text")]).assemble()[:64]) + strings
    headers = bytearray()
    for index in range(count):
        headers += struct.pack("<IIQQQQIIQQ", index + 1, 3, 0, 0, 64, len(strings), 0, 0, 1, 0)
    struct.pack_into("<Q", body, 40, len(body))
    struct.pack_into("<HH", body, 60, count, 1)
    with pytest.raises(ElfError, match="section names overlap without end"):
        ElfImage.of_bytes(bytes(body + headers))


def test_wrong_size_after_decompression():
    """Too long, too short, cut off, damaged."""
    good = elf.compressed(b"x" * 100)[24:]
    for size, stream in (
        (99, good),
        (101, good),
        (100, good[:-1]),
        (100, b"?" + good[1:]),
        (100, b""),
    ):
        packed = elf.compressed(b"", size=size, stream=stream)
        image = ElfImage.of_bytes(
            Elf([Section(".debug_info", packed, flags=elf.COMPRESSED)]).assemble(), "a.o"
        )
        with pytest.raises(ElfError, match=r"a.o: \.debug_info\+0x0: .*decompress"):
            image.section_bytes(1)


def test_many_streams_are_joined_in_order():
    """Linkers compress in parallel and write the streams one after the other."""
    stream = elf.compressed(b"ab")[24:] + elf.compressed(b"cd")[24:] + b"\0" * 3
    packed = elf.compressed(b"", size=4, stream=stream)
    image = ElfImage.of_bytes(
        Elf([Section(".debug_info", packed, flags=elf.COMPRESSED)]).assemble()
    )
    assert image.section_bytes(1) == b"abcd"


@pytest.mark.parametrize("magic", [b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b""])
def test_what_is_no_elf_at_all(magic: bytes, tmp_path):
    """Noise behind each magic number, and empty files."""
    path = tmp_path / "noise"
    for size in (0, 1, 100, 100000):
        path.write_bytes(magic + random.Random(size).randbytes(size) if size else b"")
        with pytest.raises(ElfError):
            ElfImage.load(os.fspath(path))
