"""Types that C can't say, or only at a length out of all proportion, and broken .BTF.ext."""

import random
import time

import pytest

import dwarfless
from dwarfless.btf.ext import decode_ext
from dwarfless.consumers.c.header import header
from dwarfless.errors import BtfError, DwarflessError
from dwarfless.formats.btf import Kind


def doubled(depth: int) -> dwarfless.TypeGraph:
    """Return anonymous unions, each with two members of the one before it."""
    builder = dwarfless.GraphBuilder()
    last = builder.add_int("int", 4)
    for _ in range(depth):
        last = builder.add_composite(Kind.UNION, "", 4, [("a", last, 0), ("b", last, 0)])
    builder.add_reference(Kind.TYPEDEF, last, "t")
    return builder.freeze()


def circle(kind: Kind, name: str) -> dwarfless.TypeGraph:
    """Return a type that refers to itself."""
    builder = dwarfless.GraphBuilder()
    if kind == Kind.STRUCT:
        builder.add_composite(kind, name, 8, [("a", 1, 0)])
    else:
        builder.add_reference(kind, 1, name)
    return builder.freeze()


def chain(kind: Kind, length: int) -> dwarfless.TypeGraph:
    """Return a long chain of references, with a typedef at its start."""
    builder = dwarfless.GraphBuilder()
    last = builder.add_int("int", 4)
    for _ in range(length):
        last = builder.add_reference(kind, last)
    builder.add_reference(Kind.TYPEDEF, last, "t")
    return builder.freeze()


@pytest.mark.parametrize(
    "graph",
    [
        doubled(30),
        circle(Kind.STRUCT, "s"),
        circle(Kind.STRUCT, ""),
        circle(Kind.TYPEDEF, "t"),
        circle(Kind.CONST, ""),
        circle(Kind.PTR, ""),
        chain(Kind.PTR, 100_000),
        chain(Kind.CONST, 100_000),
    ],
    ids=["doubled", "struct", "anonymous", "typedef", "const", "pointer", "pointers", "consts"],
)
def test_not_in_c(graph):
    """One line that names a type, soon."""
    start = time.process_time()
    with pytest.raises(BtfError, match=r"type \d+ can't be written in C: ") as caught:
        header(graph)
    assert "\n" not in str(caught.value)
    assert time.process_time() - start < 10


def test_deep_enough():
    """What a compiler would still take is written."""
    assert header(doubled(8)).count(b"int a;") == 128


def small_ext() -> tuple[bytes, dwarfless.TypeGraph]:
    """Return a sound section: a function, a line, a relocation."""
    builder = dwarfless.GraphBuilder()
    number = builder.add_int("int", 4)
    builder.add_func("f", builder.add_func_proto(number))
    text, access = builder.string("syscall"), builder.string("0:1")
    words = [8, text, 1, 0, 3, 16, text, 1, 0, text, access, 1 << 10, 16, text, 1, 8, 1, access, 0]
    lengths = [0, 20, 20, 28, 48, 28]
    raw = b"\x9f\xeb\x01\x00" + b"".join(w.to_bytes(4, "little") for w in [32, *lengths, *words])
    return raw, builder.freeze()


def test_sound_ext():
    """The bytes that are broken below are sound."""
    found = decode_ext(*small_ext())
    assert [f.type_id for f in found.functions] == [3]
    assert [(line.text, line.line) for line in found.lines] == [("0:1", 1)]
    assert [r.access for r in found.relocations] == ["0:1"]


def test_truncated_ext():
    """Cut anywhere, it is an error."""
    raw, graph = small_ext()
    for size in range(len(raw)):
        with pytest.raises(DwarflessError):
            decode_ext(raw[:size], graph)


def test_mutated_ext():
    """A changed byte gives records or an error in one line."""
    raw, graph = small_ext()
    source = random.Random(7)
    said = []
    for _ in range(2000):
        changed = bytearray(raw)
        changed[source.randrange(len(raw))] = source.randrange(256)
        try:
            decode_ext(bytes(changed), graph)
        except DwarflessError as error:
            said.append(str(error))
    assert len(said) > 500
    assert not any("\n" in line for line in said)
