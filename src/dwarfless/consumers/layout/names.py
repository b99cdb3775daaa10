"""Types' names as pahole has them, parts apart: `struct list_head *`.

In:  views.
Out: text.
"""

from typing import Final

from dwarfless.errors import LimitError
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import (
    Array,
    Const,
    Enum,
    FuncProto,
    Fwd,
    Ptr,
    Restrict,
    Struct,
    Type,
    TypeTag,
    Void,
    Volatile,
)
from dwarfless.graph.views import Union as UnionType

__all__ = ["MAX_DEPTH", "MAX_MEMBERS", "Names", "pad"]

#: Types in one another; sound BTF has ten, and a circle would have no end.
MAX_DEPTH: Final = 64
#: Members printed for one type, those inside included; a kernel's has 5,000.
MAX_MEMBERS: Final = 1 << 15


def pad(text: str, width: int) -> str:
    """Return text at the left of a field; a negative width counts as positive, as for printf."""
    return text.ljust(abs(width))


class Names:
    """Spells types, as many as there may be for one print.

    Args:
        graph: Where they are.
    """

    def __init__(self, graph: TypeGraph) -> None:
        self.graph = graph
        self.left = MAX_MEMBERS

    def count(self) -> None:
        """Count a member or parameter; there may be too many."""
        self.left -= 1
        if self.left < 0:
            raise LimitError(f"members <= {MAX_MEMBERS} in one type", MAX_MEMBERS + 1)

    def spell(self, view: Type, depth: int = 0) -> str:
        """Return a type without a name, its parts apart as pahole has them."""
        if depth > MAX_DEPTH:
            return "..."
        if isinstance(view, Void):
            return "void"
        if isinstance(view, Ptr):
            target, const = view.type, ""
            if isinstance(target, Const) and isinstance(target.type, Ptr):
                target, const = target.type, "const "
            return f"{self.spell(target, depth + 1)} {const}*"
        if isinstance(view, Const | Volatile | Restrict):
            inner = self.spell(view.type, depth + 1)
            if isinstance(view, Restrict):
                return f"{inner} restrict "
            return f"{view.kind_name.lower()} {inner} "
        if isinstance(view, TypeTag):
            return self.spell(view.type, depth + 1)
        if isinstance(view, Array):
            return self.spell(view.element, depth + 1)
        if isinstance(view, FuncProto):
            return self.function(view, "", "", 0, depth + 1)
        if isinstance(view, Struct | UnionType):
            return f"{view.kind_name.lower()} {view.name}"
        if isinstance(view, Enum):
            return f"enum {view.name}"
        if isinstance(view, Fwd):
            return f"{'union' if view.union else 'struct'} {view.name}"
        return view.name

    def function(self, proto: FuncProto, star: str, name: str, width: int, depth: int = 0) -> str:
        """Return the declaration of a function type, or of a pointer to one."""
        returns = pad(self.spell(proto.type, depth + 1), width)
        return f"{returns} ({star}{name}){self.parameters(proto, depth)}"

    def parameters(self, proto: FuncProto, depth: int = 0) -> str:
        """Return the parameters in parentheses."""
        texts = []
        for param in proto.params:
            self.count()
            view = self.graph[param.type_id]
            if not param.type_id and not param.name:
                texts.append("...")
            elif isinstance(view, Ptr) and isinstance(view.type, FuncProto) and depth < MAX_DEPTH:
                texts.append(self.function(view.type, "*", param.name, 0, depth + 1))
            else:
                texts.append(f"{self.spell(view, depth + 1)} {param.name}".rstrip(" "))
                if not param.name:
                    texts[-1] = self.spell(view, depth + 1)
        return f"({', '.join(texts) or 'void'})"
