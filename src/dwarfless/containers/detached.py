"""Raw BTF files: detached .btf files and /sys/kernel/btf."""

from dwarfless.formats.btf import MAGIC

__all__ = ["is_btf"]


def is_btf(start: bytes) -> bool:
    """Return whether bytes start with BTF's magic number, in either order."""
    return len(start) >= 2 and MAGIC in (start[0] | start[1] << 8, start[0] << 8 | start[1])
