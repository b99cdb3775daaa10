"""Put BTF into the ELF file it was made from.

In:  an ELF file, the bytes of a .BTF section.
Out: the same file with that section; all that is loaded, and all symbols, as they were.

objcopy does it, as in the kernel's build: it alone knows each machine's relocations and symbols.
It writes beside the file; what it wrote is looked at before it takes the file's place.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import numpy as np

from dwarfless.containers.output import replacement
from dwarfless.elf.compression import is_compressed
from dwarfless.elf.image import ElfImage
from dwarfless.errors import DwarflessError
from dwarfless.formats import elf

__all__ = ["check_embeddable", "embed"]

#: What a signed module ends in. Source: include/linux/module_signature.h.
SIGNATURE: Final = b"~Module signature appended~\n"
#: Who says which objcopy: the kernel's build; pahole, and with it older kernels' builds.
VARIABLES: Final = ("OBJCOPY", "LLVM_OBJCOPY")
PROGRAMS: Final = ("objcopy", "llvm-objcopy")
#: What is replaced: a distilled base belongs to the BTF beside it.
SECTIONS: Final = (".BTF", ".BTF.base")
#: Sections that objcopy writes anew; what symbols say is compared apart.
REWRITTEN: Final = (elf.SHT_NULL, elf.SHT_SYMTAB, elf.SHT_STRTAB, elf.SHT_SYMTAB_SHNDX)


def check_embeddable(path: str | os.PathLike[str]) -> bool:
    """Make sure that a file can get another .BTF section; return whether it has one.

    Raises:
        DwarflessError: Its .BTF is part of what is loaded; it is compressed, or signed.
        OSError: It can't be read.
    """
    with open(path, "rb") as file:
        if is_compressed(file.read(6)):
            raise DwarflessError(f"{path}: is compressed; only a plain ELF file can be changed")
        file.seek(-min(len(SIGNATURE), file.seek(0, os.SEEK_END)), os.SEEK_END)
        if file.read() == SIGNATURE:
            raise DwarflessError(f"{path}: is signed; put BTF in before it is signed")
    image = ElfImage.load(path)
    index = image.find_section(".BTF")
    if index is None:
        return False
    if image.type != elf.ET_REL and image.sections[index].flags & elf.SHF_ALLOC:
        raise DwarflessError(
            f"{path}: .BTF is part of what is loaded, only linking can change it; "
            "write BTF with -o, or what is new as an extra"
        )
    return True


def embed(path: str | os.PathLike[str], btf: bytes, *, distilled: bytes = b"") -> None:
    """Add or replace an ELF file's .BTF section, or leave the file untouched.

    The program is $OBJCOPY or $LLVM_OBJCOPY; else objcopy, or if that doesn't know the machine
    llvm-objcopy.

    Args:
        path: ELF file.
        btf: What goes into .BTF.
        distilled: What goes into .BTF.base; without it, a section of that name is removed.

    Raises:
        DwarflessError: The file can't be changed, or no objcopy can.
        OSError: It can't be written.

    Cost: four seconds for a vmlinux of 430 MB, which needs that much room beside it.
    """
    check_embeddable(path)
    wanted = {".BTF": btf, ".BTF.base": distilled}
    present = set(ElfImage.load(path).section_names)
    arguments, handles = [], []
    with ExitStack() as opened:
        for name, content in wanted.items():
            if not content:
                arguments += [f"--remove-section={name}"] if name in present else []
                continue
            handles.append(os.memfd_create("btf"))
            opened.callback(os.close, handles[-1])
            with open(handles[-1], "wb", closefd=False) as file:
                file.write(content)
            option = "--update-section" if name in present else "--add-section"
            arguments.append(f"{option}={name}=/proc/self/fd/{handles[-1]}")
        with replacement(path) as temporary:
            arguments += [os.path.realpath(path), temporary]
            _run_objcopy(arguments, handles, os.fspath(path))
            _check_kept(ElfImage.load(path), ElfImage.load(temporary), wanted)


def _run_objcopy(arguments: list[str], handles: list[int], path: str) -> None:
    """Run the first objcopy that succeeds; if none does, tell why the first didn't."""
    problem = ""
    for program in _programs():
        done = subprocess.run(
            [*program, *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            pass_fds=handles,
        )
        if not done.returncode:
            return
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        problem = problem or f"{program[0]} fails: {said[0]}"
    raise DwarflessError(
        f"{path}: {problem or 'needs objcopy or llvm-objcopy, and neither is installed'}"
    )


def _programs() -> Iterator[list[str]]:
    """Yield the command lines to try."""
    for variable in VARIABLES:
        if command := shlex.split(os.environ.get(variable, "")):
            if shutil.which(command[0]) is None:
                raise DwarflessError(f"${variable}: no program {command[0]}")
            yield command
            return
    yield from ([name] for name in PROGRAMS if shutil.which(name))


def _check_kept(before: ElfImage, after: ElfImage, wanted: Mapping[str, bytes]) -> None:
    """Make sure that these sections hold what they should, and that nothing else is new.

    Raises:
        DwarflessError: A section or the symbols differ.
    """

    def fail(what: str) -> DwarflessError:
        return DwarflessError(f"{before.source}: objcopy would change {what}")

    for name, expected in wanted.items():
        index = after.find_section(name)
        if (b"" if index is None else after.section_bytes(index)) != expected:
            raise fail(f"{name} into something else")
    for (name, *old, content), (other, *new, copied) in zip(
        _sections(before), _sections(after), strict=False
    ):
        if (name, old) != (other, new) or content != copied:
            raise fail(name)
    if sum(1 for _ in _sections(before)) != sum(1 for _ in _sections(after)):
        raise fail("the number of sections")
    old_symbols, new_symbols = before.symbols(), after.symbols()
    for column in ("value", "size", "type", "binding"):
        if not np.array_equal(getattr(old_symbols, column), getattr(new_symbols, column)):
            raise fail("symbols")


def _sections(image: ElfImage) -> Iterator[tuple[str, int, int, int, int, memoryview]]:
    """Yield what must stay: name, type, flags, address, size, and contents if it is loaded."""
    for index, (name, section) in enumerate(zip(image.section_names, image.sections, strict=True)):
        if name not in SECTIONS and section.type not in REWRITTEN:
            loaded = section.flags & elf.SHF_ALLOC
            content = image.section_bytes(index) if loaded else memoryview(b"")
            yield name, section.type, section.flags, section.addr, section.size, content
