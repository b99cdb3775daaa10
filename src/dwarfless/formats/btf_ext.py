""".BTF.ext: what a BPF object says of its instructions.

Source: struct btf_ext_header and bpf_core_relo in include/uapi/linux/bpf.h and tools/lib/bpf of
Linux; Documentation/bpf/btf.rst; enum bpf_core_relo_kind.
"""

from enum import IntEnum
from typing import Final

__all__ = ["HEADER_SIZE", "HEADER_SIZE_RELOCATIONS", "RECORD_SIZES", "RelocationKind"]

#: Bytes of the header up to line_info_len, and with core_relo_off and core_relo_len.
HEADER_SIZE: Final = 24
HEADER_SIZE_RELOCATIONS: Final = 32
#: Least bytes of a record of functions, lines and relocations; compilers may write longer ones.
RECORD_SIZES: Final = (8, 16, 16)


class RelocationKind(IntEnum):
    """What an instruction wants to know of the kernel's types."""

    BYTE_OFFSET = 0
    BYTE_SIZE = 1
    FIELD_EXISTS = 2
    SIGNED = 3
    LEFT_SHIFT = 4
    RIGHT_SHIFT = 5
    LOCAL_TYPE_ID = 6
    TARGET_TYPE_ID = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUMERATOR_EXISTS = 10
    ENUMERATOR_VALUE = 11
    TYPE_MATCHES = 12
