"""A slow, obvious twin of the encoder: DIEs of one small program to an id-free listing.

In:  a linked file, read by pyelftools: no type units, no split units, no annotations.
Out: a Listing of its structs, unions, enums, typedefs and variables. Functions are left out, and
     so base types are of no interest: some are used by functions only.

Each DIE becomes one record, nothing is shared; then forwards are resolved and equal records are
joined by comparing everything with everything, until nothing changes.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from elftools.dwarf.die import DIE
from elftools.elf.elffile import ELFFile

from oracle.listing import Item, Listing, Record, integer_name

__all__ = ["KINDS", "twin"]

#: Kinds whose blocks the twin and the encoder have in common.
KINDS = ("ENUM", "ENUM64", "FWD", "STRUCT", "UNION", "TYPEDEF", "DATASEC")
OP_ADDR, OP_ADDRX = 0x03, 0xA1
FLOAT = 4
ENCODINGS = {2: "BOOL", 5: "SIGNED", 6: "SIGNED"}
WRAPPERS = {
    "pointer_type": "PTR",
    "const_type": "CONST",
    "volatile_type": "VOLATILE",
    "restrict_type": "RESTRICT",
    "typedef": "TYPEDEF",
}


def twin(path: Path) -> Listing:
    """Return what the DWARF of a linked file says."""
    with path.open("rb") as file:
        return _Twin(ELFFile(file)).listing()


class _Twin:
    def __init__(self, elf: ELFFile) -> None:
        self.elf = elf
        self.big = not elf.little_endian
        self.records: dict[int, Record] = {}
        self.ids: dict[int, int] = {}
        self.next_id = 1
        self.variables: dict[tuple[int, str], tuple[int, str]] = {}

    def listing(self) -> Listing:
        for unit in self.elf.get_dwarf_info().iter_CUs():
            for die in unit.iter_DIEs():
                self._type(die)
            for die in unit.get_top_DIE().iter_children():
                if die.tag == "DW_TAG_variable":
                    self._variable(die)
        self._resolve_forwards()
        self._join_equal()
        self._add_variables()
        listing = Listing("")
        listing.records = self.records
        return listing

    def _new(self, kind: str, name: str, items: list[Item] | None = None, **fields: Any) -> int:
        number = self.next_id
        self.next_id += 1
        texts = {key: str(value) for key, value in fields.items()}
        self.records[number] = Record(number, kind, name, texts, items or [])
        return number

    def _type(self, die: DIE | None) -> int:
        """Return the id of a type, which gets its record now if it has none."""
        if die is None or not isinstance(die.tag, str):
            return 0
        if die.offset not in self.ids:
            tag = die.tag.removeprefix("DW_TAG_")
            make = getattr(self, f"_{tag}", None) or (self._wrapper if tag in WRAPPERS else None)
            if make is None:
                return 0
            if make in (self._structure_type, self._union_type):
                self.ids[die.offset] = self.next_id  # it may contain a way back to it
            self.ids[die.offset] = make(die)
        return self.ids[die.offset]

    def _target(self, die: DIE) -> int:
        has_type = "DW_AT_type" in die.attributes
        return self._type(die.get_DIE_from_attribute("DW_AT_type")) if has_type else 0

    def _wrapper(self, die: DIE) -> int:
        kind = WRAPPERS[die.tag.removeprefix("DW_TAG_")]
        number = self.ids[die.offset] = self._new(kind, _name(die))
        self.records[number].fields["type_id"] = str(self._target(die))
        return number

    def _atomic_type(self, die: DIE) -> int:
        return self._target(die)

    def _base_type(self, die: DIE) -> int:
        size, encoding = _number(die, "byte_size"), _number(die, "encoding")
        if encoding == FLOAT:
            return self._new("FLOAT", _name(die), size=size)
        spelled = ENCODINGS.get(encoding, "(none)")
        return self._new("INT", integer_name(_name(die)), size=size, encoding=spelled)

    def _structure_type(self, die: DIE) -> int:
        return self._composite(die, "STRUCT")

    def _union_type(self, die: DIE) -> int:
        return self._composite(die, "UNION")

    def _composite(self, die: DIE, kind: str) -> int:
        if "DW_AT_declaration" in die.attributes:
            return self._new("FWD", _name(die), fwd_kind=kind.lower())
        number = self._new(kind, _name(die), size=_number(die, "byte_size"))
        self.records[number].items += [
            self._member(child) for child in die.iter_children() if child.tag == "DW_TAG_member"
        ]
        return number

    def _member(self, die: DIE) -> Item:
        target = self._target(die)
        bits = _number(die, "bit_size")
        offset = 8 * _location(die)
        if "DW_AT_data_bit_offset" in die.attributes:
            offset = _number(die, "data_bit_offset")
        elif bits:
            first = _signed(_number(die, "bit_offset"))
            storage = 8 * (_number(die, "byte_size") or self._size(target))
            offset += first if self.big else storage - first - bits
        fields = {"type_id": str(target), "bits_offset": str(offset)}
        return Item(_name(die), fields | ({"bitfield_size": str(bits)} if bits else {}))

    def _enumeration_type(self, die: DIE) -> int:
        size = _number(die, "byte_size") or 4
        children = [c for c in die.iter_children() if c.tag == "DW_TAG_enumerator"]
        values = [(_name(child), _number(child, "const_value")) for child in children]
        signed = any(value < 0 for _, value in values)
        kind, suffix = "ENUM", ""
        if size == 8:
            target = self.records.get(self._target(die))
            signed = bool(target) and target.fields["encoding"] == "SIGNED"
            kind, suffix = "ENUM64", "LL" if signed else "ULL"
        items = [Item(name, {"val": f"{value}{suffix}"}) for name, value in values]
        encoding = "SIGNED" if signed else "UNSIGNED"
        return self._new(kind, _name(die), items, size=size, encoding=encoding)

    def _array_type(self, die: DIE) -> int:
        number = self._target(die)
        ranges = [c for c in die.iter_children() if c.tag == "DW_TAG_subrange_type"]
        for child in reversed(ranges):
            upper, count = (child.attributes.get(f"DW_AT_{a}") for a in ("upper_bound", "count"))
            length = upper.value + 1 if _constant(upper) else 0
            length = count.value if not length and _constant(count) else length
            number = self._new("ARRAY", "", type_id=number, nr_elems=length & 0xFFFFFFFF)
        return number

    def _subroutine_type(self, die: DIE) -> int:
        number = self.ids[die.offset] = self._new("FUNC_PROTO", "")
        record = self.records[number]
        record.fields["ret_type_id"] = str(self._target(die))
        for child in die.iter_children():
            if child.tag == "DW_TAG_formal_parameter":
                record.items.append(Item(_name(child), {"type_id": str(self._target(child))}))
            elif child.tag == "DW_TAG_unspecified_parameters":
                record.items.append(Item("", {"type_id": "0"}))
        return number

    def _size(self, number: int) -> int:
        """Return the size of a type in bytes; 0 if it has none."""
        record = self.records.get(number)
        if record is None or record.kind in ("FWD", "FUNC_PROTO"):
            return 0
        if record.kind == "PTR":
            return int(self.elf.elfclass) // 8
        if "size" in record.fields:
            return int(record.fields["size"])
        count = int(record.fields.get("nr_elems", "1"))
        return count * self._size(int(record.fields["type_id"]))

    def _variable(self, die: DIE) -> None:
        """Note a variable that has an address, with its type; the name comes first."""
        where = die.attributes.get("DW_AT_location")
        block = where.value if where and isinstance(where.value, list) else []
        order = "big" if self.big else "little"
        if block[:1] == [OP_ADDR]:
            address = int.from_bytes(block[1:], order)
        elif block[:1] == [OP_ADDRX]:
            address = int.from_bytes(self._table_entry(die, block[1]), order)
        else:
            return
        declared = die
        if "DW_AT_specification" in die.attributes:
            declared = die.get_DIE_from_attribute("DW_AT_specification")
        target = self._target(die if "DW_AT_type" in die.attributes else declared)
        linkage = "global" if "DW_AT_external" in declared.attributes else "static"
        if self._size(target):
            self.variables.setdefault((address, _name(declared)), (target, linkage))

    def _table_entry(self, die: DIE, index: int) -> bytes:
        start = die.cu.get_top_DIE().attributes["DW_AT_addr_base"].value
        size = die.cu["address_size"]
        table: bytes = self.elf.get_section_by_name(".debug_addr").data()
        return table[start + index * size :][:size]

    def _add_variables(self) -> None:
        """Make a section's variables a DATASEC; a variable is there if a symbol is."""
        found = defaultdict(list)
        symbols = self.elf.get_section_by_name(".symtab").iter_symbols()
        there = {(s["st_value"], s.name.partition(".")[0]): s["st_shndx"] for s in symbols}
        for (address, name), (target, linkage) in sorted(self.variables.items()):
            index = there.get((address, name))
            if isinstance(index, int):
                section = self.elf.get_section(index)
                offset, size = address - section["sh_addr"], self._size(target)
                variable = self._new("VAR", name, type_id=target, linkage=linkage)
                fields = {"type_id": str(variable), "offset": str(offset), "size": str(size)}
                found[section.name].append(Item("", fields))
        for section_name, items in found.items():
            self._new("DATASEC", section_name, items)

    def _resolve_forwards(self) -> None:
        """Send a forward to the definition of its name, if all there are say the same."""
        defined = defaultdict(list)
        for r in self.records.values():
            defined[r.kind.lower(), r.name].append(r)
        replaced = {}
        for r in self.records.values():
            same = defined.get((r.fields.get("fwd_kind", ""), r.name), [])
            looks = {
                (d.fields["size"], *((i.name, i.fields["bits_offset"]) for i in d.items))
                for d in same
            }
            if r.kind == "FWD" and len(looks) == 1:
                replaced[r.id] = same[0].id
            elif r.kind == "ENUM" and not r.items:
                full = [d.id for d in defined["enum", r.name] if d.items]
                replaced |= {r.id: full[0]} if full else {}
        self._replace(replaced)

    def _join_equal(self) -> None:
        listing = Listing("")
        while True:
            listing.records = self.records
            groups = listing.duplicates()
            if not groups:
                return
            self._replace({other: ids[0] for ids in groups for other in ids[1:]})

    def _replace(self, replaced: dict[int, int]) -> None:
        """Drop records, and refer to others in their place."""
        for old in replaced:
            del self.records[old]
        for fields in self._all_fields():
            for key in ("type_id", "ret_type_id"):
                if key in fields:
                    number = int(fields[key])
                    fields[key] = str(replaced.get(number, number))
        for place, (target, linkage) in self.variables.items():
            self.variables[place] = (replaced.get(target, target), linkage)

    def _all_fields(self) -> Iterator[dict[str, str]]:
        for r in self.records.values():
            yield r.fields
            yield from (item.fields for item in r.items)


def _name(die: DIE) -> str:
    name = die.attributes.get("DW_AT_name")
    return name.value.decode() if name else ""


def _number(die: DIE, attribute: str) -> int:
    value = die.attributes.get(f"DW_AT_{attribute}")
    return int(value.value) if value else 0


def _constant(attribute: Any) -> bool:
    is_number = attribute is not None and isinstance(attribute.value, int)
    return is_number and "ref" not in attribute.form


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _location(die: DIE) -> int:
    """Return DW_AT_data_member_location: a number, or a block of plus_uconst and a number."""
    where = die.attributes.get("DW_AT_data_member_location")
    if where is None or isinstance(where.value, int):
        return where.value if where else 0
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(where.value[1:]))
