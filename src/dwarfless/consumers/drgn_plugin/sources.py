"""Where a kernel's BTF and its extra come from.

In:  a kernel's memory, and what the user named.
Out: a base and an extra over it, or why there is none; every place that was looked at.

In this order: what is named; the kernel's memory; /sys/kernel/btf of the running kernel; the
folders of extras. What is found for another kernel is refused.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from drgn import FaultError, ProgramFlags

from dwarfless.btf.decode import decode
from dwarfless.consumers.drgn_plugin.memory import KernelMemory
from dwarfless.errors import BaseMismatchError
from dwarfless.formats.btf import Kind
from dwarfless.graph import views
from dwarfless.graph.type_graph import TypeGraph

if TYPE_CHECKING:
    from dwarfless.containers.binding import Binding

__all__ = ["EXTRA_NAME", "Options", "Sources", "by_build_id", "extra_folders", "find_sources"]

#: What the kernel calls the module that holds its extra.
EXTRA_NAME: Final = "vmlinux_btf_extra"
#: Loads it; for root alone.
REQUEST: Final = ("modprobe", "vmlinux-btf-extra")
SIZE: Final = re.compile(r"SIZE\((\w+)\)")
SYS: Final = Path("/sys/kernel/btf")
SUFFIXES: Final = ("", ".btf", ".elf", ".ko", ".ko.xz", ".ko.zst")


@dataclass(frozen=True)
class Options:
    """What the user wants.

    Attributes:
        base: The kernel's BTF; None to look for it.
        extra: Its extra; None to look for it.
        always: Whether BTF comes before DWARF.
        load: Whether to load the running kernel's extra if it is not.
    """

    base: Path | None = None
    extra: Path | None = None
    always: bool = False
    load: bool = False


@dataclass
class Sources:
    """What was found.

    Attributes:
        base: The kernel's BTF, or None.
        extra: What is split over it, or None.
        binding: What the extra says of its kernel, or None.
        steps: Where was looked, and what was there, in words.
    """

    base: TypeGraph | None = None
    extra: TypeGraph | None = None
    binding: "Binding | None" = None
    steps: list[str] = field(default_factory=list)

    def missing(self, memory: KernelMemory) -> Iterator[str]:
        """Yield what a debugger will not know, and what mends it."""
        if self.base is None:
            yield "missing: types; name the kernel's BTF, raw or in its vmlinux: --base FILE"
        elif self.extra is None and not _has_variables(self.base):
            yield (
                "missing: variables; make them from the debug package, dwarfless extra VMLINUX -o "
                f"{memory.build_id or 'FILE'}.elf, and name them: --extra FILE"
            )
        elif self.binding is None and not memory.has_variables:
            yield (
                "missing: addresses; no symbols tell them (CONFIG_KALLSYMS_ALL), and the extra, "
                "raw BTF, does not say where its sections are: name one in an ELF file"
            )


def _has_variables(base: TypeGraph) -> bool:
    """Tell whether a kernel was built with all its variables in its own BTF."""
    return bool(base.find_all("init_task", Kind.VAR))


def is_running(memory: KernelMemory) -> bool:
    """Tell whether the kernel is this machine's own."""
    local = ProgramFlags.IS_LIVE | ProgramFlags.IS_LOCAL
    return bool(memory.prog.flags & local == local)


def find_sources(memory: KernelMemory, options: Options) -> Sources:
    """Return the BTF of a kernel.

    Raises:
        BaseMismatchError: What the user named is for another kernel.
        DwarflessError: What was found breaks its format.
        OSError: What the user named can't be read.
    """
    found = Sources()
    found.base = _find_base(memory, options, found.steps)
    if found.base is None:
        return found
    if options.extra is not None:
        _take(found, options.extra, memory)
        return found
    content = _running(memory, EXTRA_NAME) or _loaded(memory, found.base)
    if content is None and options.load and is_running(memory):
        found.steps.append(f"extra: {_ask_for_it()}")
        content = _running(memory, EXTRA_NAME)
    if content is not None:
        found.extra = decode(content, base=found.base, source=f"{EXTRA_NAME} in memory")
        found.steps.append(f"extra: module {EXTRA_NAME}, {len(content):,} bytes")
        return found
    told = "is not loaded"
    if not memory.has_variables:
        told = "can't be looked for: no symbols tell where (CONFIG_KALLSYMS_ALL)"
    found.steps.append(f"extra: module {EXTRA_NAME} {told}")
    for path in by_build_id(memory.build_id):
        if path.is_file():
            _take(found, path, memory)
            return found
        found.steps.append(f"extra: no {path}")
    return found


