"""Compare functions, enumerators, modules' variables and the log of two drgn programs of one core.

In:  a Program that reads DWARF, one that has our finders, and what those are attached to.
Out: what is compared goes to a function `compare(what, name, with DWARF, with BTF)`.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any

import _drgn
import drgn
from drgn import FindObjectFlags
from drgn.helpers.linux.printk import get_printk_records

from dwarfless.consumers.drgn_plugin.levels import Level
from dwarfless.formats.btf import Kind
from peers.drgn_variables import size, text

Compare = Callable[[str, str, Any, Any], None]


def prototype(function: drgn.Object) -> str:
    """Return what a function takes and returns; what qualifies a parameter itself is no part."""
    type_ = function.type_
    taken = [text(parameter.type.unqualified()) for parameter in type_.parameters]
    more = ", ..." if type_.is_variadic else ""
    return f"({', '.join(taken)}{more}){text(type_.type)}"


def parameters(function: drgn.Object) -> str:
    """Return the names of a function's parameters."""
    return ", ".join(parameter.name or "" for parameter in function.type_.parameters)


def all_of(btf: drgn.Program, name: str, places: set[int]) -> dict[int | None, drgn.Object]:
    """Return the functions of a name by address, None if it has none.

    Args:
        btf: Has our finders.
        name: Of the functions.
        places: Where to ask for one if there are several.
    """
    try:
        one = btf.function(name)
        return {one.address_: one}
    except LookupError:
        return {place: btf.function(name, f"{place:#x}") for place in places}


def compare_functions(
    compare: Compare, dwarf: drgn.Program, btf: drgn.Program, names: Iterable[str]
) -> None:
    """Each function that the kernel's BTF names: where it is, its type, names of parameters.

    DWARF gives any one of several, of which most are inlined and nowhere, and also a weak one that
    another replaced. So places are compared with vmlinux's symbols, all of them.
    """
    places: dict[str, set[int]] = {}
    for symbol in dwarf.symbols():
        if symbol.kind != drgn.SymbolKind.OBJECT:
            places.setdefault(symbol.name, set()).add(symbol.address)
    for name in names:
        known = places.get(name, set())
        found = all_of(btf, name, known)
        placed = sorted(place for place in found if place is not None)
        compare("place of a function", name, sorted(known), placed)
        try:
            one = dwarf.function(name)
        except (LookupError, _drgn.BadDataError):
            compare("function that drgn does not find by DWARF", name, "", "")
            continue
        same = one.address_ in found
        ours = [found[one.address_]] if same else list(found.values())
        what = "function" if same else "function that DWARF has elsewhere"
        expected, types = prototype(one), [prototype(each) for each in ours]
        compare(what, name, expected, any_of(expected, types))
        expected, called = parameters(one), [parameters(each) for each in ours]
        compare("parameters", name, expected, any_of(expected, called))


def enumerators(levels: list[Level]) -> Iterator[tuple[str, str]]:
    """Yield each enumerator of the kernel's own BTF with the text that chooses its enum."""
    for level in levels:
        for kind in (Kind.ENUM, Kind.ENUM64):
            for enum_id in level.graph.arrays.find_kind(kind):
                for value in level.graph[enum_id].values:
                    yield value.name, f"#{enum_id}"


def any_of(expected: Any, found: list[Any]) -> Any:
    """Return what is expected if it is among what was found: DWARF gives any one of several."""
    if expected in found:
        return expected
    return found[0] if len(found) == 1 else found


def constant(found: drgn.Object) -> tuple[str, int]:
    """Say what an enumerator is."""
    return text(found.type_), found.value_()


def compare_constants(
    compare: Compare, dwarf: drgn.Program, btf: drgn.Program, levels: list[Level]
) -> None:
    """Each enumerator: its enum and value."""
    chosen: dict[str, list[str]] = {}
    for name, such in enumerators(levels):
        chosen.setdefault(name, []).append(such)
    for name, every in chosen.items():
        found = [constant(btf.object(name, FindObjectFlags.CONSTANT, each)) for each in every]
        try:
            expected = constant(dwarf.constant(name))
        except LookupError:
            compare("enumerator that drgn does not find by DWARF", name, "", "")
            continue
        what = "enumerator" if len(every) == 1 else "enumerator of several"
        compare(what, name, expected, any_of(expected, found))


def place_and_type(variable: drgn.Object) -> tuple[int | None, int, str]:
    """Say where a variable is, its size and type."""
    return variable.address_, size(variable.type_), text(variable.type_)


def compare_module_variables(
    compare: Compare, dwarf: drgn.Program, btf: drgn.Program, levels: Iterable[Level]
) -> None:
    """Each variable of the modules that have an extra, and that DWARF was loaded for."""
    for level in levels:
        inside = btf.module(level.module).address_ranges or ()
        several: dict[str, list[Any]] = {}
        for var_id in level.graph.arrays.find_kind(Kind.VAR):
            name = level.graph[var_id].name
            try:
                found = place_and_type(btf.variable(name, f"{level.module}#{var_id}"))
            except LookupError as error:
                found = str(error)
            several.setdefault(name, []).append(found)
        for name, ours in several.items():
            try:
                expected = place_and_type(dwarf.variable(name))
            except LookupError as error:
                expected = str(error)
            # DWARF gives any one of several, the kernel's and other modules' among them.
            at = expected[0] if isinstance(expected, tuple) else None
            own = at is not None and any(start <= at < end for start, end in inside)
            what = (
                "variable of a module" if own else "variable of a module that DWARF has elsewhere"
            )
            compare(what, f"{level.module}: {name}", expected, any_of(expected, ours))


def compare_log(compare: Compare, dwarf: drgn.Program, btf: drgn.Program) -> None:
    """Each record of the kernel's log."""
    logs = (get_printk_records(prog) for prog in (dwarf, btf))
    for number, (one, other) in enumerate(zip_longest(*logs)):
        compare("record of the log", str(number), repr(one), repr(other))
