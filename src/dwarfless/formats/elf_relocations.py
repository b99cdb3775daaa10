"""Relocation types that occur in debug sections, by machine.

A row is type: (name, what to compute, how to store, field). With the ABIs' letters S (symbol),
A (addend), P (place):

    compute  absolute S + A          relative S + A - P
             size     symbol size + A
             tls      S + A - start of the TLS block - TLS_BIAS of the machine
    store    set: overwrite          add, sub: change what is there, modulo the field's size
    field    1, 2, 4, 8 bytes; LOW_6: the low six bits of a byte; ULEB128: of unchanged length

Sources: the psABI of each machine; their numbers are also in glibc's elf.h.
"""

from typing import Final, NamedTuple

from dwarfless.formats import elf

__all__ = ["LOW_6", "RELOCATIONS", "TLS_BIAS", "ULEB128", "Relocation"]

LOW_6, ULEB128 = 6, 128


class Relocation(NamedTuple):
    """What a relocation type does."""

    name: str
    compute: str
    store: str = "set"
    field: int = 0


def _absolute(name: str, size: int) -> Relocation:
    return Relocation(name, "absolute", "set", size)


def _relative(name: str, size: int) -> Relocation:
    return Relocation(name, "relative", "set", size)


def _tls(name: str, size: int) -> Relocation:
    return Relocation(name, "tls", "set", size)


def _size(name: str, size: int) -> Relocation:
    return Relocation(name, "size", "set", size)


def _change(name: str, store: str, field: int) -> Relocation:
    return Relocation(name, "absolute", store, field)


def _nothing(name: str) -> Relocation:
    return Relocation(name, "nothing")


