"""Types of a TypeGraph as drgn's.

In:  a graph, untrusted but checked by decode().
Out: drgn's Type objects, each made once; what a struct holds is looked at when it is asked for.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from drgn import Object, Program, Qualifiers, Type, TypeEnumerator, TypeMember, TypeParameter

from dwarfless.errors import BtfError
from dwarfless.formats.btf import MAX_CHAIN, Kind
from dwarfless.graph import views
from dwarfless.graph.elements import Member
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["BTF_NAMES", "Types"]

#: drgn calls C's integers by their shortest name; compilers, and so BTF, by another.
BTF_NAMES: Final = {
    "short": "short int",
    "unsigned short": "short unsigned int",
    "long": "long int",
    "unsigned long": "long unsigned int",
    "long long": "long long int",
    "unsigned long long": "long long unsigned int",
}
DRGN_NAMES: Final = {theirs: ours for ours, theirs in BTF_NAMES.items()}
QUALIFIERS: Final = {
    Kind.CONST: Qualifiers.CONST,
    Kind.VOLATILE: Qualifiers.VOLATILE,
    Kind.RESTRICT: Qualifiers.RESTRICT,
    Kind.TYPE_TAG: Qualifiers.NONE,
}
#: Of an enum, by size in bytes and whether its values are signed; the C type BTF does not keep.
ENUM_TYPES: Final = {
    (1, False): "unsigned char",
    (2, False): "unsigned short",
    (4, False): "unsigned int",
    (8, False): "unsigned long",
    (1, True): "signed char",
    (2, True): "short",
    (4, True): "int",
    (8, True): "long",
}


class Types:
    """The types of a graph, made when asked for.

    Args:
        prog: Where they are for.
        graph: Where they come from.
        below: Types of the graph's base, so that a type of it is made once.
        complete: Finds what a forward declaration declares, given name and whether it is a union.
    """

    def __init__(
        self,
        prog: Program,
        graph: TypeGraph,
        below: "Types | None",
        complete: Callable[[str, bool], Type | None],
    ) -> None:
        self.prog: Final = prog
        self.graph: Final = graph
        self.below: Final = below
        self.complete: Final = complete
        self._made: dict[tuple[int, bool], Type] = {}
        self._making: set[int] = set()

    def type(self, type_id: int, *, flexible: bool = True) -> Type:
        """Return a type.

        Args:
            type_id: As in the graph.
            flexible: Whether an array of no elements has no known length, as at the end of a
                struct, rather than length 0. BTF does not tell them apart.

        Raises:
            BtfError: A type refers to itself in a way that C has not.
        """
        if self.below is not None and type_id < self.graph.first_id:
            return self.below.type(type_id, flexible=flexible)
        # Only of an array of no elements there are two.
        flexible = flexible or not self._is_empty_array(type_id)
        made = self._made.get((type_id, flexible))
        if made is None:
            if type_id in self._making:
                raise BtfError(
                    f"type {type_id} is made of itself",
                    source=self.graph.source,
                    section=".BTF",
                    offset=0,
                )
            self._making.add(type_id)
            try:
                made = self._make(self.graph[type_id], flexible)
            finally:
                self._making.discard(type_id)
            self._made[type_id, flexible] = made
        return made

    def _is_empty_array(self, type_id: int) -> bool:
        view = self.graph[type_id]
        for _ in range(MAX_CHAIN):
            if not isinstance(view, views.Typedef | views.Const | views.Volatile | views.TypeTag):
                break
            view = view.type
        return isinstance(view, views.Array) and not view.count

    def _make(self, view: views.Type, flexible: bool) -> Type:
        prog = self.prog
        match view:
            case views.Const() | views.Volatile() | views.Restrict() | views.TypeTag():
                target = self.type(view.type_id, flexible=flexible)
                return target.qualified(target.qualifiers | QUALIFIERS[Kind(view.kind_number)])
            case views.Ptr():
                return prog.pointer_type(self.type(view.type_id))
            case views.Typedef():
                target = self.type(view.type_id, flexible=flexible)
                return prog.typedef_type(view.name, target)
            case views.Struct() | views.Union():
                return self._composite(view)
            case views.Array():
                element = self.type(view.element_id, flexible=False)
                return prog.array_type(element, view.count or (None if flexible else 0))
            case views.Int() if view.boolean:
                return prog.bool_type(view.name, view.size)
            case views.Int():
                name = DRGN_NAMES.get(view.name, view.name)
                return prog.int_type(name, view.size, view.signed)
            case views.Float():
                return prog.float_type(view.name, view.size)
            case views.Enum():
                return self._enum(view)
            case views.FuncProto():
                return self._function(view)
            case views.Func():
                return self.type(view.type_id)
            case views.Fwd():
                return self._forward(view)
            case _:
                return prog.void_type()

    def _composite(self, view: views.Struct | views.Union) -> Type:
        make = self.prog.struct_type if isinstance(view, views.Struct) else self.prog.union_type
        listed = view.members
        # C has flexible arrays at the end of a struct that has something before.
        last = len(listed) - 1 if isinstance(view, views.Struct) and len(listed) > 1 else -1
        members = [
            TypeMember(
                partial(self._content, member, index == last),
                member.name or None,
                member.bit_offset,
            )
            for index, member in enumerate(listed)
        ]
        return make(view.name or None, view.size, members)

    def _content(self, member: Member, flexible: bool) -> Type | Object:
        """Return a member's type, or of a bitfield an object without value."""
        found = self.type(member.type_id, flexible=flexible)
        bits = member.bitfield_size or self._bits_of(member.type_id)
        return Object(self.prog, found, bit_field_size=bits) if bits else found

    def _bits_of(self, type_id: int) -> int:
        """Return how many bits an INT has that is a bitfield by itself, else 0."""
        view = self.graph[type_id]
        if isinstance(view, views.Int) and view.bits != 8 * view.size and not view.boolean:
            return view.bits
        return 0

    def _enum(self, view: views.Enum) -> Type:
        if not view.vlen:
            return self.prog.enum_type(view.name or None)
        values = view.values
        signed = any(v.value < 0 for v in values)
        name = ENUM_TYPES.get((view.size, signed), "unsigned int")
        compatible = self.prog.int_type(name, view.size, signed)
        return self.prog.enum_type(
            view.name or None, compatible, [TypeEnumerator(v.name, v.value) for v in values]
        )

    def _function(self, view: views.FuncProto) -> Type:
        params = view.params
        variadic = bool(params) and params[-1].type_id == 0 and not params[-1].name
        listed = [
            TypeParameter(partial(self.type, param.type_id), param.name or None)
            for param in (params[:-1] if variadic else params)
        ]
        return self.prog.function_type(self.type(view.type_id), listed, variadic)

    def _forward(self, view: views.Fwd) -> Type:
        found = self.complete(view.name, view.union)
        if found is not None:
            return found
        make = self.prog.union_type if view.union else self.prog.struct_type
        return make(view.name)
