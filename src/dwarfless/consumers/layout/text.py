"""Types in C, laid out as pahole prints them.

In:  Layouts, and the id of a type.
Out: text; a struct's members with offsets and sizes, holes, cache lines, and what they sum up to.

Source: output of pahole 1.32 for BTF, compared to the byte by tests/peers/test_layout.py, which
lists where we differ and why.
"""

from dataclasses import dataclass, replace
from typing import Final

from dwarfless.consumers.layout.names import MAX_DEPTH, Names, pad
from dwarfless.consumers.layout.notes import Notes, hole_notes, inner_notes, plural, summary
from dwarfless.graph.layout import Layout, Layouts, Place
from dwarfless.graph.views import (
    Array,
    Const,
    Enum,
    FuncProto,
    Fwd,
    Ptr,
    Struct,
    Type,
    Typedef,
    TypeTag,
)
from dwarfless.graph.views import Union as UnionType

__all__ = ["layout_text"]

#: Columns of a member's type and of its name; the latter is less for a union by itself, and more
#: when what is inside is shown.
TYPE_WIDTH: Final = 26
NAME_WIDTH: Final = 23
UNION_NAME_WIDTH: Final = 21
EXPANDED_NAME_WIDTH: Final = 55
#: What a level of nesting takes from the type's column.
STEP: Final = 8
PACKED: Final = " __attribute__((__packed__))"


@dataclass(frozen=True, slots=True)
class _Where:
    """What a declaration is in.

    Attributes:
        depth: Tabs before it.
        width: Of the column of types.
        base: Byte offset of what it is in.
        relative: Whether offsets count from what a pointer points at.
        in_union: Whether something around it is a union.
        only: Whether it is a struct's only member.
        last: Whether it is the last member.
    """

    depth: int = 0
    width: int = TYPE_WIDTH
    base: int = 0
    relative: bool = False
    in_union: bool = False
    only: bool = False
    last: bool = False


def layout_text(layouts: Layouts, type_id: int, *, expand: bool = False) -> str:
    """Return a type as C, ending in a line feed.

    Args:
        layouts: Of the graph that the type is in.
        type_id: A struct, union, enum, typedef, or anything else that C can name.
        expand: Show named structs, unions and enums inside, too.

    Raises:
        LimitError: It has more than MAX_MEMBERS members.
    """
    view = layouts.graph[type_id]
    return _Printer(layouts, expand, isinstance(view, UnionType)).top(view) + ";\n"


