"""Types as C writes them, in one line.

In:  a type, and a name to declare.
Out: text such as `struct sk_buff *` or `int (*open)(struct inode *, struct file *)`.
"""

from collections.abc import Iterator
from typing import Final

from dwarfless.graph.views import (
    Array,
    Const,
    Enum,
    Func,
    FuncProto,
    Fwd,
    Ptr,
    Restrict,
    Struct,
    Type,
    TypeTag,
    Var,
    Void,
    Volatile,
)
from dwarfless.graph.views import Union as UnionType

__all__ = ["LINKAGE", "declare", "spell", "spell_func", "spell_tagged", "spell_var"]

#: What C says of a linkage, by its number in BTF; other numbers say nothing.
LINKAGE: Final = {0: "static ", 2: "extern "}
#: Steps from a type to what it is made of; more is a circle, or too long for a line.
MAX_STEPS: Final = 64
#: Function types in one another, and parameters of all of them.
MAX_DEPTH: Final = 8
MAX_PARAMETERS: Final = 1024


def spell(view: Type) -> str:
    """Return a type without a name."""
    return declare(view, "")


def declare(view: Type, name: str) -> str:
    """Return the declaration of a name; "" for none.

    Tags read as in the kernel: the type tag "user" is __user. "..." stands for what is too long.
    """
    return _declare(view, name, 0, iter(range(MAX_PARAMETERS)))


def _declare(view: Type, name: str, depth: int, left: Iterator[int]) -> str:
    inner, qualifiers = name, ""
    for _ in range(MAX_STEPS):
        if isinstance(view, Ptr):
            inner = f"*{qualifiers}{inner}"
            qualifiers, view = "", view.type
        elif isinstance(view, Const | Volatile | Restrict):
            word = view.kind_name.lower()
            if f"{word} " not in qualifiers:
                qualifiers = f"{word} {qualifiers}"
            view = view.type
        elif isinstance(view, TypeTag):
            # In BTF a tag follows the pointer; in C what it points at has it.
            inner, view = f"{_tag(view)} {inner}", view.type
        elif isinstance(view, Array):
            inner = f"{_apart(inner)}[{view.count or ''}]"
            view = view.element
        elif isinstance(view, FuncProto):
            inner = f"{_apart(inner)}({_parameters(view, depth, left)})"
            qualifiers, view = "", view.type
        else:
            return f"{qualifiers}{spell_tagged(view)} {inner}".rstrip()
    return f"... {inner}".rstrip()


def spell_tagged(view: Type) -> str:
    """Return a type's name with its tag: struct, union or enum."""
    if isinstance(view, Void):
        return "void"
    if isinstance(view, Fwd):
        return f"{'union' if view.union else 'struct'} {view.name}"
    if isinstance(view, Struct | UnionType | Enum):
        tag = "enum" if isinstance(view, Enum) else view.kind_name.lower()
        return f"{tag} {view.name or '{...}'}"
    return view.name


def spell_func(view: Func) -> str:
    """Return a function's prototype.

    Without its linkage: pahole writes 0, static, for every function of a kernel.
    """
    return declare(view.type, view.name)


def spell_var(view: Var) -> str:
    """Return a variable's declaration with its linkage; a global one needs no word."""
    return LINKAGE.get(view.linkage, "") + declare(view.type, view.name)


def _parameters(proto: FuncProto, depth: int, left: Iterator[int]) -> str:
    """Return what stands between the parentheses; each parameter takes one of those left."""
    texts = []
    for param in proto.params if depth <= MAX_DEPTH else ():
        if next(left, None) is None or (not param.type_id and not param.name):
            texts.append("...")
            break
        texts.append(_declare(proto.graph[param.type_id], param.name, depth + 1, left))
    return ", ".join(texts) or ("void" if depth <= MAX_DEPTH else "...")


def _apart(inner: str) -> str:
    """Return a declarator in parentheses if it is a pointer, which binds less than [] and ()."""
    return f"({inner})" if inner.startswith("*") else inner


def _tag(view: TypeTag) -> str:
    return f"__attribute__(({view.name}))" if view.attribute else f"__{view.name}"
