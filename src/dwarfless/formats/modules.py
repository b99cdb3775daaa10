"""Names of kernel modules.

Source: scripts/Makefile.lib of Linux, name-fix: a dash becomes an underscore.
"""

import os

__all__ = ["kernel_name"]


def kernel_name(path: str | os.PathLike[str]) -> str:
    """Return the name the kernel gives a module's file.

    >>> kernel_name("kernel/drivers/nvme/host/nvme-tcp.ko")
    'nvme_tcp'
    >>> kernel_name("/lib/modules/6.12/updates/xfs-btf.ko.xz")
    'xfs_btf'
    """
    return os.path.basename(os.fspath(path)).partition(".ko")[0].replace("-", "_")
