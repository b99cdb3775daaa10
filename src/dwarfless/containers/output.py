"""Write results so that no half file is ever seen.

In:  a path and bytes.
Out: the file, whole, or what was there before.
"""

import os
import stat
import sys
import tempfile
from contextlib import suppress

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    An error or Ctrl-C leaves no trace. An existing file keeps its permissions; a symbolic link
    keeps pointing where it does. What cannot be renamed, such as /dev/null or a pipe, is written
    to directly; "-" and /dev/stdout are standard output.

    Raises:
        OSError: It can't be written.
    """
    path = os.fspath(path)
    if path in ("-", "/dev/stdout"):
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG | 0o666 & ~current_umask()
    if not stat.S_ISREG(mode):
        with open(path, "wb") as file:
            file.write(content)
        return
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), stat.S_IMODE(mode))
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def current_umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
