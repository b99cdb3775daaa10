"""TypeGraph, the one representation of types, and GraphBuilder, which makes small ones.

In:  the words of a BTF type section and its strings, from a file or just made.
Out: a frozen graph: columns, records, names, views.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from dwarfless._core.records import GraphArrays, index_types
from dwarfless.errors import BtfError, LimitError, TypeLookupError
from dwarfless.formats.arrays import NDArray, Words, as_words
from dwarfless.formats.btf import KINDS, Kind, kind_number
from dwarfless.graph import views
from dwarfless.graph.section_bytes import section_bytes

if TYPE_CHECKING:
    import numpy as np

__all__ = ["GraphBuilder", "TypeGraph"]

ALL_KINDS: Final = (1 << len(KINDS)) - 1


class TypeGraph:
    """Types of one program, frozen; with a base, those it adds to another graph.

    Attributes:
        record_words, record_starts: Words and offsets, which import numpy, without it.
        strings: Own string section, NUL-terminated strings.
        base: The graph whose ids and string offsets come first, or None.
        source: Path it was read from, or "<bytes>".
        unknown_kinds: Kind number above the known ones -> (fixed words, words an element), as
            the file's layout section says.
        first_id: Id of its first own type.
        first_string: String offset where its own strings start.
    """

    def __init__(
        self,
        words: memoryview,
        offsets: memoryview,
        strings: bytes,
        base: "TypeGraph | None",
        source: str,
        unknown_kinds: Mapping[int, tuple[int, int]],
        raw: bytes | None = None,
    ) -> None:
        self.record_words: Final = words.toreadonly()
        self.record_starts: Final = offsets.toreadonly()
        self.strings: Final = strings
        self.base: Final = base
        self.source: Final = source
        self.unknown_kinds: Final = MappingProxyType(dict(unknown_kinds))
        self._raw: Final = raw
        self.first_id: Final = len(base) if base is not None else 1
        self.first_string: Final = base.end_string if base is not None else 0
        #: The same for compiled loops.
        self.arrays: Final[GraphArrays] = GraphArrays(
            words, offsets, strings, base.arrays if base else None
        )

    @classmethod
    def from_words(
        cls,
        words: Words | memoryview,
        strings: bytes,
        *,
        base: "TypeGraph | None" = None,
        source: str = "<bytes>",
        place: int = 0,
        unknown_kinds: Mapping[int, tuple[int, int]] = MappingProxyType({}),
        raw: bytes | None = None,
    ) -> "TypeGraph":
        """Return the graph of a type section, after checking every id and string offset.

        Args:
            words: uint32[num_words] in host byte order, wide info; kept, not copied.
            strings: Own string section. Without a base it starts with an empty string.
            base: Graph that the ids and string offsets continue.
            source: Path for errors.
            place: Byte offset of the type section in .BTF, for errors.
            unknown_kinds: As the attribute.
            raw: The .BTF section it was read from, for its digest; None if it is new.

        Raises:
            BtfError: The words are no type section, or the strings no string section.

        Cost: 1.5 ms for 125,000 types.
        """
        first_id = len(base) if base is not None else 1
        first_string = base.end_string if base is not None else 0
        problem = "the last string has no NUL" if strings and strings[-1] else ""
        if not problem and base is None and not strings.startswith(b"\0"):
            problem = "strings start with no empty string (split BTF read without its base?)"
        if problem:
            raise BtfError(problem, source=source, section=".BTF", offset=place + 4 * len(words))
        if first_string + len(strings) >= 1 << 32:
            raise LimitError("string offset < 4 GiB", first_string + len(strings), where=source)
        if not isinstance(words, memoryview):
            words = as_words(words).data
        offsets = index_types(
            words,
            dict(unknown_kinds),
            first_id,
            first_string + len(strings),
            source=source,
            place=place,
        )
        return cls(words, memoryview(offsets), strings, base, source, unknown_kinds, raw)

    def __len__(self) -> int:
        """Return the number of types: void, the base's, and its own."""
        return self.first_id + self.num_own

    def __repr__(self) -> str:
        split = f" on {self.base.source!r}" if self.base is not None else ""
        return f"<TypeGraph {self.source!r}{split}: {self.num_own} types>"

    def __getitem__(self, type_id: int) -> views.Type:
        """Return a view of one type; IndexError past the last."""
        owner = self.owner(type_id)
        if not type_id:
            return views.Void(self, 0, 0)
        at = owner.record_starts[type_id - owner.first_id]
        kind = owner.record_words[at + 1] >> 24 & 0x7F
        return views.VIEWS.get(kind, views.Unknown)(self, type_id, at)

    def __iter__(self) -> Iterator[views.Type]:
        """Iterate over its own types, by id."""
        return map(self.__getitem__, range(self.first_id, len(self)))

    @property
    def num_own(self) -> int:
        """Number of its own types."""
        return len(self.record_starts) - 1

    @property
    def end_string(self) -> int:
        """One past its last string offset."""
        return self.first_string + len(self.strings)

    @cached_property
    def digest(self) -> str:
        """SHA-256, in hex, of the .BTF bytes it was read from; of a new graph, encode()'s.

        Cost: 15 ms for 5 MB.
        """
        from hashlib import sha256

        return sha256(self._raw or section_bytes(self)).hexdigest()

    def owner(self, type_id: int) -> "TypeGraph":
        """Return the graph, this or a base, that holds a type; IndexError past the last."""
        if not 0 <= type_id < len(self):
            raise IndexError(f"type {type_id} is not in {self!r}")
        graph = self
        while type_id < graph.first_id and graph.base is not None:
            graph = graph.base
        return graph

    def string(self, offset: int) -> str:
        """Return the string at an offset; bytes that are no UTF-8 become surrogates."""
        graph = self
        while offset < graph.first_string and graph.base is not None:
            graph = graph.base
        start = offset - graph.first_string
        if not 0 <= start < max(len(graph.strings), 1):
            raise IndexError(f"string offset {offset:#x} is not in {self!r}")
        return graph.strings[start : graph.strings.find(0, start)].decode(errors="surrogateescape")

    def find_ids(self, name: str, kind: Kind | str | None = None) -> list[int]:
        """Return the ids of all types with a name, ascending, the base's included.

        Args:
            name: As in C, without "struct".
            kind: Only types of this kind, such as Kind.STRUCT or "struct"; None for any.

        Cost: 1 ms on 125,000 types, a microsecond from the eighth call on.
        """
        kinds = ALL_KINDS if kind is None else 1 << kind_number(kind)
        wanted = name.encode(errors="surrogateescape")
        ids = self.base.find_ids(name, kind) if self.base is not None else []
        return ids + self.arrays.find(wanted, kinds) if wanted and b"\0" not in wanted else []

    def find_all(self, name: str, kind: Kind | str | None = None) -> list[views.Type]:
        """Return views of all types with a name, as find_ids."""
        return [self[i] for i in self.find_ids(name, kind)]

    def find(self, name: str, kind: Kind | str | None = None) -> views.Type:
        """Return a view of the one type with a name, as find_ids.

        Raises:
            TypeLookupError: There is none, or there are several.
        """
        ids = self.find_ids(name, kind)
        if len(ids) != 1:
            label = None if kind is None else Kind(kind_number(kind)).name.lower()
            raise TypeLookupError(name, kind=label, ids=ids)
        return self[ids[0]]

    def text(self, ids: range) -> bytes:
        """Return neighbouring types as lines of text, as consumers.listing says."""
        from dwarfless._core.listing import list_types

        return list_types(self.arrays, ids.start, ids.stop)

    @cached_property
    def words(self) -> Words:
        """BTF type section of its own types, uint32[num_words], host byte order."""
        return as_words(self.record_words)

    @cached_property
    def offsets(self) -> Words:
        """Word index of each own record and of the end, uint32[num_own + 1]."""
        return as_words(self.record_starts)

    def json(self, ids: range) -> bytes:
        """Return neighbouring types as JSON objects with commas between, as text."""
        from dwarfless._core.json_listing import list_types_json

        return list_types_json(self.arrays, ids.start, ids.stop)

    @cached_property
    def infos(self) -> Words:
        """Info words, uint32[num_own]."""
        return self.words[self.offsets[:-1] + 1]

    @cached_property
    def kinds(self) -> "NDArray[np.uint8]":
        """Kind numbers, uint8[num_own]."""
        return (self.infos >> 24 & 0x7F).astype("u1")

    @cached_property
    def vlens(self) -> Words:
        """Numbers of elements (a FUNC's linkage), uint32[num_own]."""
        return as_words(self.infos & 0xFFFFFF)

    @cached_property
    def kind_flags(self) -> "NDArray[np.bool_]":
        """Kind flags, bool[num_own]."""
        flags: NDArray[np.bool_] = self.infos >> 31 != 0
        return flags

    @cached_property
    def name_offsets(self) -> Words:
        """String offsets of the names, 0 for none, uint32[num_own]."""
        return self.words[self.offsets[:-1]]

    @cached_property
    def thirds(self) -> Words:
        """Third words: size in bytes, type id or 0, by kind, uint32[num_own]."""
        return self.words[self.offsets[:-1] + 2]


