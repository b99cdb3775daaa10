"""A kernel of a few variables as a core file, and extras for it.

.text        nothing, but _stext and _etext
.data        init_task {pid 7, comm "swapper"}, state 1, count 3 of do_it() in kernel/it.c,
             six, seven
.bss         state 2, count 4
.init.data   early 5
.rodata      kallsyms, and BTF as the section .BTF
"""

import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import drgn

import dwarfless
from build import core, kallsyms
from dwarfless import GraphBuilder, TypeGraph
from dwarfless.consumers.drgn_plugin.attach import Attached, attach
from dwarfless.consumers.drgn_plugin.sources import Options
from dwarfless.containers.binding import Binding, BoundSection
from dwarfless.containers.write import write_btf
from dwarfless.formats.btf import Kind

__all__ = [
    "BUILD_ID",
    "LINKED",
    "RELEASE",
    "VARIABLES",
    "SmallKernel",
    "attached",
    "base",
    "binding",
    "extra",
    "written",
]

RELEASE, BUILD_ID = "6.12.0-small", "ab" * 20
LINKED = {
    ".text": 0xFFFFFFFF81000000,
    ".rodata": 0xFFFFFFFF82000000,
    ".BTF": 0xFFFFFFFF82100000,
    ".data": 0xFFFFFFFF83000000,
    ".init.data": 0xFFFFFFFF83800000,
    ".bss": 0xFFFFFFFF84000000,
}
SIZE = 0x1000
#: Name, section, offset, size, letter of its symbol; in the order of the extra's VARs.
VARIABLES = (
    ("init_task", ".data", 0x40, 12, "D"),
    ("state", ".data", 0x80, 4, "d"),
    ("count", ".data", 0x90, 4, ""),
    ("state", ".bss", 0x10, 4, "b"),
    ("count", ".bss", 0x20, 4, "B"),
    ("early", ".init.data", 0, 4, "d"),
    ("six", ".data", 0xA0, 4, "d"),
    ("seven", ".data", 0xA8, 4, "D"),
)
NUMBERS = (1, 3, 2, 4, 5, 6, 7)
VALUES = (struct.pack("<i8s", 7, b"swapper"), *(struct.pack("<i", n) for n in NUMBERS))


def base(*names: str) -> TypeGraph:
    """Return the kernel's own BTF; other names make it another kernel's."""
    builder = GraphBuilder()
    number = builder.add_int("int", 4, signed=True)
    for name in names:
        builder.add_composite(Kind.STRUCT, name, 4, [("member", number, 0)])
    char = builder.add_int("char", 1, signed=True)
    comm = builder.add_array(char, number, 8)
    builder.add_composite(Kind.STRUCT, "task_struct", 12, [("pid", number, 0), ("comm", comm, 32)])
    builder.add_composite(Kind.STRUCT, "list_head", 16, [])
    return dwarfless.decode(dwarfless.encode(builder.freeze()))


def extra(over: TypeGraph | None = None) -> TypeGraph:
    """Return the kernel's variables."""
    over = over or base()
    builder = GraphBuilder(over)
    (task,) = over.find_all("task_struct", Kind.STRUCT)
    ids: dict[str, list[tuple[int, int, int]]] = {}
    for name, section, offset, size, letter in VARIABLES:
        var = builder.add_var(name, task.id if name == "init_task" else 1)
        ids.setdefault(section, []).append((var, offset, size))
        if not letter:
            for tag in ("function:do_it", "file:kernel/it.c"):
                builder.add_decl_tag(tag, var)
    for section, entries in ids.items():
        builder.add_datasec(section, SIZE, entries)
    return builder.freeze()


def binding(**other: object) -> Binding:
    """Return what ties an extra to the kernel, with what shall be otherwise."""
    rows = [BoundSection(name, address, SIZE) for name, address in LINKED.items()]
    size = len(dwarfless.encode(base()))
    rows = [replace(row, size=size) if row.name == ".BTF" else row for row in rows]
    made = Binding(
        release=RELEASE, build_id=BUILD_ID, bases=(base().digest,), sections=tuple(rows)
    )
    return replace(made, **other)  # type: ignore[arg-type]


