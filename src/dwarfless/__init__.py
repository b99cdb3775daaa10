"""BTF for the whole Linux kernel, and debugging without DWARF."""

__version__ = "0.1.0"