class GraphBuilder:
    """Makes a graph record by record; every method returns the id of the type it adds.

    References may point forward: the next type gets `next_id`.

    Args:
        base: Graph to build on, or None.
    """

    def __init__(self, base: TypeGraph | None = None) -> None:
        self.base: Final = base
        self.next_id = len(base) if base is not None else 1
        self._words: list[int] = []
        self._strings = bytearray(b"" if base is not None else b"\0")
        self._first_string = base.end_string if base is not None else 0
        self._known = {"": 0}

    def string(self, text: str) -> int:
        """Return the offset of a string, adding it if it is new to this builder."""
        offset = self._known.get(text)
        if offset is None:
            offset = self._known[text] = self._first_string + len(self._strings)
            self._strings += text.encode(errors="surrogateescape") + b"\0"
        return offset

    def add(
        self,
        kind: int,
        name: str = "",
        third: int = 0,
        rest: Iterable[int] = (),
        *,
        vlen: int = 0,
        kind_flag: bool = False,
    ) -> int:
        """Add a record of any kind; `rest` are the words after the third, as uint32."""
        self._words += (self.string(name), kind_flag << 31 | kind << 24 | vlen, third, *rest)
        self.next_id += 1
        return self.next_id - 1

    def add_int(
        self,
        name: str,
        size: int,
        *,
        signed: bool = False,
        char: bool = False,
        boolean: bool = False,
        bits: int | None = None,
    ) -> int:
        """Add an INT of `size` bytes, of which `bits` count."""
        encoding = signed | char << 1 | boolean << 2
        return self.add(Kind.INT, name, size, [encoding << 24 | (bits or size * 8)])

    def add_float(self, name: str, size: int) -> int:
        """Add a FLOAT of `size` bytes."""
        return self.add(Kind.FLOAT, name, size)

    def add_reference(
        self, kind: Kind, target: int, name: str = "", *, kind_flag: bool = False
    ) -> int:
        """Add a PTR, TYPEDEF, VOLATILE, CONST, RESTRICT or TYPE_TAG."""
        return self.add(kind, name, target, kind_flag=kind_flag)

    def add_array(self, element: int, index: int, count: int) -> int:
        """Add an ARRAY of `count` elements."""
        return self.add(Kind.ARRAY, "", 0, (element, index, count))

    def add_composite(
        self,
        kind: Kind,
        name: str,
        size: int,
        members: Iterable[tuple[str, int, int] | tuple[str, int, int, int]] = (),
    ) -> int:
        """Add a STRUCT or UNION of `size` bytes.

        Args:
            kind: Kind.STRUCT or Kind.UNION.
            name: "" for none.
            size: Bytes.
            members: (name, type id, bit offset[, bitfield size in bits]); one with a bitfield
                size sets the kind flag.
        """
        listed = [(*m, 0)[:4] for m in members]
        flag = any(m[3] for m in listed)
        words = [
            w
            for text, type_id, bit_offset, bits in listed
            for w in (self.string(text), type_id, bits << 24 | bit_offset)
        ]
        return self.add(kind, name, size, words, vlen=len(listed), kind_flag=flag)

    def add_enum(
        self, name: str, size: int, values: Iterable[tuple[str, int]], *, signed: bool = False
    ) -> int:
        """Add an ENUM, or an ENUM64 if a value needs more than 32 bits."""
        listed = [(self.string(text), value) for text, value in values]
        if all(-1 << 31 <= v < 1 << 32 for _, v in listed) and size <= 4:
            words = [w for text, v in listed for w in (text, v & 0xFFFFFFFF)]
            return self.add(Kind.ENUM, name, size, words, vlen=len(listed), kind_flag=signed)
        words = [w for text, v in listed for w in (text, v & 0xFFFFFFFF, v >> 32 & 0xFFFFFFFF)]
        return self.add(Kind.ENUM64, name, size, words, vlen=len(listed), kind_flag=signed)

    def add_forward(self, name: str, *, union: bool = False) -> int:
        """Add a FWD."""
        return self.add(Kind.FWD, name, kind_flag=union)

    def add_func_proto(self, returns: int, params: Iterable[tuple[str, int]] = ()) -> int:
        """Add a FUNC_PROTO; params are (name, type id), a last ("", 0) means `...`."""
        words = [w for text, type_id in params for w in (self.string(text), type_id)]
        return self.add(Kind.FUNC_PROTO, "", returns, words, vlen=len(words) // 2)

    def add_func(self, name: str, proto: int, linkage: int = 0) -> int:
        """Add a FUNC; linkage 0 static, 1 global, 2 extern."""
        return self.add(Kind.FUNC, name, proto, vlen=linkage)

    def add_var(self, name: str, type_id: int, linkage: int = 1) -> int:
        """Add a VAR; linkage as a FUNC's."""
        return self.add(Kind.VAR, name, type_id, [linkage])

    def add_datasec(
        self, name: str, size: int, entries: Iterable[tuple[int, int, int]] = ()
    ) -> int:
        """Add a DATASEC of `size` bytes; entries are (VAR id, offset, size), in bytes."""
        words = [w for entry in entries for w in entry]
        return self.add(Kind.DATASEC, name, size, words, vlen=len(words) // 3)

    def add_decl_tag(
        self, value: str, target: int, component: int = -1, *, attribute: bool = False
    ) -> int:
        """Add a DECL_TAG on a type, or on its member or parameter `component`."""
        return self.add(
            Kind.DECL_TAG, value, target, [component & 0xFFFFFFFF], kind_flag=attribute
        )

    def freeze(self, source: str = "<bytes>") -> TypeGraph:
        """Return the graph; BtfError if a reference points at nothing."""
        words, text = as_words(self._words), bytes(self._strings)
        return TypeGraph.from_words(words, text, base=self.base, source=source)
