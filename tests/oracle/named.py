"""What named types say, slowly and plainly, with meaning cut at names.

In:  a Btf as oracle.btf_reader gives it.
Out: (sort, name) -> the set of what types of that name say, as nested tuples.

A reference to a type that has a name is its sort and name; all else is unfolded. Arrays of arrays
count as one array, an enum's sign, the index type of arrays and the linkage of functions not at
all.
"""

from typing import Any

from oracle.btf_reader import Btf, Type

__all__ = ["Said", "constants", "meanings"]

Said = dict[tuple[str, str], set[Any]]
ALIASES = ("PTR", "CONST", "VOLATILE", "RESTRICT")
SORTS = {"ENUM64": "ENUM", "FLOAT": "NUMBER", "INT": "NUMBER"}


def sort_of(type_: Type) -> str:
    """Return what sort of name a type has."""
    if type_[0] == "FWD":
        return str(type_[2].upper())
    return SORTS.get(type_[0], type_[0])


def values_of(type_: Type) -> tuple[Any, ...]:
    """Return an enum's size and values, as many bits as the enum has."""
    mask = (1 << 8 * type_[2]) - 1
    return (type_[2], tuple((name, value & mask) for name, value in type_[4]))


class _Reader:
    """Reads meanings off one Btf."""

    def __init__(self, btf: Btf) -> None:
        self.types = btf.types
        self.known: dict[int, Any] = {}

    def seen(self, type_id: int) -> Any:
        """Return how others see a type."""
        if type_id not in self.known:
            self.known[type_id] = self._seen(self.types[type_id])
        return self.known[type_id]

    def _seen(self, type_: Type) -> Any:
        kind, name = type_[:2]
        if kind in ("INT", "FLOAT", "TYPEDEF", "FWD") or (
            name and kind in ("STRUCT", "UNION", "ENUM", "ENUM64")
        ):
            return sort_of(type_), name
        if kind in ("STRUCT", "UNION"):
            return self.members(type_)
        if kind in ("ENUM", "ENUM64"):
            return values_of(type_)
        if kind == "ARRAY":
            element, count = type_[2], type_[4]
            while self.types[element][0] == "ARRAY":
                count *= self.types[element][4]
                element = self.types[element][2]
            return "ARRAY", count, self.seen(element)
        if kind == "FUNC_PROTO":
            return "FUNC_PROTO", self.seen(type_[2]), tuple(self.seen(p[1]) for p in type_[3])
        if kind in (*ALIASES, "TYPE_TAG"):
            return kind, name, self.seen(type_[2])
        return kind

    def members(self, type_: Type) -> Any:
        """Return what a struct or union says."""
        members = tuple((m[0], self.seen(m[1]), m[2], m[3]) for m in type_[4])
        return type_[0], type_[2], members

    def said(self, type_: Type) -> Any:
        """Return what a named type says itself."""
        match type_[0]:
            case "STRUCT" | "UNION":
                return self.members(type_)
            case "ENUM" | "ENUM64":
                return values_of(type_)
            case "FUNC":
                proto = self.types[type_[2]]
                return self.seen(type_[2]), tuple(p[0] for p in proto[3])
            case "INT" | "FLOAT":
                return type_[2:]
        return self.seen(type_[2])


def meanings(btf: Btf) -> Said:
    """Return what each named type, function and variable says, variables with their section."""
    reader = _Reader(btf)
    sections = {row[0]: t[1] for t in btf.types if t[0] == "DATASEC" for row in t[3]}
    found: Said = {}
    for type_id, type_ in enumerate(btf.types):
        kinds = ("STRUCT", "UNION", "ENUM", "ENUM64", "TYPEDEF", "INT", "FLOAT", "FUNC", "VAR")
        if type_[0] in kinds and type_[1]:
            said = reader.said(type_), sections.get(type_id)
            found.setdefault((sort_of(type_), type_[1]), set()).add(said)
    return found


def constants(btf: Btf) -> tuple[dict[str, int], dict[str, int]]:
    """Return the values of nameless enums, and those of all enums; of several the first."""
    nameless: dict[str, int] = {}
    everywhere: dict[str, int] = {}
    for type_ in btf.types:
        if type_[0] in ("ENUM", "ENUM64"):
            for name, value in values_of(type_)[1]:
                everywhere.setdefault(name, value)
                if not type_[1]:
                    nameless.setdefault(name, value)
    return nameless, everywhere
