"""Write results so that no half file is ever seen.

In:  a path and bytes, whole or piece by piece, or a program that writes a file.
Out: the file, whole, or what was there before. A process that is killed leaves at most a
     temporary file beside it: .NAME.XXXXXXXX.tmp, which nothing reads.
"""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["replacement", "write_atomically"]

#: Longest part of a file's name that its temporary file repeats, in characters.
NAME_LENGTH = 50
#: Extended attributes that say who may do what; others are about the content, which changes.
KEPT_ATTRIBUTES = ("security.selinux", "system.posix_acl_access", "user.")


def write_atomically(path: str | os.PathLike[str], content: bytes | Iterable[bytes]) -> None:
    """Write a file, of pieces if there are some, under a temporary name, then rename it.

    An error or Ctrl-C leaves no trace. An existing file keeps its permissions; a symbolic link
    keeps pointing where it does. What cannot be renamed, such as /dev/null or a pipe, is written
    to directly; "-" and /dev/stdout are standard output.

    Raises:
        OSError: It can't be written; the error names the path.
    """
    path = os.fspath(path)
    pieces = (content,) if isinstance(content, bytes) else content
    if path in ("-", "/dev/stdout"):
        with _naming("standard output"):
            sys.stdout.flush()
            sys.stdout.buffer.writelines(pieces)
            sys.stdout.buffer.flush()
        return
    if os.path.exists(path) and not os.path.isfile(path):
        with _naming(path), open(path, "wb") as file:
            file.writelines(pieces)
        return
    with replacement(path) as temporary, open(temporary, "wb") as file:
        file.writelines(pieces)


@contextmanager
def replacement(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give an empty temporary file, which takes a file's place when the block ends.

    It lies in the same folder, and gets the owner, permissions and access control list of what it
    replaces. If the block raises, it is removed and what was there stays.

    Raises:
        OSError: It can't be written or renamed; the error names the path.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    with _naming(target):
        temporary = _create_temporary(folder, name)
    try:
        yield temporary
        with _naming(target), open(temporary, "rb") as file:
            _copy_attributes(target, file.fileno())
            os.fsync(file.fileno())
            os.replace(temporary, target)
    except BaseException as error:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = os.fspath(path)
        raise


def _create_temporary(folder: str, name: str) -> str:
    """Create an empty file that only we may read and write, beside a file; return its path.

    Importing tempfile, which does the same, takes longer than writing a kernel's BTF.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    while True:
        path = os.path.join(folder, f".{name[:NAME_LENGTH]}.{os.urandom(4).hex()}.tmp")
        with suppress(FileExistsError):
            os.close(os.open(path, flags, 0o600))
            return path


def _copy_attributes(target: str, handle: int) -> None:
    """Give a new file what says who may do what with the one it replaces; or the usual mode."""
    try:
        old = os.stat(target)
    except FileNotFoundError:
        os.fchmod(handle, 0o666 & ~current_umask())
        return
    # Only root may give a file away; in a build it belongs to who builds.
    with suppress(PermissionError):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, stat.S_IMODE(old.st_mode))
    with suppress(OSError):
        for name in os.listxattr(target):
            if name.startswith(KEPT_ATTRIBUTES):
                os.setxattr(handle, name, os.getxattr(target, name))


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Give errors of the block the name of the file they are about."""
    try:
        yield
    except OSError as error:
        error.filename = path
        raise


def current_umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
