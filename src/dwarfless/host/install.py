"""Put extras where modprobe finds them, and take away exactly what was put.

In:  modules without code, made for the kernel; a System.
Out: files below /lib/modules/RELEASE/updates; if wanted, what loads them by itself; a manifest.

Every file that is written stands in the manifest with its digest, before it is written. What was
changed since by somebody else is left, and said.
"""

import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from dwarfless.containers.module import compress_module
from dwarfless.containers.output import write_atomically
from dwarfless.errors import DwarflessError
from dwarfless.host.system import System

__all__ = ["Manifest", "install", "uninstall"]

MANIFESTS: Final = "/var/lib/dwarfless"
LOAD: Final = "/etc/modules-load.d/dwarfless.conf"
PROBE: Final = "/etc/modprobe.d/dwarfless.conf"
VMLINUX: Final = "vmlinux_btf_extra"
SCHEMA: Final = 1


@dataclass
class Manifest:
    """What was put on a machine for one kernel.

    Attributes:
        system: The kernel.
        files: Path on the machine -> SHA-256 of what was written.
        folders: Folders that were made, on the machine.
        always: Names of extras that are loaded by themselves.
    """

    system: System
    files: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    always: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, system: System) -> "Manifest":
        """Return a kernel's manifest, empty if there is none.

        Raises:
            DwarflessError: It can't be understood.
        """
        found = cls(system)
        try:
            content: dict[str, Any] = json.loads(found.path.read_text())
        except FileNotFoundError:
            return found
        except ValueError as error:
            raise DwarflessError(f"{found.path}: {error}") from None
        if content.get("schema") != SCHEMA:
            raise DwarflessError(f"{found.path}: not written by this version of dwarfless")
        found.files, found.folders = dict(content["files"]), list(content["folders"])
        found.always = list(content["always"])
        return found

    @property
    def path(self) -> Path:
        """Its own file."""
        return self.system.path(f"{MANIFESTS}/{self.system.release}.json")

    def save(self) -> None:
        """Write it, or remove it when it says nothing."""
        if not self.files:
            self.path.unlink(missing_ok=True)
            return
        self.make_folders(self.path)
        content = {"schema": SCHEMA, "release": self.system.release, "files": self.files}
        content |= {"folders": self.folders, "always": self.always}
        write_atomically(self.path, f"{json.dumps(content, indent=1)}\n".encode())

    def put(self, absolute: str, content: bytes) -> None:
        """Write a file of the machine, making its folders."""
        path = self.system.path(absolute)
        self.make_folders(path)
        self.files[absolute] = hashlib.sha256(content).hexdigest()
        self.save()
        write_atomically(path, content)

    def make_folders(self, path: Path) -> None:
        """Make the folders a file lies in, noting those that were not there."""
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                self.folders.append("/" + str(folder.relative_to(self.system.root)))

    def remove(self, absolute: str) -> str:
        """Remove a file as it was put; return why it stays, or ""."""
        path, digest = self.system.path(absolute), self.files.pop(absolute)
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                return f"{path} was changed since it was installed; it stays"
        except FileNotFoundError:
            return ""
        path.unlink()
        return ""


def install(
    system: System, modules: Sequence[tuple[str, bytes]], *, always: bool = False
) -> list[Path]:
    """Put modules where modprobe finds them, and run depmod.

    Args:
        system: The kernel they are for; that they are is for the caller to know.
        modules: Name with dashes and content, not compressed.
        always: Load them by themselves: vmlinux's at boot, a module's after its module.

    Returns:
        The files written.

    Raises:
        DwarflessError: The kernel's modules are not there, or depmod refuses.
        OSError: A file can't be written.
    """
    if not system.modules.is_dir():
        raise DwarflessError(f"{system.modules} is not there: no modules of {system.release}")
    manifest, written = Manifest.load(system), []
    suffix = _suffix(system)
    for name, content in modules:
        place = f"/lib/modules/{system.release}/updates/{name}.ko{suffix}"
        manifest.put(place, compress_module(content, place))
        written.append(system.path(place))
        kernel_name = name.replace("-", "_")
        if always and kernel_name not in manifest.always:
            manifest.always.append(kernel_name)
    manifest.save()
    run_depmod(system)
    return [*written, *_write_policy(system, manifest)]


def uninstall(system: System) -> tuple[list[Path], list[str]]:
    """Remove what install has put there for one kernel, and nothing else.

    Returns:
        The files removed, and why others stay.

    Raises:
        DwarflessError: Nothing was installed, or depmod refuses.
    """
    manifest = Manifest.load(system)
    if not manifest.files:
        raise DwarflessError(f"nothing is installed for {system.release} below {system.root}")
    removed, stays = [], []
    manifest.always = []
    rewritten = _write_policy(system, manifest)
    for absolute in list(manifest.files):
        path = system.path(absolute)
        if path in rewritten:
            # Others' extras are loaded by it.
            del manifest.files[absolute]
            continue
        if reason := manifest.remove(absolute):
            stays.append(reason)
        else:
            removed.append(path)
    manifest.save()
    _remove_folders(manifest)
    if system.modules.is_dir():
        run_depmod(system)
    return removed, stays


def _remove_folders(manifest: Manifest) -> None:
    """Remove folders that are empty now; those that others use are for them to remove."""
    stay: list[str] = []
    for folder in reversed(manifest.folders):
        try:
            manifest.system.path(folder).rmdir()
        except OSError:
            stay.insert(0, folder)
    for other in _others(manifest.system):
        other.folders = [*stay, *other.folders]
        other.save()
        return


def run_depmod(system: System) -> None:
    """Let modprobe know what modules there are.

    Raises:
        DwarflessError: depmod is not there, or refuses.
    """
    # Where it is is seldom in a user's PATH.
    depmod = shutil.which("depmod") or shutil.which("depmod", path="/usr/sbin:/sbin")
    if depmod is None:
        raise DwarflessError("depmod is not installed (package kmod)")
    command = [depmod, "-b", str(system.root), system.release]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = done.stderr.strip() or f"status {done.returncode}"
        raise DwarflessError(f"depmod fails: {complaint}")


def _suffix(system: System) -> str:
    """Return how the kernel's own modules are compressed: what it and its kmod can read."""
    for path in system.modules.joinpath("kernel").rglob("*.ko*"):
        return path.suffix if path.suffix in (".xz", ".zst") else ""
    return ""


def _others(system: System) -> Iterator[Manifest]:
    """Yield the manifests of the machine's other kernels."""
    for path in sorted(system.path(MANIFESTS).glob("*.json")):
        if path.stem != system.release:
            yield Manifest.load(System(system.root, path.name.removesuffix(".json")))


def _write_policy(system: System, manifest: Manifest) -> list[Path]:
    """Write what loads extras by itself, for all kernels of the machine; return what is there.

    Both files serve every kernel: whether a kernel has an extra, depmod's index of it knows.
    """
    wanted = set(manifest.always).union(*(other.always for other in _others(system)))
    load = [name for name in sorted(wanted) if name == VMLINUX]
    after = sorted(name for name in wanted if name.endswith("_btf"))
    texts = {
        LOAD: "".join(f"{name.replace('_', '-')}\n" for name in load),
        PROBE: "".join(f"softdep {n.removesuffix('_btf')} post: {n}\n" for n in after),
    }
    written = []
    for absolute, text in texts.items():
        if text:
            manifest.put(absolute, f"# Written by dwarfless install.\n{text}".encode())
            written.append(system.path(absolute))
    manifest.save()
    return written
