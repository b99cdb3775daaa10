"""What a kernel's own memory says: where it runs, its symbols, its BTF and its modules' BTF.

In:  a drgn Program of a Linux kernel.
Out: facts of VMCOREINFO; addresses of symbols; the bytes of BTF.

Source: Documentation/admin-guide/kdump/vmcoreinfo.rst; btf_module_notify and struct btf in
kernel/bpf/btf.c.
"""

import re
import struct
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final, NamedTuple

from drgn import FaultError, MissingDebugInfoError, Program, Symbol, SymbolIndex, SymbolKind

from dwarfless.elf.kallsyms import Kallsyms
from dwarfless.formats.btf import Kind
from dwarfless.graph import views
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["KernelMemory", "ModuleBtf", "addresses"]

SYMBOL: Final = re.compile(r"SYMBOL\((\w+)\)=([0-9a-fA-F]+)")
#: Version -> patch levels with a BUILD-ID that is not the kernel's.
GARBAGE_BUILD_IDS: Final = {
    "5.15": range(168, 1 << 16),
    "6.1": range(113, 119),
    "6.6": range(55, 63),
    "6.10": range(14, 1 << 16),
    "6.11": range(3, 10),
}
#: More than any kernel has; a broken list ends here.
MAX_MODULES: Final = 1 << 14
MAX_BTF: Final = 1 << 28
#: Of a core file; /proc/kcore has a few kilobytes.
MAX_NOTES: Final = 1 << 24
PT_NOTE: Final = 4
NOTE: Final = struct.Struct("<3I")
#: Owner and type of a note.
OWNER: Final = b"VMCOREINFO\0", 0
BUILD_ID_OWNER: Final = b"GNU\0", 3
#: Where the kernel keeps its own.
NOTES: Final = "__start_notes", "__stop_notes"


class ModuleBtf(NamedTuple):
    """The BTF of a loaded module, in the kernel's memory.

    Attributes:
        module: Name of the module.
        btf_id: The kernel gives no number twice.
        address: Of the BTF.
        size: In bytes.
    """

    module: str
    btf_id: int
    address: int
    size: int


class KernelMemory:
    """A kernel's memory, and what it says of itself.

    Attributes:
        prog: The kernel.
    """

    def __init__(self, prog: Program) -> None:
        self.prog: Final = prog

    @cached_property
    def vmcoreinfo(self) -> dict[str, str]:
        """Lines KEY=VALUE of VMCOREINFO.

        drgn's own VMCOREINFO is an array of char: asking for it before there is BTF settles for
        good that char is signed, which on x86 it has not been since Linux 6.2.
        """
        path = self.prog.core_dump_path
        noted = _read_note(path) if path is not None else None
        content = self.prog["VMCOREINFO"].string_() if noted is None else noted
        text = content.decode(errors="replace")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)

    @cached_property
    def symbols_told(self) -> dict[str, int]:
        """Symbols whose addresses VMCOREINFO tells."""
        rows = (SYMBOL.fullmatch(f"{key}={text}") for key, text in self.vmcoreinfo.items())
        return {row[1]: int(row[2], 16) for row in rows if row is not None}

    @cached_property
    def build_id(self) -> str:
        """The kernel's build-id in hex; "" before Linux 5.9, and where it is garbage.

        Where it can be garbage, the kernel's own notes say what is right: distributions' releases
        do not tell the patch level.
        """
        told = self.vmcoreinfo.get("BUILD-ID", "")
        series = re.match(r"\d+\.\d+", self.release)
        if series is None or series[0] not in GARBAGE_BUILD_IDS:
            return told
        return self._noted_build_id or ("" if _tells_garbage(self.release) else told)

    @property
    def _noted_build_id(self) -> str:
        """The build-id in the kernel's notes, in hex; "" if they can't be read.

        Cost: 4 ms.
        """
        try:
            ends = [self.find_symbol(name, quick=True) for name in NOTES]
            if not all(len(found) == 1 for found in ends):
                return ""
            (start,), (stop,) = ends
            notes = self.prog.read(start, min(stop - start, MAX_NOTES)) if start < stop else b""
        except (FaultError, ValueError):
            return ""
        found = (content.hex() for owner, content in _iter_notes(notes) if owner == BUILD_ID_OWNER)
        return next(found, "")

    @property
    def release(self) -> str:
        """The kernel's release."""
        return self.vmcoreinfo.get("OSRELEASE", "")

    @property
    def slide(self) -> int | None:
        """How far it runs from where it was linked, in bytes; None if it does not say."""
        text = self.vmcoreinfo.get("KERNELOFFSET")
        return None if text is None else int(text, 16)

    @cached_property
    def kallsyms(self) -> Kallsyms | None:
        """Its table of symbols; None before Linux 6.0 and without CONFIG_KALLSYMS."""
        if any(name not in self.symbols_told for name in Kallsyms.NEEDED):
            return None
        return Kallsyms(self.prog, self.symbols_told)

    @cached_property
    def index(self) -> SymbolIndex | None:
        """All its symbols, or None.

        Cost: 0.3 s on 6.1, 0.7 s on 7.2.
        """
        # Importing drgn's helpers takes 40 ms, half of what finding a variable does.
        from drgn.helpers.linux.kallsyms import load_vmlinux_kallsyms

        try:
            found = load_vmlinux_kallsyms(self.prog)
        except (MissingDebugInfoError, LookupError, ValueError, FaultError, OSError):
            return None
        # With kptr_restrict=2 /proc/kallsyms shows everybody zeros.
        told = {symbol.address for symbol in found(self.prog, "_stext", None, False)}
        return None if told == {0} else found

    def find_symbol(self, name: str, *, quick: bool = False, code: bool = False) -> list[int]:
        """Return the addresses of a symbol of the kernel itself.

        Args:
            name: As in kallsyms.
            quick: Rather find none than read all symbols.
            code: Whether to leave out data.
        """
        if self.__dict__.get("index") is None and self.kallsyms is not None:
            found = self.kallsyms.find(name, code=code)
            if found or quick:
                return found
        if self.index is None:
            return [self.symbols_told[name]] if name in self.symbols_told else []
        return addresses(self.index(self.prog, name, None, False), code=code)

    @cached_property
    def freed(self) -> tuple[int, int] | None:
        """Start and end of what the kernel frees once it has started; None if no symbol tells."""
        if self.kallsyms is None:
            return None
        start, end = (self.kallsyms.find(name) for name in ("__init_begin", "__init_end"))
        return (start[0], end[0]) if len(start) == len(end) == 1 else None

    @cached_property
    def has_variables(self) -> bool:
        """Whether symbols tell where variables are: not without CONFIG_KALLSYMS_ALL."""
        try:
            return bool(self.find_symbol("init_task", quick=True))
        except (FaultError, ValueError):
            return False

    def read_base(self) -> bytes | None:
        """Return the kernel's own BTF; None if it has none or does not say where."""
        ends = [self.find_symbol(name) for name in ("__start_BTF", "__stop_BTF")]
        if not all(len(found) == 1 for found in ends):
            return None
        (start,), (stop,) = ends
        return self.read_btf(start, stop)

    def read_btf(self, start: int, stop: int) -> bytes | None:
        """Return what is between two addresses; None if BTF can't be as large."""
        return self.prog.read(start, stop - start) if 0 < stop - start <= MAX_BTF else None

    def iter_module_btf(self, base: TypeGraph, place: int | None = None) -> Iterator[ModuleBtf]:
        """Yield the BTF of each loaded module that has any, the newest first.

        Args:
            base: The kernel's BTF: it says how its lists are laid out.
            place: Where the list starts; None to ask the symbols.

        Raises:
            FaultError: Memory that is not there, or no longer.
        """
        layout = _offsets(base, "btf_module", ("list", "btf"))
        fields = _offsets(base, "btf", ("data", "data_size", "name", "id"))
        head = self._btf_modules if place is None else place
        if head is None or layout is None or fields is None:
            return
        read, at = self.prog.read_u64, self.prog.read_u64(head)
        for _ in range(MAX_MODULES):
            if at == head:
                return
            btf = read(at - layout["list"] + layout["btf"])
            size = self.prog.read_u32(btf + fields["data_size"])
            name = self.prog.read_c_string(btf + fields["name"], max_size=64).decode()
            if 0 < size <= MAX_BTF:
                btf_id = self.prog.read_u32(btf + fields["id"])
                yield ModuleBtf(name, btf_id, read(btf + fields["data"]), size)
            at = read(at)

    @cached_property
    def _btf_modules(self) -> int | None:
        """Where the list of modules' BTF starts, or None."""
        found = self.find_symbol("btf_modules")
        return found[0] if len(found) == 1 else None


