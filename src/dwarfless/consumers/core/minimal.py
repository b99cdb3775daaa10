"""The least BTF that some BPF objects need of a kernel.

In:  a kernel's types, BPF objects.
Out: BTF with the types and members that their relocations find, for kernels that have none.

Source: what bpftool 7.8's `gen min_core_btf` keeps.
"""

from collections.abc import Iterable
from typing import Final

from dwarfless.btf.ext import Ext, Relocation
from dwarfless.consumers.core.match import FIELDS, Match, Matcher, essential, kinds_agree, skip
from dwarfless.errors import BtfError
from dwarfless.formats.btf import KINDS, Kind
from dwarfless.formats.btf_ext import RelocationKind
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

__all__ = ["minimal"]

TYPES: Final = (
    RelocationKind.TARGET_TYPE_ID, RelocationKind.TYPE_EXISTS, RelocationKind.TYPE_SIZE
)  # fmt: skip
COMPOSITES: Final = (Kind.STRUCT, Kind.UNION)
MODIFIERS: Final = (Kind.TYPEDEF, Kind.CONST, Kind.VOLATILE, Kind.RESTRICT, Kind.TYPE_TAG)


def minimal(
    kernel: TypeGraph, objects: Iterable[tuple[TypeGraph, Ext]], report: Report
) -> TypeGraph:
    """Return what objects need of a kernel.

    Args:
        kernel: All its types.
        objects: Types and records of each.
        report: Takes relocations that nothing fits; programs may ask whether something is there.

    Raises:
        BtfError: A relocation leads nowhere, or types that fit differ in what it asks for.
        UnsupportedError: A relocation asks whether a whole type matches.
    """
    needs = Needs(kernel)
    names = candidates_by_name(kernel)
    for graph, ext in objects:
        record_object(needs, names, graph, ext, report)
    return needs.build()


def candidates_by_name(kernel: TypeGraph) -> dict[str, list[int]]:
    """Return the ids of the types of each name without its flavour, ascending."""
    found: dict[str, list[int]] = {}
    offsets = kernel.name_offsets
    texts: dict[int, str] = {}
    for i in offsets.nonzero()[0].tolist():
        offset = int(offsets[i])
        name = texts.get(offset)
        if name is None:
            name = texts[offset] = essential(kernel.string(offset))
        found.setdefault(name, []).append(kernel.first_id + i)
    return found


def record_object(
    needs: "Needs", names: dict[str, list[int]], graph: TypeGraph, ext: Ext, report: Report
) -> None:
    """Mark what one object's relocations find."""
    matcher = Matcher(graph, needs.kernel)
    known: dict[int, list[int]] = {}
    for relocation in ext.relocations:
        if relocation.kind is RelocationKind.LOCAL_TYPE_ID:
            continue
        local = graph[relocation.type_id]
        if not local.name:
            raise BtfError(
                f"relocation of type {local.id}, which has no name",
                source=graph.source,
                section=relocation.section,
                offset=relocation.offset,
            )
        if relocation.type_id not in known:
            known[relocation.type_id] = [
                i
                for i in names.get(essential(local.name), ())
                if kinds_agree(needs.kernel[i].kind_number, local.kind_number)
            ]
        matches = [
            m for i in known[relocation.type_id] if (m := matcher.match(relocation, i)) is not None
        ]
        if not matches:
            report.add("relocation", local.name, f"no match: {relocation.access}", graph.source)
            continue
        check_agreement(needs.kernel, graph, relocation, matches)
        # As libbpf does: what once fitted is what later relocations of the type are tried on.
        known[relocation.type_id] = [m.type_id for m in matches]
        needs.record(relocation, matches[0])


def check_agreement(
    kernel: TypeGraph, graph: TypeGraph, relocation: Relocation, matches: list[Match]
) -> None:
    """Refuse a relocation that has several answers."""
    if relocation.kind is RelocationKind.TARGET_TYPE_ID:
        answers = {m.type_id for m in matches}
    elif relocation.kind is RelocationKind.TYPE_SIZE:
        answers = {kernel[skip(kernel, m.type_id)].word(2) for m in matches}
    elif relocation.kind is RelocationKind.ENUMERATOR_VALUE:
        answers = {value_of(kernel, m) for m in matches}
    else:
        answers = {m.bit_offset for m in matches}
    if len(answers) > 1:
        raise BtfError(
            f"relocation {relocation.access!r} of {graph[relocation.type_id].name} has"
            f" {len(answers)} answers",
            source=graph.source,
            section=relocation.section,
            offset=relocation.offset,
        )


