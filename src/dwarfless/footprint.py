"""What variables cost a kernel, by each way of having them.

In:  a vmlinux with DWARF, and, if wanted, its modules.
Out: bytes of BTF without variables, with them built in, and as extras; by section and class.

Each way is really encoded: nothing here is estimated but the page that a module's own structure
takes in a kernel.
"""

import gzip
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from dwarfless.btf.encode import encode
from dwarfless.containers.load import NO_BTF, load
from dwarfless.elf.compression import compress_zstd
from dwarfless.encoder import encode_elf
from dwarfless.errors import BtfError
from dwarfless.formats.btf import Kind
from dwarfless.graph.match import Base, datasec_entries, split_over
from dwarfless.graph.options import EncodeOptions
from dwarfless.graph.parts import choose
from dwarfless.graph.report import Report
from dwarfless.graph.rules import load_profile
from dwarfless.graph.tree import partition, rebase
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import Struct, Var
from dwarfless.modules import encode_modules, find_modules

__all__ = ["Footprint", "Modules", "Part", "Way", "measure_kernel", "measure_modules"]

PAGE: Final = 4096
#: A VAR and its entry in a DATASEC.
BYTES_A_VARIABLE: Final = 28
#: What a kernel keeps of a type beside its record: a pointer (struct btf in kernel/bpf/btf.c).
BYTES_A_TYPE: Final = 8
VARIABLES: Final = frozenset({"percpu", "global", "static"})
WITHOUT: Final = "without variables"
BUILT_IN: Final = "variables built in"
AS_EXTRA: Final = "variables as an extra"
NO_INIT: Final = f"{AS_EXTRA}, no init data"
OWN: Final = "the kernel's own .BTF"
OVER_OWN: Final = "variables over that, no init data"
Progress = Callable[[int, int], None]
ByteOrder = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of having variables, or of having none.

    Attributes:
        name: What is encoded.
        size: Bytes of raw BTF.
        gzip: Bytes after gzip -9.
        zstd: Bytes after zstd -19.
        num_types: Types of its own.
        num_vars: Variables among them.
    """

    name: str
    size: int
    gzip: int
    zstd: int
    num_types: int
    num_vars: int


@dataclass(frozen=True, slots=True)
class Part:
    """What some of an extra's variables cost: 28 bytes each, and names that the base lacks.

    Attributes:
        name: A section, a class, a rule.
        num_vars: Variables.
        size: Bytes.
    """

    name: str
    num_vars: int
    size: int


@dataclass(frozen=True, slots=True)
class Modules:
    """All modules of a kernel together; sizes are sums of bytes of BTF.

    Attributes:
        count: Modules.
        failed: Names of those that could not be encoded, with why.
        without: Types and functions alone.
        built_in: Variables in each module's one BTF.
        third_level: Variables over each module's own BTF.
        second_level: Variables, and what they need of the module's types, over the kernel's BTF:
            the form a kernel can load.
        num_vars: Variables of all.
        module_pages: Bytes that as many structures and pages of a `-btf` module each take.
        loaded: Bytes that a kernel keeps of them, if all were loaded: BTF, 8 bytes a type for its
            index, and module_pages.
        seconds: Wall time.
    """

    count: int
    failed: tuple[str, ...]
    without: int
    built_in: int
    third_level: int
    second_level: int
    num_vars: int
    module_pages: int
    loaded: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Footprint:
    """What was measured.

    Attributes:
        source: The kernel.
        ways: Each way, the kernel without variables first.
        sections: What each section costs in the full extra, the largest first.
        classes: The same by class.
        rules: What each rule of the profile `debugger` leaves out of it.
        modules: All modules; None if not asked for.
    """

    source: str
    ways: tuple[Way, ...]
    sections: tuple[Part, ...]
    classes: tuple[Part, ...]
    rules: tuple[Part, ...] = ()
    modules: Modules | None = None

    def way(self, name: str) -> Way:
        """Return a way by name.

        Raises:
            KeyError: There is none.
        """
        for way in self.ways:
            if way.name == name:
                return way
        raise KeyError(name)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self)


def measure_kernel(
    source: Path,
    options: EncodeOptions,
    *,
    profile: str = "debugger",
    jobs: int | None = None,
) -> tuple[Footprint, TypeGraph]:
    """Encode a kernel each way; return what that takes, and its graph without variables.

    Args:
        source: A vmlinux with DWARF; if it has BTF of its own, an extra over that is made, too.
        options: What is written but for variables.
        profile: Rules whose effect is measured.
        jobs: Threads.

    Cost: 12 s on two cores, and 20 s of compressing.
    """
    plain = replace(options, features=options.features - {"global_var"})
    full = replace(options, features=options.features | {"global_var"})
    without, report = encode_elf(source, options=plain, jobs=jobs)
    order = report.byte_order
    built_in, usual = encode_elf(source, options=full, jobs=jobs)
    extra = split_over(built_in, without).graph
    variables = replace(full, only=VARIABLES)
    chosen = load_profile(profile)
    no_init = replace(variables, with_init=False)
    sieved = replace(no_init, rules=chosen.rules)
    narrowed, report = encode_elf(source, options=sieved, base=without, jobs=jobs)
    graphs = {
        WITHOUT: without,
        BUILT_IN: built_in,
        AS_EXTRA: extra,
        NO_INIT: encode_elf(source, options=no_init, base=without, jobs=jobs)[0],
        f"{AS_EXTRA}, profile {profile}": narrowed,
    }
    if (own := own_btf(source)) is not None:
        graphs[OWN] = own
        graphs[OVER_OWN] = encode_elf(source, options=no_init, base=own, jobs=jobs)[0]
    ways = tuple(measure(name, graph, order) for name, graph in graphs.items())
    rules = rules_of(extra, report, usual)
    return Footprint(str(source), ways, sections_of(extra), classes_of(extra), rules), without


def own_btf(source: Path) -> TypeGraph | None:
    """Return the BTF in a file; None if it has none."""
    try:
        return load(source)
    except BtfError as error:
        if error.problem != NO_BTF:
            raise
        return None


def rules_of(extra: TypeGraph, report: Report, usual: Report) -> tuple[Part, ...]:
    """Return what an extra spends on variables that rules leave out, by the reason given.

    Args:
        extra: One without rules.
        report: Of one with them.
        usual: Of the one without: what is left out for its reasons is no rule's doing.
    """
    known = {item.reason for item in usual.items}
    items = [item for item in report.items if item.what == "variable"]
    reasons = {item.name: item.reason for item in items if item.reason not in known}
    parts = parts_by(extra, lambda section, var: reasons.get(var.name, ""))
    return tuple(part for part in parts if part.name)


def measure(name: str, graph: TypeGraph, order: ByteOrder) -> Way:
    """Encode a graph and compress it."""
    btf = encode(graph, byte_order=order)
    return Way(
        name,
        len(btf),
        len(gzip.compress(btf, 9, mtime=0)),
        len(compress_zstd(btf)),
        graph.num_own,
        int(np.count_nonzero(graph.kinds == Kind.VAR)),
    )


def sections_of(extra: TypeGraph) -> tuple[Part, ...]:
    """Return what each section of an extra costs, the largest first."""
    return parts_by(extra, lambda section, var: section)


def classes_of(extra: TypeGraph) -> tuple[Part, ...]:
    """Return what per-CPU, static and global variables cost, the largest first."""

    def class_of(section: str, var: Var) -> str:
        return "percpu" if section.endswith("percpu") else "global" if var.linkage else "static"

    return parts_by(extra, class_of)


def parts_by(extra: TypeGraph, key: Callable[[str, Var], str]) -> tuple[Part, ...]:
    """Return what the variables of each key cost; a new name is the first one's that has it."""
    counts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    seen: set[int] = set()
    names = extra.name_offsets
    end = extra.base.end_string if extra.base is not None else 0
    for row in np.flatnonzero(extra.kinds == Kind.DATASEC).tolist():
        section = extra[extra.first_id + row]
        for var_id, _, _ in datasec_entries(section):
            var = extra[var_id]
            assert isinstance(var, Var)
            name = key(section.name, var)
            counts[name] = counts.get(name, 0) + 1
            size = BYTES_A_VARIABLE
            place = int(names[var_id - extra.first_id])
            if place >= end and place not in seen:
                seen.add(place)
                size += len(var.name.encode()) + 1
            sizes[name] = sizes.get(name, 0) + size
    parts = [Part(name, counts[name], sizes[name]) for name in counts]
    return tuple(sorted(parts, key=lambda part: (-part.size, part.name)))


