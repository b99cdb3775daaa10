"""Names to objects and types, as drgn asks for them.

In:  the levels of a kernel, its symbols.
Out: an object or type; None where there is none; an error where there are several.

BTF has no file names. Where a name has several meanings, the error lists them, and what drgn calls
a file name chooses (see `choice`); of functions that share a name, their address.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from drgn import FindObjectFlags, Object, Program, Type, TypeKind, TypeKindSet

from dwarfless.consumers.drgn_plugin.choice import Found, candidates, spelled
from dwarfless.consumers.drgn_plugin.levels import Level
from dwarfless.consumers.drgn_plugin.types import BTF_NAMES
from dwarfless.errors import BaseMismatchError, TypeLookupError
from dwarfless.formats.btf import MAX_CHAIN, Kind
from dwarfless.graph import views

if TYPE_CHECKING:
    from dwarfless.consumers.drgn_plugin.attach import Attached

__all__ = ["MAX_LISTED", "Finder"]

logger: Final = logging.getLogger("drgn.dwarfless")
KINDS: Final = {
    TypeKind.STRUCT: (Kind.STRUCT,),
    TypeKind.UNION: (Kind.UNION,),
    TypeKind.ENUM: (Kind.ENUM, Kind.ENUM64),
    TypeKind.TYPEDEF: (Kind.TYPEDEF,),
    TypeKind.INT: (Kind.INT,),
    TypeKind.BOOL: (Kind.INT,),
    TypeKind.FLOAT: (Kind.FLOAT,),
}
#: Of an ambiguous name.
MAX_LISTED: Final = 16
TypeKey = tuple[frozenset[TypeKind], str, str | None]
ObjectKey = tuple[str, FindObjectFlags, str | None]
Key = TypeVar("Key", TypeKey, ObjectKey)
Answer = TypeVar("Answer", Type, Object)


class Finder:
    """Answers drgn; what was answered once is kept.

    What modules have, or have not, is kept until one is loaded or removed.
    """

    def __init__(self, attached: "Attached") -> None:
        self.attached: Final = attached
        #: With the generation of modules that an answer is for; None if it is the kernel's own.
        self._types: dict[TypeKey, tuple[Type | None, int | None]] = {}
        self._objects: dict[ObjectKey, tuple[Object | None, int | None]] = {}

    def type(
        self, prog: Program, kinds: TypeKindSet, name: str, filename: str | None
    ) -> Type | None:
        """Find a type by kind and name."""
        if self.attached.looking:
            return None
        key = frozenset(kinds), name, filename
        return self._kept(self._types, key, self._find_type)

    def object(
        self, prog: Program, name: str, flags: FindObjectFlags, filename: str | None
    ) -> Object | None:
        """Find a variable, function or enumerator by name."""
        if self.attached.looking:
            return None
        key = name, flags, filename
        return self._kept(self._objects, key, self._find_object)

    def _kept(
        self,
        known: dict[Key, tuple[Answer | None, int | None]],
        key: Key,
        find: Callable[..., Answer | None],
    ) -> Answer | None:
        """Return what is known, or find it."""
        modules = self.attached.modules
        if key in known:
            answer, generation = known[key]
            if generation is None or generation == modules.generation:
                return answer
        if modules.is_locating:
            return find(*key)
        num_asked = modules.num_asked
        answer = find(*key)
        known[key] = answer, None if modules.num_asked == num_asked else modules.generation
        return answer

    def _find_type(
        self, kinds: frozenset[TypeKind], name: str, filename: str | None
    ) -> Type | None:
        wanted = {kind for each in kinds for kind in KINDS.get(each, ())}
        if not wanted:
            return None
        spelled_so = BTF_NAMES.get(name, name)
        found = [
            each
            for each in self._candidates(
                lambda level: level.find_ids(spelled_so, *wanted), filename
            )
            if _is_kind(each.level.graph[each.id], kinds)
        ]
        if not filename and len({_meaning(each) for each in found}) == 1:
            found = found[:1]
        chosen = self._only(name, found)
        return None if chosen is None else chosen.level.types.type(chosen.id)

    def _candidates(
        self, find: Callable[[Level], Iterable[int]], filename: str | None
    ) -> list[Found]:
        attached = self.attached
        return candidates(attached.kernel_levels, lambda: attached.module_levels, find, filename)

    def _only(self, name: str, found: list[Found]) -> Found | None:
        """Return the one that is meant.

        Raises:
            TypeLookupError: Several could be.
        """
        if len(found) > 1:
            places = [f"{spelled(each)}{self._where(*each)}" for each in found]
            raise _Ambiguous(name, [each.id for each in found], places, spelled(found[0]))
        return found[0] if found else None

    def _where(self, level: Level, type_id: int) -> str:
        place = None
        if isinstance(level.graph[type_id], views.Var):
            place = level.place(type_id)
        if place is None:
            return ""
        function, _ = level.written_in(type_id)
        inside = f" in {function}()" if function else ""
        return f" ({place.section}+{place.offset:#x}{inside})"

    def _find_object(
        self, name: str, flags: FindObjectFlags, filename: str | None
    ) -> Object | None:
        if flags & FindObjectFlags.VARIABLE:
            found = self._candidates(lambda level: level.find_ids(name, Kind.VAR), filename)
            variable = self._only(name, _outside(_distinct(found)))
            if variable is not None:
                return self._variable(name, *variable)
        if flags & FindObjectFlags.FUNCTION:
            function = self._function(name, filename)
            if function is not None:
                return function
        if flags & FindObjectFlags.CONSTANT:
            return self._constant(name, filename)
        return None

    def _variable(self, name: str, level: Level, var_id: int) -> Object | None:
        place = level.place(var_id)
        view = level.graph[var_id]
        assert isinstance(view, views.Var)
        if place is None:
            return None
        start = level.start_of(place.section)
        # A function's own variables have other symbols: NAME.NUMBER.
        local = any(level.written_in(var_id))
        symbols = [] if local else self.attached.known_symbols(name, level)
        if start is None:
            if len(symbols) != 1 or len(level.find_ids(name, Kind.VAR)) != 1:
                freed = place.section.startswith(".init")
                raise _Nowhere(name, var_id, place.section, level.module, freed)
            (address,) = symbols
        else:
            address = (start + place.offset) & (1 << 64) - 1
            if symbols and address not in symbols:
                told = ", ".join(f"{symbol:#x}" for symbol in symbols)
                raise BaseMismatchError(
                    f"{name}: at {address:#x} by its section, at {told} by its symbol"
                )
        if self.attached.is_freed(place.section, address, level):
            logger.warning("%s is in %s, which the kernel freed", name, place.section)
        return Object(self.attached.prog, level.types.type(view.type_id), address=address)

    def _function(self, name: str, filename: str | None) -> Object | None:
        place = filename if filename and filename.startswith("0x") else None
        found = self._candidates(
            lambda level: level.find_ids(name, Kind.FUNC), None if place else filename
        )
        # The kernel's symbols are the same for all its levels.
        places = {
            address: each
            for each in found
            for address in self.attached.find_function(name, each.level)
            if place in (None, f"{address:#x}")
        }
        if len(places) > 1:
            listed = [
                f"{at:#x} of module {each.level.module}" if each.level.module else f"{at:#x}"
                for at, each in sorted(places.items())
            ]
            raise _Ambiguous(name, [each.id for each in found], listed, f"{min(places):#x}")
        for address, each in places.items():
            return Object(self.attached.prog, each.level.types.type(each.id), address=address)
        # As with DWARF: what the compiler made of it, NAME.isra.0, has another name.
        nowhere = None if place else self._only(name, found)
        if nowhere is None:
            return None
        return Object(self.attached.prog, nowhere.level.types.type(nowhere.id))

    def _constant(self, name: str, filename: str | None) -> Object | None:
        values: dict[Found, int] = {}

        def find(level: Level) -> list[int]:
            constants = level.find_constants(name)
            values.update((Found(level, each.enum_id), each.value) for each in constants)
            return [each.enum_id for each in constants]

        found = self._candidates(find, filename)
        if len({values[each] for each in found}) > 1:
            places = [f"{spelled(each)} (= {values[each]})" for each in found]
            raise _Ambiguous(name, [each.id for each in found], places, spelled(found[0]))
        for each in found:
            enum_type = each.level.types.type(each.id)
            return Object(self.attached.prog, enum_type, values[each])
        return None


class _Ambiguous(TypeLookupError):
    """A name that means several things, and how to say which."""

    def __init__(self, name: str, ids: Sequence[int], places: Sequence[str], such: str) -> None:
        super().__init__(name, ids=ids)
        listed = ", ".join(places[:MAX_LISTED])
        listed += f", and {len(places) - MAX_LISTED} more" if len(places) > MAX_LISTED else ""
        self.args = (f"{name!r} is ambiguous: {listed}; choose by file name, such as {such!r}",)


def _distinct(found: Iterable[Found]) -> list[Found]:
    """Return each variable once: a module's extra repeats those that its own BTF has.

    In the kernel's own, several without size may be in one place.
    """
    places: dict[object, Found] = {}
    for each in found:
        place = (each.level.place(each.id) if each.level.module else None) or each.id
        places.setdefault((id(each.level), place), each)
    return list(places.values())


class _Nowhere(TypeLookupError):
    """A variable whose section is nowhere, as far as can be told."""

    def __init__(self, name: str, var_id: int, section: str, module: str, freed: bool) -> None:
        super().__init__(name, ids=[var_id])
        of = f" of module {module}" if module else ""
        why = "no symbol tells where that is, and the extra, raw BTF, does not say"
        if module:
            why = "it was freed once the module had started" if freed else "it is not loaded"
        self.args = (f"{name!r} is in {section}{of}: {why}",)


def _outside(found: list[Found]) -> list[Found]:
    """Return the variables outside of functions; those inside if there are no others."""
    outside = [each for each in found if not any(each.level.written_in(each.id))]
    return outside or found


def _meaning(found: Found) -> tuple[object, ...]:
    """Return what types of one name have in common if either will do.

    A driver's u8 is the kernel's if both are the same integer in the end.
    """
    view = found.level.graph[found.id]
    for _ in range(MAX_CHAIN):
        if not isinstance(view, views.Typedef):
            break
        view = view.type
    if isinstance(view, views.Int):
        return view.size, view.signed, view.boolean, view.bits
    return found.level.module, view.id


def _is_kind(view: views.Type, kinds: frozenset[TypeKind]) -> bool:
    """Tell an integer from a truth value."""
    if not isinstance(view, views.Int):
        return True
    return (TypeKind.BOOL if view.boolean else TypeKind.INT) in kinds
