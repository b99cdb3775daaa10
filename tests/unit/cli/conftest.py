"""Two builds of a kernel of a few lines."""

import shutil
from pathlib import Path

import pytest

from support_containers import KERNEL, compile_c, do


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two builds of one release: a, b, their BTF, and an extra of a."""
    folder = tmp_path_factory.mktemp("kernels")
    for name, text in (("a", KERNEL), ("b", KERNEL.replace("int pid", "long pid; int more"))):
        compile_c(text.replace("VERSION", "1"), folder / name)
        do("encode", folder / name, "-o", folder / f"{name}.btf")
    extra = ("--features", "+global_var", "--base", folder / "a.btf")
    for suffix in ("elf", "btf"):
        do("encode", folder / "a", *extra, "-o", folder / f"extra.{suffix}")
    return folder


@pytest.fixture
def copy(kernels: Path, tmp_path: Path) -> Path:
    """Return a copy of kernel a, alone in a folder."""
    folder = tmp_path / "copy"
    folder.mkdir()
    return Path(shutil.copy(kernels / "a", folder / "a"))
