"""A type as JSON: what `dwarfless show --json` prints.

In:  Layouts, and the id of a type.
Out: dicts, lists, numbers and strings. Sizes and offsets are in bytes unless their name says bits;
     addresses are strings in hex, since a JSON number may have 53 bits only.
"""

from collections.abc import Mapping
from typing import Any, Final

from dwarfless.errors import LimitError
from dwarfless.graph.layout import Layouts, Place
from dwarfless.graph.placement import find_placement
from dwarfless.graph.spelling import spell, spell_func, spell_var
from dwarfless.graph.views import Enum, Func, Reference, Struct, Type, Var
from dwarfless.graph.views import Union as UnionType

__all__ = ["MAX_MEMBERS", "describe"]

#: Members that one type may have, those of types inside it included; a kernel's has 5,000.
MAX_MEMBERS: Final = 1 << 15
#: Types in one another.
MAX_DEPTH: Final = 64


def describe(
    layouts: Layouts,
    type_id: int,
    *,
    expand: bool = False,
    addresses: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Return all that BTF says of a type.

    Args:
        layouts: Of its graph.
        type_id: The type.
        expand: Say what named structs and unions inside hold, too.
        addresses: Link addresses of sections, for a variable.

    Raises:
        LimitError: It has more than MAX_MEMBERS members.
    """
    view = layouts.graph[type_id]
    said: dict[str, Any] = {"id": type_id, "kind": view.kind_name, "name": view.name}
    if isinstance(view, Struct | UnionType):
        return said | _Describer(layouts, expand).composite(view.id, 0)
    if isinstance(view, Enum):
        values = [{"name": value.name, "value": value.value} for value in view.values]
        return said | {"size": view.size, "signed": view.signed, "values": values}
    if isinstance(view, Func):
        return said | _function(view)
    if isinstance(view, Var):
        return said | _variable(layouts, view, addresses or {})
    if isinstance(view, Reference):
        said |= {"type": spell(view.type), "type_id": view.type_id}
    return said | {"size": layouts.size(type_id)}


class _Describer:
    """Describes composites, as many members as there may be.

    Args:
        layouts: Of their graph.
        expand: Whether to say what named ones inside hold.
    """

    def __init__(self, layouts: Layouts, expand: bool) -> None:
        self.layouts, self.expand = layouts, expand
        self.left = MAX_MEMBERS

    def composite(self, type_id: int, depth: int) -> dict[str, Any]:
        layout = self.layouts[type_id]
        self.left -= len(layout.members)
        if self.left < 0 or depth > MAX_DEPTH:
            raise LimitError(f"members <= {MAX_MEMBERS} in one type", MAX_MEMBERS - self.left)
        return {
            "size": layout.size,
            "cachelines": layout.num_lines,
            "natural_alignment": layout.natural,
            "forced_alignment": layout.alignment,
            "packed": layout.packed,
            "holes": layout.num_holes,
            "sum_holes": layout.sum_holes,
            "bit_holes": layout.num_bit_holes,
            "sum_bit_holes": layout.sum_bit_holes,
            "padding": layout.padding,
            "bit_padding": layout.bit_padding,
            "hole_before": layout.hole_before,
            "bit_hole_before": layout.bit_hole_before,
            "members": [self.member(member, depth) for member in layout.members],
        }

    def member(self, member: Place, depth: int) -> dict[str, Any]:
        view = self.layouts.graph[member.type_id]
        said: dict[str, Any] = {
            "name": member.name,
            "type": spell(view),
            "type_id": member.type_id,
            "offset": member.offset,
            "size": member.size,
            "hole": member.hole,
            "bit_hole": member.bit_hole,
            "forced_alignment": member.alignment,
        }
        if member.bits:
            said |= {"bits": member.bits, "bit_offset": member.bit_offset}
        if member.inside:
            inner = self.layouts.graph[member.inside]
            if self.expand or not inner.name:
                said["inside"] = self.composite(member.inside, depth + 1)
        return said


def _function(view: Func) -> dict[str, Any]:
    proto: Type = view.type
    params = [
        {"name": param.name, "type": spell(view.graph[param.type_id]), "type_id": param.type_id}
        if param.name or param.type_id
        else {"name": "...", "type": "...", "type_id": 0}
        for param in getattr(proto, "params", ())
    ]
    returns = proto.type if isinstance(proto, Reference) else proto
    return {
        "linkage": LINKAGES.get(view.linkage, str(view.linkage)),
        "prototype": spell_func(view),
        "returns": spell(returns),
        "params": params,
    }


def _variable(layouts: Layouts, view: Var, addresses: Mapping[str, int]) -> dict[str, Any]:
    said = {
        "linkage": LINKAGES.get(view.linkage, str(view.linkage)),
        "declaration": spell_var(view),
        "type": spell(view.type),
        "type_id": view.type_id,
        "size": layouts.size(view.type_id),
        "section": None,
        "offset": None,
        "address": None,
    }
    placement = find_placement(layouts.graph, view.id)
    if placement is not None:
        said |= {"section": placement.section, "offset": placement.offset}
        if placement.section in addresses:
            said["address"] = f"{addresses[placement.section] + placement.offset:#x}"
    return said


LINKAGES: Final = {0: "static", 1: "global", 2: "extern"}
