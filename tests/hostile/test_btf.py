"""Broken BTF gives a DwarflessError that says where, and nothing else."""

import contextlib
import random

import pytest

import dwarfless
from build.records import Type, assemble, strings
from dwarfless.consumers.listing import listing
from dwarfless.errors import BtfError, DwarflessError

TEXT, NAMES = strings("int", "node", "next", "f", "v", ".data", "tag")
INT = Type(1, NAMES["int"], 4, (1 << 24 | 32,))
#: One of each kind.
TYPES = [
    INT,
    Type(2, 0, 4),
    Type(3, 0, 0, (1, 1, 3)),
    Type(4, NAMES["node"], 16, (NAMES["next"], 2, 0, NAMES["v"], 1, 64), 2),
    Type(5, 0, 4, (NAMES["v"], 1, 32 << 24), 1, 1),
    Type(6, 0, 4, (NAMES["v"], -1), 1, 1),
    Type(7, NAMES["node"], 0, (), 0, 1),
    Type(8, NAMES["f"], 1),
    Type(9, 0, 1),
    Type(10, 0, 1),
    Type(11, 0, 2),
    Type(12, NAMES["f"], 13),
    Type(13, 0, 1, (NAMES["v"], 1, 0, 0), 2),
    Type(14, NAMES["v"], 1, (1,)),
    Type(15, NAMES[".data"], 4, (14, 0, 4), 1),
    Type(16, NAMES["f"], 8),
    Type(17, NAMES["tag"], 4, (-1,)),
    Type(18, NAMES["tag"], 1),
    Type(19, 0, 8, (NAMES["v"], 1, 2), 1),
]
SOUND = assemble(TYPES, TEXT)
LAYOUT = [(0, 0), (4, 0), (0, 0), (12, 0), *[(0, 12)] * 2, (0, 8), *[(0, 0)] * 6, (0, 8), (4, 0)]
LAYOUT += [(0, 12), (0, 0), (4, 0), (0, 0), (0, 12)]


def use(btf: bytes) -> None:
    """Do to BTF what a user would; what is accepted must hold up."""
    graph = dwarfless.decode(btf)
    listing(graph)
    dwarfless.check(graph)
    graph.find_all("node")
    for view in graph:
        for name in ("members", "values", "params", "entries", "rest"):
            getattr(view, name, None)
    dwarfless.decode(dwarfless.encode(graph))


def test_sound():
    """What the other tests break is sound."""
    use(SOUND)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("layout", [None, LAYOUT])
def test_truncated_at_every_length(order, layout):
    """No prefix is taken for the whole."""
    whole = assemble(TYPES, TEXT, order=order, layout=layout)
    use(whole)
    for length in range(len(whole)):
        with pytest.raises(BtfError):
            dwarfless.decode(whole[:length])


def test_bit_flips():
    """Any bit may be wrong."""
    for bit in range(len(SOUND) * 8):
        broken = bytearray(SOUND)
        broken[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(DwarflessError):
            use(bytes(broken))


@pytest.mark.parametrize("seed", range(8))
def test_many_bytes_wrong(seed):
    """Any bytes may be wrong."""
    source = random.Random(seed)
    for _ in range(300):
        broken = bytearray(SOUND)
        for _ in range(source.randint(1, 12)):
            broken[source.randrange(len(broken))] = source.choice((0, 1, 0x7F, 0xFF, 24))
        with contextlib.suppress(DwarflessError):
            use(bytes(broken))


def check_error(btf: bytes, offset: int, problem: str) -> None:
    """Decode, and compare the error."""
    with pytest.raises(BtfError, match=problem) as caught:
        dwarfless.decode(btf, source="a.btf")
    assert caught.value.source == "a.btf"
    assert caught.value.section == ".BTF"
    assert caught.value.offset == offset


def test_errors_say_where():
    """Offsets count from the start of .BTF."""
    check_error(b"", 0, "hold no BTF header")
    check_error(assemble([INT], TEXT, magic=0xEB9E), 0, "magic")
    check_error(assemble([INT], TEXT, flags=1), 3, "flags")
    check_error(assemble([INT], TEXT, header_size=20), 4, "header of 20 bytes")
    check_error(assemble([INT], TEXT, fields=(0, 16, 20, len(TEXT) - 4)), 16, "string section sta")
    check_error(assemble([INT], TEXT + b"x\0", fields=(0, 16, 16, len(TEXT))), 40 + len(TEXT), "2")
    check_error(assemble([INT], TEXT, fields=(2, 14, 16, len(TEXT))), 8, "4-aligned")
    check_error(assemble([INT, Type(2, 0, 3)], TEXT), 40, "refers to type 3")
    check_error(assemble([INT, Type(2, len(TEXT), 1)], TEXT), 40, "has a string at")
    check_error(assemble([INT, Type(20)], TEXT), 40, "unknown kind 20")
    check_error(assemble([INT, Type(4, 0, 4, (), 1)], TEXT), 40, "runs past")
    check_error(assemble([INT], TEXT[:-1]), 40, "no NUL")
    check_error(assemble([INT], TEXT[1:]), 40, "no empty string")


def test_unknown_version():
    """Another version may mean anything."""
    with pytest.raises(dwarfless.UnsupportedError):
        dwarfless.decode(assemble([INT], TEXT, version=2))


def test_loops_end():
    """Types that refer to each other in circles are found, not followed."""
    loops = [
        [Type(10, 0, 2), Type(9, 0, 1)],
        [Type(8, NAMES["f"], 1)],
        [INT, Type(3, 0, 0, (2, 1, 1))],
        [Type(4, NAMES["node"], 8, (0, 1, 0), 1)],
        [Type(18, NAMES["tag"], 2), Type(18, NAMES["tag"], 1)],
    ]
    for types in loops:
        graph = dwarfless.decode(assemble(types, TEXT))
        rules = {violation.rule for violation in dwarfless.check(graph)}
        assert rules & {"loop", "chain length"}
        dwarfless.encode(graph, target="5.10")


def test_long_shared_parts_cost_once():
    """Many types with one long name, many functions with one long prototype."""
    text = b"\0" + b"n" * (1 << 20) + b"\0"
    proto = Type(13, 0, 0, (1, 1) * 60000, 60000)
    types = [Type(1, 1, 4, (32,)), proto, *[Type(12, 1, 2)] * 100000]
    graph = dwarfless.decode(assemble(types, text))
    assert len(dwarfless.check(graph)) == 100000 + 60000
    for _ in range(10):
        assert graph.find_ids("n") == []
