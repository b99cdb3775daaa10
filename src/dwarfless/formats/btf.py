"""BTF: kinds, what their records hold, and limits by kernel.

The core keeps the layout again as C tables in ``_core/btf.pxd``; a unit test compares both.

Source: include/uapi/linux/btf.h, kernel/bpf/btf.c and Documentation/bpf/btf.rst of Linux.
"""

from enum import IntEnum
from typing import Final, Literal, NamedTuple

__all__ = [
    "HEADER_SIZE",
    "HEADER_SIZE_LAYOUT",
    "KINDS",
    "MAGIC",
    "MAX_CHAIN",
    "MAX_DEPTH",
    "MAX_ID",
    "MAX_NAME_OFFSET",
    "MAX_VLEN",
    "MAX_VLEN_WIDE",
    "SINCE",
    "VERSION",
    "Kind",
    "KindRow",
    "Role",
    "Target",
    "Word",
    "kind_number",
    "name_limit",
    "parse_target",
]

MAGIC: Final = 0xEB9F
VERSION: Final = 1
#: Bytes of the header up to str_len, and with layout_off and layout_len.
HEADER_SIZE: Final = 24
HEADER_SIZE_LAYOUT: Final = 32

MAX_ID: Final = 0xFFFFF
MAX_NAME_OFFSET: Final = 0xFFFFFF
MAX_VLEN: Final = 0xFFFF
#: Since SINCE["wide vlen"].
MAX_VLEN_WIDE: Final = 0xFFFFFF
#: Types the kernel holds on its stack while it resolves one (MAX_RESOLVE_DEPTH).
MAX_DEPTH: Final = 32
#: Modifiers in a row (MAX_RESOLVE_DEPTH again, in the check of type tags).
MAX_CHAIN: Final = 32

#: Major and minor of a kernel release.
Target = tuple[int, int]


class Kind(IntEnum):
    """BTF_KIND_*, by number."""

    VOID = 0
    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


Role = Literal["type", "name", "number"]


class Word(NamedTuple):
    """One 32-bit word of a record.

    Attributes:
        name: What it says.
        role: Whether it is a type id, a string offset or a plain number.
    """

    name: str
    role: Role = "number"


class KindRow(NamedTuple):
    """What a record of one kind holds.

    Attributes:
        kind: Its number and name.
        third: What follows name_off and info: "size" in bytes, "type" id, or "zero".
        fixed: Words after these three.
        element: Words of each of the vlen elements.
        since: First kernel that knows it.
        named: Whether a name must, may or must not be there.
    """

    kind: Kind
    third: Literal["size", "type", "zero"]
    fixed: tuple[Word, ...]
    element: tuple[Word, ...]
    since: Target
    named: Literal["must", "may", "none"]


_MEMBER = (Word("name", "name"), Word("type", "type"), Word("offset"))

#: A row a kind, at the kind's number. FUNC has its linkage in vlen, and no elements.
KINDS: Final[tuple[KindRow, ...]] = (
    KindRow(Kind.VOID, "zero", (), (), (4, 18), "none"),
    KindRow(Kind.INT, "size", (Word("encoding"),), (), (4, 18), "may"),
    KindRow(Kind.PTR, "type", (), (), (4, 18), "none"),
    KindRow(
        Kind.ARRAY,
        "zero",
        (Word("element", "type"), Word("index", "type"), Word("count")),
        (),
        (4, 18),
        "none",
    ),
    KindRow(Kind.STRUCT, "size", (), _MEMBER, (4, 18), "may"),
    KindRow(Kind.UNION, "size", (), _MEMBER, (4, 18), "may"),
    KindRow(Kind.ENUM, "size", (), (Word("name", "name"), Word("value")), (4, 18), "may"),
    KindRow(Kind.FWD, "zero", (), (), (4, 18), "must"),
    KindRow(Kind.TYPEDEF, "type", (), (), (4, 18), "must"),
    KindRow(Kind.VOLATILE, "type", (), (), (4, 18), "none"),
    KindRow(Kind.CONST, "type", (), (), (4, 18), "none"),
    KindRow(Kind.RESTRICT, "type", (), (), (4, 18), "none"),
    KindRow(Kind.FUNC, "type", (), (), (5, 0), "must"),
    KindRow(
        Kind.FUNC_PROTO, "type", (), (Word("name", "name"), Word("type", "type")), (5, 0), "none"
    ),
    KindRow(Kind.VAR, "type", (Word("linkage"),), (), (5, 2), "must"),
    KindRow(
        Kind.DATASEC,
        "size",
        (),
        (Word("type", "type"), Word("offset"), Word("size")),
        (5, 2),
        "must",
    ),
    KindRow(Kind.FLOAT, "size", (), (), (5, 13), "may"),
    KindRow(Kind.DECL_TAG, "type", (Word("component"),), (), (5, 16), "must"),
    KindRow(Kind.TYPE_TAG, "type", (), (), (5, 17), "must"),
    KindRow(
        Kind.ENUM64, "size", (), (Word("name", "name"), Word("low"), Word("high")), (6, 0), "may"
    ),
)

#: First kernel that knows a thing that is not a kind.
SINCE: Final[dict[str, Target]] = {
    "func linkage": (5, 6),
    "bitfields": (5, 0),
    "enum sign": (6, 0),
    "long names": (6, 1),
    "free datasec names": (6, 12),
    "tag attributes": (6, 15),
    "layout": (7, 1),
    "wide vlen": (7, 2),
}


def name_limit(target: Target | None) -> int:
    """Return KSYM_NAME_LEN, which a name's bytes must stay below, for a kernel (None: newest)."""
    return 512 if target is None or target >= SINCE["long names"] else 128


def kind_number(kind: Kind | str) -> int:
    """Return the number of a kind given as Kind or by name in any case, else ValueError."""
    if isinstance(kind, str):
        try:
            return Kind[kind.upper()]
        except KeyError:
            raise ValueError(f"no BTF kind {kind!r}") from None
    return kind


def parse_target(text: str) -> Target:
    """Return (major, minor) of a kernel release such as "5.15" or "6.1.0-50-amd64".

    Raises:
        ValueError: The text starts with no major.minor.
    """
    major, _, rest = text.partition(".")
    minor = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if not (major.isascii() and major.isdigit() and minor.isascii()):
        raise ValueError(f"not a kernel release such as 5.15: {text!r}")
    return int(major), int(minor)
