"""Assemble the core file of a Linux kernel.

In:  what VMCOREINFO says, and memory by virtual addresses.
Out: an ELF core file, as kdump writes it.
"""

import struct
from collections.abc import Mapping

__all__ = ["assemble"]

ET_CORE, X86_64, LOAD, NOTE = 4, 62, 1, 4
#: A segment that has no physical address.
NO_ADDRESS = (1 << 64) - 1


def assemble(vmcoreinfo: Mapping[str, object], memory: Mapping[int, bytes]) -> bytes:
    """Return the file; the note comes first, the memory last."""
    text = "".join(f"{key}={value}\n" for key, value in vmcoreinfo.items()).encode()
    owner = b"VMCOREINFO\0"
    note = struct.pack("<III", len(owner), len(text), 0)
    note += owner.ljust(12, b"\0") + text + bytes(-len(text) % 4)
    number = 1 + len(memory)
    at = 64 + 56 * number
    header = struct.pack("<4s5B7x", b"\x7fELF", 2, 1, 1, 0, 0)
    header += struct.pack(
        "<HHIQQQIHHHHHH", ET_CORE, X86_64, 1, 0, 64, 0, 0, 64, 56, number, 0, 0, 0
    )
    header += struct.pack("<IIQQQQQQ", NOTE, 0, at, 0, 0, len(note), len(note), 4)
    at += len(note)
    for address, content in memory.items():
        size = len(content)
        header += struct.pack("<IIQQQQQQ", LOAD, 6, at, address, NO_ADDRESS, size, size, 1)
        at += size
    return header + note + b"".join(memory.values())
