"""What was found for a kernel, where, and what is missing, in words.

In:  an Attached.
Out: lines.
"""

from collections.abc import Iterator
from itertools import islice

from dwarfless.consumers.drgn_plugin.attach import Attached
from dwarfless.consumers.drgn_plugin.levels import Level
from dwarfless.formats.btf import Kind

__all__ = ["explain"]

#: Modules listed before the rest are counted.
MAX_LISTED = 20


def explain(attached: Attached) -> Iterator[str]:
    """Yield what a debugger will know of a kernel, and how to let it know more."""
    memory, sources = attached.memory, attached.sources
    slide = memory.slide
    moved = "moved by an unknown distance" if slide is None else f"moved by {slide:#x}"
    yield f"kernel: Linux {memory.release}, build-id {memory.build_id or 'unknown'}, {moved}"
    yield from sources.steps
    symbols = "in memory" if memory.kallsyms is not None else "not told by VMCOREINFO"
    yield f"symbols: kallsyms {symbols}"
    for level in attached.kernel_levels:
        yield f"kernel: {level.graph.source}: {_numbers(level)}"
    for level in islice(attached.module_levels, MAX_LISTED):
        yield f"module {level.module}: {_numbers(level)}"
    if len(attached.module_levels) > MAX_LISTED:
        yield f"{len(attached.module_levels) - MAX_LISTED} more modules"
    if sources.base is None:
        yield "missing: types; name the kernel's BTF, raw or in its vmlinux: --base FILE"
    elif sources.extra is None:
        yield (
            "missing: variables; make them from the debug package, dwarfless extra VMLINUX -o "
            f"{memory.build_id or 'FILE'}.btf, and name them: --extra FILE"
        )
    elif sources.binding is None and memory.kallsyms is None:
        yield "missing: addresses; neither kallsyms nor a note in the extra tells them"


def _numbers(level: Level) -> str:
    kinds = level.graph.kinds
    types, variables = len(kinds), int((kinds == Kind.VAR).sum())
    return f"{types:,} types, {variables:,} of them variables"
