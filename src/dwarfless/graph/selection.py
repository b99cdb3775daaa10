"""What the rules say of variables and functions, a column at a time.

In:  Rules; columns of what they look at: names, sections, units, classes, types.
Out: which rule decided for each row.

The first rule that matches decides. Where none does, the opposite of the last rule holds: rules
that end with an exclude take things away, rules that end with an include pick things out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np

from dwarfless.elf.image import ElfImage
from dwarfless.formats.arrays import NDArray, distinct
from dwarfless.graph.names import NameIndex, Names, exported_names, match_texts
from dwarfless.graph.places import init_sections
from dwarfless.graph.rules import VARIABLE_CLASSES, Rule
from dwarfless.graph.sieve import Sieve
from dwarfless.graph.type_graph import TypeGraph
from dwarfless.graph.views import (
    Array,
    Const,
    FuncProto,
    Ptr,
    Restrict,
    TypeTag,
    Void,
    Volatile,
)

__all__ = ["NO_RULE", "Judge", "Subjects", "type_text"]

Words: TypeAlias = NDArray[np.uint32]
Mask: TypeAlias = NDArray[np.bool_]

#: Stands for the index of a rule where none matched.
NO_RULE: Final = -1
#: Pointers, qualifiers and dimensions around a type; more is a loop.
MAX_CHAIN: Final = 512


@dataclass(frozen=True, kw_only=True)
class Subjects:
    """What rules look at; columns of equal length.

    Attributes:
        what: Which sort they are.
        names: uint32[num_rows], offsets into strings.
        files: uint32[num_rows], of the units' names, offsets into strings.
        sections: int64[num_rows], ELF section indices, -1 for none.
        classes: uint8[num_rows], into VARIABLE_CLASSES; of functions empty.
        types: uint32[num_rows], type ids in `graph`; of functions empty.
        graph: Holds the types.
        strings: NUL-terminated strings.
    """

    what: Literal["variable", "function"]
    names: Words
    files: Words
    sections: NDArray[np.int64]
    classes: NDArray[np.uint8]
    types: Words
    graph: TypeGraph
    strings: bytes

    @cached_property
    def name_index(self) -> NameIndex:
        """The names, to be matched."""
        return NameIndex(self.names, self.strings)

    @cached_property
    def units(self) -> tuple[list[str], NDArray[np.int64]]:
        """The distinct names of units, and which each row has."""
        files, inverse = np.unique(self.files, return_inverse=True)
        names = Names(files.astype(np.uint32), self.strings)
        return [names.text(row) for row in range(len(names))], inverse

    @cached_property
    def type_texts(self) -> tuple[list[str], NDArray[np.int64]]:
        """The distinct types in words, and which each row has."""
        types, inverse = np.unique(self.types, return_inverse=True)
        return [type_text(self.graph, int(id_)) for id_ in types], inverse


class Judge:
    """The rules of one encode.

    Args:
        rules: In the order in which they are tried.
        image: The ELF whose sections and exported symbols count.
    """

    def __init__(self, rules: Sequence[Rule], image: ElfImage) -> None:
        self.rules, self._image = tuple(rules), image

    @cached_property
    def _exported(self) -> frozenset[bytes]:
        return exported_names(self._image.symbols())

    @cached_property
    def _freed(self) -> frozenset[int]:
        return init_sections(self._image)

    def decide(self, subjects: Subjects) -> NDArray[np.int64]:
        """Return which rule decides for each row, or NO_RULE."""
        deciding = np.full(len(subjects.names), NO_RULE, np.int64)
        for index, rule in enumerate(self.rules):
            if rule.speaks_of(subjects.what):
                deciding[(deciding == NO_RULE) & self._matches(rule, subjects)] = index
        return deciding

    def kept(self, deciding: NDArray[np.int64], what: str) -> Mask:
        """Return which rows are in, given which rule decided."""
        keeps = np.array([rule.keep for rule in self.rules] + [self.by_default(what)], bool)
        return keeps[deciding]

    def sift(self, sieve: Sieve, subjects: Subjects) -> None:
        """Drop what the rules leave out of the rows still in, which the subjects describe."""
        if not self.rules:
            return
        deciding = self.decide(subjects)
        out = ~self.kept(deciding, subjects.what)
        for index in distinct(deciding[out]).tolist():
            bad = out & (deciding == index)
            sieve.drop(bad, self.reason(index))
            deciding, out = deciding[~bad], out[~bad]

    def by_default(self, what: str) -> bool:
        """Tell whether that is in which no rule matches."""
        spoken = [rule.keep for rule in self.rules if rule.speaks_of(what)]
        return not spoken[-1] if spoken else True

    def reason(self, index: int) -> str:
        """Return why a rule, or none of them, leaves out what it decides."""
        return self.rules[index].reason if index != NO_RULE else "no rule includes it"

    def _matches(self, rule: Rule, subjects: Subjects) -> Mask:
        """Return for which rows all holds that a rule says."""
        found = np.ones(len(subjects.names), bool)
        if rule.names:
            found &= subjects.name_index.match(rule.names)
        if rule.sections:
            names = self._image.section_names
            found &= np.append(match_texts(names, rule.sections), False)[subjects.sections]
        if rule.classes:
            wanted = [VARIABLE_CLASSES.index(name) for name in rule.classes]
            found &= np.isin(subjects.classes, wanted)
        if rule.init is not None:
            found &= np.isin(subjects.sections, list(self._freed)) == rule.init
        if rule.exported is not None:
            found &= subjects.name_index.among(self._exported) == rule.exported
        for patterns, column in ((rule.units, "units"), (rule.types, "type_texts")):
            if patterns and found.any():
                texts, inverse = getattr(subjects, column)
                found &= match_texts(texts, patterns)[inverse]
        return found


def type_text(graph: TypeGraph, type_id: int) -> str:
    """Return a type as C says it, without qualifiers and array bounds, such as `char *[]`."""
    around = ""
    for _ in range(MAX_CHAIN):
        view = graph[type_id]
        if isinstance(view, Const | Volatile | Restrict | TypeTag):
            type_id = view.type_id
        elif isinstance(view, Ptr):
            around = "*" + around if around.startswith("*") else " *" + around
            type_id = view.type_id
        elif isinstance(view, Array):
            around = "[]" + around
            type_id = view.element_id
        elif isinstance(view, Void):
            return "void" + around
        elif isinstance(view, FuncProto):
            return "function" + around
        else:
            return _word(view.kind_name, view.name) + around
    return "?"


def _word(kind: str, name: str) -> str:
    """Return a named type as C says it."""
    tag = {"STRUCT": "struct", "UNION": "union", "ENUM": "enum", "ENUM64": "enum"}.get(
        kind, "struct" if kind == "FWD" else ""
    )
    return f"{tag} {name}".strip()
