"""Give a drgn Program what BTF knows.

In:  a Program of a Linux kernel; what the user wants.
Out: finders for types, objects and symbols; the kernel as a module with its addresses, so that
     stack traces are unwound by the ORC in its memory.
"""

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from drgn import (
    FaultError,
    ModuleFileStatus,
    Program,
    Symbol,
    SymbolBinding,
    SymbolKind,
    Type,
)

from dwarfless.consumers.drgn_plugin.levels import PERCPU_SECTION, Level
from dwarfless.consumers.drgn_plugin.memory import KernelMemory
from dwarfless.consumers.drgn_plugin.modules import LoadedModules
from dwarfless.consumers.drgn_plugin.objects import Finder
from dwarfless.consumers.drgn_plugin.sections import Sections
from dwarfless.consumers.drgn_plugin.sources import Options, Sources, find_sources
from dwarfless.consumers.drgn_plugin.types import Types
from dwarfless.errors import DwarflessError
from dwarfless.formats.btf import Kind

if TYPE_CHECKING:
    from dwarfless.consumers.drgn_plugin.symbols import VariableSymbols

__all__ = ["NAME", "Attached", "attach"]

logger: Final = logging.getLogger("drgn.dwarfless")
#: What a linker calls the ends of a section whose name, behind its dot, is an identifier.
SECTION_END: Final = re.compile(r"__(start|stop)_(\w+)")
#: Of our finders.
NAME: Final = "dwarfless"


