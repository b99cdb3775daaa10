"""What views hand out of a record's list: members, enumerators, parameters, section entries."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dwarfless.graph.views import Type

__all__ = ["Enumerator", "Member", "Param", "SectionEntry"]


class Member(NamedTuple):
    """A member of a struct or union.

    Attributes:
        name: "" for an anonymous one.
        type_id: Id of its type.
        bit_offset: Where it starts, in bits.
        bitfield_size: Its bits if it is a bitfield, else 0.
        type: Its type.
    """

    name: str
    type_id: int
    bit_offset: int
    bitfield_size: int
    type: "Type"


class Enumerator(NamedTuple):
    """A named value of an enum."""

    name: str
    value: int


class Param(NamedTuple):
    """A parameter; ("", 0) in the last place means `...`."""

    name: str
    type_id: int


class SectionEntry(NamedTuple):
    """Where a variable sits in its section, in bytes."""

    type_id: int
    offset: int
    size: int
