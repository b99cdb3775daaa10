"""Registers out of location expressions and lists."""

import struct

import numpy as np
import pytest

from dwarfless._core.function_rows import PARAM_DIE, analyze

NONE = 0xFF
NO_REF = 2**64 - 1
REG5, REG4, BREG5, STACK_VALUE, FBREG = b"\x55", b"\x54", b"\x75\x00", b"\x9f", b"\x91\x10"
ENTRY_REG5 = b"\xa3\x01\x55"
GNU_ENTRY_REG5 = b"\xf3\x01\x55"
LIT0, PIECE8 = b"\x30", b"\x93\x08"


def registers(
    *, expression: bytes = b"", lists: bytes = b"", version: int = 5, word: int = 8, swap=False
) -> tuple[int, int]:
    """Return reg and pair_reg of one parameter."""
    param = np.zeros(1, PARAM_DIE)
    param["origin"] = param["type_ref"] = NO_REF
    param["location_class"] = 2 if lists else 1
    param["expr_size"] = len(expression)
    func = (1, NO_REF, NO_REF, NO_REF, 0, 1, 0, 0, 0, 0)
    _, facts = analyze(
        [func],
        param,
        [],
        expressions=expression,
        lists=lists,
        version=version,
        address_size=word,
        swap=swap,
        is_clang=False,
        registers=(5, 4),
        num_registers=2,
        pairs=True,
    )
    return int(facts["reg"][0]), int(facts["pair_reg"][0])


def list5(*expressions: bytes) -> bytes:
    """A .debug_loclists list of offset pairs."""
    return b"".join(b"\x04\x00\x10" + bytes([len(e)]) + e for e in expressions) + b"\0"


def list4(*expressions: bytes, word: str = "<Q", order: str = "<") -> bytes:
    """A .debug_loc list."""
    entries = b"".join(
        struct.pack(word, 1) + struct.pack(word, 9) + struct.pack(order + "H", len(e)) + e
        for e in expressions
    )
    return entries + 2 * struct.pack(word, 0)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (REG5, (5, 5)),
        (BREG5 + STACK_VALUE, (5, 5)),
        (BREG5, (NONE, NONE)),
        (FBREG, (NONE, NONE)),
        (b"", (NONE, NONE)),
        (ENTRY_REG5 + STACK_VALUE, (5, 5)),
        (GNU_ENTRY_REG5, (5, 5)),
        (b"\xa3\x02\x75\x00" + STACK_VALUE, (NONE, NONE)),
        (REG5 + PIECE8 + REG4 + PIECE8, (5, 5)),
        (PIECE8 + REG4 + PIECE8, (NONE, 4)),
        (LIT0 + STACK_VALUE, (NONE, NONE)),
        (LIT0 + PIECE8 + REG4 + PIECE8, (NONE, NONE)),
        (BREG5 + b"\x23\x01" + STACK_VALUE, (5, NONE)),
        (b"\x90\x05", (NONE, NONE)),
    ],
)
def test_an_expression_names_a_register(expression: bytes, expected: tuple[int, int]):
    """One word and pairs of words are told apart where several operations stand."""
    assert registers(expression=expression) == expected
    assert registers(lists=list5(expression)) == expected
    assert registers(lists=list4(expression), version=4) == expected


def test_only_the_first_entry_says_where_it_is_at_entry():
    """A register later is one the compiler moved it to."""
    assert registers(lists=list5(FBREG, REG5)) == (NONE, NONE)
    assert registers(lists=list5(b"", REG5)) == (NONE, NONE)


def test_entry_values_count_in_any_entry():
    """entry_value says what the register held at entry, wherever it stands."""
    assert registers(lists=list5(FBREG, ENTRY_REG5 + STACK_VALUE)) == (5, 5)
    assert registers(lists=list4(FBREG, GNU_ENTRY_REG5 + STACK_VALUE), version=4) == (5, 5)


def test_pieces_count_in_any_entry_for_pairs():
    """An aggregate in two registers may be pieced together later."""
    assert registers(lists=list5(FBREG, REG4 + PIECE8)) == (NONE, 4)


def test_an_unknown_operation_ends_the_list():
    """What comes before it stands, what comes after isn't read."""
    unknown = b"\x01"
    assert registers(lists=list5(unknown, ENTRY_REG5)) == (NONE, NONE)
    assert registers(lists=list5(FBREG, REG5 + unknown, ENTRY_REG5)) == (NONE, NONE)
    assert registers(lists=list5(REG5, unknown)) == (5, 5)


@pytest.mark.parametrize(
    "entry",
    [
        b"\x02\x01\x02",
        b"\x03\x01\x02",
        b"\x04\x01\x02",
        b"\x05",
        b"\x07" + bytes(16),
        b"\x08" + bytes(8) + b"\x02",
    ],
)
def test_every_kind_of_entry_is_passed(entry: bytes):
    """The bounds of a range don't matter, their sizes do."""
    bases = b"\x01\x05" + b"\x06" + bytes(8)
    text = bases + entry + b"\x01" + FBREG[:1] + entry + b"\x03" + ENTRY_REG5 + b"\0"
    text = text.replace(b"\x01\x91", b"\x02\x91\x10")
    assert registers(lists=text) == (5, 5)


def test_a_base_selection_is_no_entry():
    """The largest address starts one in .debug_loc."""
    base = b"\xff" * 8 + bytes(8)
    assert registers(lists=base + list4(REG5), version=4) == (5, 5)
    assert registers(lists=b"\xff" * 4 + bytes(4) + list4(REG5, word="<I"), version=4, word=4) == (
        5,
        5,
    )


def test_the_other_byte_order():
    """Lengths of .debug_loc are in the target's order."""
    text = list4(FBREG, GNU_ENTRY_REG5, word=">Q", order=">")
    assert registers(lists=text, version=4, swap=True) == (5, 5)


@pytest.mark.parametrize("version", [4, 5])
def test_lists_cut_short_end(version: int):
    """No byte past the end is read, and what came before stands."""
    whole = list4(FBREG, ENTRY_REG5) if version == 4 else list5(FBREG, ENTRY_REG5)
    for size in range(1, len(whole)):
        found = registers(lists=whole[:size], version=version)
        assert found in ((NONE, NONE), (5, 5))
