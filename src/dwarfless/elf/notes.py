"""ELF notes: small records, each with an owner and a type.

In:  the contents of a note section; or what a note is to say.
Out: notes; or a section to write.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from dwarfless.elf.headers import Layout
from dwarfless.elf.writer import OutputSection
from dwarfless.errors import ElfError
from dwarfless.formats import elf

__all__ = [
    "BUILD_ID_SECTION",
    "Note",
    "build_id_section",
    "content_hash",
    "iter_notes",
    "note_section",
]

BUILD_ID_SECTION: Final = ".note.gnu.build-id"


class Note(NamedTuple):
    """An ELF note.

    Attributes:
        owner: Whose type numbers these are, such as b"GNU".
        type: What it holds; each owner has its own numbers.
        content: Its bytes.
        offset: Of the content in the section, in bytes.
    """

    owner: bytes
    type: int
    content: memoryview
    offset: int


def iter_notes(
    content: memoryview, *, layout: Layout, source: str, section: str, alignment: int = 4
) -> Iterator[Note]:
    """Yield the notes of a section.

    Args:
        content: The section's bytes.
        layout: Of the file.
        source: Path for errors.
        section: The section's name, for errors.
        alignment: Of the section; 8 makes notes 8-aligned, anything else 4-aligned.

    Raises:
        ElfError: a note runs past its section.
    """
    header = struct.Struct(layout.order + "3I")
    position, align = 0, 8 if alignment == 8 else 4
    while position + header.size <= len(content):
        name_size, size, kind = header.unpack_from(content, position)
        start = position + header.size
        at = start + name_size
        at += -at % align
        if at + size > len(content):
            raise ElfError(
                "note runs past the end", source=source, section=section, offset=position
            )
        owner = bytes(content[start : start + name_size]).rstrip(b"\0")
        yield Note(owner, kind, content[at : at + size], at)
        position = at + size + -(at + size) % align


def note_section(
    name: str, owner: bytes, kind: int, content: bytes, *, layout: Layout, flags: int = 0
) -> OutputSection:
    """Return a section that holds one note.

    Args:
        name: The section's, such as ".note.gnu.build-id".
        owner: Whose type number it is.
        kind: The type number.
        content: What the note says.
        layout: Of the file.
        flags: SHF_ bits, such as SHF_ALLOC where it is to be loaded.
    """
    head = struct.pack(layout.order + "3I", len(owner) + 1, len(content), kind) + owner + b"\0"
    note = head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
    return OutputSection(name, elf.SHT_NOTE, flags, note, 4)


def content_hash(sections: Sequence[tuple[str, bytes | memoryview]]) -> bytes:
    """Return the build-id of a file made of sections (name, content), in file order."""
    from hashlib import sha1

    digest = sha1(usedforsecurity=False)
    for name, content in sections:
        digest.update(name.encode() + b"\0")
        digest.update(content)
    return digest.digest()


def build_id_section(
    sections: Sequence[OutputSection], *, layout: Layout, flags: int = 0
) -> OutputSection:
    """Return the note that tells a file made of sections from any other."""
    owner, kind = elf.NT_GNU_BUILD_ID
    build_id = content_hash([(section.name, section.content) for section in sections])
    return note_section(BUILD_ID_SECTION, owner, kind, build_id, layout=layout, flags=flags)
