#!/usr/bin/env python3
"""Say what drgn reads from a kernel's DWARF; runs in drgn's own environment.

    drgn_variables.py VMLINUX < requests.json > answers.json

In:  {"variables": [[name, file], …], "types": [[kind, name, file], …]}; kind is drgn's word.
Out: as many answers in the same order, null where drgn finds nothing:
     a variable: [address or null, size, text, {named type: outline}];
     a type: its outline.

The text of a type is C read from left to right; what has a name is named, what has none is spelled
out. The outline of a named type is one level of it: size, members, offsets, or what it stands for.
`described.py` says the same of BTF.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import drgn
from drgn import FindObjectFlags, Qualifiers, Type, TypeKind

TAGGED = {TypeKind.STRUCT: "struct", TypeKind.UNION: "union", TypeKind.ENUM: "enum"}
QUALIFIERS = (
    (Qualifiers.CONST, "const "),
    (Qualifiers.RESTRICT, "restrict "),
    (Qualifiers.VOLATILE, "volatile "),
)


def text(type_: Type) -> str:
    """Return a type as text."""
    words = "".join(word for flag, word in QUALIFIERS if flag & type_.qualifiers)
    return words + plain(type_)


def plain(type_: Type) -> str:
    """Return a type as text, without its own qualifiers."""
    kind = type_.kind
    if kind in TAGGED:
        return f"{TAGGED[kind]} {type_.tag}" if type_.tag else f"{TAGGED[kind]} {inside(type_)}"
    if kind == TypeKind.TYPEDEF:
        return f"typedef {type_.name}"
    if kind == TypeKind.POINTER:
        return f"*{text(type_.type)}"
    if kind == TypeKind.ARRAY:
        return f"[{type_.length or 0}]{text(type_.type)}"
    if kind == TypeKind.FUNCTION:
        params = [text(parameter.type) for parameter in type_.parameters]
        params += ["..."] if type_.is_variadic else []
        return f"({', '.join(params)}){text(type_.type)}"
    if kind == TypeKind.INT:
        return f"{'int' if type_.is_signed else 'unsigned'}{8 * type_.size} {type_.name}"
    if kind in (TypeKind.BOOL, TypeKind.FLOAT):
        return f"{kind.name.lower()}{8 * type_.size} {type_.name}"
    return "void"


def inside(type_: Type) -> str:
    """Return the size and content of a struct, union or enum."""
    if not type_.is_complete():
        return "?"
    if type_.kind == TypeKind.ENUM:
        mask = (1 << 8 * type_.type.size) - 1
        values = [f"{name}={value & mask}" for name, value in type_.enumerators]
        return f"{type_.type.size} {{{', '.join(values)}}}"
    members = [
        f"{m.name or ''}@{m.bit_offset}{f':{m.bit_field_size}' if m.bit_field_size else ''} "
        f"{text(m.type)}"
        for m in type_.members
    ]
    return f"{type_.size} {{{'; '.join(members)}}}"


def outline(type_: Type) -> str:
    """Return one level of a named type."""
    return text(type_.type) if type_.kind == TypeKind.TYPEDEF else inside(type_)


def named(type_: Type) -> Iterator[Type]:
    """Yield the named types that a variable is made of or points to."""
    while True:
        if type_.kind in TAGGED and type_.tag:
            yield type_
        if type_.kind == TypeKind.TYPEDEF:
            yield type_
        if type_.kind not in (TypeKind.TYPEDEF, TypeKind.POINTER, TypeKind.ARRAY):
            return
        type_ = type_.type


def size(type_: Type) -> int:
    """Return a type's size in bytes; 0 for an array left open."""
    try:
        return drgn.sizeof(type_)
    except TypeError:
        return 0


def variable(prog: drgn.Program, name: str, file: str) -> list[Any] | None:
    """Answer what a variable is."""
    try:
        found = prog.object(name, FindObjectFlags.VARIABLE, file or None)
    except LookupError:
        return None
    outlines = {plain(each): outline(each) for each in named(found.type_)}
    return [found.address_, size(found.type_), text(found.type_), outlines]


def type_outline(prog: drgn.Program, kind: str, name: str, file: str) -> str | None:
    """Answer what a type is."""
    try:
        return outline(prog.type(name if kind == "typedef" else f"{kind} {name}", file or None))
    except (LookupError, SyntaxError):
        return None


def main() -> None:
    """Answer all requests."""
    prog = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    prog.extra_module("vmlinux", create=True).try_file(sys.argv[1], force=True)
    requests = json.load(sys.stdin)
    answers = {
        "variables": [variable(prog, *each) for each in requests["variables"]],
        "types": [type_outline(prog, *each) for each in requests["types"]],
    }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
