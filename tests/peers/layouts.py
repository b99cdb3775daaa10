"""Whether compilers lay types out as BTF says, once these are C.

In:  a graph.
Out: a program that asserts every size and every offset, compiled by clang for BPF and by gcc;
     of bitfields, which have no offsetof, what each compiler's debug information says.

Run as a program it checks kernels:
    PYTHONPATH=tests:tools python tests/peers/layouts.py bookworm trixie sid
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import dwarfless
from dwarfless.consumers.c.header import header
from dwarfless.encoder import encode_elf
from dwarfless.formats.btf import Kind
from dwarfless.graph.c_text import CText

COMPILERS = {
    "clang": ["clang", "-target", "bpf", "-g", "-O1", "-Wno-attributes"],
    "gcc": ["gcc", "-gdwarf-5", "-Wno-attributes"],
}
#: Types that no header can give their layout, and why.
EXCEPTIONS = {"warn_args": "its va_list is the compiler's own, which for BPF is a pointer"}
MODIFIERS = (Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG, Kind.TYPEDEF)


class Field(NamedTuple):
    """A member, or one of an anonymous struct inside.

    Attributes:
        path: As offsetof takes it.
        offset: In bits.
        width: In bits, of a bitfield; else 0.
    """

    path: str
    offset: int
    width: int


def fields(
    graph: dwarfless.TypeGraph, type_id: int, at: int = 0, path: str = ""
) -> Iterator[Field]:
    """Yield the named members of a struct, those of anonymous structs inside included."""
    for member in graph[type_id].members:
        inner, suffix = resolve(graph, member.type_id)
        here = f"{path}.{member.name}" if path and member.name else path or member.name
        offset = at + member.bit_offset
        if member.name:
            yield Field(here, offset, member.bitfield_size)
        if is_composite(graph, inner) and not (member.name and graph[inner].name):
            yield from fields(graph, inner, offset, here + (suffix if member.name else ""))


def resolve(graph: dwarfless.TypeGraph, type_id: int) -> tuple[int, str]:
    """Return the type behind arrays and modifiers, and the subscripts that lead there."""
    suffix = ""
    while True:
        kind = graph[type_id].kind_number
        if kind == Kind.ARRAY:
            if not graph[type_id].count:
                return 0, ""
            type_id, suffix = graph[type_id].element_id, suffix + "[0]"
        elif kind in MODIFIERS and kind != Kind.TYPEDEF:
            type_id = graph[type_id].type_id
        else:
            return type_id, suffix


def is_composite(graph: dwarfless.TypeGraph, type_id: int) -> bool:
    """Tell a struct or union."""
    return graph[type_id].kind_number in (Kind.STRUCT, Kind.UNION)


class Program(NamedTuple):
    """What is to be compiled.

    Attributes:
        text: C.
        figures: Number of "sizes", "offsets", "bitfields".
        bitfields: Struct's name in C -> its bitfields.
    """

    text: str
    figures: dict[str, int]
    bitfields: dict[str, list[Field]]


def assertions(graph: dwarfless.TypeGraph) -> Program:
    """Return a program that holds if every type is laid out as the graph says."""
    text = CText(graph)
    text.write_sorted()
    lines = ['#include "vmlinux.h"', "#define S(t, n) _Static_assert(sizeof(t) == n, #t)"]
    lines.append("#define O(t, m, n) _Static_assert(__builtin_offsetof(t, m) == n, #t #m)")
    figures = dict.fromkeys(("sizes", "offsets", "bitfields"), 0)
    bitfields: dict[str, list[Field]] = {}
    for view in graph:
        target = view.id
        if view.kind_number == Kind.TYPEDEF:
            target = view.type_id
            if graph[target].name or view.name == "__builtin_va_list":
                continue
        elif not view.name or view.name in EXCEPTIONS:
            continue
        word = {Kind.STRUCT: "struct ", Kind.UNION: "union ", Kind.TYPEDEF: ""}
        kind = view.kind_number
        if graph[target].kind_number in (Kind.ENUM, Kind.ENUM64) and graph[target].vlen:
            word |= {Kind.ENUM: "enum ", Kind.ENUM64: "enum "}
        elif not is_composite(graph, target):
            continue
        name = word[kind] + text.name(view.id)
        lines.append(f"S({name}, {graph[target].size});")
        figures["sizes"] += 1
        if not is_composite(graph, target):
            continue
        for field in fields(graph, target):
            if field.width:
                bitfields.setdefault(name, []).append(field)
            else:
                lines.append(f"O({name}, {field.path}, {field.offset // 8});")
                figures["offsets"] += 1
    lines += [f"{name} bits_{i};" for i, name in enumerate(bitfields)]
    figures["bitfields"] = sum(map(len, bitfields.values()))
    return Program("\n".join(lines) + "\n", figures, bitfields)


def wrong_bitfields(program: Program, compiled: dwarfless.TypeGraph) -> list[str]:
    """Return the bitfields that a compiler puts elsewhere, by the BTF of what it compiled."""
    wrong = []
    for i, (name, expected) in enumerate(program.bitfields.items()):
        variable = compiled.find(f"bits_{i}", "var")
        type_id = variable.type_id
        while not is_composite(compiled, type_id):
            type_id = compiled[type_id].type_id
        found = {field for field in fields(compiled, type_id) if field.width}
        wrong += [f"{name}: {field}" for field in expected if field not in found]
    return wrong


def check(
    graph: dwarfless.TypeGraph,
    folder: Path,
    compiler: str,
    program: Program,
    text: bytes | None = None,
) -> list[str]:
    """Return what a compiler sees otherwise: its errors, and the bitfields that are elsewhere.

    Args:
        graph: What the program was made of.
        folder: Where to compile.
        compiler: One of COMPILERS.
        program: As from assertions.
        text: The header, if not ours.
    """
    (folder / "vmlinux.h").write_bytes(header(graph) if text is None else text)
    (folder / "all.c").write_text(program.text)
    output = folder / f"{compiler}.o"
    done = subprocess.run(
        [*COMPILERS[compiler], "-I", folder, "-c", folder / "all.c", "-o", output],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode or done.stderr:
        return [line for line in done.stderr.splitlines() if "error" in line or "warning" in line]
    compiled = dwarfless.load(output) if compiler == "clang" else encode_variables(output)
    return wrong_bitfields(program, compiled)


def encode_variables(path: Path) -> dwarfless.TypeGraph:
    """Return the types and variables of what gcc compiled."""
    from dwarfless.graph.options import DEFAULT_FEATURES, EncodeOptions

    options = EncodeOptions(features=DEFAULT_FEATURES | {"global_var"})
    return encode_elf(path, options=options)[0]


def main() -> int:
    """Check kernels; print a line for each and compiler."""
    import support

    failed = 0
    for suite in sys.argv[1:]:
        graph = dwarfless.load(support.kernel(suite))
        program = assertions(graph)
        figures = ", ".join(f"{number:,} {what}" for what, number in program.figures.items())
        for compiler in COMPILERS:
            with TemporaryDirectory() as name:
                wrong = check(graph, Path(name), compiler, program)
            failed += len(wrong)
            print(f"{suite} {compiler}: {figures}; {len(wrong)} wrong", *wrong[:20], sep="\n  ")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
