"""Ask the running kernel what it thinks of BTF.

In:  BTF bytes.
Out: the verifier's log, empty if the kernel took them.
"""

import ctypes
import errno
import os
import struct

import pytest

__all__ = ["btf_load"]

BPF_BTF_LOAD = 18
#: bpf(2) in the tables of x86-64 and of the architectures that share one table.
SYSCALL = {"x86_64": 321}.get(os.uname().machine, 280)


def btf_load(btf: bytes) -> str:
    """Load BTF and let go of it again.

    Args:
        btf: A .BTF section.

    Returns:
        "" if the kernel accepts it, else the last lines of its log, or the error's name.
    """
    error, _ = _load(btf, 0)
    if not error:
        return ""
    if error in (errno.EPERM, errno.ENOSYS):
        pytest.skip(f"NOT TESTED, this kernel lets us load no BTF: {os.strerror(error)}")
    # The log tells of every type.
    _, log = _load(btf, min(1 << 16 | 16 * len(btf), 1 << 26))
    return "\n".join(log.splitlines()[-3:]) or errno.errorcode[error]


def _load(btf: bytes, log_size: int) -> tuple[int, str]:
    content = ctypes.create_string_buffer(btf, len(btf))
    log = ctypes.create_string_buffer(log_size or 1)
    log_at = ctypes.addressof(log) if log_size else 0
    attributes = struct.pack(
        "=QQIII", ctypes.addressof(content), log_at, len(btf), log_size, 1 if log_size else 0
    )
    libc = ctypes.CDLL(None, use_errno=True)
    got = libc.syscall(SYSCALL, BPF_BTF_LOAD, attributes, len(attributes))
    if got < 0:
        return ctypes.get_errno(), log.value.decode(errors="replace")
    os.close(got)
    return 0, ""
