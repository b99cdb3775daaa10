"""Types as encoders of any version would say them, and the variables of a BTF.

In:  a Btf as oracle.btf_reader gives it.
Out: the same types without what encoders say differently; variables with place and own type.

Inside a named type an array of arrays is one array, type tags are gone, enums have neither sign
nor upper 32 bits, parameters no names. What a variable itself is keeps its dimensions:
`Variable.dimensions` holds them.
"""

from typing import NamedTuple

from build.graphs import move
from oracle.btf_reader import Btf, Type

__all__ = ["Variable", "alike", "variables"]

LOOK_THROUGH = ("CONST", "VOLATILE", "TYPE_TAG")


class Variable(NamedTuple):
    """One entry of a DATASEC.

    Attributes:
        section: Name of the DATASEC.
        offset: In the section, in bytes.
        size: In bytes.
        name: Of the VAR.
        linkage: Of the VAR.
        type_id: What it is of.
    """

    section: str
    offset: int
    size: int
    name: str
    linkage: int
    type_id: int


def variables(btf: Btf) -> list[Variable]:
    """Return all variables that a section places."""
    found = []
    for type_ in btf.types:
        if type_[0] == "DATASEC":
            for var_id, offset, size in type_[3]:
                _, name, type_id, linkage = btf.types[var_id]
                found.append(Variable(type_[1], offset, size, name, linkage, type_id))
    return found


def dimensions(btf: Btf, type_id: int) -> tuple[int, ...]:
    """Return an array's dimensions, the outer one first; none for what is no array."""
    found = []
    while True:
        type_ = btf.types[type_id]
        if type_[0] == "ARRAY":
            found.append(type_[4])
        elif type_[0] not in LOOK_THROUGH:
            return tuple(found)
        type_id = type_[2]


def alike(btf: Btf) -> Btf:
    """Return the types as every encoder would say them; ids stay."""
    to = {i: _without_tags(btf.types, i) for i in range(len(btf.types))}
    return btf._replace(types=[_plain(btf.types, move(t, to)) for t in btf.types])


def _without_tags(types: list[Type], type_id: int) -> int:
    while types[type_id][0] == "TYPE_TAG":
        type_id = types[type_id][2]
    return type_id


def _plain(types: list[Type], type_: Type) -> Type:
    match type_:
        case ("ARRAY", name, element, index, count):
            while types[element][0] == "ARRAY":
                count *= types[element][4]
                element = _without_tags(types, types[element][2])
            return ("ARRAY", name, element, index, count)
        case ("ENUM" | "ENUM64", name, size, _, values):
            return ("ENUM", name, size, 0, tuple((v[0], v[1] & 0xFFFFFFFF) for v in values))
        case ("FUNC_PROTO", name, returned, params):
            return ("FUNC_PROTO", name, returned, tuple(("", p[1]) for p in params))
        case _:
            return type_
