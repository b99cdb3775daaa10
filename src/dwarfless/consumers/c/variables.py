"""C that compiles: vars.h, which makes a kernel's variables known to BPF programs.

In:  a TypeGraph with variables, most often an extra on its kernel's BTF.
Out: `extern TYPE NAME __ksym;` for each, and the types that vmlinux.h lacks.

libbpf finds such a variable by its name in vmlinux's BTF, else in that of the modules; the kernel
takes its address from kallsyms, again by name, and the first of several. So a name that is not
one variable's alone could give the type of one thing at the address of another: it is left out,
and the report says so.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from dwarfless.consumers.c.header import END, GUARD, MACROS, START, put_kfuncs
from dwarfless.formats.btf import Kind
from dwarfless.graph.c_text import CText
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import TypeGraph

__all__ = ["read_symbols", "variables_header"]

VARS_GUARD: Final = "__VARS_H__"
NEEDS_TYPES: Final = f"""\
#ifndef {GUARD}
#error "vars.h needs vmlinux.h before it"
#endif

"""
PER_CPU: Final = ".data..percpu"
IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEYWORDS: Final = """
    asm auto bool break case char const continue default do double else enum extern false float
    for goto if inline int long nullptr register restrict return short signed sizeof static
    static_assert struct switch thread_local true typedef typeof union unsigned void volatile
    while
"""
SYMBOL: Final = re.compile(rb"^[0-9a-fA-F]+ (\w) (\S+)$", re.MULTILINE)


class Variable(NamedTuple):
    """A variable that may be declared.

    Attributes:
        section: Name of its DATASEC, "" if none lists it.
        name: Its name.
        id: Its type id.
    """

    section: str
    name: str
    id: int


def read_symbols(content: bytes) -> Counter[str]:
    """Return how many symbols have a name, from a System.map or /proc/kallsyms.

    Symbols of modules, which kallsyms lists last and in brackets, don't count: the kernel's own
    come first.
    """
    return Counter(name.decode(errors="replace") for _, name in SYMBOL.findall(content))


def variables_header(
    graph: TypeGraph, report: Report, symbols: Counter[str] | None = None
) -> bytes:
    """Return declarations of a graph's variables, its bases' included, for use after vmlinux.h.

    Args:
        graph: Where they are. The first of its bases, or itself, is what vmlinux.h was made of.
        report: Takes what is left out, and which variables are per CPU.
        symbols: Name -> number of kernel symbols; None if not known.

    Raises:
        BtfError: A type can't be written in C.

    Cost: 0.3 s for 25,000 variables over 125,000 types.
    """
    lowest = graph
    while lowest.base is not None:
        lowest = lowest.base
    text = CText(graph, seen_from=lowest)
    # So that names and types that vmlinux.h has are known; the text itself is not wanted.
    text.write_sorted(lowest)
    put_kfuncs(text)
    text.take()
    text.put(START.format(guard=VARS_GUARD) + NEEDS_TYPES + MACROS)
    section = None
    for variable in chosen(graph, report, symbols, text):
        view = graph[variable.id]
        text.prepare(view.word(2))
        if variable.section != section:
            section = variable.section
            text.put(f"/* {section or 'no section'} */\n")
            if section == PER_CPU:
                text.put("/* Each CPU has its own: bpf_per_cpu_ptr(&NAME, cpu) finds it. */\n")
        if variable.section == PER_CPU:
            report.add("variable", variable.name, "per CPU: read by bpf_per_cpu_ptr", PER_CPU)
        text.put("extern ")
        text.declare(view.word(2), view.word(0))
        text.put(" __ksym;\n")
    text.put("\n" + END.format(guard=VARS_GUARD))
    return text.take()


def chosen(
    graph: TypeGraph, report: Report, symbols: Counter[str] | None, text: CText
) -> Iterator[Variable]:
    """Yield the variables that a BPF program can name, by section and name; report the others."""
    variables = sorted(all_variables(graph))
    shared = Counter(variable.name for variable in variables)
    functions = {graph.string(int(n)) for n in names_of(graph, Kind.FUNC)}
    keywords = set(KEYWORDS.split())
    for variable in variables:
        if not IDENTIFIER.fullmatch(variable.name) or variable.name in keywords:
            reason = "its name is no identifier in C"
        elif shared[variable.name] > 1:
            reason = "several variables share its name"
        elif variable.name in functions:
            reason = "a function shares its name"
        elif symbols is not None and symbols[variable.name] > 1:
            reason = "several symbols share its name"
        elif symbols is not None and not symbols[variable.name]:
            reason = "no symbol has its name"
        elif text.is_taken(graph[variable.id].word(0)):
            reason = "a type or enumerator of vmlinux.h has its name"
        else:
            yield variable
            continue
        report.add("variable", variable.name, reason, variable.section)


def all_variables(graph: TypeGraph) -> Iterator[Variable]:
    """Yield the variables of a graph and its bases."""
    level: TypeGraph | None = graph
    while level is not None:
        listed = set()
        for i in (level.kinds == Kind.DATASEC).nonzero()[0].tolist():
            section = level[level.first_id + i]
            for at in range(section.vlen):
                type_id = section.word(3 + 3 * at)
                listed.add(type_id)
                yield Variable(section.name, level[type_id].name, type_id)
        for i in (level.kinds == Kind.VAR).nonzero()[0].tolist():
            if level.first_id + i not in listed:
                yield Variable("", level[level.first_id + i].name, level.first_id + i)
        level = level.base


def names_of(graph: TypeGraph, kind: Kind) -> Iterator[int]:
    """Yield the string offsets of all names of a kind."""
    level: TypeGraph | None = graph
    while level is not None:
        yield from level.name_offsets[level.kinds == kind].tolist()
        level = level.base
