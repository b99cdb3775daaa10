"""ELF: the records and numbers that we read and write.

Source: System V ABI, gABI 4.3 (chapters "ELF Header", "Sections", "Symbol Table", "Relocation");
.zdebug and the .gnu_debug* sections: binutils and GDB manuals.

A record is a tuple of (field, format); format is a numpy type without byte order, where A stands
for an address: u4 in 32-bit files, u8 in 64-bit ones, and I for a signed one.
"""

from typing import Final

Record = tuple[tuple[str, str], ...]

MAGIC: Final = b"\x7fELF"
CLASS_32, CLASS_64 = 1, 2
DATA_LSB, DATA_MSB = 1, 2
#: Size in bytes of e_ident, which comes before FILE_HEADER.
IDENT_SIZE: Final = 16

FILE_HEADER: Final[Record] = (
    ("type", "u2"),
    ("machine", "u2"),
    ("version", "u4"),
    ("entry", "A"),
    ("phoff", "A"),
    ("shoff", "A"),
    ("flags", "u4"),
    ("ehsize", "u2"),
    ("phentsize", "u2"),
    ("phnum", "u2"),
    ("shentsize", "u2"),
    ("shnum", "u2"),
    ("shstrndx", "u2"),
)
SECTION_HEADER: Final[Record] = (
    ("name_offset", "u4"),
    ("type", "u4"),
    ("flags", "A"),
    ("addr", "A"),
    ("offset", "A"),
    ("size", "A"),
    ("link", "u4"),
    ("info", "u4"),
    ("addralign", "A"),
    ("entsize", "A"),
)
SYMBOL_32: Final[Record] = (
    ("name_offset", "u4"),
    ("value", "u4"),
    ("size", "u4"),
    ("info", "u1"),
    ("other", "u1"),
    ("section_index", "u2"),
)
SYMBOL_64: Final[Record] = (
    ("name_offset", "u4"),
    ("info", "u1"),
    ("other", "u1"),
    ("section_index", "u2"),
    ("value", "u8"),
    ("size", "u8"),
)
REL: Final[Record] = (("offset", "A"), ("info", "A"))
RELA: Final[Record] = (*REL, ("addend", "I"))
#: 64-bit MIPS splits r_info; the same in both byte orders.
MIPS64_REL: Final[Record] = (
    ("offset", "u8"),
    ("symbol", "u4"),
    ("special", "u1"),
    ("type3", "u1"),
    ("type2", "u1"),
    ("type", "u1"),
)
MIPS64_RELA: Final[Record] = (*MIPS64_REL, ("addend", "i8"))
COMPRESSION_HEADER_32: Final[Record] = (("type", "u4"), ("size", "u4"), ("addralign", "u4"))
COMPRESSION_HEADER_64: Final[Record] = (
    ("type", "u4"),
    ("reserved", "u4"),
    ("size", "u8"),
    ("addralign", "u8"),
)

ET_REL, ET_EXEC, ET_DYN = 1, 2, 3

EM_NONE = 0
EM_SPARC, EM_386, EM_MIPS, EM_SPARC32PLUS, EM_PPC, EM_PPC64, EM_S390 = 2, 3, 8, 18, 20, 21, 22
EM_ARM, EM_SPARCV9, EM_X86_64, EM_AARCH64, EM_RISCV, EM_BPF = 40, 43, 62, 183, 243, 247
EM_LOONGARCH = 258

SHT_NULL, SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA = 0, 1, 2, 3, 4
SHT_NOTE, SHT_NOBITS, SHT_REL, SHT_DYNSYM, SHT_GROUP, SHT_SYMTAB_SHNDX = 7, 8, 9, 11, 17, 18
#: LLVM's compact relocations.
SHT_CREL: Final = 0x40000014
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS, SHF_COMPRESSED = 0x1, 0x2, 0x4, 0x400, 0x800

SHN_UNDEF, SHN_LORESERVE, SHN_ABS, SHN_COMMON, SHN_XINDEX = 0, 0xFF00, 0xFFF1, 0xFFF2, 0xFFFF

STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION, STT_FILE, STT_COMMON, STT_TLS = range(7)
STT_GNU_IFUNC: Final = 10
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2

ELFCOMPRESS_ZLIB, ELFCOMPRESS_ZSTD = 1, 2
#: Starts an old .zdebug_ section; the decompressed size follows as a big-endian u8.
ZDEBUG_MAGIC: Final = b"ZLIB"

#: Owner and type of the note that holds a build-id.
NT_GNU_BUILD_ID: Final = (b"GNU", 3)
