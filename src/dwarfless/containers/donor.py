"""What any module of a kernel tells about that kernel.

In:  a module, compressed or not; the kernel's BTF.
Out: what the kernel wants to see in every module: version magic, symbol versions, struct module.

Source: kernel/module/main.c and version.c of Linux 6.1, 6.12 and 7.2; scripts/mod/modpost.c.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dwarfless.btf.decode import decode
from dwarfless.elf.headers import Layout
from dwarfless.elf.image import ElfImage
from dwarfless.errors import BaseMismatchError, DwarflessError, ElfError, FormatError
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Array, Int, Struct, Type, Typedef

__all__ = ["THIS_MODULE", "Donor", "find_donor", "find_struct_module", "module_record"]

THIS_MODULE: Final = ".gnu.linkonce.this_module"
#: Every module depends on the version of this, struct module's layout.
LAYOUT_SYMBOL: Final = b"module_layout"
#: Symbol versions: records of a checksum and a name; or, since 6.14, the two in sections apart.
VERSIONS, EXTENDED_CRCS, EXTENDED_NAMES = "__versions", "__version_ext_crcs", "__version_ext_names"
VERSION_SIZE: Final = 64


@dataclass(frozen=True)
class Donor:
    """A module that shows what its kernel wants.

    Attributes:
        source: Its file's name.
        layout: Word size and byte order.
        machine: EM_ number.
        modinfo: First value of each key in .modinfo.
        versions: Section -> content: the version of module_layout, if symbols have versions.
        this_module_size: Size of struct module in bytes.
        this_module_alignment: Of the section that holds it.
        btf: Its .BTF section, or None.
    """

    source: str
    layout: Layout
    machine: int
    modinfo: dict[str, str]
    versions: dict[str, bytes]
    this_module_size: int
    this_module_alignment: int
    btf: bytes | None

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Donor":
        """Return what a module tells.

        Raises:
            ElfError: It is no sound ELF file, or no module.
            OSError: It can't be read.
        """
        return cls.of_image(ElfImage.load(path))

    @classmethod
    def of_image(cls, image: ElfImage) -> "Donor":
        """Return what a module tells.

        Raises:
            ElfError: It is no module.
        """
        this_module = image.find_section(THIS_MODULE)
        modinfo = dict(reversed(list(iter_modinfo(image))))
        if this_module is None or "vermagic" not in modinfo:
            raise ElfError(
                "no kernel module: it lacks "
                + ("vermagic in .modinfo" if this_module is not None else THIS_MODULE),
                source=image.source,
                section="section table",
                offset=0,
            )
        btf = image.find_section(".BTF")
        return cls(
            source=image.source,
            layout=image.layout,
            machine=image.machine,
            modinfo=modinfo,
            versions=_layout_version(image),
            this_module_size=image.sections[this_module].size,
            this_module_alignment=image.sections[this_module].addralign,
            btf=None if btf is None else bytes(image.section_bytes(btf)),
        )

    @property
    def release(self) -> str:
        """The kernel's release, as uname prints it."""
        return self.modinfo["vermagic"].partition(" ")[0]

    def check_base(self, base: TypeGraph) -> None:
        """Make sure that BTF is the donor's kernel's, as far as one can tell.

        The struct module of both must have one size, and the donor's own BTF must make sense
        on it.

        Raises:
            BaseMismatchError: It is another kernel's.
        """
        expected = find_struct_module(base).size
        if expected != self.this_module_size:
            raise BaseMismatchError(
                f"{self.source} is a module of another kernel: its struct module has "
                f"{self.this_module_size} bytes, the base's {expected}"
            )
        if self.btf is None:
            return
        try:
            decode(self.btf, base=base, source=self.source)
        except FormatError as error:
            raise BaseMismatchError(
                f"{self.source} is a module of another kernel: "
                f"its BTF makes no sense over the base ({error.problem})"
            ) from None


def find_donor(folder: str | os.PathLike[str]) -> str:
    """Return a module below a folder: the first by name of those with the shortest path.

    Raises:
        FileNotFoundError: There is none.
    """
    found = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.endswith((".ko", ".ko.xz", ".ko.zst", ".ko.gz")) and "updates" not in place
    ]
    if not found:
        raise FileNotFoundError(2, "No kernel module below", os.fspath(folder))
    return min(found, key=lambda path: (path.count(os.sep), path))


def find_struct_module(base: TypeGraph) -> Struct:
    """Return the kernel's struct module.

    Raises:
        DwarflessError: The BTF has none.
    """
    for found in base.find_all("module", "STRUCT"):
        if isinstance(found, Struct) and {"state", "name"} <= {m.name for m in found.members}:
            return found
    raise DwarflessError(f"{base.source}: no struct module: this is not a kernel with modules")


def module_record(base: TypeGraph, name: str) -> bytes:
    """Return a struct module that holds a name and is zero otherwise.

    Raises:
        DwarflessError: The name is too long, or no name for a module.
    """
    module = find_struct_module(base)
    member = next(member for member in module.members if member.name == "name")
    room, spelled = _array_size(member.type), name.encode()
    if not 0 < len(spelled) < room or not spelled.isascii() or set(spelled) & set(b" \t\n/"):
        raise DwarflessError(f"{name!r} is no module name of at most {room - 1} bytes")
    record = bytearray(module.size)
    start = member.bit_offset // 8
    record[start : start + len(spelled)] = spelled
    return bytes(record)


def _array_size(of: Type) -> int:
    """Return the size in bytes of an array of characters."""
    if isinstance(of, Array):
        element = of.element
        while isinstance(element, Typedef):
            element = element.type
        if isinstance(element, Int) and element.size == 1:
            return of.count
    raise DwarflessError("struct module's name is no array of characters")


def iter_modinfo(image: ElfImage) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of .modinfo."""
    index = image.find_section(".modinfo")
    if index is None:
        return
    for entry in bytes(image.section_bytes(index)).split(b"\0"):
        key, equals, value = entry.decode(errors="surrogateescape").partition("=")
        if equals:
            yield key, value


def _layout_version(image: ElfImage) -> dict[str, bytes]:
    """Return the sections that hold the version of module_layout, and of nothing else."""
    found: dict[str, bytes] = {}
    index = image.find_section(VERSIONS)
    if index is not None:
        records = bytes(image.section_bytes(index))
        # The checksum comes first, in a word that is as wide as an address.
        wide = image.layout.address_size
        for at in range(0, len(records) - VERSION_SIZE + 1, VERSION_SIZE):
            record = records[at : at + VERSION_SIZE]
            if record[wide:].rstrip(b"\0") == LAYOUT_SYMBOL:
                found[VERSIONS] = record
    crcs, names = image.find_section(EXTENDED_CRCS), image.find_section(EXTENDED_NAMES)
    if crcs is not None and names is not None:
        listed = bytes(image.section_bytes(names)).split(b"\0")
        if LAYOUT_SYMBOL in listed:
            at = 4 * listed.index(LAYOUT_SYMBOL)
            crc = bytes(image.section_bytes(crcs))[at : at + 4]
            found |= {EXTENDED_CRCS: crc, EXTENDED_NAMES: LAYOUT_SYMBOL + b"\0"}
    return found
