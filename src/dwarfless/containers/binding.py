"""What ties an extra to its kernel: a note in the ELF file that holds it.

In:  a Binding; or a note's bytes, untrusted.
Out: a note section; or a Binding.

The note says which kernel, and which module, the variables are in, which BTF the types are split
over, and where the sections were linked that the variables are in. docs/containers.md gives its
bytes.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from dwarfless.containers.section import BINDING_SECTION
from dwarfless.elf.headers import Layout
from dwarfless.elf.notes import iter_notes, note_section
from dwarfless.elf.writer import OutputSection
from dwarfless.errors import BaseMismatchError, ElfError
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["BINDING_SECTION", "LITTLE_64", "Binding", "BoundSection", "is_plain"]

OWNER: Final = b"dwarfless"
#: Spells BTF; small numbers have names in readelf, whoever the owner is.
BINDING_NOTE: Final = 0x425446
VERSION: Final = 1

LITTLE_64: Final = Layout(is_64=True, little_endian=True)

#: Version; numbers of bases and sections; bytes of strings; release and module, as offsets into
#: the strings; bytes of the kernel's and of the module's build-id.
HEADER: Final = "8I"
#: SHA-256 of a .BTF section.
BASE_SIZE: Final = 32
#: Address and size; the name, as offset into the strings; flags.
SECTION: Final = "QQII"
PER_CPU, FIXED, RELATIVE = 1, 2, 4

#: More than any sound note has; what a reader allocates follows from these and the note's size.
MAX_BASES, MAX_SECTIONS, MAX_BUILD_ID, MAX_STRINGS, MAX_STRING = 16, 0xFF00, 64, 1 << 20, 512


@dataclass(frozen=True, slots=True)
class BoundSection:
    """A section that variables are in.

    Attributes:
        name: Such as ".data", the name of its DATASEC.
        address: Link address; 0 if relative.
        size: In bytes.
        per_cpu: Whether each CPU has a copy, at the address plus that CPU's offset.
        fixed: Whether the address stays when the kernel is moved (KASLR): per-CPU data that
            starts at 0.
        relative: Whether it has no address until the module is loaded; then
            /sys/module/NAME/sections tells.
    """

    name: str
    address: int
    size: int
    per_cpu: bool = False
    fixed: bool = False
    relative: bool = False


@dataclass(frozen=True)
class Binding:
    """Which program an extra is for.

    Attributes:
        layout: Word size and byte order of the program; the ELF header's, not in the note.
        machine: ``EM_`` number; likewise.
        release: The kernel's, as uname -r prints it; "" if unknown.
        build_id: The kernel's, in hex; "" if unknown.
        module: The module's name in the kernel; "" if the variables are the kernel's own.
        module_build_id: The module's, in hex; "" if unknown or no module.
        bases: SHA-256, in hex, of each level's .BTF that comes before; the kernel's first.
        sections: The sections that variables are in, by name.
    """

    layout: Layout = LITTLE_64
    machine: int = 0
    release: str = ""
    build_id: str = ""
    module: str = ""
    module_build_id: str = ""
    bases: tuple[str, ...] = ()
    sections: tuple[BoundSection, ...] = ()

    @property
    def program(self) -> str:
        """What the variables are in, in words."""
        kernel = f"Linux {self.release or 'of unknown release'}"
        build_id = f", build-id {self.build_id}" if self.build_id else ""
        return f"{self.module + ' of ' if self.module else ''}{kernel}{build_id}"

    def find_section(self, name: str) -> BoundSection | None:
        """Return the section of a DATASEC's name."""
        return next((section for section in self.sections if section.name == name), None)

    def address(self, section: str, offset: int, *, slide: int = 0) -> int | None:
        """Return where a variable is.

        Args:
            section: Name of its DATASEC.
            offset: What the DATASEC says, in bytes.
            slide: How far the kernel runs from where it was linked (KASLR), in bytes.

        Returns:
            An address; of a per-CPU variable what a CPU's offset is added to; None if the
            section is not known, or relative.
        """
        found = self.find_section(section)
        if found is None or found.relative:
            return None
        bits = 64 if self.layout.is_64 else 32
        return found.address + offset + (0 if found.fixed else slide) & (1 << bits) - 1

    def check_base(self, base: TypeGraph | None, source: str) -> None:
        """Make sure that a graph is what the types are split over.

        Args:
            base: The last level that comes before, or None.
            source: The extra's path, for errors.

        Raises:
            BaseMismatchError: A level is another, or one is missing or too many.
        """
        given = [] if base is None else levels(base)
        for number, (level, wanted) in enumerate(zip(given, self.bases, strict=False), 1):
            if level.digest != wanted:
                raise BaseMismatchError(
                    f"{source}: made for {self.program}, over BTF with SHA-256 {wanted}"
                    f"; {level.source} (level {number}) has {level.digest}"
                )
        if len(given) != len(self.bases):
            named = ", ".join(level.source for level in given) or "nothing"
            many = f"{len(self.bases)} level{'s' if len(self.bases) != 1 else ''} of BTF"
            raise BaseMismatchError(
                f"{source}: made for {self.program}, split over {many}; given: {named}"
            )

    def to_section(self, flags: int = 0) -> OutputSection:
        """Return the note in a section, with ``SHF_`` bits such as SHF_ALLOC."""
        content = self.to_bytes()
        return note_section(
            BINDING_SECTION, OWNER, BINDING_NOTE, content, layout=self.layout, flags=flags
        )

    def to_bytes(self) -> bytes:
        """Return what the note says."""
        strings = bytearray(b"\0")
        known = {"": 0}

        def offset_of(text: str) -> int:
            if text not in known:
                known[text] = len(strings)
                strings.extend(text.encode() + b"\0")
            return known[text]

        order = self.layout.order
        release, module = offset_of(self.release), offset_of(self.module)
        rows = b"".join(
            struct.pack(order + SECTION, s.address, s.size, offset_of(s.name), _flags(s))
            for s in self.sections
        )
        build_ids = bytes.fromhex(self.build_id), bytes.fromhex(self.module_build_id)
        counts = len(self.bases), len(self.sections), len(strings), release, module
        header = struct.pack(order + HEADER, VERSION, *counts, *map(len, build_ids))
        return b"".join((header, *map(bytes.fromhex, self.bases), rows, *build_ids, strings))

    @classmethod
    def read(
        cls, content: bytes | memoryview, *, layout: Layout, machine: int, source: str
    ) -> "Binding | None":
        """Return what a section .note.dwarfless says; None if it holds other notes only.

        Args:
            content: The section's bytes.
            layout: Of the file it is in.
            machine: ``EM_`` number of that file.
            source: Path for errors.

        Raises:
            ElfError: The note breaks its format, is of another version, or there are two.
        """
        found = None
        notes = iter_notes(
            memoryview(content), layout=layout, source=source, section=BINDING_SECTION
        )
        for note in notes:
            if (note.owner, note.type) != (OWNER, BINDING_NOTE):
                continue
            reader = _Reader(bytes(note.content), note.offset, layout, source)
            if found is not None:
                raise reader.error("a second binding", 0)
            found = reader.binding(machine)
        return found


