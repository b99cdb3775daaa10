"""Relocations: computed by hand for each machine, and compared with what linkers write."""

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from build import elf
from build.elf import Elf, Reloc, Section, Symbol
from dwarfless.elf.image import ElfImage
from dwarfless.errors import ElfError, UnsupportedError
from support import running_in_ci

# .text starts at 0x10000 and has 0x20 bytes, so .tdata starts at 0x10024.
TEXT, TDATA = 0x10000, 0x10024
FUNCTION, VARIABLE, NOWHERE = 1, 2, 3
SYMBOLS = [
    Symbol("function", 0x10, 0x123, 1, elf.FUNC),
    Symbol("variable", 6, 4, 2, elf.TLS),
    Symbol("nowhere", 0, 0, 0),
]


def relocated(machine: int, relocs: tuple[Reloc, ...], before: bytes, **layout: object) -> bytes:
    """Return what becomes of a debug section holding `before`."""
    sections = [
        Section(".text", bytes(0x20), flags=elf.ALLOC | elf.EXEC, align=16),
        Section(".tdata", bytes(8), flags=elf.ALLOC | elf.TLS_FLAG, align=4),
        Section(".debug_info", before, relocs=relocs),
    ]
    image = ElfImage.of_bytes(
        Elf(sections, SYMBOLS, machine=machine, **layout).assemble(),  # type: ignore[arg-type]
        "a.o",
    )
    assert [section.addr for section in image.sections[1:3]] == [TEXT, TDATA]
    return bytes(image.relocated_bytes(3))


# machine, bits, little-endian, type, what it computes, bytes
ROWS = [
    (elf.X86_64, 64, True, 1, "absolute", 8),
    (elf.X86_64, 64, True, 2, "relative", 4),
    (elf.X86_64, 64, True, 10, "absolute", 4),
    (elf.X86_64, 64, True, 11, "absolute", 4),
    (elf.X86_64, 64, True, 12, "absolute", 2),
    (elf.X86_64, 64, True, 14, "absolute", 1),
    (elf.X86_64, 64, True, 17, "tls", 8),
    (elf.X86_64, 64, True, 21, "tls", 4),
    (elf.X86_64, 64, True, 24, "relative", 8),
    (elf.X86_64, 64, True, 32, "size", 4),
    (elf.X86_64, 64, True, 33, "size", 8),
    (elf.X86_64, 32, True, 10, "absolute", 4),  # x32
    (elf.I386, 32, True, 1, "absolute", 4),
    (elf.I386, 32, True, 2, "relative", 4),
    (elf.I386, 32, True, 32, "tls", 4),
    (elf.AARCH64, 64, True, 257, "absolute", 8),
    (elf.AARCH64, 64, False, 258, "absolute", 4),
    (elf.AARCH64, 64, True, 261, "relative", 4),
    (elf.AARCH64, 64, True, 1029, "tls", 8),
    (elf.ARM, 32, True, 2, "absolute", 4),
    (elf.ARM, 32, False, 3, "relative", 4),
    (elf.ARM, 32, True, 106, "tls", 4),
    (elf.RISCV, 64, True, 1, "absolute", 4),
    (elf.RISCV, 64, True, 2, "absolute", 8),
    (elf.RISCV, 32, True, 1, "absolute", 4),
    (elf.RISCV, 64, True, 55, "absolute", 2),
    (elf.RISCV, 64, True, 57, "relative", 4),
    (elf.RISCV, 64, True, 9, "tls - 0x800", 8),
    (elf.LOONGARCH, 64, True, 1, "absolute", 4),
    (elf.LOONGARCH, 64, True, 2, "absolute", 8),
    (elf.LOONGARCH, 64, True, 99, "relative", 4),
    (elf.LOONGARCH, 64, True, 9, "tls", 8),
    (elf.PPC, 32, False, 1, "absolute", 4),
    (elf.PPC, 32, False, 26, "relative", 4),
    (elf.PPC, 32, False, 78, "tls - 0x8000", 4),
    (elf.PPC64, 64, True, 1, "absolute", 4),
    (elf.PPC64, 64, True, 38, "absolute", 8),
    (elf.PPC64, 64, False, 44, "relative", 8),
    (elf.PPC64, 64, True, 78, "tls - 0x8000", 8),
    (elf.S390, 64, False, 4, "absolute", 4),
    (elf.S390, 64, False, 22, "absolute", 8),
    (elf.S390, 64, False, 5, "relative", 4),
    (elf.S390, 64, False, 53, "tls", 8),
    (elf.MIPS, 32, False, 2, "absolute", 4),
    (elf.MIPS, 32, True, 39, "tls - 0x8000", 4),
    (elf.MIPS, 64, True, 2, "absolute", 4),
    (elf.MIPS, 64, True, 18, "absolute", 8),
    (elf.MIPS, 64, False, 18, "absolute", 8),
    (elf.MIPS, 64, False, 41, "tls - 0x8000", 8),
    (elf.SPARCV9, 64, False, 3, "absolute", 4),
    (elf.SPARCV9, 64, False, 23, "absolute", 4),
    (elf.SPARCV9, 64, False, 54, "absolute", 8),
    (elf.SPARCV9, 64, False, 77, "tls", 8),
]
AT, ADDEND = 3, -5
EXPECTED = {
    "absolute": 0x10010 - 5,
    "relative": 0x10010 - 5 - 3,
    "size": 0x123 - 5,
    "tls": 6 - 5,
    "tls - 0x800": 6 - 5 - 0x800,
    "tls - 0x8000": 6 - 5 - 0x8000,
}


