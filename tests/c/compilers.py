"""The ways a C file is compiled, and how their tools get onto the machine.

A build's name is its compiler, then the DWARF version, then what is special about it.
Debian 12's compilers do for all of them. ``gcc-multilib`` isn't needed for -m32, since nothing
here uses the C library, and it conflicts with the cross compilers.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["BUILDS", "Build", "missing_tool"]

#: Command -> Debian package.
PACKAGES = {
    "gcc": "gcc",
    "g++": "g++",
    "clang": "clang",
    "clang++": "clang",
    "ld.lld": "lld",
    "dwz": "dwz",
    "objcopy": "binutils",
    "s390x-linux-gnu-gcc": "gcc-s390x-linux-gnu",
}


@dataclass(frozen=True)
class Build:
    """One way to get from C to a file with DWARF.

    Attributes:
        command: Compiler of C; the one of C++ follows from it.
        flags: For compiling and linking.
        link_flags: For linking only.
        finish: Changes the linked file in place.
        tools: Commands needed besides the compiler.
    """

    command: str
    flags: tuple[str, ...]
    link_flags: tuple[str, ...] = ()
    finish: Callable[[Path], None] | None = None
    tools: tuple[str, ...] = ()

    def compiler(self, path: Path) -> str:
        """Return the command that compiles this file."""
        return (
            {"gcc": "g++", "clang": "clang++"}[self.command]
            if path.suffix == ".cc"
            else self.command
        )


def _objcopy(option: str) -> Callable[[Path], None]:
    return lambda path: _call("objcopy", f"--compress-debug-sections={option}", str(path))


def _dwz(path: Path) -> None:
    _call("dwz", str(path))


def _dwz_alternate(path: Path) -> None:
    """Move what two copies of the program share into a third file."""
    twin = path.with_name(f"{path.name}.twin")
    shutil.copy(path, twin)
    alternate = path.with_name(f"{path.name}.alternate")
    _call("dwz", "-m", str(alternate), "-r", str(path), str(twin))
    if not alternate.exists():
        raise RuntimeError("dwz found nothing to share")


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr}")


BUILDS = {
    "gcc2": Build("gcc", ("-gdwarf-2", "-gstrict-dwarf")),
    "gcc3": Build("gcc", ("-gdwarf-3", "-gstrict-dwarf")),
    "gcc4": Build("gcc", ("-gdwarf-4",)),
    "gcc5": Build("gcc", ("-gdwarf-5",)),
    "gcc5_dwarf64": Build("gcc", ("-gdwarf-5", "-gdwarf64")),
    "gcc4_types": Build("gcc", ("-gdwarf-4", "-fdebug-types-section")),
    "gcc5_types": Build("gcc", ("-gdwarf-5", "-fdebug-types-section")),
    "gcc4_split": Build("gcc", ("-gdwarf-4", "-gsplit-dwarf")),
    "gcc5_split": Build("gcc", ("-gdwarf-5", "-gsplit-dwarf")),
    "gcc5_lto": Build("gcc", ("-gdwarf-5", "-flto", "-O2")),
    "gcc5_zlib": Build("gcc", ("-gdwarf-5",), finish=_objcopy("zlib"), tools=("objcopy",)),
    "gcc4_gnu": Build("gcc", ("-gdwarf-4",), finish=_objcopy("zlib-gnu"), tools=("objcopy",)),
    "gcc5_zstd": Build("gcc", ("-gdwarf-5",), finish=_objcopy("zstd"), tools=("objcopy",)),
    "gcc4_dwz": Build("gcc", ("-gdwarf-4",), finish=_dwz, tools=("dwz",)),
    "gcc5_dwz": Build("gcc", ("-gdwarf-5",), finish=_dwz, tools=("dwz",)),
    "gcc4_alt": Build("gcc", ("-gdwarf-4",), finish=_dwz_alternate, tools=("dwz",)),
    "gcc5_alt": Build("gcc", ("-gdwarf-5",), finish=_dwz_alternate, tools=("dwz",)),
    "gcc5_relocs": Build("gcc", ("-gdwarf-5",), ("-Wl,--emit-relocs",)),
    "gcc5_gc": Build(
        "gcc", ("-gdwarf-5", "-ffunction-sections", "-fdata-sections"), ("-Wl,--gc-sections",)
    ),
    "gcc4_m32": Build("gcc", ("-gdwarf-4", "-m32", "-fno-pic")),
    "gcc5_m32": Build("gcc", ("-gdwarf-5", "-m32", "-fno-pic")),
    "gcc4_s390x": Build("s390x-linux-gnu-gcc", ("-gdwarf-4",)),
    "gcc5_s390x": Build("s390x-linux-gnu-gcc", ("-gdwarf-5",)),
    "clang4": Build("clang", ("-gdwarf-4",)),
    "clang5": Build("clang", ("-gdwarf-5",), ("-fuse-ld=lld",), tools=("ld.lld",)),
    "clang5_types": Build("clang", ("-gdwarf-5", "-fdebug-types-section")),
    "clang5_split": Build("clang", ("-gdwarf-5", "-gsplit-dwarf")),
    "clang5_lto": Build(
        "clang", ("-gdwarf-5", "-flto", "-O2"), ("-fuse-ld=lld",), tools=("ld.lld",)
    ),
}


@cache
def missing_tool(build: str) -> str:
    """Install what a build needs, where that is possible; return what is still missing, or ""."""
    wanted = [BUILDS[build].command, *BUILDS[build].tools]
    for command in wanted:
        if not shutil.which(command) and os.geteuid() == 0 and shutil.which("apt-get"):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for step in (
                ["update"],
                ["install", "-y", "--no-install-recommends", PACKAGES[command]],
            ):
                subprocess.run(["apt-get", *step], env=environment, check=False, **quiet)
        if not shutil.which(command):
            return f"{command} (Debian package {PACKAGES[command]})"
    return ""