def measure_modules(
    folder: Path,
    base: TypeGraph,
    options: EncodeOptions,
    *,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Modules:
    """Encode all modules each way; return the sums.

    Args:
        folder: Modules with DWARF.
        base: The kernel's graph without variables.
        options: What is written but for variables.
        jobs: Processes.
        progress: Called with modules done and modules in all.

    Cost: 40 s for Debian's 1,138 on two cores.
    """
    start = time.perf_counter()
    plain = replace(options, features=options.features - {"global_var"})
    full = replace(options, features=options.features | {"global_var"})
    index = Base(base)

    def take(path: Path, without: TypeGraph, report: Report) -> tuple[int, ...]:
        built_in = encode_elf(path, options=full, base=index, jobs=1)[0]
        chosen = choose(built_in, ["global", "static"])
        third = partition(built_in, chosen, with_nameless=False).moved
        second = rebase(third)
        graphs = (without, built_in, third, second)
        sizes = [len(encode(graph, byte_order=report.byte_order)) for graph in graphs]
        num_vars = int(np.count_nonzero(built_in.kinds == Kind.VAR))
        return (*sizes, num_vars, second.num_own)

    paths = find_modules(folder)
    results = []
    for result in encode_modules(paths, index, take, options=plain, jobs=jobs):
        results.append(result)
        if progress is not None:
            progress(len(results), len(paths))
    done = [result for result in results if not result.error]
    sums = [sum(column) for column in zip(*(result.sizes for result in done), strict=True)]
    without, built_in, third, second, num_vars, num_types = sums or [0] * 6
    pages = len(done) * pages_of_a_module(base)
    return Modules(
        len(done),
        tuple(sorted(f"{r.name}: {r.error}" for r in results if r.error)),
        without,
        built_in,
        third,
        second,
        num_vars,
        pages,
        second + BYTES_A_TYPE * num_types + pages,
        time.perf_counter() - start,
    )


def pages_of_a_module(kernel: TypeGraph) -> int:
    """Return the bytes that a module without code takes, its BTF aside: whole pages.

    Source: load_module() in kernel/module/main.c: struct module lies in memory of its own.
    """
    found = kernel.find_all("module", Kind.STRUCT)
    size = max((view.size for view in found if isinstance(view, Struct)), default=PAGE)
    return -(-size // PAGE) * PAGE
