"""Say which small Linux is built: version, patches, options; and find what was built of it.

In:  small.config, folders of patches, ``$XDG_CACHE_HOME/dwarfless/builds``.
Out: recipes, each with the digest that names its build.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import fetch

__all__ = ["VERSIONS", "BuildError", "Recipe", "builds", "find_build", "variants"]

ROOT = Path(__file__).resolve().parent.parent
SMALL = ROOT / "tools" / "small.config"
#: Linux version -> the suite of Debian that has it.
VERSIONS = {"6.1": "bookworm", "6.12": "trixie", "7.2": "sid"}


class BuildError(Exception):
    """A kernel can't be built; the message says why in one line."""


@dataclass(frozen=True)
class Recipe:
    """What is built.

    Attributes:
        version: Out of VERSIONS.
        patches: Folder of *.patch files, applied in order of their names; None: none.
        config: Kconfig options, beside and over those of small.config, such as
            {"CONFIG_IKCONFIG": "y"}.
    """

    version: str
    patches: Path | None = None
    config: Mapping[str, str] = field(default_factory=dict)

    @property
    def suite(self) -> str:
        """The suite of Debian whose source it is."""
        return VERSIONS[self.version]

    def options(self) -> dict[str, str]:
        """Return all Kconfig options that are asked for."""
        return read_config(SMALL) | dict(self.config)

    def patch_files(self) -> list[Path]:
        """Return the patches in the order in which they apply.

        Raises:
            BuildError: There are none in the folder.
        """
        if self.patches is None:
            return []
        files = sorted(self.patches.glob("*.patch"))
        if not files:
            raise BuildError(f"{self.patches} holds no *.patch")
        return files

    def digest(self) -> str:
        """Return what tells this recipe's configuration and patches from others'."""
        whole = hashlib.sha256(repr(sorted(self.options().items())).encode())
        for path in self.patch_files():
            whole.update(b"\0" + path.read_bytes())
        return whole.hexdigest()[:16]


def read_config(path: Path) -> dict[str, str]:
    """Return the options that a .config sets."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line.startswith("CONFIG_"))


def builds() -> Path:
    """Return the folder of all builds."""
    return fetch.cache_root() / "builds"


def find_build(recipe: Recipe) -> Path | None:
    """Return the newest build of a recipe in the cache, of whatever source version."""
    found = builds().glob(f"{recipe.version}.*-{recipe.digest()}/build.json")
    newest = max(found, key=lambda path: path.stat().st_mtime, default=None)
    return newest.parent if newest else None


def variants(version: str) -> dict[str, Recipe]:
    """Return the recipes of a kernel with our patches, by CONFIG_VMLINUX_BTF_EXTRA.

    They differ in what BTF holds alone, so one tree of objects serves them all.
    """
    patches = ROOT / "kernel" / "patches" / version
    return {
        choice: Recipe(
            version,
            patches,
            {
                "CONFIG_VMLINUX_BTF_EXTRA": choice,
                "CONFIG_MODULE_BTF_EXTRA": "y" if choice == "y" else "n",
            },
        )
        for choice in ("n", "m", "y")
    }
