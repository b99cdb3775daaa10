"""A machine as far as extras matter: its kernels, their modules, what the running one says.

In:  a root folder, "/" or where an image is mounted; a release.
Out: paths and facts. Nothing is changed here.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from dwarfless.containers.bind import running_build_id
from dwarfless.errors import DwarflessError

__all__ = ["EXTRA_SUFFIXES", "System"]

#: What the names of extras end in, as the kernel writes them.
EXTRA_SUFFIXES: Final = ("_btf", "_btf_extra")


@dataclass(frozen=True)
class System:
    """One kernel of one machine.

    Attributes:
        root: "/" or the mount point of an image.
        release: As uname -r prints it.
    """

    root: Path
    release: str

    @classmethod
    def find(cls, root: Path, release: str | None = None) -> "System":
        """Return the running kernel's, or the only one that an image has.

        Raises:
            DwarflessError: The image has none or several, and none is named.
        """
        if release is not None:
            return cls(root, release)
        if os.path.realpath(root) == "/":
            return cls(root, os.uname().release)
        found = sorted(path.parent.name for path in root.glob("lib/modules/*/kernel"))
        if len(found) != 1:
            listed = ", ".join(found) or "no kernel's modules"
            raise DwarflessError(f"{root} has {listed}: name one with --release")
        return cls(root, found[0])

    @property
    def is_running(self) -> bool:
        """Whether this is the kernel that runs now, on the root it runs on."""
        return os.path.realpath(self.root) == "/" and os.uname().release == self.release

    def path(self, absolute: str) -> Path:
        """Return where a path of the machine is from here."""
        return self.root / absolute.lstrip("/")

    @property
    def modules(self) -> Path:
        """The kernel's /lib/modules/RELEASE."""
        return self.path(f"/lib/modules/{self.release}")

    @property
    def updates(self) -> Path:
        """Where extras are put: depmod lets it come before what the kernel brought."""
        return self.modules / "updates"

    @cached_property
    def build_id(self) -> str:
        """The running kernel's build-id in hex; "" for another kernel, or if it shows none."""
        return running_build_id() if self.is_running else ""

    @property
    def base(self) -> Path | None:
        """The running kernel's BTF; None for another kernel, or without CONFIG_DEBUG_INFO_BTF."""
        shown = Path("/sys/kernel/btf/vmlinux")
        return shown if self.is_running and shown.exists() else None

    def debug_files(self) -> Iterator[Path]:
        """Yield the vmlinux files with DWARF that distributions put in known places."""
        release = self.release
        for place in (
            f"/usr/lib/debug/boot/vmlinux-{release}",
            f"/usr/lib/debug/lib/modules/{release}/vmlinux",
            f"/usr/lib/debug/usr/lib/modules/{release}/vmlinux",
            f"/lib/modules/{release}/build/vmlinux",
            f"/boot/vmlinux-{release}",
        ):
            if (path := self.path(place)).is_file():
                yield path

    def installed(self) -> list[Path]:
        """Return the extras among the kernel's modules, whoever put them there."""
        return sorted(
            path
            for path in self.modules.rglob("*.ko*")
            if path.name.partition(".ko")[0].replace("-", "_").endswith(EXTRA_SUFFIXES)
        )

    def loaded(self) -> list[str]:
        """Return the names of the extras that the running kernel shows."""
        folder = Path("/sys/kernel/btf")
        if not self.is_running or not folder.is_dir():
            return []
        names = (path.name for path in folder.iterdir())
        return sorted(name for name in names if name.endswith(EXTRA_SUFFIXES))

    def loaded_modules(self) -> list[str]:
        """Return the names of all modules that the running kernel has loaded."""
        listing = Path("/proc/modules")
        if not self.is_running or not listing.exists():
            return []
        return sorted(line.split()[0] for line in listing.read_text().splitlines())

    def wants_signatures(self) -> str:
        """Return why the running kernel refuses modules that are not signed; "" if it doesn't."""
        if not self.is_running:
            return ""
        if _text("/sys/module/module/parameters/sig_enforce") == "Y":
            return "module.sig_enforce is on"
        lockdown = _text("/sys/kernel/security/lockdown")
        if "[" in lockdown and "[none]" not in lockdown:
            mode = lockdown.partition("[")[2].partition("]")[0]
            return f"the kernel is locked down ({mode})"
        return ""

    def asked_at_boot(self) -> list[str]:
        """Return the modules that the running kernel's modules_load= names."""
        words = _text("/proc/cmdline").split() if self.is_running else []
        lists = [w.partition("=")[2] for w in words if w.startswith("modules_load=")]
        return [name.replace("-", "_") for names in lists for name in names.split(",") if name]


def _text(path: str) -> str:
    """Return a small file's text, "" if it can't be read."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
