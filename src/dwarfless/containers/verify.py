"""Does what an extra is bound to hold?

In:  an extra in an ELF file, the files of what it is split over.
Out: a Check for each thing that its binding says.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import zip_longest
from typing import Final, NamedTuple

from dwarfless.containers.bind import bound_sections, identify, identify_file
from dwarfless.containers.binding import BINDING_SECTION, Binding, BoundSection
from dwarfless.containers.load import load, read_binding
from dwarfless.elf.image import ElfImage
from dwarfless.elf.notes import BUILD_ID_SECTION, content_hash
from dwarfless.errors import DwarflessError, ElfError
from dwarfless.graph.levels import levels
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["Check", "Verdict", "verify"]

#: The sections of a file that write_btf makes; the build-id of such a file is a hash of it.
CONTAINER: Final = ("", BUILD_ID_SECTION, BINDING_SECTION, ".BTF", ".shstrtab")


class Check(NamedTuple):
    """One thing that a binding says.

    Attributes:
        what: Such as "base 1" or "section .data".
        expected: What the binding says.
        found: What is so; or why that is not known.
        holds: Whether they agree; None if what is so is not known.
    """

    what: str
    expected: str
    found: str
    holds: bool | None


class Verdict(NamedTuple):
    """What an extra is bound to, and whether that holds."""

    binding: Binding
    checks: list[Check]

    @property
    def holds(self) -> bool:
        """Whether no check fails."""
        return all(check.holds is not False for check in self.checks)

    def to_json(self) -> dict[str, object]:
        """Return what JSON can hold."""
        fields = asdict(self.binding)
        del fields["layout"], fields["machine"]
        checks = [check._asdict() for check in self.checks]
        return {"holds": self.holds, "binding": fields, "checks": checks}


def verify(extra: str | os.PathLike[str], bases: Sequence[str | os.PathLike[str]]) -> Verdict:
    """Compare what an extra is bound to with what is there.

    Args:
        extra: ELF file with a binding.
        bases: The files of what it is split over: the kernel's first.

    Raises:
        DwarflessError: The extra has no binding; a file is no sound BTF, or not for its base.
        OSError: A file can't be read.

    Cost: 45 ms for a vmlinux.
    """
    binding = read_binding(extra)
    if binding is None:
        raise DwarflessError(f"{extra}: no binding here; raw BTF can't carry one")
    graph: TypeGraph | None = None
    for path in bases:
        graph = load(path, base=graph)
    chain = [] if graph is None else levels(graph)
    image = ElfImage.load(extra)
    checks = [*_iter_content(image)]
    if image.find_section(".BTF.base") is None:
        # One that brings its base is moved onto another by load(), or refused.
        checks += _iter_levels(binding, chain)
    if all(check.holds for check in checks):
        num_types = load(extra, base=graph).num_own
        checks.append(Check("types", "sound", f"{num_types:,}, all sound over the bases", True))
    images = [_image_of(path) for path in bases]
    kernel = images[0] if images else None
    checks += _iter_identity(binding, identify_file(bases[0]) if bases else Binding())
    if binding.module:
        checks += _iter_module(binding, images[1:])
    else:
        checks += _iter_sections(binding, kernel)
    return Verdict(binding, checks)


def _iter_content(image: ElfImage) -> Iterator[Check]:
    """Compare the build-id with the content it is a hash of."""
    if set(image.section_names) - {".BTF.base"} != set(CONTAINER):
        return
    hashed = content_hash(
        [
            (name, image.section_bytes(index))
            for index, name in enumerate(image.section_names)
            if name not in ("", BUILD_ID_SECTION, ".shstrtab")
        ]
    )
    build_id = image.build_id or b""
    yield Check("content", build_id.hex(), hashed.hex(), build_id == hashed)


def _iter_levels(binding: Binding, chain: Sequence[TypeGraph]) -> Iterator[Check]:
    """Compare what the types are split over."""
    for number, (wanted, level) in enumerate(zip_longest(binding.bases, chain), 1):
        what = f"base {number}"
        if level is None:
            yield Check(what, wanted, "not given", False)
        else:
            found = f"{level.digest} {level.source}"
            yield Check(what, wanted or "nothing", found, level.digest == wanted)


def _iter_identity(binding: Binding, kernel: Binding) -> Iterator[Check]:
    """Compare release and build-id of the kernel."""
    for what, field in (("release", "release"), ("build-id", "build_id")):
        wanted, found = getattr(binding, field), getattr(kernel, field)
        if wanted and found:
            yield Check(what, wanted, found, wanted == found)
        else:
            unknown = "base 1 doesn't tell" if wanted else "the binding doesn't tell"
            yield Check(what, wanted, unknown, None)


def _iter_module(binding: Binding, images: Sequence[ElfImage | None]) -> Iterator[Check]:
    """Compare build-id and sections with those of the module, if one of the bases is its file."""
    for image in images:
        own = Binding() if image is None else identify(image)
        if own.module == binding.module and own.module_build_id and not own.bases:
            agrees = own.module_build_id == binding.module_build_id
            yield Check("module", binding.module_build_id, own.module_build_id, agrees)
            yield from _iter_sections(binding, image)
            return
    yield Check("module", binding.module_build_id, "no base is its file", None)


def _iter_sections(binding: Binding, program: ElfImage | None) -> Iterator[Check]:
    """Compare addresses and sizes with those of the program's file."""
    names = [section.name for section in binding.sections]
    found = {} if program is None else {s.name: s for s in bound_sections(program, names)}
    for section in binding.sections:
        what, other = f"section {section.name}", found.get(section.name)
        if not found:
            yield Check(what, _place(section), "no base is the program's file", None)
        elif other is None:
            yield Check(what, _place(section), "there is none", False)
        else:
            yield Check(what, _place(section), _place(other), section == other)


def _place(section: BoundSection) -> str:
    where = "relative" if section.relative else f"{section.address:#x}"
    return f"{where}, {section.size:#x} bytes"


def _image_of(path: str | os.PathLike[str]) -> ElfImage | None:
    """Return the ELF file at a path; None for raw BTF."""
    try:
        return ElfImage.load(path)
    except ElfError:
        # load() has read it: it is raw BTF, or in a part that doesn't matter here not sound.
        return None
