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
    symbols = "not told by VMCOREINFO"
    if memory.kallsyms is not None:
        symbols = "in memory" if memory.has_variables else "in memory, without variables"
    yield f"symbols: kallsyms {symbols}"
    for level in attached.kernel_levels:
        yield f"kernel: {level.graph.source}: {_numbers(level)}"
    for level in islice(attached.module_levels, MAX_LISTED):
        yield f"module {level.module}: {_numbers(level)}"
    if len(attached.module_levels) > MAX_LISTED:
        yield f"{len(attached.module_levels) - MAX_LISTED} more modules"
    yield from sources.missing(memory)


def _numbers(level: Level) -> str:
    kinds = level.graph.kinds
    types, variables = len(kinds), int((kinds == Kind.VAR).sum())
    return f"{types:,} types, {variables:,} of them variables"
