"""Names to objects and types, as drgn asks for them.

In:  the levels of a kernel, its symbols.
Out: an object or type; None where there is none; an error where there are several.

BTF has no file names. Where a name has several meanings, the error lists them, and what drgn calls
a file name chooses: "#1234" a type id, "xfs" or "xfs.ko" a module; of a function's own variables
their function or file.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from drgn import FindObjectFlags, Object, Program, Type, TypeKind, TypeKindSet

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
Found = tuple[Level, int]
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
        spelled = BTF_NAMES.get(name, name)
        found = [
            (level, type_id)
            for level, type_id in self._iter(spelled, filename, *wanted)
            if _is_kind(level.graph[type_id], kinds)
        ]
        if filename is None and len({_meaning(level, i) for level, i in found}) == 1:
            found = found[:1]
        chosen = self._choose(name, found, filename)
        return None if chosen is None else chosen[0].types.type(chosen[1])

    def _iter(self, name: str, filename: str | None, *kinds: Kind) -> Iterator[Found]:
        """Yield types of a name: the kernel's; if there are none, those of its modules."""
        module, seen = _module_of(filename), False
        for level in self.attached.kernel_levels:
            for type_id in level.find_ids(name, *kinds):
                seen = True
                yield level, type_id
        # What modules have is looked at only if the kernel has nothing of that name.
        if seen and module is None:
            return
        for level in self.attached.module_levels:
            if module in (None, level.module):
                yield from ((level, type_id) for type_id in level.find_ids(name, *kinds))

    def _choose(self, name: str, found: list[Found], filename: str | None) -> Found | None:
        """Return the one that is meant.

        Raises:
            TypeLookupError: Several could be.
        """
        if filename is not None and filename.startswith("#"):
            found = [(level, i) for level, i in found if f"#{i}" == filename]
        module = _module_of(filename)
        if module is not None and any(level.module == module for level, _ in found):
            found = [(level, i) for level, i in found if level.module == module]
        if len(found) > 1:
            places = [f"#{i}{self._where(level, i)}" for level, i in found]
            # Each module numbers its types from the same id on.
            by_module = len({i for _, i in found}) < len(found)
            such = found[0][0].module if by_module else ""
            raise _Ambiguous(name, [i for _, i in found], places, such)
        return found[0] if found else None

    def _where(self, level: Level, type_id: int) -> str:
        of = f" of module {level.module}" if level.module else ""
        if isinstance(level.graph[type_id], views.Var):
            place = level.place(type_id)
            function, _ = level.written_in(type_id)
            of += f" in {function}()" if function else ""
            if place is not None:
                return f" ({place.section}+{place.offset:#x}{of})"
        return f" ({of.strip()})" if of else ""

    def _find_object(
        self, name: str, flags: FindObjectFlags, filename: str | None
    ) -> Object | None:
        if flags & FindObjectFlags.VARIABLE:
            found = _written_in(_distinct(self._iter(name, filename, Kind.VAR)), filename)
            variable = self._choose(name, found, filename)
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
        freed = place.section.startswith(".init")
        if freed:
            logger.warning("%s is in %s, which the kernel freed", name, place.section)
        start = level.start_of(place.section)
        # A function's own variables have other symbols: NAME.NUMBER.
        local = any(level.written_in(var_id))
        symbols = [] if local else self.attached.known_symbols(name, level)
        if start is None:
            if len(symbols) != 1 or len(level.find_ids(name, Kind.VAR)) != 1:
                raise _Nowhere(name, var_id, place.section, level.module, freed)
            (address,) = symbols
        else:
            address = (start + place.offset) & (1 << 64) - 1
            if symbols and address not in symbols:
                told = ", ".join(f"{symbol:#x}" for symbol in symbols)
                raise BaseMismatchError(
                    f"{name}: at {address:#x} by its section, at {told} by its symbol"
                )
        return Object(self.attached.prog, level.types.type(view.type_id), address=address)

    def _function(self, name: str, filename: str | None) -> Object | None:
        found = list(self._iter(name, filename, Kind.FUNC))
        if not found:
            return None
        level, func_id = found[0]
        addresses = self.attached.find_symbol(name, level)
        if len(addresses) != 1:
            if not addresses:
                return None
            places = [f"{address:#x}" for address in addresses]
            raise _Ambiguous(name, [i for _, i in found], places)
        return Object(self.attached.prog, level.types.type(func_id), address=addresses[0])

    def _constant(self, name: str, filename: str | None) -> Object | None:
        for level in self.attached.levels():
            found = level.find_constants(name)
            if filename is not None and filename.startswith("#"):
                found = [each for each in found if f"#{each.enum_id}" == filename]
            if len({each.value for each in found}) > 1:
                places = [f"#{each.enum_id} (= {each.value})" for each in found]
                raise _Ambiguous(name, [each.enum_id for each in found], places)
            if found:
                enum_type = level.types.type(found[0].enum_id)
                return Object(self.attached.prog, enum_type, found[0].value)
        return None


class _Ambiguous(TypeLookupError):
    """A name that means several things, and how to say which."""

    def __init__(
        self, name: str, ids: Sequence[int], places: Sequence[str], such: str = ""
    ) -> None:
        super().__init__(name, ids=ids)
        listed = ", ".join(places[:MAX_LISTED])
        listed += f", and {len(places) - MAX_LISTED} more" if len(places) > MAX_LISTED else ""
        such = such or f"#{ids[0]}"
        self.args = (f"{name!r} is ambiguous: {listed}; choose by file name, such as {such!r}",)


def _distinct(found: Iterable[Found]) -> list[Found]:
    """Return each variable once: a module's extra repeats those that its own BTF has.

    In the kernel's own, several without size may be in one place.
    """
    places: dict[object, Found] = {}
    for level, var_id in found:
        place = (level.place(var_id) if level.module else None) or var_id
        places.setdefault((id(level), place), (level, var_id))
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


def _written_in(found: list[Found], filename: str | None) -> list[Found]:
    """Return the variables that a name in a function or file means.

    A function's own are meant if the function or file is named, or if there are no others.
    """
    if len(found) < 2:
        return found
    places = [level.written_in(var_id) for level, var_id in found]
    if filename is None:
        outside = [each for each, place in zip(found, places, strict=True) if not any(place)]
        return outside or found
    named = [
        each
        for each, (function, file) in zip(found, places, strict=True)
        if function == filename or file == filename or file.endswith(f"/{filename}")
    ]
    return named or found


def _meaning(level: Level, type_id: int) -> tuple[object, ...]:
    """Return what types of one name have in common if either will do.

    A driver's u8 is the kernel's if both are the same integer in the end.
    """
    view = level.graph[type_id]
    for _ in range(MAX_CHAIN):
        if not isinstance(view, views.Typedef):
            break
        view = view.type
    if isinstance(view, views.Int):
        return view.size, view.signed, view.boolean, view.bits
    return level.module, view.id


def _is_kind(view: views.Type, kinds: frozenset[TypeKind]) -> bool:
    """Tell an integer from a truth value."""
    if not isinstance(view, views.Int):
        return True
    return (TypeKind.BOOL if view.boolean else TypeKind.INT) in kinds


def _module_of(filename: str | None) -> str | None:
    """Return the module a file name means: one without folder or source suffix."""
    if filename is None or "/" in filename or filename.startswith("#"):
        return None
    stem = filename.removesuffix(".ko")
    return None if "." in stem else stem.replace("-", "_")
