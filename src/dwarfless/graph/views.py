"""Views: read-only looks into a TypeGraph, one type or one element at a time.

In:  a graph and a type id.
Out: fields by name. A view holds no data; loops over many types use the graph's columns.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Final

from dwarfless.formats.btf import KINDS, Kind
from dwarfless.graph.elements import Enumerator, Member, Param, SectionEntry

if TYPE_CHECKING:
    from dwarfless.graph.type_graph import TypeGraph

__all__ = [
    "VIEWS", "Array", "Const", "Datasec", "DeclTag", "Enum", "Enum64", "Float", "Func",
    "FuncProto", "Fwd", "Int", "Ptr", "Restrict", "Struct", "Type", "TypeTag", "Typedef",
    "Union", "Unknown", "Var", "Void", "Volatile",
]  # fmt: skip

LINKAGES: Final = ("static", "global", "extern")


class Type:
    """A type.

    Attributes:
        graph: Where it was looked up; ids it refers to are looked up there too.
        id: Its type id.
    """

    __slots__ = ("_at", "_words", "graph", "id")

    def __init__(self, graph: "TypeGraph", type_id: int, at: int) -> None:
        self.graph: Final = graph
        self.id: Final = type_id
        self._words = graph.owner(type_id).record_words
        self._at = at

    def __repr__(self) -> str:
        return f"<[{self.id}] {self.kind_name} {self.name!r}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and (self.graph, self.id) == (other.graph, other.id)

    def __hash__(self) -> int:
        return hash((id(self.graph), self.id))

    def word(self, index: int) -> int:
        """Return one word of the record; 0 is name_off, 1 info, 2 size or type."""
        return self._words[self._at + index]

    @property
    def kind_number(self) -> int:
        """Its kind's number."""
        return self.word(1) >> 24 & 0x7F

    @property
    def kind_name(self) -> str:
        """Its kind's name in capitals, or UNKN with the number."""
        number = self.kind_number
        return Kind(number).name if number < len(KINDS) else f"UNKN_{number}"

    @property
    def vlen(self) -> int:
        """Number of elements; a FUNC's linkage."""
        return self.word(1) & 0xFFFFFF

    @property
    def kind_flag(self) -> bool:
        """The kind flag."""
        return self.word(1) >> 31 != 0

    @property
    def name(self) -> str:
        """Its name, or ""."""
        return self.graph.string(self.word(0))


class Void(Type):
    """Type 0."""

    __slots__ = ()

    @property
    def kind_number(self) -> int:
        """0."""
        return 0

    vlen = 0
    kind_flag = False
    name = ""


class Unknown(Type):
    """A type of a kind newer than this program, known by its layout only."""

    __slots__ = ()

    @property
    def rest(self) -> tuple[int, ...]:
        """The words after the third."""
        fixed, step = self.graph.owner(self.id).unknown_kinds[self.kind_number]
        return tuple(map(self.word, range(3, 3 + fixed + step * self.vlen)))


class Sized(Type):
    """A type that states its size."""

    __slots__ = ()

    @property
    def size(self) -> int:
        """Bytes."""
        return self.word(2)


class Reference(Type):
    """A type that names one other type."""

    __slots__ = ()

    @property
    def type_id(self) -> int:
        """Id of the type it refers to."""
        return self.word(2)

    @property
    def type(self) -> Type:
        """The type it refers to."""
        return self.graph[self.word(2)]


class Int(Sized):
    """An integer."""

    __slots__ = ()

    @property
    def signed(self) -> bool:
        """Whether it is signed."""
        return bool(self.word(3) >> 24 & 1)

    @property
    def char(self) -> bool:
        """Whether it is flagged as a character."""
        return bool(self.word(3) >> 24 & 2)

    @property
    def boolean(self) -> bool:
        """Whether it is a truth value."""
        return bool(self.word(3) >> 24 & 4)

    @property
    def bits(self) -> int:
        """How many bits count."""
        return self.word(3) & 0xFF

    @property
    def bit_offset(self) -> int:
        """Where these bits start."""
        return self.word(3) >> 16 & 0xFF


class Float(Sized):
    """A floating-point number."""

    __slots__ = ()


class Array(Type):
    """An array."""

    __slots__ = ()

    @property
    def element_id(self) -> int:
        """Id of the element's type."""
        return self.word(3)

    @property
    def element(self) -> Type:
        """The element's type."""
        return self.graph[self.word(3)]

    @property
    def index_id(self) -> int:
        """Id of the index's type."""
        return self.word(4)

    @property
    def count(self) -> int:
        """Number of elements."""
        return self.word(5)