class Attached:
    """A Program and what we know of its kernel; all of it is looked for when first asked for."""

    def __init__(self, prog: Program, options: Options) -> None:
        self.prog: Final = prog
        self.options: Final = options
        self.memory: Final = KernelMemory(prog)
        self.modules: Final = LoadedModules(
            self.memory, lambda: self._base_level, lambda: self._btf_modules, self._complete
        )
        #: Whether BTF is being looked for, during which no type is known.
        self.looking = True

    @cached_property
    def sources(self) -> Sources:
        """The kernel's BTF and its extra."""
        self.looking = True
        try:
            found = find_sources(self.memory, self.options)
        finally:
            self.looking = False
        for step in found.steps:
            logger.debug("%s", step)
        return found

    @cached_property
    def kernel_levels(self) -> list[Level]:
        """The kernel's own levels, the extra first: it has most variables."""
        found: list[Level] = []
        types: Types | None = None
        for graph in (self.sources.base, self.sources.extra):
            if graph is not None:
                types = Types(self.prog, graph, types, self._complete)
                found.insert(0, Level(types, "", self.sections.of_kernel))
        self.sections.check_told(found)
        self._warn_of_missing()
        return found

    @cached_property
    def sections(self) -> Sections:
        """Where sections are."""
        return Sections(self.memory, self.sources.binding)

    def _warn_of_missing(self) -> None:
        """Say once what will not be found, unless DWARF finds it."""
        status = self.prog.main_module("kernel", create=True).debug_file_status
        if status != ModuleFileStatus.HAVE:
            for line in self.sources.missing(self.memory):
                logger.warning("%s", line)

    @property
    def module_levels(self) -> list[Level]:
        """A level for each module with BTF that is loaded now."""
        return self.modules.levels

    @property
    def _base_level(self) -> Level | None:
        return None if self.looking or not self.kernel_levels else self.kernel_levels[-1]

    @cached_property
    def _btf_modules(self) -> int | None:
        """The kernel's list of BTF by its variable, which needs no symbol; None if it has none."""
        for level in self.kernel_levels:
            for var_id in level.find_ids("btf_modules", Kind.VAR):
                place = level.place(var_id)
                start = None if place is None else level.start_of(place.section)
                if place is not None and start is not None:
                    return start + place.offset
        return None

    def levels(self) -> Iterator[Level]:
        """Yield all levels, the kernel's first; modules' are read when it comes to them."""
        yield from self.kernel_levels
        yield from self.module_levels

    def _complete(self, name: str, union: bool) -> Type | None:
        """Return the one type that a forward declaration of this name can mean."""
        kind = Kind.UNION if union else Kind.STRUCT
        found = [
            (level, type_id) for level in self.levels() for type_id in level.find_ids(name, kind)
        ]
        return found[0][0].types.type(found[0][1]) if len(found) == 1 else None

    def known_symbols(self, name: str, level: Level) -> list[int]:
        """Return the addresses of a symbol, if that does not take reading all of them.

        Cost: 0.5 ms until all have been read.
        """
        memory = self.memory
        if level.module or (memory.kallsyms is None and "index" not in memory.__dict__):
            return []
        # Without them, what has a variable's name is a function.
        return memory.find_symbol(name, quick=True) if memory.has_variables else []

    def is_freed(self, section: str, address: int, level: Level) -> bool:
        """Tell whether a variable is in memory that was freed once the kernel had started."""
        if section.startswith(".init"):
            return True
        # Per-CPU variables are linked in there, and live elsewhere.
        if level.module or section == PERCPU_SECTION:
            return False
        freed = self.memory.freed
        return freed is not None and freed[0] <= address < freed[1]

    def find_function(self, name: str, level: Level) -> list[int]:
        """Return the addresses of functions of the kernel or of the level's module."""
        if not level.module:
            return self.memory.find_symbol(name, code=True)
        return self.modules.find_function(name, level.module)

    def symbols(
        self, prog: Program, name: str | None, address: int | None, one: bool
    ) -> Sequence[Symbol]:
        """Find symbols of the kernel and of its modules, as drgn asks for them."""
        found: list[Symbol] = []
        # Offsets of per-CPU variables are symbols too, from 0 up (x86-64 until 6.14), but at that
        # address is nothing.
        if address is None or self._is_inside(address):
            index = self.memory.index
            found += index(prog, name, address, one) if index is not None else ()
        if name is not None and not found:
            found += self._section_symbols(name)
        if not (found or self.looking or self.memory.has_variables):
            found += self._variable_symbols.find(name, address)
        if not (one and found):
            index = self.modules.index
            found += index(prog, name, address, one) if index is not None else ()
        return found[:1] if one else found

    @cached_property
    def _variable_symbols(self) -> "VariableSymbols":
        """The kernel's variables as symbols, where it has none of them."""
        from dwarfless.consumers.drgn_plugin.symbols import VariableSymbols

        try:
            return VariableSymbols(self.kernel_levels)
        except (DwarflessError, OSError, FaultError) as error:
            # As _bound_code(): a stack trace needs no variables.
            logger.debug("%s", error)
            return VariableSymbols([])

    def _section_symbols(self, name: str) -> Iterator[Symbol]:
        """Yield the symbol of a section's start or end by the extra's note.

        Without kallsyms nothing else tells where ORC is, which drgn asks for by these.
        """
        match = SECTION_END.fullmatch(name)
        if match is not None and not self.looking:
            ends = self.sections.bound(f".{match[2]}")
            if ends is not None:
                place = ends[match[1] == "stop"]
                yield Symbol(name, place, 0, SymbolBinding.GLOBAL, SymbolKind.UNKNOWN)

    def _is_inside(self, address: int) -> bool:
        """Tell whether an address is in the kernel proper, as far as its ends are known."""
        ranges = self.prog.main_module().address_ranges
        return not ranges or any(start <= address < end for start, end in ranges)

    def cover_main_module(self) -> None:
        """Say where the kernel is, so that drgn finds it by address and reads its ORC."""
        main = self.prog.main_module("kernel", create=True)
        if main.address_ranges is None:
            # Without CONFIG_KALLSYMS_ALL only the code's end is a symbol; ORC is of code alone.
            parts = (("_stext", "_end"),), (("_stext", "_etext"), ("_sinittext", "_einittext"))
            found = (list(self._between(ends)) for ends in parts)
            ranges = next((each for each in found if each), None)
            main.address_ranges = ranges or self._bound_code()

    def _between(self, ends: Sequence[tuple[str, str]]) -> Iterator[tuple[int, int]]:
        """Yield the ranges between symbols, as far as there are both."""
        for names in ends:
            places = [self.memory.find_symbol(name) for name in names]
            if all(len(each) == 1 for each in places):
                yield places[0][0], places[1][0]

    def _bound_code(self) -> list[tuple[int, int]] | None:
        """Return where the kernel's code is by the extra's note, if there is one."""
        try:
            bound = self.sections.bound(".text") if self.memory.kallsyms is None else None
        except (DwarflessError, OSError) as error:
            # The first lookup of a name fails with it; a debugger starts nevertheless.
            logger.debug("%s", error)
            return None
        return None if bound is None else [bound]

    def spare_debug_info(self, modules: Sequence[object]) -> None:
        """Say that files nobody found are not needed, for what BTF describes.

        What is wrong with BTF or extra stops plain drgn no more than what is missing does: the
        first lookup of a name fails with it.
        """
        try:
            if not self.kernel_levels:
                return
        except (DwarflessError, OSError, FaultError) as error:
            if self.options.always:
                raise
            logger.warning("%s", error)
            return
        for module in modules:
            if getattr(module, "debug_file_status", None) == ModuleFileStatus.WANT:
                module.debug_file_status = ModuleFileStatus.DONT_NEED  # type: ignore[attr-defined]
            if getattr(module, "loaded_file_status", None) == ModuleFileStatus.WANT:
                module.loaded_file_status = ModuleFileStatus.DONT_NEED  # type: ignore[attr-defined]


def attach(prog: Program, options: Options) -> Attached:
    """Register finders in a Program of a Linux kernel."""
    attached = Attached(prog, options)
    finder = Finder(attached)
    place = 0 if options.always else -1
    registrations: list[tuple[Callable[..., None], Callable[..., object]]] = [
        (prog.register_type_finder, finder.type),
        (prog.register_object_finder, finder.object),
        (prog.register_symbol_finder, attached.symbols),
    ]
    for register, function in registrations:
        register(NAME, function, enable_index=place)
    prog.register_debug_info_finder(NAME, attached.spare_debug_info, enable_index=place)
    try:
        attached.cover_main_module()
    except (FaultError, ValueError) as error:
        logger.warning(
            "stack traces will stop early: the kernel's symbols can't be read: %s", error
        )
    attached.looking = False
    return attached
