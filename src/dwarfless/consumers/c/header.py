"""C that compiles: vmlinux.h.

In:  a TypeGraph.
Out: a header for BPF programs and for the host.

Source: layout of the file as bpftool 7.8's `btf dump format c`.
"""

from collections.abc import Sequence
from typing import Final

from dwarfless.formats.btf import Kind
from dwarfless.graph.c_text import CText
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import DeclTag

__all__ = ["header"]

GUARD: Final = "__VMLINUX_H__"
START: Final = """\
#ifndef {guard}
#define {guard}

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
#endif

"""
MACROS: Final = """\
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif

#ifndef __weak
#define __weak __attribute__((weak))
#endif

#ifndef __bpf_fastcall
#if __has_attribute(bpf_fastcall)
#define __bpf_fastcall __attribute__((bpf_fastcall))
#else
#define __bpf_fastcall
#endif
#endif

"""
END: Final = """\
#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif /* {guard} */
"""
#: Decl tags of functions that BPF programs may call, and of those that spare registers.
KFUNC_TAG: Final = "bpf_kfunc"
FASTCALL_TAG: Final = "bpf_fastcall"


def header(graph: TypeGraph, ids: Sequence[int] | None = None, *, repair: bool = True) -> bytes:
    """Return a header with types, each after what it needs.

    Args:
        graph: Where the types are.
        ids: Which types; what they only point to is announced, not defined. None for all, and
            the prototypes of kfuncs.
        repair: Whether types that bpftool writes so that compilers lay them out otherwise are
            written so that they don't: unions larger than their members, and unnamed members of
            a named type.

    Raises:
        BtfError: A type can't be written in C.

    Cost: 280 ms for 125,000 types.
    """
    text = CText(graph, repair=repair)
    text.put(START.format(guard=GUARD) + MACROS)
    if ids is None:
        text.write_sorted()
        put_kfuncs(text)
    else:
        text.write(ids)
    text.put(END.format(guard=GUARD))
    return text.take()


def put_kfuncs(text: CText) -> None:
    """Write the prototypes of functions tagged as kfuncs, by name."""
    tagged = {tag: tagged_functions(text.graph, tag) for tag in (KFUNC_TAG, FASTCALL_TAG)}
    spare = set(tagged[FASTCALL_TAG])
    text.put("\n/* BPF kfuncs */\n#ifndef BPF_NO_KFUNC_PROTOTYPES\n")
    graph = text.graph
    for func in sorted(tagged[KFUNC_TAG], key=lambda i: graph[i].name.encode()):
        text.put("extern __bpf_fastcall " if func in spare else "extern ")
        text.declare(graph[func].word(2), graph[func].word(0))
        text.put(" __weak __ksym;\n")
    text.put("#endif\n\n")


def tagged_functions(graph: TypeGraph, tag: str) -> list[int]:
    """Return the ids of the functions with a decl tag, by the tag's id."""
    found = []
    for decl_tag in graph.find_all(tag, Kind.DECL_TAG):
        target = decl_tag.word(2)
        assert isinstance(decl_tag, DeclTag)
        if decl_tag.component == -1 and graph[target].kind_number == Kind.FUNC:
            found.append(target)
    return found
