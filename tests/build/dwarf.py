"""Assemble DWARF: units of DIEs to the bytes of debug sections.

In:  Units of Dies of Attrs; tags, attributes and forms by the standard's names without prefix,
     or as numbers, so that nonsense can be said too.
Out: {section name: bytes}.

A value is what a form can carry: int, str, bytes, or for references Label("name") of any Die.
Indexed forms (strx, addrx, loclistx, rnglistx) take the string, address or list itself; tables
are made as needed. ``unit.die`` must then carry the bases that Encoding knows.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from elftools.dwarf.enums import ENUM_DW_AT, ENUM_DW_FORM, ENUM_DW_TAG, ENUM_DW_UT

__all__ = ["Attr", "Die", "Encoding", "Label", "Raw", "Unit", "assemble", "sleb128", "uleb128"]

LABEL_LEB = 5  # bytes of a padded LEB128: references are filled in when everything is laid out
LATER_FORMS = {
    "strx": 0x1A,
    "addrx": 0x1B,
    "ref_sup4": 0x1C,
    "strp_sup": 0x1D,
    "data16": 0x1E,
    "line_strp": 0x1F,
    "ref_sig8": 0x20,
    "implicit_const": 0x21,
    "loclistx": 0x22,
    "rnglistx": 0x23,
    "ref_sup8": 0x24,
    "strx1": 0x25,
    "strx2": 0x26,
    "strx3": 0x27,
    "strx4": 0x28,
    "addrx1": 0x29,
    "addrx2": 0x2A,
    "addrx3": 0x2B,
    "addrx4": 0x2C,
    "GNU_addr_index": 0x1F01,
    "GNU_str_index": 0x1F02,
    "GNU_ref_alt": 0x1F20,
    "GNU_strp_alt": 0x1F21,
}
LATER_ATTRIBUTES = {"GNU_annotation": 0x2139, "LLVM_annotation": 0x6000, "GNU_dwo_name": 0x2130}
LATER_TAGS = {"GNU_annotation": 0x6001, "LLVM_annotation": 0x6000, "skeleton_unit": 0x4A}
FIXED = {"1": 1, "2": 2, "3": 3, "4": 4, "8": 8, "16": 16}
STRING_SECTIONS = {"strp": ".debug_str", "line_strp": ".debug_line_str"}
OFFSET_FORMS = ("sec_offset", "strp_sup", "GNU_ref_alt", "GNU_strp_alt")


class Label(str):
    """The name of a Die, where a reference is wanted."""


class Raw(bytes):
    """Bytes to write in place of a value, whatever the form."""


class Attr(NamedTuple):
    """One attribute. With form "indirect" the value is a pair: form, value."""

    at: str | int
    form: str | int
    value: Any = 0


class Die(NamedTuple):
    """One entry; ``label`` is what references call it."""

    tag: str | int
    attrs: Sequence[Attr] = ()
    children: Sequence["Die"] = ()
    label: str = ""


class Unit(NamedTuple):
    """One unit.

    Attributes:
        type: compile, type, partial, skeleton, split_compile or split_type.
        id: Signature of a type unit, dwo_id of a skeleton or split one.
        type_label: Label of the type that a type unit is about.
        length: In place of the true unit length, for a unit that lies.
        abbreviations: In place of the unit's true abbreviation table.
    """

    die: Die
    type: str = "compile"
    id: int = 0
    type_label: str = ""
    length: int | None = None
    abbreviations: bytes | None = None


class Encoding(NamedTuple):
    """How numbers are written; ``offset_size`` 8 is the 64-bit DWARF format."""

    version: int = 5
    address_size: int = 8
    offset_size: int = 4
    big: bool = False
    dwo: bool = False

    def integer(self, value: int, size: int) -> bytes:
        """Return an integer of any sign in ``size`` bytes."""
        wrapped = value & ((1 << 8 * size) - 1)
        return wrapped.to_bytes(size, "big" if self.big else "little")

    def offset(self, value: int) -> bytes:
        """Return an offset into a section."""
        return self.integer(value, self.offset_size)

    def length(self, value: int) -> bytes:
        """Return an initial length."""
        return (b"\xff" * 4 if self.offset_size == 8 else b"") + self.offset(value)

    @property
    def table_base(self) -> int:
        """Value of DW_AT_str_offsets_base and DW_AT_addr_base."""
        return 16 if self.offset_size == 8 else 8

    @property
    def lists_base(self) -> int:
        """Value of DW_AT_loclists_base and DW_AT_rnglists_base."""
        return 20 if self.offset_size == 8 else 12


def uleb128(value: int, width: int = 1) -> bytes:
    """Return an unsigned LEB128, padded to ``width`` bytes at least."""
    out = bytearray()
    while value > 0x7F or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def sleb128(value: int) -> bytes:
    """Return a signed LEB128."""
    out = bytearray()
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value & 0x7F])


def assemble(units: Sequence[Unit], encoding: Encoding | None = None) -> dict[str, bytes]:
    """Return the debug sections of the units, in order.

    Labels are shared by all units, so that one can refer to another's Dies by ref_addr.
    """
    return _Assembler(encoding or Encoding()).run(units)


def _number(name: str | int, later: dict[str, int], known: dict[str, int], prefix: str) -> int:
    if isinstance(name, int):
        return name
    return later[name] if name in later else int(known[prefix + name])


def _form(name: str | int) -> int:
    return _number(name, LATER_FORMS, ENUM_DW_FORM, "DW_FORM_")


class _Fixup(NamedTuple):
    """A reference to fill in: where, how wide (0: padded LEB128), to what, counted from where."""

    section: str
    position: int
    size: int
    label: str
    start: int


class _Assembler:
    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.sections: dict[str, bytearray] = {}
        self.places: dict[tuple[str, bytes], int] = {}
        self.tables: dict[str, list[Any]] = {}
        self.labels: dict[str, int] = {}
        self.fixups: list[_Fixup] = []

    def run(self, units: Sequence[Unit]) -> dict[str, bytes]:
        for unit in units:
            self._unit(unit)
        for fixup in self.fixups:
            value = self.labels[fixup.label] - fixup.start
            there = self.sections[fixup.section]
            filled = uleb128(value, LABEL_LEB)
            if fixup.size:
                filled = self.encoding.integer(value, fixup.size)
            there[fixup.position : fixup.position + len(filled)] = filled
        self._write_tables()
        return {name: bytes(content) for name, content in self.sections.items()}

    def _section(self, name: str) -> bytearray:
        return self.sections.setdefault(name, bytearray())

    def _name(self, base: str) -> str:
        return f"{base}.dwo" if self.encoding.dwo else base

    def _unit(self, unit: Unit) -> None:
        encoding, version = self.encoding, self.encoding.version
        typed = unit.type in ("type", "split_type")
        name = self._name(".debug_types" if typed and version < 5 else ".debug_info")
        info, abbreviations = self._section(name), self._section(self._name(".debug_abbrev"))
        start = len(info)
        info += encoding.length(0)
        body = len(info)
        info += encoding.integer(version, 2)
        table = encoding.offset(len(abbreviations))
        size = encoding.integer(encoding.address_size, 1)
        if version >= 5:
            kind = ENUM_DW_UT[f"DW_UT_{unit.type}"]
            info += encoding.integer(kind, 1) + size + table
        else:
            info += table + size
        if typed or (version >= 5 and unit.type in ("skeleton", "split_compile")):
            info += encoding.integer(unit.id, 8)
        if typed:
            fixup = _Fixup(name, len(info), encoding.offset_size, unit.type_label, start)
            self.fixups.append(fixup)
            info += encoding.offset(0)
        made = self._dies(unit.die, name, start)
        abbreviations += made if unit.abbreviations is None else unit.abbreviations
        length = len(info) - body if unit.length is None else unit.length
        info[start:body] = encoding.length(length)

    def _dies(self, root: Die, name: str, start: int) -> bytes:
        """Write a tree of any depth; return its abbreviation table."""
        info = self._section(name)
        codes: dict[tuple[Any, ...], int] = {}
        table = bytearray()
        stack: list[Iterator[Die]] = [iter([root])]
        while stack:
            die = next(stack[-1], None)
            if die is None:
                stack.pop()
                info += b"\0" if stack else b""
                continue
            declaration = _declaration(die)
            if declaration not in codes:
                codes[declaration] = len(codes) + 1
                table += uleb128(len(codes)) + _abbreviation(declaration)
            if die.label:
                self.labels[die.label] = len(info)
            info += uleb128(codes[declaration])
            for attr in die.attrs:
                self._value(name, start, attr.form, attr.value)
            if die.children:
                stack.append(iter(die.children))
        return bytes(table) + b"\0"

    def _value(self, name: str, start: int, form_name: str | int, value: Any) -> None:
        """Append one value to a section."""
        info, encoding = self._section(name), self.encoding
        form = _FORM_NAMES[_form(form_name)]
        number = value if isinstance(value, int) else 0
        if isinstance(value, Raw):
            info += value
        elif form == "indirect":
            inner, inner_value = value
            info += uleb128(_form(inner))
            self._value(name, start, inner, inner_value)
        elif isinstance(value, Label):
            self._reference(name, start, form, value)
        elif form == "string":
            info += _text(value) + b"\0"
        elif form in STRING_SECTIONS and not isinstance(value, int):
            info += encoding.offset(self._place(STRING_SECTIONS[form], _text(value) + b"\0"))
        elif form.startswith(("strx", "addrx", "loclistx", "rnglistx")) or form.endswith("_index"):
            self._indexed(info, form, value)
        elif form in ("exprloc", "block"):
            info += uleb128(len(_bytes(value))) + _bytes(value)
        elif form in ("block1", "block2", "block4"):
            info += encoding.integer(len(_bytes(value)), int(form[-1])) + _bytes(value)
        elif form == "addr":
            info += encoding.integer(number, encoding.address_size)
        elif form in ("udata", "ref_udata"):
            info += uleb128(number)
        elif form == "sdata":
            info += sleb128(number)
        elif form in ("flag_present", "implicit_const"):
            pass
        else:
            info += encoding.integer(number, self._width(form))

    def _width(self, form: str) -> int:
        """Return the bytes of a form of fixed size."""
        if form == "flag":
            return 1
        if form == "ref_addr" and self.encoding.version == 2:
            return self.encoding.address_size
        if form in (*OFFSET_FORMS, *STRING_SECTIONS, "ref_addr"):
            return self.encoding.offset_size
        return FIXED[form.lstrip("abcdefghijklmnopqrstuvwxyz_")]

    def _reference(self, name: str, start: int, form: str, label: Label) -> None:
        size = 0 if form == "ref_udata" else self._width(form)
        whole_section = form in ("ref_addr", "GNU_ref_alt")
        info = self._section(name)
        self.fixups.append(_Fixup(name, len(info), size, label, 0 if whole_section else start))
        info += bytes(size or LABEL_LEB)

    def _place(self, section: str, content: bytes) -> int:
        """Return where content is in a section; it is kept once."""
        name = self._name(section)
        if (name, content) not in self.places:
            self.places[name, content] = len(self._section(name))
            self.sections[name] += content
        return self.places[name, content]

    def _indexed(self, info: bytearray, form: str, value: Any) -> None:
        table = self.tables.setdefault(form.rstrip("1234").removeprefix("GNU_"), [])
        if value not in table:
            table.append(value)
        index = table.index(value)
        if form[-1].isdigit():
            info += self.encoding.integer(index, int(form[-1]))
        else:
            info += uleb128(index)

    def _write_tables(self) -> None:
        """Write what indexes refer to: strings, addresses, lists of locations and ranges."""
        encoding = self.encoding
        header = encoding.integer(5, 2)
        for name, values in self.tables.items():
            if name in ("strx", "str_index"):
                places = [self._place(".debug_str", _text(v) + b"\0") for v in values]
                body = b"".join(map(encoding.offset, places))
                table, head = self._name(".debug_str_offsets"), header + encoding.integer(0, 2)
            elif name in ("addrx", "addr_index"):
                size = encoding.address_size
                body = b"".join(encoding.integer(v, size) for v in values)
                table, head = ".debug_addr", header + bytes([size, 0])
            else:
                table = self._name(f".debug_{name.removesuffix('x')}s")
                head = header + bytes([encoding.address_size, 0])
                head += encoding.integer(len(values), 4)
                first, body = len(values) * encoding.offset_size, b""
                for value in values:
                    head += encoding.offset(first + len(body))
                    body += _bytes(value)
            whole = encoding.length(len(head + body)) + head + body
            self.sections[table] = bytearray(body if name.endswith("_index") else whole)


_FORM_NAMES = {
    value: name.removeprefix("DW_FORM_")
    for name, value in {**ENUM_DW_FORM, **LATER_FORMS}.items()
    if isinstance(value, int)
}


def _declaration(die: Die) -> tuple[Any, ...]:
    """Return what an abbreviation says of a Die."""
    attrs = ((a.at, a.form, a.value if a.form == "implicit_const" else 0) for a in die.attrs)
    return (die.tag, bool(die.children), *attrs)


def _abbreviation(declaration: tuple[Any, ...]) -> bytes:
    tag, children, *attrs = declaration
    out = uleb128(_number(tag, LATER_TAGS, ENUM_DW_TAG, "DW_TAG_"))
    out += bytes([bool(children)])
    for at, form, value in attrs:
        number = _number(at, LATER_ATTRIBUTES, ENUM_DW_AT, "DW_AT_")
        out += uleb128(number) + uleb128(_form(form))
        out += sleb128(value) if form == "implicit_const" else b""
    return out + b"\0\0"


def _text(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""
