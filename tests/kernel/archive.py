"""Write a root file system for a guest's memory.

In:  names and contents.
Out: a cpio archive as the kernel unpacks it (Documentation/driver-api/early-userspace).
"""

import stat

__all__ = ["Archive"]


class Archive:
    """A cpio archive that grows; folders come by themselves."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.known: set[str] = set()

    def add(self, name: str, content: bytes, mode: int = 0o644) -> None:
        """Add a file under its path from the root, without the first slash."""
        self._parents(name)
        self._record(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._parents(name)
        self._record(name, stat.S_IFLNK | 0o777, target.encode())

    def folder(self, name: str) -> None:
        """Add a folder and those above it, once."""
        if name in self.known:
            return
        self.known.add(name)
        self._parents(name)
        self._record(name, stat.S_IFDIR | 0o755, b"")

    def device(self, name: str, major: int, minor: int) -> None:
        """Add a character device."""
        self._parents(name)
        self._record(name, stat.S_IFCHR | 0o600, b"", major, minor)

    def finish(self) -> bytes:
        """Return the archive, ended."""
        self._record("TRAILER!!!", 0, b"")
        return bytes(self.content)

    def _parents(self, name: str) -> None:
        parent = name.rpartition("/")[0]
        if parent:
            self.folder(parent)

    def _record(
        self, name: str, mode: int, content: bytes, major: int = 0, minor: int = 0
    ) -> None:
        spelled = name.encode() + b"\0"
        # Inode, mode, uid, gid, links, time, size, device, special device, name, checksum.
        fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(spelled), 0)
        self._append(b"070701" + "".join(f"{field:08x}" for field in fields).encode() + spelled)
        self._append(content)

    def _append(self, piece: bytes) -> None:
        self.content += piece
        self.content += bytes(-len(self.content) % 4)