def addresses(symbols: Iterable[Symbol], *, code: bool) -> list[int]:
    """Return the addresses of symbols, or of those that are no data."""
    return sorted({s.address for s in symbols if not (code and s.kind == SymbolKind.OBJECT)})


def _tells_garbage(release: str) -> bool:
    """Tell whether a kernel's VMCOREINFO has no right BUILD-ID.

    Source: commit 905415ff3ffb ("lib/buildid: harden build ID parsing logic"), mended by
    de3ec364c3c3; both went into stable kernels.
    """
    match = re.match(r"(\d+\.\d+)\.(\d+)", release)
    return match is not None and int(match[2]) in GARBAGE_BUILD_IDS.get(match[1], ())


def _offsets(graph: TypeGraph, name: str, members: tuple[str, ...]) -> dict[str, int] | None:
    """Return the offsets of a struct's members in bytes; None if it is not so."""
    found = graph.find_all(name, Kind.STRUCT)
    if len(found) != 1 or not isinstance(found[0], views.Struct):
        return None
    known = {m.name: m.bit_offset // 8 for m in found[0].members if m.name in members}
    return known if len(known) == len(members) else None


def _read_note(path: str) -> bytes | None:
    """Return VMCOREINFO from an ELF file's notes; None if it has none or is no 64-bit ELF file.

    Only what is needed of ELF: the rest takes 20 ms to import.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(64)
            if len(head) < 64 or head[:6] != b"\x7fELF\2\1":
                return None
            (table,) = struct.unpack_from("<Q", head, 32)
            row_size, num_rows = struct.unpack_from("<2H", head, 54)
            file.seek(table)
            rows = file.read(row_size * num_rows)
            for at in range(0, len(rows) - 55, row_size or len(rows)):
                kind, offset, size = struct.unpack_from("<I4xQ16xQ", rows, at)
                if kind == PT_NOTE and size <= MAX_NOTES:
                    file.seek(offset)
                    for owner, content in _iter_notes(file.read(size)):
                        if owner == OWNER:
                            return content.rstrip(b"\0")
    except OSError:
        pass
    return None


def _iter_notes(notes: bytes) -> Iterator[tuple[tuple[bytes, int], bytes]]:
    """Yield owner and type, and content, of notes."""
    at = 0
    while at + NOTE.size <= len(notes):
        name_size, size, kind = NOTE.unpack_from(notes, at)
        name = at + NOTE.size
        start = name + name_size + -name_size % 4
        if start + size > len(notes):
            return
        yield (notes[name : name + name_size], kind), notes[start : start + size]
        at = start + size + -size % 4
