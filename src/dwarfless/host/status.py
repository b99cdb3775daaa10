"""What extras a machine has, whether they are its kernel's, and what would mend it.

In:  a System.
Out: a Status: facts, findings, and for each thing amiss a command.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dwarfless.containers.bind import HOST, identify
from dwarfless.containers.binding import BINDING_SECTION, Binding
from dwarfless.elf.image import ElfImage
from dwarfless.errors import DwarflessError
from dwarfless.host.install import VMLINUX, Manifest
from dwarfless.host.system import System

__all__ = ["Extra", "Status", "inspect"]


@dataclass(frozen=True)
class Extra:
    """An extra that is loaded, or on disk.

    Attributes:
        name: As the kernel writes it.
        place: Its file; "" for one that is loaded.
        size: Of its BTF if it is loaded, of its file if not, in bytes.
        problem: Why it is not this kernel's; "" if it is, as far as can be told.
    """

    name: str
    place: str
    size: int
    problem: str


@dataclass
class Status:
    """What a machine has.

    Attributes:
        system: The kernel.
        base_size: Of the kernel's own BTF in bytes; None if it can't be seen.
        loaded: Extras that the running kernel shows.
        installed: Extras among the kernel's modules.
        at_boot: What loads vmlinux's extra at boot; "" if nothing does.
        signatures: Why modules must be signed; "" if they need not be.
        mends: What is amiss -> the command that mends it.
    """

    system: System
    base_size: int | None = None
    loaded: list[Extra] = field(default_factory=list)
    installed: list[Extra] = field(default_factory=list)
    at_boot: str = ""
    signatures: str = ""
    mends: dict[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether vmlinux's extra is there, and every extra is this kernel's."""
        return not self.mends

    @property
    def missing(self) -> list[str]:
        """Names of sound extras on disk that modprobe would load: not loaded, their module is."""
        if not self.system.is_running:
            return []
        loaded = {extra.name for extra in self.loaded}
        modules = set(self.system.loaded_modules())
        return [
            extra.name
            for extra in self.installed
            if not extra.problem
            and extra.name not in loaded
            and (extra.name == VMLINUX or extra.name.removesuffix("_btf") in modules)
        ]

    def to_json(self) -> dict[str, object]:
        """Return what JSON can hold."""
        return {
            "release": self.system.release,
            "running": self.system.is_running,
            "base_size": self.base_size,
            "loaded": [vars(extra) for extra in self.loaded],
            "installed": [vars(extra) for extra in self.installed],
            "at_boot": self.at_boot,
            "signatures": self.signatures,
            "mends": self.mends,
        }


def inspect(system: System) -> Status:
    """Return what a machine has.

    Raises:
        DwarflessError: The manifest can't be understood.
    """
    status = Status(system, signatures=system.wants_signatures())
    digest = ""
    if (base := system.base) is not None:
        content = base.read_bytes()
        status.base_size, digest = len(content), hashlib.sha256(content).hexdigest()
    status.loaded = [loaded_extra(name, system, digest) for name in system.loaded()]
    status.installed = [file_extra(path, system, digest) for path in system.installed()]
    status.at_boot = _at_boot(system)
    status.mends = dict(_mends(status))
    return status


def mismatch(binding: Binding | None, system: System, digest: str) -> str:
    """Return why something is not this kernel's, "" if it is, as far as can be told.

    Args:
        binding: What it is bound to; None if it doesn't say.
        system: The kernel.
        digest: SHA-256 of the kernel's .BTF, in hex; "" if not known.
    """
    if binding is None:
        return ""
    if binding.release and binding.release != system.release:
        return f"made for {binding.release}"
    if binding.build_id and system.build_id and binding.build_id != system.build_id:
        return "made for another build of this release"
    if binding.bases and digest and binding.bases[0] != digest:
        return "made over other BTF than this kernel's"
    return ""


def loaded_extra(name: str, system: System, digest: str) -> Extra:
    """Return an extra that the running kernel shows, judged by the note it shows."""
    size = Path("/sys/kernel/btf", name).stat().st_size
    problem = ""
    note = Path("/sys/module", name, "notes", BINDING_SECTION)
    try:
        content = note.read_bytes()
        binding = Binding.read(content, layout=HOST, machine=0, source=str(note))
        problem = mismatch(binding, system, digest)
    except FileNotFoundError:
        pass
    except (DwarflessError, OSError) as error:
        problem = str(error)
    return Extra(name, "", size, problem)


def file_extra(path: Path, system: System, digest: str) -> Extra:
    """Return an extra on disk, judged by its note."""
    name = path.name.partition(".ko")[0].replace("-", "_")
    try:
        problem = mismatch(identify(ElfImage.load(path)), system, digest)
    except (DwarflessError, OSError) as error:
        problem = str(error)
    return Extra(name, str(path), path.stat().st_size, problem)


def _at_boot(system: System) -> str:
    if VMLINUX in system.asked_at_boot():
        return "modules_load= on the kernel's command line"
    if VMLINUX in Manifest.load(system).always:
        return "modules-load.d, by dwarfless install --always"
    return ""


def _mends(status: Status) -> Iterator[tuple[str, str]]:
    """Yield what is amiss, and the command that mends it."""
    system = status.system
    if system.is_running and status.base_size is None:
        yield (
            "the kernel shows no BTF of its own (CONFIG_DEBUG_INFO_BTF)",
            "dwarfless encode VMLINUX",
        )
        return
    sound = {extra.name for extra in status.installed if not extra.problem}
    for extra in status.loaded:
        if extra.problem:
            yield f"{extra.name} is loaded, but {extra.problem}", f"rmmod {extra.name}"
    for extra in status.installed:
        if extra.problem:
            yield f"{extra.place}: {extra.problem}", "dwarfless install --build"
    for name in status.missing:
        yield f"{name} is on disk, but not loaded", f"modprobe {name.replace('_', '-')}"
    if VMLINUX not in sound | {extra.name for extra in status.loaded}:
        yield "there is no extra for this kernel", "dwarfless install --build"
