"""Levels that lie: an error or a sound graph, and soon."""

import contextlib
import random
import time

import numpy as np
import pytest

import dwarfless
from build.btf import assemble
from build.elf import Elf, Section
from dwarfless.errors import DwarflessError
from dwarfless.graph.distill import distill, relocate
from dwarfless.graph.tree import flatten, merge, partition, rebase
from dwarfless.graph.type_graph import TypeGraph
from oracle.btf_reader import parse

INT = ("INT", "int", 4, 1, 0, 32)
KERNEL = [INT, ("STRUCT", "task", 16, 0, (("pid", 1, 0, 0),)), ("ENUM", "state", 4, 0, ())]
SHELLS = assemble([("STRUCT", "task", 16, 0, ()), INT, ("ENUM", "state", 4, 0, ())])
OWN = [
    ("PTR", "", 1),
    ("STRUCT", "own", 24, 0, (("t", 1, 0, 0), ("p", 4, 128, 0))),
    ("VAR", "it", 5, 0),
    ("DATASEC", ".data", 24, ((6, 0, 24),)),
]
SPLIT = assemble(OWN, parse(SHELLS))


def use(shells: bytes, split: bytes, kernel: TypeGraph) -> None:
    """Do to a file with .BTF.base what a user would; what is accepted must hold up."""
    content = Elf([Section(".BTF", split), Section(".BTF.base", shells)]).assemble()
    graph = dwarfless.load(content)
    flatten(graph)
    moved = partition(graph, np.arange(graph.num_own) % 2 == 0).moved
    for work in (flatten, distill, rebase, lambda g: merge([g, g])):
        work(moved)
    after = dwarfless.load(content, base=kernel)
    dwarfless.decode(dwarfless.encode(after), base=kernel)


@pytest.fixture(scope="module")
def kernel() -> TypeGraph:
    """Return what the shells stand for."""
    return dwarfless.decode(assemble(KERNEL))


def test_sound(kernel):
    """What the other tests break is sound."""
    use(SHELLS, SPLIT, kernel)


@pytest.mark.parametrize("seed", range(300))
def test_a_few_bytes_wrong(kernel, seed):
    """In either section, or both: an error of ours, or a graph that can be used."""
    chance = random.Random(seed)
    parts = [bytearray(SHELLS), bytearray(SPLIT)]
    for _ in range(chance.randint(1, 4)):
        part = chance.choice(parts)
        part[chance.randrange(24, len(part))] = chance.choice([0, 1, 2, 4, 127, 255])
    with contextlib.suppress(DwarflessError):
        use(bytes(parts[0]), bytes(parts[1]), kernel)


@pytest.mark.parametrize(
    ("shells", "why"),
    [
        ([("STRUCT", "task", 8, 0, ()), INT], "struct task of 8 bytes has 16"),
        ([("STRUCT", "init", 16, 0, ()), INT], "no struct init"),
        ([("STRUCT", "", 16, 0, ()), INT], "no place in a distilled base"),
        ([("TYPEDEF", "task", 2), INT], "no place in a distilled base"),
        ([("UNION", "task", 16, 0, ()), INT], "no union task"),
    ],
)
def test_shells_of_another_program(kernel, shells, why):
    """A base that says other things than the kernel names the type and what is wrong."""
    base = assemble(shells)
    own = assemble([("STRUCT", "own", 24, 0, (("t", 1, 0, 0),))], parse(base))
    with pytest.raises(DwarflessError, match=why):
        use(base, own, kernel)


#: Length of a chain, and references beside it: looking at all of them in each step takes a minute.
NUM, BESIDE = 15_000, 8
HEAP = ("STRUCT", "heap", 4, 0, (("m", 1, 0, 0),) * 50_000)


@pytest.mark.parametrize("upwards", [True, False])
def test_long_chains(upwards):
    """Each refers to its neighbour; every step costs what it finds, not what there is."""
    chain = [("CONST", "", i + 1 if upwards else i - 1) for i in range(2, NUM + 2)]
    chain[-1 if upwards else 0] = ("CONST", "", 1)
    holder = ("STRUCT", "own", 4, 0, (("m", 2 if upwards else NUM + 1, 0, 0),))
    shells = assemble([INT])
    base = dwarfless.decode(shells)
    split = dwarfless.decode(
        assemble([*chain, holder, *[HEAP] * BESIDE], parse(shells)), base=base
    )
    start = time.process_time()
    for row, moved in ((NUM - 1 if upwards else 0, NUM + 1), (NUM, NUM + 1)):
        chosen = np.arange(split.num_own) == row
        assert partition(split, chosen).moved.num_own == moved
    assert relocate(split, base).num_own == split.num_own
    assert time.process_time() - start < 10
