"""What the loaded modules have: types and variables, where their sections are, symbols.

In:  a kernel's memory, its own types.
Out: a level for each module that has BTF.

A running kernel loads modules and removes them, so what is known of them holds for one generation:
as long as the kernel's list of BTF is the same. A module that has an extra has two BTFs; they are
made one, in which each type is once. The extra is in memory, too, or in a file called by the
module's build-id.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Final

from drgn import FaultError, Program, ProgramFlags, RelocatableModule, SymbolIndex, Type

from dwarfless.btf.decode import decode
from dwarfless.consumers.drgn_plugin.levels import PERCPU_SECTION, Level
from dwarfless.consumers.drgn_plugin.memory import KernelMemory, ModuleBtf, addresses
from dwarfless.consumers.drgn_plugin.sources import EXTRA_NAME, by_build_id, extra_folders
from dwarfless.consumers.drgn_plugin.types import Types
from dwarfless.errors import DwarflessError, UnsupportedError
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["LoadedModules"]

logger: Final = logging.getLogger("drgn.dwarfless")
#: After the name of a module, that of one that holds its extra.
EXTRA_SUFFIX: Final = "_btf"


class LoadedModules:
    """The modules of a kernel.

    Args:
        memory: The kernel's.
        base: Returns the level of the kernel's own BTF, or None.
        place: Returns where the kernel's list of BTF is, or None to ask the symbols.
        complete: As for Types.

    Attributes:
        num_asked: How often they were looked at.
        is_locating: Whether drgn is telling where they are, so that an extra can be made part of
            a level; until then there are no levels.
    """

    def __init__(
        self,
        memory: KernelMemory,
        base: Callable[[], Level | None],
        place: Callable[[], int | None],
        complete: Callable[[str, bool], Type | None],
    ) -> None:
        self.memory: Final = memory
        self.prog: Final[Program] = memory.prog
        self.num_asked = 0
        self.is_locating = False
        self._base: Final = base
        self._place: Final = place
        self._complete: Final = complete
        self._listed: list[ModuleBtf] | None = None
        self._generation = 0
        self._made: dict[tuple[ModuleBtf, ...], list[Level]] = {}
        self._busy = False

    @property
    def generation(self) -> int:
        """A number that changes when modules come or go; looks whether they did.

        Cost: on a running kernel 5 us a module with BTF; nothing on a core file.
        """
        live = self.prog.flags & ProgramFlags.IS_LIVE
        if self._listed is not None and not live:
            return self._generation
        base = self._base()
        if base is None:
            return self._generation
        listed = self._list(base)
        if self._listed is not None and listed != self._listed:
            self._generation += 1
            for name in ("_levels", "_loaded", "_index"):
                self.__dict__.pop(name, None)
        self._listed = listed
        return self._generation

    def _list(self, base: Level) -> list[ModuleBtf]:
        try:
            return list(self.memory.iter_module_btf(base.graph, self._place()))
        except (FaultError, UnicodeDecodeError) as error:
            logger.warning("the list of the modules' BTF can't be read: %s", error)
            return []

    @property
    def levels(self) -> list[Level]:
        """A level for each module, as they are now."""
        self.num_asked += 1
        _ = self.generation
        return [] if self._listed is None or self.is_locating else self._levels

    @cached_property
    def _levels(self) -> list[Level]:
        """The levels of this generation; those of modules that stayed are the same."""
        base, known = self._base(), self._made
        assert base is not None
        self._made = {}
        by_module: dict[str, list[ModuleBtf]] = {}
        for each in self._listed or ():
            if each.module != EXTRA_NAME:
                by_module.setdefault(each.module.removesuffix(EXTRA_SUFFIX), []).append(each)
        for name, parts in by_module.items():
            key = tuple(parts)
            try:
                self._made[key] = known.get(key) or self._make(name, parts, base)
            except (FaultError, DwarflessError) as error:
                logger.warning("the BTF of module %s can't be read: %s", name, error)
        return [level for levels in self._made.values() for level in levels]

    def _make(self, name: str, parts: list[ModuleBtf], base: Level) -> list[Level]:
        graphs = [
            decode(
                self.prog.read(part.address, part.size),
                base=base.graph,
                source=f"{part.module} in memory",
            )
            for part in parts
        ]
        types = base.types
        if not any(part.module.endswith(EXTRA_SUFFIX) for part in parts):
            extra = self._read_extra(name, graphs[0])
            if extra is not None and extra.base is base.graph:
                graphs.append(extra)
            elif extra is not None:
                types = Types(self.prog, graphs[0], base.types, self._complete)
                over = Types(self.prog, extra, types, self._complete)
                return [Level(each, name, self._section) for each in (over, types)]
        return [
            Level(Types(self.prog, graph, types, self._complete), name, self._section)
            for graph in _merged(graphs)
        ]

    def _read_extra(self, name: str, graph: TypeGraph) -> TypeGraph | None:
        """Return a module's extra from a file, split over the module's BTF or over its base."""
        if not any(folder.is_dir() for folder in extra_folders()):
            return None
        # For this drgn asks for types, which would lead here again.
        self.is_locating = True
        try:
            loaded = self._loaded.get(name, ())
        finally:
            self.is_locating = False
        build_ids = {each.build_id for each in loaded if each.build_id}
        paths = [path for each in build_ids for path in by_build_id(each.hex())]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            return None
        from dwarfless.containers.load import load, read_binding

        try:
            binding = read_binding(path)
            if binding is None:
                logger.warning("%s: raw BTF, does not say what it is split over", path)
                return None
            if binding.module_build_id and bytes.fromhex(binding.module_build_id) not in build_ids:
                logger.warning("%s: made for another module, %s", path, binding.program)
                return None
            return load(path, base=graph if len(binding.bases) > 1 else graph.base)
        except (DwarflessError, OSError) as error:
            logger.warning("the extra of module %s can't be used: %s", name, error)
            return None

    def _section(self, section: str, level: Level) -> int | None:
        for module in self._loaded.get(level.module, ()):
            if section == PERCPU_SECTION:
                return int(module.object.percpu)
            if section in module.section_addresses:
                return int(module.section_addresses[section])
        return None

    @cached_property
    def _loaded(self) -> dict[str, list[RelocatableModule]]:
        found: dict[str, list[RelocatableModule]] = {}
        for module, _ in self.prog.loaded_modules():
            if isinstance(module, RelocatableModule):
                found.setdefault(module.name, []).append(module)
        return found

    def find_function(self, name: str, module: str) -> list[int]:
        """Return the addresses of a module's functions of a name."""
        index = self.index
        found = index(self.prog, name, None, False) if index is not None else ()
        ranges = [
            each for one in self._loaded.get(module, ()) for each in one.address_ranges or ()
        ]
        inside = (s for s in found if any(a <= s.address < b for a, b in ranges))
        return addresses(inside, code=True)

    @property
    def index(self) -> SymbolIndex | None:
        """All symbols of modules; None while it is being made."""
        if self._busy:
            return None
        self._busy = True
        try:
            _ = self.generation
            return self._index
        finally:
            self._busy = False

    @cached_property
    def _index(self) -> SymbolIndex | None:
        # As in memory.py: helpers are imported when they are needed.
        from drgn.helpers.linux.kallsyms import load_module_kallsyms

        try:
            return load_module_kallsyms(self.prog)
        except (LookupError, FaultError, AttributeError) as error:
            logger.debug("no symbols of modules: %s", error)
            return None


def _merged(graphs: list[TypeGraph]) -> list[TypeGraph]:
    """Return graphs of one module as one, if that can be; what they both say is said once."""
    if len(graphs) < 2:
        return graphs
    # Only for a module with an extra: it needs numpy, which takes 70 ms to import.
    from dwarfless.graph.tree import merge

    try:
        return [merge(graphs)[0]]
    except UnsupportedError as error:
        logger.warning("BTF and extra of a module stay apart: %s", error)
        return graphs
