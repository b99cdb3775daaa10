#!/usr/bin/env python3
"""Start drgn on a core and say when it knew what; debug_start.py runs it.

In:  a core file; a vmlinux for DWARF, or nothing for BTF and the extra in the core's memory.
Out: JSON: for each step seconds by the clock and of CPU since drgn was imported, and memory.

Run it with DRGN_DISABLE_PLUGINS=*; what it does is what drgn and its plugin do.
"""

import json
import resource
import sys
import time

import drgn
from measuring import anonymous_memory

#: Tasks that the first helper lists.
TASKS = 10


def main() -> None:
    """Look up one variable, then list the first tasks."""
    core, *vmlinux = sys.argv[1:]
    start = time.perf_counter(), time.process_time()
    steps: dict[str, tuple[float, float, int, int]] = {}

    def reached(step: str) -> None:
        wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
        steps[step] = wall, cpu, peak, anonymous_memory("self")

    prog = drgn.Program()
    prog.set_core_dump(core)
    if vmlinux:
        prog.load_debug_info(vmlinux, main=True)
    else:
        from dwarfless.consumers.drgn_plugin.attach import attach
        from dwarfless.consumers.drgn_plugin.sources import Options

        attach(prog, Options())
    variable = prog.variable("init_task")
    said = [variable.address_, drgn.sizeof(variable), str(variable.comm.type_)]
    reached("variable")
    from drgn.helpers.linux.pid import for_each_task

    for task, _ in zip(for_each_task(prog), range(TASKS), strict=False):
        said.append([task.pid.value_(), task.comm.string_().decode()])
    reached("helper")
    json.dump({"said": said, "steps": steps}, sys.stdout)


if __name__ == "__main__":
    main()
