"""Layouts of structs and unions: offsets, holes, padding, cache lines.

In:  a TypeGraph.
Out: columns about all of its types; a Layout of one.

BTF has neither alignments nor packing; `_core/layouts` opens with how they are inferred.
"""

from dataclasses import dataclass
from functools import cached_property
from struct import calcsize, iter_unpack, unpack_from
from typing import TYPE_CHECKING, Final, NamedTuple

from dwarfless._core.layouts import SHAPE, SLOT, lay_out
from dwarfless.formats.arrays import NDArray
from dwarfless.formats.btf import Kind
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Const, Int, Restrict, Struct, Type, Typedef, TypeTag, Volatile
from dwarfless.graph.views import Union as UnionType

if TYPE_CHECKING:
    import numpy as np

__all__ = ["LINE", "Layout", "Layouts", "Place", "Shape", "follow", "pointer_size"]

#: Bytes of a cache line, if nobody says otherwise.
LINE: Final = 64
#: Spellings of the C type that is as wide as a pointer on every machine Linux runs on.
LONGS: Final = ("long unsigned int", "unsigned long", "long int", "long")
#: Typedefs and modifiers in a row; more is a loop.
MAX_CHAIN: Final = 512


@dataclass(frozen=True, slots=True)
class Place:
    """Where a member is.

    Attributes:
        name: "" for an anonymous one.
        type_id: Id of its type.
        inside: Id of the struct or union that it is, by value; 0 if it is something else.
        size: Bytes of its type, of a bitfield those of the unit it is stored in.
        offset: In bytes; of a bitfield that of the unit.
        bit_offset: Of a bitfield, where it starts in that unit.
        bits: Of a bitfield, how many; else 0.
        alignment: What it is aligned to by force, in bytes, or 0.
        hole: Unused bytes after it, up to the next member.
        bit_hole: Unused bits after it in its unit.
    """

    name: str
    type_id: int
    inside: int
    size: int
    offset: int
    bit_offset: int
    bits: int
    alignment: int
    hole: int
    bit_hole: int

    @property
    def start_bit(self) -> int:
        """Where it starts in the struct, in bits."""
        return 8 * self.offset + self.bit_offset