@dataclass(frozen=True)
class SmallKernel:
    """What the kernel is like.

    Attributes:
        slide: How far it was moved, in bytes.
        kallsyms: What it has: "all", "functions" (no CONFIG_KALLSYMS_ALL) or "nothing", then
            VMCOREINFO does not tell where it is.
        btf: What is at __start_BTF; None if there is no such symbol.
        moved: Symbol -> how far it is from where it should be.
        told: Lines of VMCOREINFO that are otherwise.
        notes: What is between __start_notes and __stop_notes, behind the BTF.
    """

    slide: int = 0x4000000
    kallsyms: str = "all"
    btf: bytes | None = dwarfless.encode(base())
    moved: Mapping[str, int] | None = None
    told: Mapping[str, object] | None = None
    notes: bytes = b""

    def address(self, section: str, offset: int = 0) -> int:
        """Return where a place in a section is in memory."""
        return LINKED[section] + offset + self.slide

    def symbols(self) -> dict[str, int]:
        """Return kallsyms."""
        found = {"T_stext": self.address(".text"), "T_etext": self.address(".text", SIZE)}
        if self.btf is not None:
            # Ends of sections are there in any case.
            found["R__start_BTF"] = self.address(".BTF")
            found["R__stop_BTF"] = self.address(".BTF", len(self.btf))
            if self.notes:
                size = len(self.btf)
                found["R__start_notes"] = self.address(".BTF", size)
                found["R__stop_notes"] = self.address(".BTF", size + len(self.notes))
        if self.kallsyms == "all":
            for name, section, offset, _, letter in VARIABLES:
                if letter:
                    place = self.address(section, offset)
                    found[letter + name] = place + (self.moved or {}).get(name, 0)
            found["B_end"] = self.address(".bss", SIZE)
        return found

    def to_bytes(self) -> bytes:
        """Return the core file."""
        stext = self.address(".text")
        table, places = kallsyms.assemble(
            self.symbols(), self.address(".rodata"), "relative", stext
        )
        told: dict[str, object] = {"OSRELEASE": RELEASE, "PAGESIZE": 4096, "BUILD-ID": BUILD_ID}
        told |= {"SIZE(list_head)": 16, "KERNELOFFSET": f"{self.slide:x}"}
        places = {} if self.kallsyms == "nothing" else places
        places |= {"_stext": stext, "swapper_pg_dir": self.address(".bss")}
        told |= {f"SYMBOL({name})": f"{place:x}" for name, place in places.items()}
        sections = {name: bytearray(SIZE) for name in (".data", ".bss", ".init.data")}
        for (_, section, offset, size, _), value in zip(VARIABLES, VALUES, strict=True):
            sections[section][offset : offset + size] = value
        memory = {self.address(name): bytes(content) for name, content in sections.items()}
        memory |= {
            self.address(".rodata"): table,
            self.address(".BTF"): (self.btf or b"") + self.notes,
        }
        return core.assemble(told | dict(self.told or {}), memory)

    def attach(self, folder: Path, **options: object) -> tuple[drgn.Program, Attached]:
        """Return a program of it with our finders."""
        path = folder / "core"
        path.write_bytes(self.to_bytes())
        return attached(path, **options)


def attached(path: Path, **options: object) -> tuple[drgn.Program, Attached]:
    """Return a program of a core file with our finders."""
    # Where dwarfless is installed beside drgn, its hook would attach, too.
    os.environ["DRGN_DISABLE_PLUGINS"] = "*"
    prog = drgn.Program()
    prog.set_core_dump(path)
    return prog, attach(prog, Options(**options))  # type: ignore[arg-type]


def written(path: Path, graph: TypeGraph | None = None, **other: object) -> Path:
    """Write an extra bound to the kernel, or raw by its suffix; return where it is."""
    write_btf(path, graph or extra(), binding=binding(**other))
    return path
