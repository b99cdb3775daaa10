"""Our check and the running kernel's verifier agree, and it loads what we write."""

import os
import random
from pathlib import Path

import pytest

import dwarfless
from build.records import Type, assemble, strings
from support_bpf import btf_load

RUNNING = Path("/sys/kernel/btf/vmlinux")
RELEASE = ".".join(os.uname().release.split(".")[:2])
TEXT, NAMES = strings("a", "b", "c.d", "x y", "9z", "")
GOOD = [NAMES["a"], NAMES["b"], NAMES["c.d"]]
BAD = [0, NAMES["x y"], NAMES["9z"], NAMES[""]]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may load BTF")


class Source(random.Random):
    """Draws records that are sound, but for one field in thirty."""

    num: int

    def odd(self, usual: int, *others: int) -> int:
        """Return the usual value, seldom another."""
        return usual if self.random() > 0.03 else self.choice(others)

    def type_id(self) -> int:
        """Return any id, seldom void."""
        return self.odd(self.randint(1, self.num), 0)

    def name(self, needed: bool = True) -> int:
        """Return a name's offset."""
        if not needed and self.random() < 0.4:
            return 0
        return self.odd(self.choice(GOOD), *BAD)

    def scalar(self) -> Type:
        """Return an INT or FLOAT."""
        size = self.choice((1, 2, 4, 8, 16))
        if self.random() < 0.2:
            return Type(16, self.name(), self.odd(max(size, 2), 1, 3, 12))
        bits = self.odd(size * 8, 3, 17, size * 8 + 1)
        encoding = self.odd(self.choice((0, 1, 2, 4)), 3, 8) << 24 | self.odd(0, 1, 8) << 16
        return Type(1, self.name(), size, (encoding | bits,), self.odd(0, 1), self.odd(0, 1))

    def reference(self) -> Type:
        """Return a pointer, modifier, TYPEDEF or TYPE_TAG."""
        kind = self.choice((2, 8, 9, 10, 11, 18))
        name = self.name() if kind in (8, 18) else self.odd(0, GOOD[0])
        return Type(kind, name, self.type_id(), (), self.odd(0, 1), self.odd(0, 1))

    def array(self) -> Type:
        """Return an ARRAY."""
        count = self.odd(self.randint(0, 4), 1 << 30, 0xFFFFFFFF)
        index = self.odd(1, self.type_id())
        return Type(3, self.odd(0, 1), self.odd(0, 4), (self.type_id(), index, count))

    def composite(self) -> Type:
        """Return a STRUCT or UNION."""
        kind, flag, count = self.choice((4, 4, 5)), self.randint(0, 1), self.randint(0, 3)
        offset, members = 0, []
        for _ in range(count):
            where = 0 if kind == 5 else self.odd(offset, offset + 1, max(0, offset - 8))
            bits = self.choice((0, 0, 3, 33)) if flag else 0
            members += [self.name(False), self.odd(self.type_id(), 1), where | bits << 24]
            offset += self.choice((8, 32, 64, 64))
        size = self.odd(offset // 8 + 16, offset // 8, 4, 0)
        return Type(kind, self.name(False), size, tuple(members), count, flag)

    def enum(self) -> Type:
        """Return an ENUM, ENUM64 or FWD."""
        kind, flag = self.choice((6, 19, 7)), self.randint(0, 1)
        if kind == 7:
            return Type(7, self.name(), self.odd(0, 1), (), self.odd(0, 1), flag)
        value = (5,) if kind == 6 else (5, 0)
        size = self.odd(4, 1, 2, 8, 3, 16)
        return Type(kind, self.name(False), size, (self.name(), *value), 1, flag)

    def function(self) -> Type:
        """Return a FUNC or FUNC_PROTO."""
        if self.random() < 0.5:
            linkage = self.odd(self.randint(0, 1), 2, 3)
            return Type(12, self.name(), self.type_id(), (), linkage, self.odd(0, 1))
        count = self.randint(0, 3)
        params = [word for _ in range(count) for word in (self.name(), self.type_id())]
        if count and self.random() < 0.3:
            params[-2:] = [0, 0]
        return Type(13, self.odd(0, 1), self.odd(self.type_id(), 0), tuple(params), count)

    def variable(self) -> Type:
        """Return a VAR, DATASEC or DECL_TAG."""
        kind = self.choice((14, 15, 17))
        if kind == 14:
            return Type(14, self.name(), self.type_id(), (self.odd(self.randint(0, 1), 2, 3),))
        if kind == 17:
            component = self.odd(self.choice((-1, -1, 0, 1)), -2)
            return Type(17, self.name(), self.type_id(), (component,), 0, self.randint(0, 1))
        end, entries = 0, []
        for _ in range(count := self.randint(0, 2)):
            size = self.choice((4, 8, 16))
            entries += [self.type_id(), self.odd(end, max(0, end - 1)), self.odd(size, 0)]
            end += size
        size = self.odd(end or 1, end, end + 4, max(0, end - 1))
        return Type(15, self.name(), size, tuple(entries), count, self.odd(0, 1))

    def btf(self) -> bytes:
        """Return BTF of up to ten types."""
        self.num = self.randint(1, 10)
        makers = (self.scalar, self.reference, self.reference, self.array, self.composite)
        makers += (self.composite, self.enum, self.function, self.function, self.variable)
        return assemble([self.choice(makers)() for _ in range(self.num)], TEXT)


@pytest.mark.parametrize("seed", range(10))
def test_same_verdict(seed):
    """On random records, most nearly sound."""
    for number in range(seed * 1000, seed * 1000 + 300):
        btf = Source(number).btf()
        ours = list(map(str, dwarfless.check(dwarfless.decode(btf), RELEASE)))
        kernel = btf_load(btf)
        assert bool(ours) == bool(kernel), (number, ours, kernel)


@pytest.mark.parametrize("forwards", [False, True])
@pytest.mark.parametrize("kinds", [[2], [10], [2, 10], [8, 10], [18]])
def test_same_depth(kinds, forwards):
    """Chains of references, written from either end."""
    for length in (31, 32, 33, 34, 40):
        ids = range(2, 2 + length)
        target = [i + 1 if forwards else i - 1 for i in ids]
        if forwards:
            target[-1] = 1
        kind = [kinds[i % len(kinds)] for i in range(length)]
        chain = [
            Type(k, GOOD[0] if k in (8, 18) else 0, t) for k, t in zip(kind, target, strict=True)
        ]
        btf = assemble([Type(1, GOOD[0], 4, (32,)), *chain], TEXT)
        ours = dwarfless.check(dwarfless.decode(btf), RELEASE)
        assert bool(ours) == bool(btf_load(btf)), (length, ours)


@pytest.mark.parametrize("length", [511, 512, 513])
def test_same_name_limit(length):
    """A name may be as long as KSYM_NAME_LEN."""
    builder = dwarfless.GraphBuilder()
    builder.add_forward("n" * length)
    graph = builder.freeze()
    assert bool(dwarfless.check(graph, RELEASE)) == bool(btf_load(dwarfless.encode(graph)))


@pytest.mark.skipif(not RUNNING.exists(), reason="the running kernel has no BTF")
def test_kernel_loads_its_own_types():
    """Decoded and encoded again, whole and lowered."""
    graph = dwarfless.load(RUNNING)
    assert btf_load(dwarfless.encode(graph)) == ""
    for target in ("5.2", "5.15", "6.1", RELEASE):
        assert btf_load(dwarfless.encode(graph, target=target)) == ""