class Composite(Sized):
    """A struct or union."""

    __slots__ = ()

    @property
    def members(self) -> list[Member]:
        """Its members; old bitfields, which only an INT of fewer bits tells, keep size 0."""
        return list(self._iter_members())

    def _iter_members(self) -> Iterator[Member]:
        graph, flag, end = self.graph, self.kind_flag, 3 + 3 * self.vlen
        words = self._words[self._at + 3 : self._at + end].tolist()
        for name, type_id, offset in zip(words[::3], words[1::3], words[2::3], strict=True):
            bits, offset = (offset >> 24, offset & 0xFFFFFF) if flag else (0, offset)
            yield Member(graph.string(name), type_id, offset, bits, graph[type_id])


class Struct(Composite):
    """A struct."""

    __slots__ = ()


class Union(Composite):
    """A union."""

    __slots__ = ()


class Enum(Sized):
    """An enum whose values fit 32 bits."""

    __slots__ = ()
    _step: ClassVar[int] = 2

    @property
    def signed(self) -> bool:
        """Whether its values are signed."""
        return self.kind_flag

    @property
    def values(self) -> list[Enumerator]:
        """Its enumerators."""
        step, signed = self._step, self.kind_flag
        words = self._words[self._at + 3 : self._at + 3 + step * self.vlen].tolist()
        bits = 32 * (step - 1)
        found = []
        for at in range(0, len(words), step):
            value = words[at + 1] | (words[at + 2] << 32 if step == 3 else 0)
            if signed and value >> (bits - 1):
                value -= 1 << bits
            found.append(Enumerator(self.graph.string(words[at]), value))
        return found


class Enum64(Enum):
    """An enum whose values may need 64 bits."""

    __slots__ = ()
    _step = 3


class Fwd(Type):
    """A struct or union that is only declared."""

    __slots__ = ()

    @property
    def union(self) -> bool:
        """Whether it is a union."""
        return self.kind_flag


class Ptr(Reference):
    """A pointer."""

    __slots__ = ()


class Typedef(Reference):
    """A typedef."""

    __slots__ = ()


class Volatile(Reference):
    """A volatile type."""

    __slots__ = ()


class Const(Reference):
    """A const type."""

    __slots__ = ()


class Restrict(Reference):
    """A restrict pointer."""

    __slots__ = ()


class TypeTag(Reference):
    """A type with btf_type_tag, or with any attribute if `attribute`."""

    __slots__ = ()

    @property
    def attribute(self) -> bool:
        """Whether the name is a whole attribute."""
        return self.kind_flag


class Func(Reference):
    """A function; its type is a FuncProto."""

    __slots__ = ()

    @property
    def linkage(self) -> int:
        """0 static, 1 global, 2 extern."""
        return self.vlen


class FuncProto(Reference):
    """A function's type; `type` is what it returns."""

    __slots__ = ()

    @property
    def params(self) -> list[Param]:
        """Its parameters."""
        words = self._words[self._at + 3 : self._at + 3 + 2 * self.vlen].tolist()
        return [
            Param(self.graph.string(name), type_id)
            for name, type_id in zip(words[::2], words[1::2], strict=True)
        ]


class Var(Reference):
    """A variable."""

    __slots__ = ()

    @property
    def linkage(self) -> int:
        """0 static, 1 global, 2 extern."""
        return self.word(3)


class Datasec(Sized):
    """A data section."""

    __slots__ = ()

    @property
    def entries(self) -> list[SectionEntry]:
        """Its variables, by offset."""
        words = self._words[self._at + 3 : self._at + 3 + 3 * self.vlen].tolist()
        return list(map(SectionEntry, words[::3], words[1::3], words[2::3]))


class DeclTag(Reference):
    """A tag on a declaration; its name is the tag's text."""

    __slots__ = ()

    @property
    def component(self) -> int:
        """Index of the member or parameter, -1 for the whole."""
        value = self.word(3)
        return value - (1 << 32) if value >> 31 else value

    @property
    def attribute(self) -> bool:
        """Whether the text is a whole attribute."""
        return self.kind_flag


VIEWS: Final[dict[int, type[Type]]] = {
    Kind.INT: Int,
    Kind.PTR: Ptr,
    Kind.ARRAY: Array,
    Kind.STRUCT: Struct,
    Kind.UNION: Union,
    Kind.ENUM: Enum,
    Kind.FWD: Fwd,
    Kind.TYPEDEF: Typedef,
    Kind.VOLATILE: Volatile,
    Kind.CONST: Const,
    Kind.RESTRICT: Restrict,
    Kind.FUNC: Func,
    Kind.FUNC_PROTO: FuncProto,
    Kind.VAR: Var,
    Kind.DATASEC: Datasec,
    Kind.FLOAT: Float,
    Kind.DECL_TAG: DeclTag,
    Kind.TYPE_TAG: TypeTag,
    Kind.ENUM64: Enum64,
}