@pytest.mark.parametrize("in_place", [False, True], ids=["rela", "rel"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(map(str, row)))
def test_plain_relocations(row, in_place: bool):
    """S + A and its kin, at an odd place, neighbours untouched; addends of both kinds."""
    machine, bits, little, kind, compute, size = row
    order = "little" if little else "big"
    symbol = VARIABLE if "tls" in compute else FUNCTION
    old = (ADDEND if in_place else 0x5A) % (1 << 8 * size)
    before = b"\xaa" * AT + old.to_bytes(size, order) + b"\xbb" * 4
    reloc = Reloc(AT, kind, symbol, None if in_place else ADDEND)

    after = relocated(machine, (reloc,), before, bits=bits, little=little)

    new = EXPECTED[compute] % (1 << 8 * size)
    assert after == b"\xaa" * AT + new.to_bytes(size, order) + b"\xbb" * 4


@pytest.mark.parametrize(
    ("machine", "kinds"),
    [
        (elf.RISCV, ((33, 37), (34, 38), (35, 39), (36, 40))),
        (elf.LOONGARCH, ((47, 52), (48, 53), (50, 55), (51, 56))),
    ],
)
def test_label_differences(machine: int, kinds):
    """A pair that adds one label and takes the other away, in every width."""
    for (add, sub), size in zip(kinds, (1, 2, 4, 8), strict=True):
        pair = (Reloc(1, add, FUNCTION, 0x30), Reloc(1, sub, FUNCTION, 0x10))
        after = relocated(machine, pair, b"\xaa" + (3).to_bytes(size, "little") + b"\xbb")
        assert after == b"\xaa" + (0x23).to_bytes(size, "little") + b"\xbb"


def test_low_six_bits():
    """DW_CFA_advance_loc keeps its opcode in the upper two bits."""
    pair = (Reloc(0, 53, FUNCTION, 0x21), Reloc(0, 52, FUNCTION, 2))
    assert relocated(elf.RISCV, pair, b"\x40") == b"\x5f"
    pair = (Reloc(0, 105, FUNCTION, 0x21), Reloc(0, 106, FUNCTION, 2))
    assert relocated(elf.LOONGARCH, pair, b"\x41") == b"\x60"


def test_uleb128_differences_keep_their_length():
    """RISC-V sets, LoongArch adds to what is there; both subtract."""
    pair = (Reloc(1, 61, FUNCTION, 0), Reloc(1, 60, FUNCTION, 0x81))
    assert relocated(elf.RISCV, pair, b"\xaa\xff\x80\x00\xbb") == b"\xaa\x81\x81\x00\xbb"
    pair = (Reloc(1, 107, FUNCTION, 0x81), Reloc(1, 108, FUNCTION, 0))
    assert relocated(elf.LOONGARCH, pair, b"\xaa\x81\x00\xbb") == b"\xaa\x82\x01\xbb"


def test_64_bit_sparc_types_are_a_byte():
    """The rest of the type word is data of its own."""
    assert relocated(
        elf.SPARCV9, (Reloc(0, 0x1234_03, FUNCTION, 1),), bytes(4), little=False
    ) == bytes.fromhex("00010011")


def test_common_and_undefined_symbols_are_zero():
    """A common symbol's value is its alignment, no address."""
    assert relocated(elf.X86_64, (Reloc(0, 1, NOWHERE, 7),), bytes(8)) == b"\7" + bytes(7)
    image = ElfImage.of_bytes(
        Elf(
            [Section(".debug_info", bytes(8), relocs=(Reloc(0, 1, 1, 7),))],
            [Symbol("pool", 32, 8, elf.COMMON, elf.OBJECT)],
        ).assemble()
    )
    assert bytes(image.relocated_bytes(1)) == b"\7" + bytes(7)


@pytest.mark.parametrize("odd", [(), (Reloc(24, 2, FUNCTION, 1),), (Reloc(24, 14, FUNCTION, 1),)])
def test_one_odd_relocation_changes_no_other(odd: tuple[Reloc, ...]):
    """Plain ones are applied in one pass; with others among them, a type at a time."""
    plain = (Reloc(0, 1, FUNCTION, 7), Reloc(8, 10, FUNCTION, -1), Reloc(20, 0, FUNCTION, 5))
    last = Reloc(12, 11, FUNCTION, 2)
    found = relocated(elf.X86_64, (*plain, *odd, last), bytes(32))
    address = TEXT + 0x10
    stored = {2: address + 1 - 24, 14: (address + 1) & 0xFF}
    expected = struct.pack(
        "<QIIQII", address + 7, address - 1, address + 2, 0, stored[odd[0].type] if odd else 0, 0
    )
    assert found == expected


def test_references_follow_joined_sections():
    """A reference into the second .debug_abbrev counts from the start of the first."""
    image = ElfImage.of_bytes(
        Elf(
            [
                Section(".debug_abbrev", b"abc"),
                Section(".debug_abbrev", elf.compressed(b"defg"), flags=elf.COMPRESSED),
                Section(".debug_info", bytes(8), relocs=(Reloc(0, 10, 1, 0), Reloc(4, 10, 2, 1))),
            ],
            [Symbol(section=1, type=elf.SECTION), Symbol(section=2, type=elf.SECTION)],
        ).assemble()
    )
    assert bytes(image.relocated_bytes(3)) == bytes([0, 0, 0, 0, 4, 0, 0, 0])


def test_linked_files_are_not_relocated_again():
    """What --emit-relocs leaves is applied already."""
    reloc = (Reloc(0, 1, FUNCTION, 7),)
    made = Elf(
        [Section(".debug_info", bytes(8), relocs=reloc)], [Symbol("f", 1, 0, 1)], type=elf.ET_EXEC
    ).assemble()
    image = ElfImage.of_bytes(made)
    assert bytes(image.relocated_bytes(1)) == bytes(8)


def test_the_original_stays_as_it_is():
    """section_bytes still shows the file."""
    image = ElfImage.of_bytes(
        Elf(
            [Section(".debug_info", bytes(8), relocs=(Reloc(0, 1, 1, 7),))],
            [Symbol("f", 1, 0, elf.ABS)],
        ).assemble()
    )
    assert bytes(image.relocated_bytes(1)) == b"\x08" + bytes(7)
    assert bytes(image.section_bytes(1)) == bytes(8)


def test_what_we_do_not_know_is_named():
    """Type, machine and place."""
    with pytest.raises(
        UnsupportedError, match=r"a.o: .debug_info\+0x4: .* type 99 for machine 62"
    ):
        relocated(elf.X86_64, (Reloc(0, 1, FUNCTION), Reloc(4, 99, FUNCTION)), bytes(12))
    with pytest.raises(UnsupportedError, match=r"a.o: .debug_info: .* machine 4711"):
        relocated(4711, (Reloc(0, 1, FUNCTION),), bytes(12))


@pytest.mark.parametrize(
    ("reloc", "problem"),
    [
        (Reloc(5, 1, FUNCTION), r"\.debug_info\+0x5: R_X86_64_64 lies outside"),
        (Reloc(1 << 63, 1, FUNCTION), r"\+0x8000000000000000: R_X86_64_64 lies outside"),
        (Reloc(0, 1, 77), r"\.debug_info\+0x0: relocation names symbol 77 of 4"),
    ],
)
def test_lies_are_refused(reloc: Reloc, problem: str):
    """Nothing outside the section is touched."""
    with pytest.raises(ElfError, match=problem):
        relocated(elf.X86_64, (reloc,), bytes(12))


def test_uleb128_without_end():
    """Neither past the section nor past 64 bits."""
    with pytest.raises(ElfError, match="runs past the end"):
        relocated(elf.RISCV, (Reloc(1, 60, FUNCTION),), b"\x80\x80")
    with pytest.raises(ElfError, match="exceeds 64 bits"):
        relocated(elf.RISCV, (Reloc(1, 60, FUNCTION),), b"\x80" * 40)


COMPILERS = [
    "gcc",
    "aarch64-linux-gnu-gcc",
    "arm-linux-gnueabihf-gcc",
    "i686-linux-gnu-gcc",
    "mips-linux-gnu-gcc",
    "mips64el-linux-gnuabi64-gcc",
    "powerpc-linux-gnu-gcc",
    "powerpc64-linux-gnu-gcc",
    "powerpc64le-linux-gnu-gcc",
    "riscv64-linux-gnu-gcc",
    "s390x-linux-gnu-gcc",
    "sparc64-linux-gnu-gcc",
]
FLAGS = [
    ("-O2",),
    ("-O2", "-gdwarf-4", "-fdebug-types-section"),
    ("-O1", "-gdwarf-5", "-fdebug-types-section", "-ffunction-sections", "-gz=zlib"),
]
SOURCE = """
struct point { int x, y; struct point *next; };
enum color { RED, GREEN = 7 };
static __thread int early;
__thread int late = 3;
int pool[40];
extern int outside, call(struct point *, enum color);
__attribute__((section(".init.text"))) int start(struct point *p)
{
    struct point q = { .x = outside, .y = late, .next = p };
    return call(&q, GREEN) + early++;
}
static inline int sum(const int *v, int n)
{
    int s = 0;
    for (int i = 0; i < n; i++) s += v[i];
    return s;
}
int main(int argc, char **argv)
{
    struct point p = { argc, sum(pool, 40), 0 };
    return argc > 3 ? call(&p, RED) + start(&p) : argv[0][0];
}
"""


def linked_at_our_addresses(image: ElfImage, compiler: str) -> ElfImage:
    """Return what the linker makes of an object, with sections where ElfImage puts them."""
    lines = []
    for name, section in zip(image.section_names, image.sections, strict=True):
        if section.flags & elf.ALLOC and name != ".note.gnu.property":
            lines.append(f'"{name}" {section.addr:#x} : {{ *("{name}") }}')
    for name in dict.fromkeys(image.section_names):
        if name.startswith(".debug_"):
            lines.append(f"{name} 0 : {{ *({name}) }}")
    script, linked = f"{image.source}.ld", f"{image.source}.linked"
    Path(script).write_text("SECTIONS {\n" + "\n".join(lines) + "\n}\n")
    relax = ["--no-relax"] if compiler.startswith(("riscv", "sparc")) else []
    subprocess.run(
        [
            compiler.replace("gcc", "ld"),
            "-T",
            script,
            "-o",
            linked,
            *relax,
            "-e",
            "0",
            "--unresolved-symbols=ignore-all",
            image.source,
        ],
        check=True,
        capture_output=True,
    )
    return ElfImage.load(linked)


@pytest.mark.parametrize("flags", FLAGS, ids=" ".join)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_linker_leaves_the_same_bytes(tmp_path: Path, compiler: str, flags: tuple[str, ...]):
    """Every debug section of an object, against the same object linked."""
    if shutil.which(compiler) is None:
        (pytest.fail if running_in_ci() else pytest.skip)(f"NOT TESTED, no {compiler}")
    path = tmp_path / "a.o"
    (tmp_path / "a.c").write_text(SOURCE)
    subprocess.run(
        [compiler, "-g", "-c", "-fno-pic", *flags, "-o", path, tmp_path / "a.c"], check=True
    )
    # Merged strings would move.
    keep = [
        f"--set-section-flags={name}=readonly,debug" for name in (".debug_str", ".debug_line_str")
    ]
    subprocess.run([compiler.replace("gcc", "objcopy"), *keep, path], check=True)
    ours = ElfImage.load(path)
    theirs = linked_at_our_addresses(ours, compiler)

    names = [name for name in dict.fromkeys(ours.section_names) if name.startswith(".debug_")]
    assert ".debug_info" in names
    for name in names:
        parts = [
            bytes(ours.relocated_bytes(index))
            for index, other in enumerate(ours.section_names)
            if other == name
        ]
        index = theirs.find_section(name)
        assert index is not None
        assert b"".join(parts) == bytes(theirs.section_bytes(index)), name