def is_plain(text: str) -> bool:
    """Tell whether a binding can hold a name."""
    return text.isascii() and text.isprintable() and len(text) <= MAX_STRING


def _flags(section: BoundSection) -> int:
    return section.per_cpu * PER_CPU | section.fixed * FIXED | section.relative * RELATIVE


@dataclass(frozen=True)
class _Reader:
    """Reads one note, untrusted.

    Attributes:
        content: What the note says.
        start: Where that is in the section, in bytes, for errors.
        layout: Of the file.
        source: Path for errors.
    """

    content: bytes
    start: int
    layout: Layout
    source: str

    def error(self, problem: str, offset: int) -> ElfError:
        at = self.start + offset
        return ElfError(problem, source=self.source, section=BINDING_SECTION, offset=at)

    def binding(self, machine: int) -> Binding:
        """Return the binding; every size is checked before it is used."""
        header = struct.Struct(self.layout.order + HEADER)
        row = struct.Struct(self.layout.order + SECTION)
        if len(self.content) < header.size:
            raise self.error(f"binding of {len(self.content)} bytes", 0)
        version, *counts, release, module, build_id, module_build_id = header.unpack_from(
            self.content
        )
        if version != VERSION:
            raise self.error(f"binding of version {version}, not {VERSION}", 0)
        limits = (MAX_BASES, MAX_SECTIONS, MAX_STRINGS)
        for number, limit, at in zip(counts, limits, (4, 8, 12), strict=True):
            if number > limit:
                raise self.error(f"{number} is more than the {limit} that a binding may have", at)
        for size, at in ((build_id, 24), (module_build_id, 28)):
            if size > MAX_BUILD_ID:
                raise self.error(f"build-id of {size} bytes", at)
        num_bases, num_sections, num_strings = counts
        sizes = [header.size, BASE_SIZE * num_bases, row.size * num_sections]
        sizes += [build_id, module_build_id, num_strings]
        if sum(sizes) != len(self.content):
            raise self.error(f"binding of {len(self.content)} bytes, not {sum(sizes)}", 0)
        _, bases, sections, kernel, own, strings = self._cut(sizes)
        if strings[:1] != b"\0" or strings[-1:] != b"\0":
            raise self.error("strings don't start and end with NUL", sum(sizes[:5]))
        rows = enumerate(row.iter_unpack(sections))
        first = sum(sizes[:2])
        return Binding(
            layout=self.layout,
            machine=machine,
            release=self._string(strings, release, 16),
            build_id=kernel.hex(),
            module=self._string(strings, module, 20),
            module_build_id=own.hex(),
            bases=tuple(
                bases[at : at + BASE_SIZE].hex() for at in range(0, len(bases), BASE_SIZE)
            ),
            sections=tuple(self._section(strings, r, first + row.size * i) for i, r in rows),
        )

    def _cut(self, sizes: Sequence[int]) -> Iterator[bytes]:
        position = 0
        for size in sizes:
            yield self.content[position : position + size]
            position += size

    def _section(self, strings: bytes, row: tuple[int, ...], at: int) -> BoundSection:
        address, size, name, flags = row
        if flags & ~(PER_CPU | FIXED | RELATIVE):
            raise self.error(f"section flags {flags:#x} are not known", at + 20)
        return BoundSection(
            self._string(strings, name, at + 16),
            address,
            size,
            per_cpu=bool(flags & PER_CPU),
            fixed=bool(flags & FIXED),
            relative=bool(flags & RELATIVE),
        )

    def _string(self, strings: bytes, offset: int, at: int) -> str:
        if offset >= len(strings):
            raise self.error(f"no string at {offset:#x}", at)
        end = strings.find(b"\0", offset, offset + MAX_STRING + 1)
        if end < 0:
            raise self.error(f"string at {offset:#x} is longer than {MAX_STRING} bytes", at)
        text = strings[offset:end].decode("ascii", "replace")
        if not is_plain(text):
            raise self.error(f"string at {offset:#x} is not printable ASCII", at)
        return text