class Shape(NamedTuple):
    """What a type is without looking at its members; a row of `Layouts.shapes`.

    Attributes:
        flexible: 1 if its last member is an array without elements, 2 if a struct inside it ends
            so, 3 if both.
    """

    size: int
    first: int
    natural: int
    alignment: int
    hole_before: int
    bit_hole_before: int
    padding: int
    bit_padding: int
    num_holes: int
    num_bit_holes: int
    flexible: int
    packed: int
    sum_holes: int
    saved: int

    @property
    def ends_open(self) -> bool:
        """Whether its last member is an array without elements."""
        return bool(self.flexible & 1)

    @property
    def open_inside(self) -> bool:
        """Whether a struct in it ends so."""
        return bool(self.flexible & 2)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a struct or union is laid out; a union has no holes.

    Attributes:
        type: The struct or union.
        size: In bytes.
        line: Bytes of a cache line.
        members: In their order.
        hole_before: Unused bytes before the first member.
        bit_hole_before: Unused bits before it.
        num_holes: How many holes there are.
        sum_holes: Their bytes together.
        num_bit_holes: How many bit holes there are.
        padding: Unused bytes after the last member.
        bit_padding: Unused bits after a last bitfield, in its unit.
        natural: What its members want it aligned to, in bytes.
        alignment: What it is aligned to by force, or 0.
        packed: Whether it must be packed.
        ends_open: Whether its last member is an array without elements.
        open_inside: Whether a struct in it ends so.
        saved: Bytes it would be smaller with its members sorted by alignment; what is aligned by
            force stays where it is.
    """

    type: Struct | UnionType
    size: int
    line: int
    members: tuple[Place, ...]
    hole_before: int
    bit_hole_before: int
    num_holes: int
    sum_holes: int
    num_bit_holes: int
    padding: int
    bit_padding: int
    natural: int
    alignment: int
    packed: bool
    ends_open: bool
    open_inside: bool
    saved: int

    @property
    def name(self) -> str:
        """Its name, or ""."""
        return self.type.name

    @property
    def is_union(self) -> bool:
        """Whether it is a union."""
        return isinstance(self.type, UnionType)

    @property
    def num_lines(self) -> int:
        """How many cache lines it needs if it starts with one."""
        return -(-self.size // self.line)

    @property
    def sum_bit_holes(self) -> int:
        """Bits of all bit holes together."""
        return self.bit_hole_before + sum(member.bit_hole for member in self.members)

    @property
    def wasted(self) -> int:
        """Bytes of holes and padding."""
        return self.sum_holes + max(self.padding, 0)


class Layouts:
    """Layouts of a graph's types, its bases' included; computed once for all.

    Attributes:
        graph: Where the types are.
        pointer: Bytes of a pointer.
        line: Bytes of a cache line.

    Cost: 10 ms for a kernel's 108,000 types.
    """

    def __init__(self, graph: TypeGraph, *, pointer: int | None = None, line: int = LINE) -> None:
        self.graph: Final = graph
        self.pointer: Final = pointer_size(graph) if pointer is None else pointer
        self.line: Final = line

    @cached_property
    def _laid_out(self) -> tuple[bytearray, bytearray]:
        """The Shapes of all types, and the places of all members, as _core/layouts packs them."""
        return lay_out(self.graph.arrays, self.pointer, self.line)

    @cached_property
    def shapes(self) -> "NDArray[np.void]":
        """A row a type id, columns named as the fields of Shape."""
        import numpy as np

        formats = [f"{'i' if code.islower() else 'u'}{calcsize(code)}" for code in SHAPE[1:-2]]
        row = np.dtype({"names": Shape._fields, "formats": formats, "itemsize": calcsize(SHAPE)})
        return np.frombuffer(self._laid_out[0], row)

    def size(self, type_id: int) -> int:
        """Return the bytes of a value of a type; 0 for one that has none."""
        return self.shape(type_id).size

    def shape(self, type_id: int) -> Shape:
        """Return what a type is without looking at its members."""
        return Shape(*unpack_from(SHAPE, self._laid_out[0], type_id * calcsize(SHAPE)))

    def __getitem__(self, type_id: int) -> Layout:
        """Return a struct's or union's layout.

        Raises:
            TypeError: The type is neither.
        """
        view = self.graph[type_id]
        if not isinstance(view, Struct | UnionType):
            raise TypeError(f"{view!r} is no struct or union")
        shape = self.shape(type_id)
        first = calcsize(SLOT) * shape.first
        slots = memoryview(self._laid_out[1])[first : first + calcsize(SLOT) * view.vlen]
        members = []
        for member, row in zip(view.members, iter_unpack(SLOT, slots), strict=True):
            found = follow(member.type)
            inside = found.id if isinstance(found, Struct | UnionType) else 0
            members.append(Place(member.name, member.type_id, inside, *row))
        return Layout(
            type=view,
            line=self.line,
            members=tuple(members),
            packed=bool(shape.packed),
            ends_open=shape.ends_open,
            open_inside=shape.open_inside,
            **{name: getattr(shape, name) for name in PLAIN_FIELDS},
        )


#: The fields of a Shape that a Layout takes as they are.
PLAIN_FIELDS: Final = tuple(
    name for name in Shape._fields if name not in ("first", "flexible", "packed")
)


def follow(view: Type) -> Type:
    """Return a type without its typedefs and modifiers; of a loop of such some link."""
    for _ in range(MAX_CHAIN):
        if not isinstance(view, Typedef | Const | Volatile | Restrict | TypeTag):
            break
        view = view.type
    return view


def pointer_size(graph: TypeGraph) -> int:
    """Return the bytes of a pointer: those of a long, which BTF does say; 8 without one."""
    for name in LONGS:
        for type_id in graph.find_ids(name, Kind.INT):
            view = graph[type_id]
            if isinstance(view, Int) and view.size in (4, 8):
                return view.size
    return 8