_X86_64 = {
    0: _nothing("R_X86_64_NONE"),
    1: _absolute("R_X86_64_64", 8),
    2: _relative("R_X86_64_PC32", 4),
    10: _absolute("R_X86_64_32", 4),
    11: _absolute("R_X86_64_32S", 4),
    12: _absolute("R_X86_64_16", 2),
    13: _relative("R_X86_64_PC16", 2),
    14: _absolute("R_X86_64_8", 1),
    15: _relative("R_X86_64_PC8", 1),
    17: _tls("R_X86_64_DTPOFF64", 8),
    21: _tls("R_X86_64_DTPOFF32", 4),
    24: _relative("R_X86_64_PC64", 8),
    32: _size("R_X86_64_SIZE32", 4),
    33: _size("R_X86_64_SIZE64", 8),
}
_386 = {
    0: _nothing("R_386_NONE"),
    1: _absolute("R_386_32", 4),
    2: _relative("R_386_PC32", 4),
    20: _absolute("R_386_16", 2),
    21: _relative("R_386_PC16", 2),
    22: _absolute("R_386_8", 1),
    23: _relative("R_386_PC8", 1),
    32: _tls("R_386_TLS_LDO_32", 4),
    38: _size("R_386_SIZE32", 4),
}
_AARCH64 = {
    0: _nothing("R_AARCH64_NONE"),
    256: _nothing("R_AARCH64_NONE"),  # its number in early toolchains
    257: _absolute("R_AARCH64_ABS64", 8),
    258: _absolute("R_AARCH64_ABS32", 4),
    259: _absolute("R_AARCH64_ABS16", 2),
    260: _relative("R_AARCH64_PREL64", 8),
    261: _relative("R_AARCH64_PREL32", 4),
    262: _relative("R_AARCH64_PREL16", 2),
    1029: _tls("R_AARCH64_TLS_DTPREL", 8),
}
_ARM = {
    0: _nothing("R_ARM_NONE"),
    2: _absolute("R_ARM_ABS32", 4),
    3: _relative("R_ARM_REL32", 4),
    5: _absolute("R_ARM_ABS16", 2),
    8: _absolute("R_ARM_ABS8", 1),
    38: _absolute("R_ARM_TARGET1", 4),
    106: _tls("R_ARM_TLS_LDO32", 4),
}
_RISCV = {
    0: _nothing("R_RISCV_NONE"),
    1: _absolute("R_RISCV_32", 4),
    2: _absolute("R_RISCV_64", 8),
    8: _tls("R_RISCV_TLS_DTPREL32", 4),
    9: _tls("R_RISCV_TLS_DTPREL64", 8),
    33: _change("R_RISCV_ADD8", "add", 1),
    34: _change("R_RISCV_ADD16", "add", 2),
    35: _change("R_RISCV_ADD32", "add", 4),
    36: _change("R_RISCV_ADD64", "add", 8),
    37: _change("R_RISCV_SUB8", "sub", 1),
    38: _change("R_RISCV_SUB16", "sub", 2),
    39: _change("R_RISCV_SUB32", "sub", 4),
    40: _change("R_RISCV_SUB64", "sub", 8),
    51: _nothing("R_RISCV_RELAX"),
    52: _change("R_RISCV_SUB6", "sub", LOW_6),
    53: _change("R_RISCV_SET6", "set", LOW_6),
    54: _absolute("R_RISCV_SET8", 1),
    55: _absolute("R_RISCV_SET16", 2),
    56: _absolute("R_RISCV_SET32", 4),
    57: _relative("R_RISCV_32_PCREL", 4),
    60: _change("R_RISCV_SET_ULEB128", "set", ULEB128),
    61: _change("R_RISCV_SUB_ULEB128", "sub", ULEB128),
}
_LOONGARCH = {
    0: _nothing("R_LARCH_NONE"),
    1: _absolute("R_LARCH_32", 4),
    2: _absolute("R_LARCH_64", 8),
    8: _tls("R_LARCH_TLS_DTPREL32", 4),
    9: _tls("R_LARCH_TLS_DTPREL64", 8),
    47: _change("R_LARCH_ADD8", "add", 1),
    48: _change("R_LARCH_ADD16", "add", 2),
    50: _change("R_LARCH_ADD32", "add", 4),
    51: _change("R_LARCH_ADD64", "add", 8),
    52: _change("R_LARCH_SUB8", "sub", 1),
    53: _change("R_LARCH_SUB16", "sub", 2),
    55: _change("R_LARCH_SUB32", "sub", 4),
    56: _change("R_LARCH_SUB64", "sub", 8),
    99: _relative("R_LARCH_32_PCREL", 4),
    100: _nothing("R_LARCH_RELAX"),
    105: _change("R_LARCH_ADD6", "add", LOW_6),
    106: _change("R_LARCH_SUB6", "sub", LOW_6),
    107: _change("R_LARCH_ADD_ULEB128", "add", ULEB128),
    108: _change("R_LARCH_SUB_ULEB128", "sub", ULEB128),
    109: _relative("R_LARCH_64_PCREL", 8),
}
_PPC = {
    0: _nothing("R_PPC_NONE"),
    1: _absolute("R_PPC_ADDR32", 4),
    3: _absolute("R_PPC_ADDR16", 2),
    24: _absolute("R_PPC_UADDR32", 4),
    25: _absolute("R_PPC_UADDR16", 2),
    26: _relative("R_PPC_REL32", 4),
    78: _tls("R_PPC_DTPREL32", 4),
}
_PPC64 = {
    0: _nothing("R_PPC64_NONE"),
    1: _absolute("R_PPC64_ADDR32", 4),
    3: _absolute("R_PPC64_ADDR16", 2),
    24: _absolute("R_PPC64_UADDR32", 4),
    25: _absolute("R_PPC64_UADDR16", 2),
    26: _relative("R_PPC64_REL32", 4),
    38: _absolute("R_PPC64_ADDR64", 8),
    43: _absolute("R_PPC64_UADDR64", 8),
    44: _relative("R_PPC64_REL64", 8),
    78: _tls("R_PPC64_DTPREL64", 8),
}
_S390 = {
    0: _nothing("R_390_NONE"),
    1: _absolute("R_390_8", 1),
    3: _absolute("R_390_16", 2),
    4: _absolute("R_390_32", 4),
    5: _relative("R_390_PC32", 4),
    16: _relative("R_390_PC16", 2),
    22: _absolute("R_390_64", 8),
    23: _relative("R_390_PC64", 8),
    52: _tls("R_390_TLS_LDO32", 4),
    53: _tls("R_390_TLS_LDO64", 8),
}
_MIPS = {
    0: _nothing("R_MIPS_NONE"),
    1: _absolute("R_MIPS_16", 2),
    2: _absolute("R_MIPS_32", 4),
    18: _absolute("R_MIPS_64", 8),
    39: _tls("R_MIPS_TLS_DTPREL32", 4),
    41: _tls("R_MIPS_TLS_DTPREL64", 8),
    248: _relative("R_MIPS_PC32", 4),
}
_SPARC = {
    0: _nothing("R_SPARC_NONE"),
    1: _absolute("R_SPARC_8", 1),
    2: _absolute("R_SPARC_16", 2),
    3: _absolute("R_SPARC_32", 4),
    4: _relative("R_SPARC_DISP8", 1),
    5: _relative("R_SPARC_DISP16", 2),
    6: _relative("R_SPARC_DISP32", 4),
    23: _absolute("R_SPARC_UA32", 4),
    32: _absolute("R_SPARC_64", 8),
    46: _relative("R_SPARC_DISP64", 8),
    54: _absolute("R_SPARC_UA64", 8),
    55: _absolute("R_SPARC_UA16", 2),
    76: _tls("R_SPARC_TLS_DTPOFF32", 4),
    77: _tls("R_SPARC_TLS_DTPOFF64", 8),
}

#: Machine to relocation type to row.
RELOCATIONS: Final[dict[int, dict[int, Relocation]]] = {
    elf.EM_386: _386,
    elf.EM_X86_64: _X86_64,
    elf.EM_ARM: _ARM,
    elf.EM_AARCH64: _AARCH64,
    elf.EM_RISCV: _RISCV,
    elf.EM_LOONGARCH: _LOONGARCH,
    elf.EM_PPC: _PPC,
    elf.EM_PPC64: _PPC64,
    elf.EM_S390: _S390,
    elf.EM_MIPS: _MIPS,
    elf.EM_SPARC: _SPARC,
    elf.EM_SPARC32PLUS: _SPARC,
    elf.EM_SPARCV9: _SPARC,
}

#: How far a DTP-relative value lies below the offset in the TLS block, in bytes. Compilers add
#: the same number to the addend, so that debug information holds plain offsets.
TLS_BIAS: Final = {
    elf.EM_MIPS: 0x8000,
    elf.EM_PPC: 0x8000,
    elf.EM_PPC64: 0x8000,
    elf.EM_RISCV: 0x800,
}
