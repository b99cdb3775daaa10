"""Find kernels that can be booted, and their modules.

In:  a version such as "6.12", or the path of an image or of a build.
Out: the image, and modules by name with those they depend on, decompressed.

Reads .modinfo by itself: the lab runs by hand with nothing built.
"""

import lzma
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import fetch

__all__ = ["SUITES", "Kernel", "LabError", "find_kernel", "stem"]

#: Version -> the suite of Debian whose cloud kernel has it.
SUITES = {"6.1": "bookworm", "6.12": "trixie", "7.2": "sid"}


class LabError(Exception):
    """The guest can't be made, or came to no end; the message says why in one line."""


@dataclass(frozen=True)
class Kernel:
    """A kernel to boot.

    Attributes:
        image: vmlinuz or bzImage.
        modules: Folder that holds its modules at any depth, or None.
    """

    image: Path
    modules: Path | None

    @cached_property
    def module_files(self) -> dict[str, Path]:
        """Every module's file by name, spelled with underscores."""
        if self.modules is None:
            return {}
        files = (path for path in self.modules.rglob("*.ko*") if path.is_file())
        return {stem(path): path for path in files}

    @property
    def module_folder(self) -> Path:
        """The folder lib/modules/RELEASE.

        Raises:
            LabError: There is none.
        """
        if self.modules is None:
            raise LabError(f"{self.image} has no modules")
        return self.modules

    def with_dependencies(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield modules and what they depend on in the order in which they load.

        Raises:
            LabError: There is no such module.
        """
        done: set[str] = set()

        def visit(name: str) -> Iterator[tuple[str, bytes]]:
            if name in done:
                return
            done.add(name)
            if name not in self.module_files:
                raise LabError(f"{self.image.name} has no module {name}")
            content = read_module(self.module_files[name])
            for needed in dependencies(content):
                yield from visit(needed)
            yield name, content

        for name in names:
            yield from visit(name.replace("-", "_"))


def stem(path: Path) -> str:
    """Return a module's name as the kernel spells it."""
    return path.name.partition(".ko")[0].replace("-", "_")


def read_module(path: Path) -> bytes:
    """Return a module decompressed: not every kernel and insmod takes .xz."""
    content = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(content)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout
    return content


def dependencies(module: bytes) -> list[str]:
    """Return the names after ``depends=`` in a module's .modinfo."""
    found = re.search(rb"\0depends=([\w,-]*)\0", module)
    names = found[1].decode().split(",") if found else []
    return [name.replace("-", "_") for name in names if name]


def find_kernel(what: str | Path, modules: Path | None = None) -> Kernel:
    """Return the kernel of a version, a suite, an image's path or a build's folder.

    Args:
        what: "6.12" or "trixie", fetched when missing; a bzImage; or a folder that holds one.
        modules: Folder of its modules; looked for beside the image if not given.

    Raises:
        LabError: There is none.
        FetchError: Debian's can't be fetched.
    """
    suite = SUITES.get(str(what), str(what))
    if suite in SUITES.values():
        image = fetch.find_image(suite) or fetch.image(suite)
        root = fetch.cache_root() / "images" / suite
        return Kernel(image, modules or next(root.glob("**/lib/modules/*")))
    path = Path(what)
    if path.is_dir():
        places = [*path.glob("bzImage"), *path.glob("vmlinuz*"), *path.glob("arch/*/boot/bzImage")]
        if not places:
            raise LabError(f"{path} holds no bzImage and no vmlinuz")
        path = places[0]
    if not path.is_file():
        raise LabError(f"{what} is neither a version ({', '.join(SUITES)}) nor a kernel image")
    beside = sorted(path.parent.glob("lib/modules/*"))
    return Kernel(path, modules or (beside[0] if beside else None))
