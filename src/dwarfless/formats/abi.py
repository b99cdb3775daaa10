"""Where the calling conventions put a function's first arguments, by ELF machine.

Registers are DWARF's numbers. Sources: System V ABI AMD64 (3.2.3, figure 3.36), AAPCS32 and
AADWARF32, AAPCS64 and AADWARF64, s390x ELF ABI 1.6; for the machines with a count alone the
number of argument registers of their psABI. Which machines have what is pahole 1.32's choice:
a verdict about a function depends on it.
"""

from typing import Final, NamedTuple

from dwarfless.formats import elf

__all__ = ["PARAMETER_ABI", "ParameterAbi", "parameter_abi"]


class ParameterAbi(NamedTuple):
    """How parameters are passed.

    Attributes:
        num_registers: How many words go in registers; 0 where we don't know.
        registers: Their DWARF numbers, or () where only the number is known.
        pairs: Whether an aggregate of two words takes two of them.
    """

    num_registers: int = 0
    registers: tuple[int, ...] = ()
    pairs: bool = True


_EIGHT: Final = ParameterAbi(8)

PARAMETER_ABI: Final[dict[int, ParameterAbi]] = {
    elf.EM_X86_64: ParameterAbi(6, (5, 4, 1, 2, 8, 9)),  # rdi rsi rdx rcx r8 r9
    elf.EM_AARCH64: ParameterAbi(8, tuple(range(8))),  # x0-x7
    elf.EM_ARM: ParameterAbi(8, tuple(range(8))),  # r0-r7, though AAPCS32 has r0-r3
    elf.EM_S390: ParameterAbi(5, (2, 3, 4, 5, 6), pairs=False),  # r2-r6
    elf.EM_SPARC: ParameterAbi(6),
    elf.EM_SPARCV9: ParameterAbi(6),
    45: _EIGHT,  # EM_ARC
    elf.EM_MIPS: _EIGHT,
    elf.EM_PPC: _EIGHT,
    elf.EM_PPC64: _EIGHT,
    elf.EM_RISCV: _EIGHT,
}


def parameter_abi(machine: int) -> ParameterAbi:
    """Return how a machine passes parameters; one that knows nothing if we don't."""
    return PARAMETER_ABI.get(machine, ParameterAbi())