def _ask_for_it() -> str:
    """Make modprobe load the running kernel's extra; return how it went."""
    # A tenth of the time to the first variable is what importing it takes.
    import subprocess

    try:
        done = subprocess.run(REQUEST, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{' '.join(REQUEST)}: {error}"
    said = "done" if not done.returncode else done.stderr.strip().replace("\n", "; ")
    return f"{' '.join(REQUEST)}: {said or f'exit status {done.returncode}'}"


def _find_base(memory: KernelMemory, options: Options, steps: list[str]) -> TypeGraph | None:
    if options.base is not None:
        from dwarfless.containers.load import load

        steps.append(f"base: {options.base}, as named")
        graph = load(options.base)
        check_build_id(options.base, memory)
        check_sizes(graph, memory)
        return graph
    content = _running(memory, "vmlinux")
    if content is not None:
        steps.append(f"base: {SYS / 'vmlinux'}, {len(content):,} bytes")
        return decode(content, source=os.fspath(SYS / "vmlinux"))
    try:
        content = memory.read_base()
        if content is None:
            content = _bound_base(memory, options)
    except (FaultError, ValueError) as error:
        steps.append(f"base: the kernel's memory can't be read: {error}")
        return None
    if content is None:
        steps.append("base: the kernel has no BTF, or neither kallsyms nor an extra say where")
        return None
    steps.append(f"base: the kernel's memory, {len(content):,} bytes")
    return decode(content, source="vmlinux in memory")


def _bound_base(memory: KernelMemory, options: Options) -> bytes | None:
    """Return the kernel's BTF from where the extra's note says it is."""
    from dwarfless.containers.load import read_binding

    named = [options.extra] if options.extra is not None else by_build_id(memory.build_id)
    path = next((path for path in named if path.is_file()), None)
    binding = None if path is None else read_binding(path)
    section = None if binding is None else binding.find_section(".BTF")
    if path is None or binding is None or section is None or memory.slide is None:
        return None
    check_kernel(binding, path, memory)
    start = section.address + memory.slide
    return memory.read_btf(start, start + section.size)


def check_build_id(path: Path, memory: KernelMemory) -> None:
    """Make sure that a named vmlinux is the kernel's, if both tell a build-id.

    Raises:
        BaseMismatchError: It is not.
    """
    from dwarfless.containers.detached import is_btf
    from dwarfless.elf.image import ElfImage

    with open(path, "rb") as file:
        if not memory.build_id or is_btf(file.read(4)):
            return
    told = (ElfImage.load(path).build_id or b"").hex()
    if told not in ("", memory.build_id):
        raise BaseMismatchError(
            f"{path}: build-id {told}, not Linux {memory.release}, build-id {memory.build_id}"
        )


def check_sizes(graph: TypeGraph, memory: KernelMemory) -> None:
    """Make sure that structs are as VMCOREINFO says: raw BTF does not say whose it is.

    Raises:
        BaseMismatchError: One is not.
    """
    for key, text in memory.vmcoreinfo.items():
        match = SIZE.fullmatch(key)
        if match is None:
            continue
        for view in graph.find_all(match[1], Kind.STRUCT):
            if isinstance(view, views.Struct) and str(view.size) != text:
                raise BaseMismatchError(
                    f"{graph.source}: struct {match[1]} has {view.size} bytes, in Linux "
                    f"{memory.release} it has {text}"
                )


def _running(memory: KernelMemory, name: str) -> bytes | None:
    """Return what the running kernel shows, if that is what is debugged."""
    try:
        return (SYS / name).read_bytes() if is_running(memory) else None
    except OSError:
        return None


def _loaded(memory: KernelMemory, base: TypeGraph) -> bytes | None:
    """Return the extra that was loaded when the memory was taken."""
    try:
        for found in memory.iter_module_btf(base):
            if found.module == EXTRA_NAME:
                return bytes(memory.prog.read(found.address, found.size))
    except FaultError:
        return None
    return None


def by_build_id(build_id: str) -> Iterator[Path]:
    """Yield where the extra of a kernel or module may be."""
    for folder in extra_folders() if build_id else ():
        for suffix in SUFFIXES:
            yield folder / f"{build_id}{suffix}"


def extra_folders() -> list[Path]:
    """Return the folders of extras, whether or not they are there."""
    folders = [Path(p) for p in os.environ.get("DWARFLESS_PATH", "").split(":") if p]
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return [*folders, Path(home) / "dwarfless", Path("/usr/lib/dwarfless")]


def check_kernel(binding: "Binding", path: Path, memory: KernelMemory) -> None:
    """Make sure that an extra is for the kernel whose memory it is.

    Raises:
        BaseMismatchError: It says that it is not.
    """
    if not binding.build_id or not memory.build_id:
        sound = binding.release in ("", memory.release)
    else:
        sound = binding.build_id == memory.build_id
    if not sound:
        told = f", build-id {memory.build_id}" if memory.build_id else ""
        raise BaseMismatchError(
            f"{path}: made for {binding.program}, not for Linux {memory.release}{told}"
        )


def check_fit(extra: TypeGraph, memory: KernelMemory) -> None:
    """Make sure that raw BTF, which does not say whose it is, makes sense over a kernel's.

    Over another base its ids and strings mean something else: names are pieces of others,
    variables don't have the size of their type.

    Raises:
        BaseMismatchError: It makes none.

    Cost: 60 ms, most of it the import of what checks it.
    """
    from dwarfless.graph.check import check

    violations = check(extra)
    if violations:
        raise BaseMismatchError(
            f"{extra.source}: not split over the BTF of Linux {memory.release}: {violations[0]}"
        )


def _take(found: Sources, path: Path, memory: KernelMemory) -> None:
    """Use a file as the extra, if it is this kernel's."""
    # What reads ELF files takes 20 ms to import; in memory BTF is raw.
    from dwarfless.containers.load import load, read_binding

    binding = read_binding(path)
    if binding is not None:
        check_kernel(binding, path, memory)
    found.extra, found.binding = load(path, base=found.base), binding
    if binding is None:
        check_fit(found.extra, memory)
    bound = (
        "bound to this kernel" if binding is not None else "which does not say for which kernel"
    )
    found.steps.append(f"extra: {path}, {bound}")
