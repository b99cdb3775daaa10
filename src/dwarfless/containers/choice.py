"""What BTF is written into, as its path says."""

import os
import stat
from typing import Final

__all__ = ["FORMATS", "format_of"]

#: Format -> the suffix of its files.
FORMATS: Final = {"raw": ".btf", "elf": ".elf"}


def format_of(path: str | os.PathLike[str]) -> str:
    """Return the format that a path asks for.

    .btf is raw, and so is what is no file: standard output, a pipe, a device. .ko is a module,
    compressed or not. All else is ELF.

    >>> format_of("vmlinux-extra.btf"), format_of("vmlinux-extra"), format_of("-")
    ('raw', 'elf', 'raw')
    """
    name = os.fspath(path)
    if name == "-" or name.lower().endswith(".btf"):
        return "raw"
    if name.endswith((".ko", ".ko.xz", ".ko.zst")):
        return "module"
    try:
        return "elf" if stat.S_ISREG(os.stat(name).st_mode) else "raw"
    except OSError:
        return "elf"
