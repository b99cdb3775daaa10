"""DWARF whose headers, tables and indices lie.

In:  nothing.
Out: cases of hostile.dies.
"""

from collections.abc import Iterable

from build.dwarf import Attr, Die, Encoding, Raw, Unit, assemble, uleb128
from hostile.dies import CASES, HUGE, Case, case, named, size, typed, unit


@case
def strings_and_indices_outside() -> list[Die]:
    places = (1, 0x7FFFFFFF, 0xFFFFFFFF)
    names = [
        Attr("name", f, n)
        for f in ("strp", "line_strp", "strp_sup", "GNU_strp_alt")
        for n in places
    ]
    names += [Attr("name", f"strx{n}", Raw(b"\xff" * n)) for n in (1, 2, 3, 4)]
    names += [Attr("name", f, Raw(uleb128(HUGE))) for f in ("strx", "GNU_str_index")]
    addrx = [b"\xa1" + uleb128(n) for n in (0, 1, 1 << 29, 1 << 61, HUGE)]
    addrx += [b"\xfb" + uleb128(n) for n in (0, HUGE)]
    return [
        *(Die("structure_type", [name, size(4)]) for name in names),
        *(Die("variable", [typed("int"), Attr("location", "exprloc", place)]) for place in addrx),
        Die("subprogram", [named("f"), Attr("low_pc", "addrx", Raw(uleb128(HUGE)))]),
        Die("subprogram", [named("f"), Attr("ranges", "rnglistx", Raw(uleb128(HUGE)))]),
        Die("subprogram", [named("f"), Attr("ranges", "sec_offset", 0xFFFFFFF0)]),
        Die("subprogram", [named("f"), Attr("low_pc", "addr", 0x1000)], [
            Die("formal_parameter", [named("p"), typed("int"), Attr("location", form, Raw(value))])
            for form, value in (("loclistx", uleb128(HUGE)), ("sec_offset", b"\xff" * 4))
        ]),
    ]  # fmt: skip


@case
def bases_outside() -> list[Unit]:
    return [
        Unit(Die("compile_unit", [Attr(f"{name}_base", "sec_offset", base), named("n", "strx"),
                                  Attr("low_pc", "addrx", 5), Attr("ranges", "rnglistx", b"\5")]))
        for name in ("str_offsets", "addr", "rnglists")
        for base in (0, 1, 7, 0x7FFFFFFF, 0xFFFFFFFF)
    ]  # fmt: skip


# Headers and abbreviations that lie.

START = uleb128(1) + uleb128(0x11) + b"\1"
END = b"\0\0\0"
TABLES = {
    "empty": b"",
    "without_end": START + uleb128(3) + uleb128(8),
    "only_zero": b"\0",
    "code_of_ten_bytes": b"\xff" * 9 + b"\1" + START[1:] + END,
    "code_of_a_thousand_bytes": b"\x80" * 1000 + b"\1" + START[1:] + END,
    "code_too_large": b"\xff" * 9 + b"\x7f" + START[1:] + END,
    "same_code_again": (START + b"\3\x08\0\0") * 2 + b"\0",
    "unknown_form": START + uleb128(3) + uleb128(0x7F) + END,
    "huge_form": START + uleb128(3) + uleb128(HUGE) + END,
    "form_zero": START + b"\3\0" + END,
    "attribute_zero": START + b"\0\x08" + END,
    "huge_tag": uleb128(1) + uleb128(HUGE) + b"\1\3\x08" + END,
    "tag_zero": b"\1\0\1\3\x08" + END,
    "children_neither_yes_nor_no": b"\1\x11\x77\3\x08" + END,
    "only_indirect": START + uleb128(3) + uleb128(0x16) + END,
    "implicit_const_cut_off": START + uleb128(3) + uleb128(0x21),
    "a_million_attributes": START + b"\x03\x19" * 1_000_000 + END,
    "many_of_many": b"".join(
        uleb128(n) + b"\x34\0" + b"\3\x19" * 100 + b"\0\0" for n in range(1, 20_000)
    ) + b"\0",
    "sparse_codes": b"".join(uleb128(1 << n) + b"\x11\1\3\x08\0\0" for n in range(64)) + b"\0",
    "blocks": START + b"\2\x0a\2\x03\2\x04\2\x09\2\x18" + END,
    "takes_no_bytes": START + b"\x3f\x19" + END,
}  # fmt: skip
for _name, _table in TABLES.items():
    CASES[f"abbreviations_{_name}"] = lambda table=_table: (  # type: ignore[misc]
        Encoding(),
        assemble([unit(abbreviations=table), unit()]),
    )
for _length in (0, 1, 6, 7, 8, 0x20, 0x7FFFFFFF, 0xFFFFFFEF, 0xFFFFFFF0, 0xFFFFFFFE, 0xFFFFFFFF):
    CASES[f"unit_length_{_length:#x}"] = lambda length=_length: (  # type: ignore[misc]
        Encoding(),
        assemble([unit(length=length), unit()]),
    )
    CASES[f"wide_unit_length_{_length:#x}"] = lambda length=_length: (  # type: ignore[misc]
        Encoding(offset_size=8),
        assemble([unit(length=length << 32 | length)], Encoding(offset_size=8)),
    )


def patched(where: int, *values: int) -> Iterable[tuple[str, Case]]:
    """Yield cases whose unit header has other values at a byte."""
    for value in values:

        def make(value: int = value) -> tuple[Encoding, dict[str, bytes]]:
            debug = assemble([unit(), unit()])
            info = bytearray(debug[".debug_info"])
            info[where] = value
            return Encoding(), debug | {".debug_info": bytes(info)}

        yield f"header_byte_{where}_is_{value}", make


for _where, _values in {
    4: (0, 1, 2, 4, 6, 255),
    5: (1, 255),
    6: (0, 2, 3, 4, 5, 6, 7, 128),
}.items():
    CASES.update(patched(_where, *_values))
CASES.update(patched(7, 0, 1, 2, 3, 4, 16, 255))
CASES.update(patched(8, 1, 200))
CASES.update(patched(11, 127, 255))


@case
def type_units_about_nothing() -> list[Unit]:
    signature = Attr("type", "ref_sig8", 7)
    inner = Die("structure_type", [named("s"), size(4)], label="s")
    user = Die("typedef", [named("t"), signature])
    again = Die("structure_type", [named("s"), size(8)], [Die("member", [signature])], "s2")
    return [
        unit(
            user,
            Die(
                "structure_type",
                [Attr("signature", "ref_sig8", 7), Attr("declaration", "flag_present")],
            ),
        ),
        Unit(Die("type_unit", [], [inner]), "type", 7, "s"),
        Unit(Die("type_unit", [], [again]), "type", 7, "s2"),
        Unit(
            Die("type_unit", [], [Die("typedef", [named("x"), signature], label="x")]),
            "type",
            7,
            "x",
        ),
        Unit(Die("type_unit", [], [], "root"), "type", 8, "root"),
        Unit(Die("skeleton_unit", [Attr("dwo_name", "string", "/nowhere.dwo")]), "skeleton", 9),
    ]
