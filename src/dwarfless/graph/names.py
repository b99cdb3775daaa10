"""Names as columns: looked up by offset, and matched by pattern.

In:  offsets into one string section, one a state.
Out: names when asked for; which rows a shell pattern matches.

A kernel defines 30,000 variables of 28,000 names in 3,000 units. A pattern is matched once a name,
and only to those names that share its literal beginning, which lie side by side when sorted.
"""

import re
from bisect import bisect_left
from collections.abc import Container, Iterable, Sequence
from fnmatch import translate
from functools import cached_property
from typing import TypeAlias, overload

import numpy as np

from dwarfless._core.rows import begin_with
from dwarfless.elf.symbols import Symbols
from dwarfless.formats.arrays import NDArray

__all__ = ["NameIndex", "Names", "Texts", "exported_names", "match_texts"]

Words: TypeAlias = NDArray[np.uint32]
_WILD = re.compile(r"[*?\[]")
_EXPORT = re.compile(rb"(?:\A|\0)__ksymtab_([^\0]+)")


class Names(Sequence[bytes]):
    """Names of states, looked up when asked for.

    Args:
        offsets: uint32[num_states], into strings.
        strings: NUL-terminated strings.
    """

    def __init__(self, offsets: Words, strings: bytes) -> None:
        self._offsets, self._strings = offsets, strings

    def __len__(self) -> int:
        return len(self._offsets)

    @overload
    def __getitem__(self, row: int) -> bytes: ...

    @overload
    def __getitem__(self, row: slice) -> list[bytes]: ...

    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        start = int(self._offsets[row])
        return self._strings[start : self._strings.index(b"\0", start)]

    def begin_with(self, prefixes: Sequence[bytes]) -> NDArray[np.bool_]:
        """Return bool[num_states]: whether a name begins with any of some prefixes."""
        return begin_with(self._strings, np.ascontiguousarray(self._offsets), prefixes)

    def text(self, row: int) -> str:
        """Return a name to show."""
        return self[row].decode(errors="replace")


class Texts(Sequence[str]):
    """The names of some rows as text, decoded when asked for.

    Args:
        names: All names.
        rows: int64[num_texts], which of them.
    """

    def __init__(self, names: Names, rows: NDArray[np.int64]) -> None:
        self._names, self._rows = names, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self._names.text(row) for row in self._rows[index].tolist()]
        return self._names.text(int(self._rows[index]))


class NameIndex:
    """The distinct names of a column, sorted when first matched.

    Args:
        offsets: uint32[num_rows], into strings.
        strings: NUL-terminated strings.
    """

    def __init__(self, offsets: Words, strings: bytes) -> None:
        self._offsets, self._strings = offsets, strings

    @cached_property
    def _sorted(self) -> tuple[list[bytes], NDArray[np.int64]]:
        """Return the distinct names in order, and of each row which it has."""
        distinct, inverse = np.unique(self._offsets, return_inverse=True)
        texts = list(Names(distinct.astype(np.uint32), self._strings))
        order = sorted(range(len(texts)), key=texts.__getitem__)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        return [texts[i] for i in order], rank[inverse]

    def match(self, patterns: Iterable[str]) -> NDArray[np.bool_]:
        """Return bool[num_rows]: whether any of the shell patterns matches a row's name.

        Cost: 30 ms for the first of a kernel's variables, then 0.1 ms for one with a literal
        beginning.
        """
        texts, row_names = self._sorted
        found = np.zeros(len(texts), bool)
        for pattern in patterns:
            wild = _WILD.search(pattern)
            literal = pattern[: wild.start() if wild else None].encode()
            first = bisect_left(texts, literal)
            # Names are identifiers, so this comes behind all that begin alike.
            last = bisect_left(texts, literal + b"\xff", first)
            if pattern[len(literal.decode()) :] == "*":
                found[first:last] = True
                continue
            compiled = re.compile(translate(pattern).encode())
            for place in range(first, last):
                if compiled.match(texts[place]):
                    found[place] = True
        return found[row_names]

    def among(self, names: Container[bytes]) -> NDArray[np.bool_]:
        """Return bool[num_rows]: whether a row's name is one of those given."""
        texts, row_names = self._sorted
        return np.array([text in names for text in texts], bool)[row_names]


def match_texts(texts: Sequence[str], patterns: Iterable[str]) -> NDArray[np.bool_]:
    """Return bool[len(texts)]: whether any of the shell patterns matches a text."""
    compiled = [re.compile(translate(pattern)) for pattern in patterns]
    return np.array([any(c.match(text) for c in compiled) for text in texts], bool)


def exported_names(symbols: Symbols) -> frozenset[bytes]:
    """Return what a kernel or module exports to modules, GPL-only or not.

    Source: include/linux/export.h: a symbol __ksymtab_NAME a name.
    """
    return frozenset(_EXPORT.findall(bytes(symbols.strings)))
