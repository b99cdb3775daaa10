#!/usr/bin/env python3
"""Compare what drgn says of a core with DWARF and with BTF.

    drgn_core.py CORE VMLINUX SCRIPTS [EXTRA [MODULE]…] > differences.json

In:  a core file, the kernel's DWARF, drgn's own folder contrib; without EXTRA it is found in the
     core; the DWARF of modules, whose extras DWARFLESS_PATH has; DWARFLESS_BASE as the plugin.
Out: {"checked": {what: number}, "differences": [[what, name, with DWARF, with BTF], …]}

Run it with DRGN_DISABLE_PLUGINS=*; it attaches our finders itself, to one of two programs.
"""

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import _drgn
import drgn
from drgn import FindObjectFlags
from drgn.helpers.linux.pid import for_each_task

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dwarfless.consumers.drgn_plugin.attach import Attached, attach
from dwarfless.consumers.drgn_plugin.levels import Level
from dwarfless.consumers.drgn_plugin.objects import MAX_LISTED
from dwarfless.consumers.drgn_plugin.plugin import options_from_environment
from dwarfless.formats.btf import Kind
from peers.drgn_names import (
    any_of,
    compare_constants,
    compare_functions,
    compare_log,
    compare_module_variables,
    place_and_type,
)
from peers.drgn_scripts import compare_commands, compare_scripts
from peers.drgn_variables import outline, size

checked: Counter[str] = Counter()
differences: list[tuple[str, str, Any, Any]] = []
KINDS = {
    Kind.STRUCT: "struct ",
    Kind.UNION: "union ",
    Kind.ENUM: "enum ",
    Kind.ENUM64: "enum ",
    Kind.TYPEDEF: "",
}


def names(attached: Attached, *kinds: Kind) -> dict[str, list[tuple[Level, int]]]:
    """Return the names of a kernel's own types, with their levels and ids."""
    found: dict[str, list[tuple[Level, int]]] = {}
    for level in attached.kernel_levels:
        graph = level.graph
        for kind in kinds:
            for row in (graph.kinds == kind).nonzero()[0].tolist():
                name = graph.string(int(graph.name_offsets[row]))
                if name:
                    found.setdefault(name, []).append((level, graph.first_id + row))
    return found


def compare(what: str, name: str, one: Any, other: Any) -> None:
    """Note what differs."""
    checked[what] += 1
    if one != other:
        differences.append((what, name, one, other))


class Symbols:
    """The symbols that vmlinux has, as drgn reads them.

    Attributes:
        sizes: (address, name) -> sizes in bytes; what the compiler adds to a name is cut.
        places: Name -> addresses.
    """

    def __init__(self, dwarf: drgn.Program) -> None:
        self.sizes: dict[tuple[int, str], set[int]] = {}
        self.places: dict[str, set[int]] = {}
        for symbol in dwarf.symbols():
            name = symbol.name.partition(".")[0]
            self.sizes.setdefault((symbol.address, name), set()).add(symbol.size)
            self.places.setdefault(name, set()).add(symbol.address)


def compare_variables(dwarf: drgn.Program, btf: drgn.Program, attached: Attached) -> None:
    """Each variable: address, size, type."""
    symbols = Symbols(dwarf)
    for name, every in names(attached, Kind.VAR).items():
        outside = [i for level, i in every if not any(level.written_in(i))]
        for level, i in every:
            if i not in outside:
                compare_static(btf, symbols, name, level, i)
        if outside:
            compare_outside(dwarf, btf, name, outside)
        if len(outside) > 1:
            compare_several(btf, symbols, name, outside)


def compare_outside(dwarf: drgn.Program, btf: drgn.Program, name: str, ids: list[int]) -> None:
    """Variables of a name at file scope, which drgn finds by DWARF."""
    found = [place_and_type(btf.object(name, FindObjectFlags.VARIABLE, f"#{i}")) for i in ids]
    if len(ids) == 1:
        compare("lookup by name", name, found[0], place_and_type(btf.variable(name)))
    try:
        expected = place_and_type(dwarf.variable(name))
    except (LookupError, _drgn.BadDataError) as error:
        expected = str(error)
    # DWARF gives any one of several of a name; test_drgn.py asks for the others by file.
    match = any_of(expected, found)
    if isinstance(expected, tuple) and expected[0] is not None and expected != match:
        begin, end = (dwarf.symbol(f"__init_{word}").address for word in ("begin", "end"))
        if begin <= expected[0] < end:
            compare("variable in init memory", name, expected, match)
            return
    compare("variable" if len(ids) == 1 else "variable of several", name, expected, match)