class _Printer(Names):
    """Prints one type.

    Args:
        layouts: Of its graph.
        expand: Whether named types inside are shown.
        union: Whether it is a union.
    """

    def __init__(self, layouts: Layouts, expand: bool, union: bool) -> None:
        super().__init__(layouts.graph)
        self.layouts, self.expand = layouts, expand
        self.name_width = UNION_NAME_WIDTH if union else NAME_WIDTH
        if expand:
            self.name_width = EXPANDED_NAME_WIDTH
        #: The cache line that was told of last.
        self.line = 0

    def top(self, view: Type) -> str:
        """Return a type by itself, without the semicolon."""
        where = _Where()
        if isinstance(view, Struct):
            return self.struct(self.layouts[view.id], where, summed=True)
        if isinstance(view, UnionType):
            return self.union(self.layouts[view.id], where)
        if isinstance(view, Enum):
            return self.enum(view, where) if view.vlen else f"enum {view.name}"
        if isinstance(view, Fwd):
            return f"{'union' if view.union else 'struct'} {view.name}"
        if isinstance(view, Typedef):
            target = view.type
            inside = replace(where, width=where.width - STEP)
            if isinstance(target, Struct) and (self.expand or not target.name):
                body = self.struct(self.layouts[target.id], inside, view.name, summed=True)
                return f"typedef {body}"
            if isinstance(target, UnionType) and (self.expand or not target.name):
                return f"typedef {self.union(self.layouts[target.id], inside, view.name)}"
            return f"typedef {self.declare(target, view.name, replace(where, width=0))}"
        return self.declare(view, "", replace(where, width=0)).rstrip()

    def declare(self, view: Type, name: str, where: _Where) -> str:
        """Return the declaration of a name, as wide as its column."""
        if where.depth > MAX_DEPTH:
            return f"{pad('...', where.width)} {name}"
        if self.expand and isinstance(view, Typedef):
            return self.expanded(view, name, where)
        if isinstance(view, Ptr):
            return self.pointer(view, name, where)
        if isinstance(view, FuncProto):
            return self.function(view, "", name, where.width)
        if isinstance(view, Const) and view.type_id:
            inside = replace(where, width=where.width - len("const "))
            return f"const {self.declare(view.type, name, inside)}"
        if isinstance(view, TypeTag):
            return self.declare(view.type, name, where)
        if isinstance(view, Array):
            return self.array(view, name, where)
        if isinstance(view, Struct | UnionType | Enum):
            word = "enum" if isinstance(view, Enum) else view.kind_name.lower()
            if view.name and not self.shown_inside(view):
                return f"{word} {pad(view.name, where.width - len(word) - 1)} {name}"
            return self.body(view, name, where)
        return f"{pad(self.spell(view), where.width)} {name}"

    def shown_inside(self, view: Type) -> bool:
        """Return whether what is inside a named type is shown where it is used."""
        return self.expand and (view.vlen > 0 or not isinstance(view, Enum))

    def expanded(self, view: Type, name: str, where: _Where) -> str:
        """Return a declaration through typedefs, which a comment keeps."""
        names: list[str] = []
        while isinstance(view, Typedef) and len(names) < MAX_DEPTH:
            names.append(view.name)
            view = view.type
        return f"/* typedef {' -> '.join(names)} */ {self.declare(view, name, where)}"

    def body(self, view: Struct | UnionType | Enum, name: str, where: _Where) -> str:
        """Return what is inside of a struct, union or enum, and then the name."""
        if isinstance(view, Enum):
            return self.enum(view, where, name)
        inside = replace(where, width=where.width - STEP)
        layout = self.layouts[view.id]
        if isinstance(view, Struct):
            return self.struct(layout, inside, name)
        return self.union(layout, inside, name)

    def pointer(self, view: Ptr, name: str, where: _Where) -> str:
        """Return the declaration of a pointer; what it points at may have no name."""
        target = view.type
        while isinstance(target, TypeTag):
            target = target.type
        if isinstance(target, FuncProto):
            return self.function(target, "*", name, where.width)
        if isinstance(target, Struct | UnionType | Enum) and not target.name:
            inside = replace(where, width=where.width - STEP, base=0, relative=True)
            return self.body(target, f"* {name}", inside)
        return f"{pad(self.spell(view), where.width)} {name}"

    def array(self, view: Array, name: str, where: _Where) -> str:
        """Return the declaration of an array, its outer dimension first."""
        element: Type = view
        dimensions = ""
        while isinstance(element, Array) and len(dimensions) < 8 * MAX_DEPTH:
            open_ = not element.count and where.last and not where.only and not where.in_union
            dimensions += "[]" if open_ else f"[{element.count}]"
            if not element.count and isinstance(element.element, Const):
                element = element.element
                assert isinstance(element, Const)
                element = element.type
            else:
                element = element.element
        return self.declare(element, name, where) + dimensions

    def enum(self, view: Enum, where: _Where, suffix: str = "") -> str:
        """Return an enum with its values."""
        values = view.values
        widest = max((len(value.name) for value in values), default=0)
        tabs = "\t" * where.depth
        lines = [f"enum {view.name} {{" if view.name else "enum {"]
        lines += [f"{tabs}\t{value.name.ljust(widest)} = {value.value}," for value in values]
        packed = "" if view.size == 4 else PACKED
        return "\n".join([*lines, f"{tabs}}}{packed}{' ' if suffix else ''}{suffix}"])

    def union(self, layout: Layout, where: _Where, suffix: str = "") -> str:
        """Return a union; each member starts in the cache line that the union does."""
        lines = [f"union {layout.name} {{" if layout.name else "union {"]
        tabs = "\t" * (where.depth + 1)
        inside = replace(where, depth=where.depth + 1, in_union=True)
        start = self.line
        for member in layout.members:
            lines.append(tabs + self.member(member, inside, moves=False))
            self.line = start
        return "\n".join([*lines, f"{tabs[1:]}}}{' ' if suffix else ''}{suffix}"])

    def struct(
        self, layout: Layout, where: _Where, suffix: str = "", *, summed: bool = False
    ) -> str:
        """Return a struct; if it is the one asked for, with what it all sums up to."""
        tabs = "\t" * (where.depth + 1)
        text = f"struct {layout.name} {{\n" if layout.name else "struct {\n"
        notes = Notes()
        said = hole_notes(layout.bit_hole_before, layout.hole_before)
        text += "\n" * bool(said) + "".join(f"{tabs}/* {line} */\n" for line in said)
        last: Place | None = None
        reach = 0
        for member in layout.members:
            text += self.between(last, member, where, reach, bool(said))
            inside = replace(
                where,
                depth=where.depth + 1,
                only=last is None and member is layout.members[-1],
                last=member is layout.members[-1],
            )
            text += f"{tabs}{self.member(member, inside)}\n"
            said = hole_notes(member.bit_hole, member.hole)
            if isinstance(view := self.graph[member.type_id], Struct):
                said = inner_notes(self.layouts.shape(view.id), notes) + said
            text += "\n" * bool(said) + "".join(f"{tabs}/* {line} */\n" for line in said)
            notes.add(member, last.hole if last is not None else layout.hole_before)
            starts = last is None or reach == 0 or last.offset != member.offset
            if starts or (last is not None and last.bits == 0 and member.bits != 0):
                reach = member.size
            last = member
        if summed:
            lines = summary(layout, notes, where.base)
            text += "\n" + "".join(f"{tabs}/* {line} */\n" for line in lines)
        text += f"{tabs[1:]}}}{PACKED * layout.packed}{' ' if suffix else ''}{suffix}"
        if layout.alignment and not layout.packed:
            text += f" __attribute__((__aligned__({layout.alignment})))"
        return text

    def between(
        self, last: Place | None, member: Place, where: _Where, reach: int, apart: bool
    ) -> str:
        """Return what is to be said before a member.

        Args:
            last: The member before it.
            member: The member.
            where: What the struct is in.
            reach: Bytes of the unit that the last one is stored in.
            apart: Whether something has been said since, so that an empty line is due.
        """
        tabs = "\t" * (where.depth + 1)
        text = ""
        if last is not None and reach:
            if last.bit_hole and member.bits:
                bits = last.bit_hole
                if last.offset != member.offset:
                    text = f"\n{tabs}/* Force alignment to the next boundary: */\n"
                    bits = 0
                inside = replace(where, depth=where.depth + 1)
                text += f"{tabs}{self.declare(self.graph[member.type_id], '', inside)}:{bits};\n"
            delta = member.offset - last.offset
            which = "next" if 0 < delta < reach else ""
            if delta < 0 or (delta == 0 and not last.bits and member.bits):
                which = "previous"
            if which:
                text += "\n" * (not apart) + f"{tabs}/* Bitfield combined with {which} fields */\n"
                apart = True
        return text + "\n" * apart

    def member(self, member: Place, where: _Where, *, moves: bool = True) -> str:
        """Return a member with its offset and size.

        Args:
            member: The member.
            where: What it is in; its base is that of the struct or union.
            moves: Whether what is inside counts from its offset, as it does not in a union.
        """
        self.count()
        offset = member.offset + where.base
        if moves:
            where = replace(where, base=offset)
        text = self.boundary(offset, where)
        before = len(text)
        view = self.graph[member.type_id]
        nested = isinstance(view, Struct | UnionType | Enum)
        if nested:
            body = self.declare(view, "", where)
            inline = not view.name or self.shown_inside(view)
            text += f"{body} {member.name}" if inline and member.name else body + member.name
        else:
            text += self.declare(view, member.name, where)
        if member.bits:
            text += f":{member.bits}"
        aligned = f" __attribute__((__aligned__({member.alignment})))" if member.alignment else ""
        text += f"{aligned};"
        columns = where.width + self.name_width
        if nested and not view.name:
            taken = len(aligned) + (len(member.name) if member.name else -1) + 3
            if isinstance(view, Struct) and self.layouts.shape(view.id).packed:
                taken += len(PACKED)
            space = max(abs(columns - taken), 1)
        else:
            space = max(columns - (len(text) - before), 1)
        place = f"{offset:5}:{member.bit_offset:2}" if member.bits else f"{offset:5}"
        size = f"{member.size:{2 if member.bits else 5}}"
        return f"{text}{' ' * space}/* {place} {size} */"

    def boundary(self, offset: int, where: _Where) -> str:
        """Return a note if a member starts in another cache line than the last one."""
        number, past = divmod(offset, self.layouts.line)
        if number <= self.line:
            return ""
        self.line = number
        ago = f" was {plural(past, 'byte')} ago" if past else ""
        start = number * self.layouts.line
        return (
            f"/* --- cacheline {number} boundary ({start} bytes){ago} --- */\n"
            + "\t" * where.depth
        )