def value_of(kernel: TypeGraph, match: Match) -> int:
    """Return an enumerator's value, as its words."""
    view = kernel[skip(kernel, match.type_id)]
    wide = view.kind_number == Kind.ENUM64
    at = 3 + match.way[0] * (3 if wide else 2)
    return view.word(at + 1) | (view.word(at + 2) << 32 if wide else 0)


class Needs:
    """Types and members of a kernel that something needs.

    Args:
        kernel: All its types.
    """

    def __init__(self, kernel: TypeGraph) -> None:
        self.kernel: Final = kernel
        self._types: set[int] = set()
        self._members: dict[int, set[int]] = {}

    def record(self, relocation: Relocation, match: Match) -> None:
        """Add what a relocation found."""
        self._add(match.type_id, relocation.kind in TYPES)
        if relocation.kind not in FIELDS:
            return
        type_id = match.type_id
        for index in match.way[1:]:
            type_id = self._behind(type_id)
            view = self.kernel[type_id]
            if view.kind_number in COMPOSITES:
                self._members.setdefault(type_id, set()).add(index)
                type_id = view.word(4 + 3 * index)
                self._add(type_id, False)
            else:
                type_id = view.word(3)

    def _behind(self, type_id: int) -> int:
        return skip(self.kernel, type_id)

    def _add(self, type_id: int, with_targets: bool) -> None:
        """Add a type and what its size or spelling needs; with targets of pointers, if asked."""
        todo, seen = [type_id], set()
        while todo:
            type_id = todo.pop()
            if not type_id or type_id in seen:
                continue
            seen.add(type_id)
            self._types.add(type_id)
            view = self.kernel[type_id]
            kind = view.kind_number
            if kind in MODIFIERS or (kind == Kind.PTR and with_targets):
                todo.append(view.word(2))
            elif kind == Kind.ARRAY:
                todo += (view.word(3), view.word(4))
            elif kind == Kind.FUNC_PROTO:
                todo += (view.word(2), *(view.word(4 + 2 * i) for i in range(view.vlen)))

    def build(self) -> TypeGraph:
        """Return the types, in their old order; structs have the members that are needed."""
        ids = {old: new for new, old in enumerate(sorted(self._types), 1)}
        builder = GraphBuilder()
        for type_id in sorted(self._types):
            view = self.kernel[type_id]
            row = KINDS[view.kind_number]
            indices: Iterable[int] = range(view.vlen if row.element else 0)
            if view.kind_number in COMPOSITES:
                indices = sorted(self._members.get(type_id, ()))
            elements = list(indices)
            rest = [
                self._word(builder, ids, view.word(3 + i), word.role)
                for i, word in enumerate(row.fixed)
            ]
            start = 3 + len(row.fixed)
            rest += [
                self._word(builder, ids, view.word(start + e * len(row.element) + i), word.role)
                for e in elements
                for i, word in enumerate(row.element)
            ]
            third = ids.get(view.word(2), 0) if row.third == "type" else view.word(2)
            vlen = len(elements) if row.element else view.vlen
            flag = view.kind_flag
            if view.kind_number in COMPOSITES:
                flag, rest = self._plain(view.kind_flag, rest)
            builder.add(view.kind_number, view.name, third, rest, vlen=vlen, kind_flag=flag)
        return builder.freeze()

    @staticmethod
    def _plain(flag: bool, words: list[int]) -> tuple[bool, list[int]]:
        """Return a struct's flag and members: with no bitfield left, offsets are plain."""
        if flag and not any(offset >> 24 for offset in words[2::3]):
            flag = False
        return flag, words

    def _word(self, builder: GraphBuilder, ids: dict[int, int], word: int, role: str) -> int:
        if role == "type":
            return ids.get(word, 0)
        return builder.string(self.kernel.string(word)) if role == "name" else word
