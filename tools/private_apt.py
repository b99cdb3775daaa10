"""Debian's packages, seen through lists of our own.

In:  a suite, a folder for lists and packages.
Out: packages as files; the machine's sources and what is installed stay as they are.

The mirror is the one in the machine's apt configuration, or ``$DWARFLESS_MIRROR``.
"""

import fnmatch
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Apt", "FetchError"]

ARCHITECTURE = "amd64"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class FetchError(Exception):
    """What was asked for can't be had; the message says why in one line."""


def mirror() -> str:
    """Return the URI of the Debian mirror this machine uses."""
    if given := os.environ.get("DWARFLESS_MIRROR"):
        return given
    targets = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)"]
    lines = run([*targets, "Created-By: Packages"]).split("\n")
    rows = [line.split() for line in lines if line]
    # Updates and security archives hold a part of the packages: the shortest suite has them all.
    for uri, _ in sorted(rows, key=lambda row: len(row[-1])):
        if uri.rstrip("/").endswith("debian"):
            return uri
    raise FetchError("apt knows no Debian mirror: set DWARFLESS_MIRROR to one")


def run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Run a program and return what it printed; its complaints pass through."""
    try:
        done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        raise FetchError(f"{command[0]} is not installed") from None
    if done.returncode:
        raise FetchError(f"{command[0]} failed with status {done.returncode}")
    return done.stdout


class Apt:
    """One suite of Debian, seen through private lists.

    The machine's settings (proxies, certificates) stay in force; its sources, hooks and
    installed packages don't.
    """

    def __init__(self, root: Path, suite: str) -> None:
        self.folder = root / "apt" / suite
        self.debs = root / "debs"
        self.suite = suite
        for part in ("lists/partial", "archives/partial"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self.debs.mkdir(exist_ok=True)
        (self.folder / "status").touch()
        self.conf = self.folder / "apt.conf"
        self.conf.write_text(self._settings())

    def _settings(self) -> str:
        settings = {
            "APT::Architecture": ARCHITECTURE,
            "APT::Architectures": ARCHITECTURE,
            "APT::Sandbox::User": "root",
            "Acquire::Languages": "none",
            "Acquire::Retries": "2",
            "Acquire::http::Timeout": "30",
            "Acquire::https::Timeout": "30",
            "Dir::Cache": self.folder,
            "Dir::Cache::archives": self.folder / "archives",
            "Dir::Etc::sourcelist": self.folder / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::State": self.folder,
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
        }
        # Lists can't be emptied by assignment.
        cleared = ("APT::Architectures", "APT::Update", "DPkg::Post-Invoke")
        head = [f"#clear {name};" for name in cleared]
        return "\n".join([*head, *(f'{name} "{value}";' for name, value in settings.items()), ""])

    def _apt(self, tool: str, *arguments: str) -> str:
        return run([tool, "-c", str(self.conf), *arguments], cwd=self.debs)

    def _lists_are_there(self) -> bool:
        return any((self.folder / "lists").glob("*_Packages*"))

    def update(self) -> None:
        """Fetch the suite's package list."""
        signed = f" [signed-by={KEYRING}]" if KEYRING.exists() else ""
        source = f"deb{signed} {mirror()} {self.suite} main\n"
        (self.folder / "sources.list").write_text(source)
        print(f"fetch: reading the list of {self.suite}", file=sys.stderr)
        self._apt("apt-get", "-qq", "update", "-o", "APT::Update::Error-Mode=any")

    def newest(self, meta: str, pattern: str) -> str:
        """Return the package that a meta package depends on; a shell pattern says which."""
        for attempt in (1, 2):
            if attempt == 2 or not self._lists_are_there():
                self.update()
            if names := fnmatch.filter(self.depends(meta), pattern):
                return names[0]
        raise FetchError(f"{self.suite} has no {meta}")

    def has(self, name: str) -> bool:
        """Tell whether the suite has a package."""
        if not self._lists_are_there():
            self.update()
        return bool(self._apt("apt-cache", "pkgnames", name).strip())

    def closure(self, names: Sequence[str], *, libraries: bool = False) -> list[str]:
        """Return the packages and all that they need, as if nothing were installed.

        Args:
            names: The packages.
            libraries: Leave out what is needed besides libraries.

        Returns:
            NAME=VERSION each: what is in the cache may be of another suite.
        """
        if not self._lists_are_there():
            self.update()
        listing = self._apt("apt-get", "-s", "install", "--no-install-recommends", *names)
        rows = (line.split() for line in listing.splitlines() if line.startswith("Inst "))
        return [
            f"{name}={version.lstrip('(')}"
            for _, name, version, *_ in rows
            if not libraries or name in names or name.startswith(("lib", "zlib"))
        ]

    def depends(self, name: str) -> list[str]:
        """Return the packages that one names as needed, alternatives among them."""
        if not self._lists_are_there():
            self.update()
        lines = self._apt("apt-cache", "depends", "--no-recommends", name).splitlines()
        return [line.split()[-1] for line in lines if "Depends:" in line]

    def download(self, names: Sequence[str]) -> list[Path]:
        """Fetch packages, perhaps NAME=VERSION, that are not in the cache yet; return them all."""
        missing = [name for name in names if not self._deb(name)]
        if missing:
            print(f"fetch: downloading {', '.join(missing)}", file=sys.stderr)
            try:
                self._download(missing)
            except FetchError:
                # The mirror has moved on since the list was read.
                self.update()
                self._download(missing)
        found = {name: self._deb(name) for name in names}
        if lost := [name for name, deb in found.items() if deb is None]:
            raise FetchError(f"{self.suite} has no {', '.join(lost)}")
        return [deb for deb in found.values() if deb is not None]

    def _download(self, names: Sequence[str]) -> None:
        quiet = [] if sys.stderr.isatty() else ["-qq"]
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            command = ["apt-get", "-c", str(self.conf), *quiet, "download", *names]
            if subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode:
                raise FetchError(f"can't download {', '.join(names)}")
            for deb in Path(folder).glob("*.deb"):
                deb.replace(self.debs / deb.name)

    def _deb(self, name: str) -> Path | None:
        stem = name.replace("=", "_").replace(":", "%3a")
        debs = self.debs.glob(f"{stem}_*.deb")
        return max(debs, key=lambda deb: deb.stat().st_mtime, default=None)