def compare_several(btf: drgn.Program, symbols: Symbols, name: str, ids: list[int]) -> None:
    """Variables that share a name: each is where a symbol of that name is, no two at one place."""
    places = [btf.variable(name, f"#{i}").address_ for i in ids]
    known = symbols.places.get(name, set())
    compare("one of several", name, [], [hex(a) for a in places if a not in known])
    compare("several of a name", name, len(ids), len(set(places)))
    try:
        listed = repr(btf.variable(name))
    except LookupError as error:
        listed = str(error)
    shown = [f"#{i} " for i in ids[:MAX_LISTED] if f"#{i} " not in listed]
    compare("error that lists several", name, [], shown)


def compare_static(
    btf: drgn.Program, symbols: Symbols, name: str, level: Level, var_id: int
) -> None:
    """A static variable of a function: its address and size, by the symbol table."""
    found = btf.variable(name, f"#{var_id}")
    place = level.place(var_id)
    # An array that is left open has no size of its own.
    whole = size(found.type_) or (place.size if place is not None else 0)
    sizes = symbols.sizes.get((found.address_, name), set())
    where = f"{name} in {level.written_in(var_id)[0]}"
    compare("static of a function", where, whole if whole in sizes else sorted(sizes), whole)


def compare_types(dwarf: drgn.Program, btf: drgn.Program, attached: Attached) -> None:
    """Each named type: size, members, offsets."""
    for kind, word in KINDS.items():
        for name, every in names(attached, kind).items():
            try:
                expected = outline(dwarf.type(f"{word}{name}"))
            except LookupError:
                checked["type that DWARF names inside functions only"] += 1
                continue
            found = [outline(btf.type(f"{word}{name}", f"#{i}")) for _, i in every]
            what = "type" if len(found) == 1 else "type of several"
            compare(what, word + name, expected, any_of(expected, found))


def trace(prog: drgn.Program, task: drgn.Object) -> list[tuple[int, str]]:
    """Return a task's frames: address, and function and offset; inlined functions have none."""
    frames = []
    for frame in prog.stack_trace(task):
        if frame.is_inline:
            continue
        try:
            symbol = frame.symbol()
            name = f"{symbol.name}+{frame.pc - symbol.address:#x}"
        except LookupError:
            name = "?"
        frames.append((frame.pc, name))
    return frames


def compare_traces(dwarf: drgn.Program, btf: drgn.Program) -> None:
    """Each task's stack."""
    tasks = {task.value_(): task for task in for_each_task(btf)}
    for task in for_each_task(dwarf):
        where = f"{task.pid.value_()} {task.comm.string_().decode()}"
        one, other = trace(dwarf, task), trace(btf, tasks[task.value_()])
        compare("stack trace", where, [pc for pc, _ in one], [pc for pc, _ in other])
        for (_, name), (_, ours) in zip(one, other, strict=False):
            compare("frame", name, name, ours)


def main() -> None:
    """Compare."""
    core, vmlinux, scripts, *more = sys.argv[1:]
    extra, modules = more[:1], more[1:]
    dwarf = drgn.Program()
    dwarf.set_core_dump(core)
    dwarf.load_debug_info([vmlinux], main=True)
    btf = drgn.Program()
    btf.set_core_dump(core)
    options = options_from_environment()
    attached = attach(btf, replace(options, extra=Path(extra[0])) if extra else options)
    btf.create_loaded_modules()
    if extra:
        # Sections are found without symbols; with all of them each variable is checked faster.
        assert attached.memory.index is not None
    compare_variables(dwarf, btf, attached)
    compare_types(dwarf, btf, attached)
    # All symbols are read for these; functions are found fast from then on.
    compare_traces(dwarf, btf)
    compare_log(compare, dwarf, btf)
    compare_constants(compare, dwarf, btf, attached.kernel_levels)
    compare_functions(compare, dwarf, btf, names(attached, Kind.FUNC))
    compare_scripts(compare, dwarf, btf, Path(scripts))
    compare_commands(compare, dwarf, btf)
    if modules:
        # Not before: all symbols were the kernel's until now.
        dwarf.load_debug_info(modules)
        compare_module_variables(compare, dwarf, btf, attached.module_levels)
    json.dump({"checked": checked, "differences": differences}, sys.stdout)


if __name__ == "__main__":
    main()
