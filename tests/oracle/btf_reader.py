"""Read BTF slowly and plainly.

In:  raw BTF, or an ELF file with a .BTF section; for split BTF, its base as read before.
Out: a list of tuples by type id, base types first.

It shares no code with the package, so that an error in one is not an error in both. Names are
strings, references are type ids, kinds are the kernel's words without BTF_KIND_:

    ("VOID", "")
    ("INT", name, size, encoding, bit_offset, bits)
    ("FLOAT", name, size)
    ("PTR" | "VOLATILE" | "CONST" | "RESTRICT", "", type_id)
    ("TYPEDEF", name, type_id)
    ("TYPE_TAG", value, type_id, kind_flag)
    ("ARRAY", "", element_id, index_id, num_elements)
    ("STRUCT" | "UNION", name, size, kind_flag, ((name, type_id, bit_offset, bitfield_size), …))
    ("ENUM" | "ENUM64", name, size, signed, ((name, value), …))
    ("FWD", name, "struct" | "union")
    ("FUNC", name, type_id, linkage)
    ("FUNC_PROTO", "", return_id, ((name, type_id), …))
    ("VAR", name, type_id, linkage)
    ("DATASEC", name, size, ((var_id, offset, size), …))
    ("DECL_TAG", value, type_id, component, kind_flag)

Source: Documentation/bpf/btf.rst and include/uapi/linux/btf.h of Linux.
"""

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

__all__ = ["KINDS", "Btf", "Type", "parse", "read"]

# fmt: off
KINDS = [
    "VOID", "INT", "PTR", "ARRAY", "STRUCT", "UNION", "ENUM", "FWD", "TYPEDEF", "VOLATILE",
    "CONST", "RESTRICT", "FUNC", "FUNC_PROTO", "VAR", "DATASEC", "FLOAT", "DECL_TAG", "TYPE_TAG",
    "ENUM64",
]
# fmt: on

Type = tuple[Any, ...]


class Btf(NamedTuple):
    """What was read.

    Attributes:
        types: A tuple a type id; those below `first` are the base's.
        first: First type id of the file itself: 1 without a base.
        strings: String section, that of the base in front.
        num_words: 32-bit words of the file's own type section.
    """

    types: list[Type]
    first: int
    strings: bytes
    num_words: int


def read(path: str | Path, base: Btf | None = None) -> Btf:
    """Read a file.

    Raises:
        ValueError: It holds no BTF, or broken BTF.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            content = _section(file) if file.read(4) == b"\x7fELF" else path.read_bytes()
        return parse(content, base)
    except (ValueError, IndexError, struct.error, ELFError) as error:
        raise ValueError(f"{path}: {error}") from error


def _section(file: BinaryIO) -> bytes:
    section = ELFFile(file).get_section_by_name(".BTF")
    if section is None:
        raise ValueError("no .BTF section")
    return bytes(section.data())


def parse(content: bytes, base: Btf | None = None) -> Btf:
    """Read raw BTF of either byte order."""
    order = {b"\x9f\xeb": "<", b"\xeb\x9f": ">"}.get(content[:2])
    if order is None:
        raise ValueError("no BTF: wrong magic")
    (header_size,) = struct.unpack_from(f"{order}I", content, 4)
    type_offset, type_size, string_offset, string_size = struct.unpack_from(
        f"{order}4I", content, 8
    )
    start = header_size + type_offset
    words = struct.unpack(f"{order}{type_size // 4}I", content[start : start + type_size])
    start = header_size + string_offset
    strings = content[start : start + string_size]
    if len(strings) != string_size or (strings and strings[-1]):
        raise ValueError("string section is cut short")
    types: list[Type] = [("VOID", "")]
    if base is not None:
        strings = base.strings + strings
        types = list(base.types)
    first = len(types)
    _read_types(words, _names(strings), types)
    return Btf(types, first, strings, len(words))


def _names(strings: bytes) -> Callable[[int], str]:
    known: dict[int, str] = {}

    def name(offset: int) -> str:
        if offset not in known:
            if offset >= len(strings):
                raise ValueError(f"name offset {offset:#x} is outside the string section")
            end = strings.index(b"\0", offset)
            known[offset] = strings[offset:end].decode("utf-8", "backslashreplace")
        return known[offset]

    return name


def _signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def _read_types(words: Sequence[int], name: Callable[[int], str], types: list[Type]) -> None:
    at = 0
    while at < len(words):
        name_offset, info, third = words[at : at + 3]
        number = info >> 24 & 0x7F
        if not 0 < number < len(KINDS):
            raise ValueError(f"[{len(types)}]: kind {number} is unknown")
        kind, flag, vlen = KINDS[number], info >> 31, info & 0xFFFFFF
        fixed, each = _SIZES.get(kind, (0, 0))
        end = at + 3 + fixed + each * vlen
        if end > len(words):
            raise ValueError(f"[{len(types)}]: {kind} runs past the type section")
        rest = words[at + 3 : end]
        items = [rest[i : i + each] for i in range(fixed, len(rest), each)] if each else []
        types.append(_type(kind, name(name_offset), flag, vlen, third, rest, items, name))
        at = end


#: Words after the first three: once, and for each of vlen.
_SIZES = {
    "INT": (1, 0),
    "ARRAY": (3, 0),
    "STRUCT": (0, 3),
    "UNION": (0, 3),
    "ENUM": (0, 2),
    "ENUM64": (0, 3),
    "FUNC_PROTO": (0, 2),
    "VAR": (1, 0),
    "DATASEC": (0, 3),
    "DECL_TAG": (1, 0),
}


def _type(
    kind: str,
    own_name: str,
    flag: int,
    vlen: int,
    third: int,
    rest: Sequence[int],
    items: list[Sequence[int]],
    name: Callable[[int], str],
) -> Type:
    match kind:
        case "INT":
            word = rest[0]
            return (kind, own_name, third, word >> 24 & 0xF, word >> 16 & 0xFF, word & 0xFF)
        case "ARRAY":
            return (kind, own_name, *rest)
        case "STRUCT" | "UNION":
            if flag:
                members = tuple((name(n), t, o & 0xFFFFFF, o >> 24) for n, t, o in items)
            else:
                members = tuple((name(n), t, o, 0) for n, t, o in items)
            return (kind, own_name, third, flag, members)
        case "ENUM":
            values = tuple((name(n), _signed(v) if flag else v) for n, v in items)
            return (kind, own_name, third, flag, values)
        case "ENUM64":
            values = tuple(
                (name(n), low | (_signed(high) if flag else high) << 32) for n, low, high in items
            )
            return (kind, own_name, third, flag, values)
        case "FWD":
            return (kind, own_name, "union" if flag else "struct")
        case "FUNC":
            return (kind, own_name, third, vlen)
        case "FUNC_PROTO":
            return (kind, own_name, third, tuple((name(n), t) for n, t in items))
        case "VAR":
            return (kind, own_name, third, rest[0])
        case "DATASEC":
            return (kind, own_name, third, tuple(map(tuple, items)))
        case "DECL_TAG":
            return (kind, own_name, third, _signed(rest[0]), flag)
        case "TYPE_TAG":
            return (kind, own_name, third, flag)
        case _:
            return (kind, own_name, third)
