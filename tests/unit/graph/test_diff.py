"""What changed, and why; what a module would notice."""

import pytest

from dwarfless.formats.btf import Kind
from dwarfless.graph.diff import diff
from dwarfless.graph.type_graph import GraphBuilder


class Program:
    """A small program to be changed.

    Attributes:
        builder: What it is made with.
        int, long, ptr: Ids of types.
    """

    def __init__(self) -> None:
        self.builder = GraphBuilder()
        self.int = self.builder.add_int("int", 4, signed=True)
        self.long = self.builder.add_int("long", 8, signed=True)
        self.ptr = self.builder.add_reference(Kind.PTR, 0)

    def struct(self, name, size, *members, kind=Kind.STRUCT):
        """Add a struct."""
        return self.builder.add_composite(kind, name, size, members)

    def func(self, name, returns, *params):
        """Add a function."""
        return self.builder.add_func(name, self.builder.add_func_proto(returns, params))


def said(make_a, make_b, *, abi=False):
    """Return what changed between two programs, as lines."""
    graphs = []
    for make in (make_a, make_b):
        program = Program()
        make(program)
        graphs.append(program.builder.freeze())
    found = diff(*graphs)
    found = found.abi() if abi else found
    return [
        f"{c.status} {c.kind} {c.name}{': ' if c.differences else ''}"
        + "; ".join(map(str, c.differences))
        for c in found.changes
    ]


def test_equal():
    """Other ids and another order are no difference."""

    def make(p):
        p.struct("s", 4, ("x", p.int, 0))
        p.builder.add_enum("e", 4, [("A", 1)])

    def turned(p):
        p.builder.add_enum("e", 4, [("A", 1)], signed=True)
        p.struct("s", 4, ("x", p.int, 0))

    assert said(make, turned) == []


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([("x", 1, 0)], [("x", 1, 0), ("y", 1, 32)], "member y added: int at 4"),
        ([("x", 1, 0), ("y", 1, 32)], [("x", 1, 0)], "member y removed: int at 4"),
        ([("x", 1, 0)], [("x", 1, 32)], "member x moved: 0 -> 4"),
        ([("x", 1, 0)], [("x", 2, 0)], "member x: int -> long"),
        ([("x", 1, 0)], [("y", 1, 0)], "member renamed: x -> y"),
        ([("x", 1, 0, 3)], [("x", 1, 0, 4)], "member x: int:3 -> int:4"),
        ([("x", 1, 0, 3), ("y", 1, 3, 1)], [("x", 1, 0, 3), ("y", 1, 8, 1)],
         "member y moved: 0:3 -> 1:0"),
    ],
)  # fmt: skip
def test_members(before, after, expected):
    """The member that differs is named."""
    got = said(lambda p: p.struct("s", 8, *before), lambda p: p.struct("s", 8, *after))
    assert got == [f"changed struct s: {expected}"]


def test_size_comes_first():
    """A size, then what makes it, in the order of offsets."""
    got = said(
        lambda p: p.struct("s", 8, ("x", p.int, 0), ("y", p.int, 32)),
        lambda p: p.struct("s", 16, ("x", p.int, 0), ("new", p.long, 32), ("y", p.int, 96)),
    )
    differences = "size: 8 -> 16; member new added: long at 4; member y moved: 4 -> 12"
    assert got == [f"changed struct s: {differences}"]


def test_meaning_is_cut_at_names():
    """Who only leads to a struct that changed has not changed; nameless ones are looked into."""

    def make(p, member):
        inner = p.struct("inner", 8, ("a", member, 0))
        p.struct(
            "holder", 16, ("i", inner, 0), ("p", p.builder.add_reference(Kind.PTR, inner), 64)
        )
        nameless = p.struct("", 8, ("b", member, 0), kind=Kind.UNION)
        p.struct("outer", 8, ("", nameless, 0))
        p.builder.add_reference(Kind.TYPEDEF, nameless, "alias")

    assert said(lambda p: make(p, p.int), lambda p: make(p, p.long)) == [
        "changed struct inner: member a: int -> long",
        "changed struct outer: member b: int -> long",
        "changed typedef alias: member b: int -> long",
    ]


def test_how_encoders_differ():
    """Arrays of arrays and flat ones, and declarations, are alike."""

    def nested(p):
        rows = p.builder.add_array(p.builder.add_array(p.int, p.int, 3), p.long, 2)
        p.struct("s", 24, ("m", rows, 0))
        p.struct("t", 8, ("p", p.builder.add_reference(Kind.PTR, p.builder.add_forward("u")), 0))
        p.struct("u", 4, ("x", p.int, 0))

    def flat(p):
        p.struct("s", 24, ("m", p.builder.add_array(p.int, p.int, 6), 0))
        whole = p.struct("u", 4, ("x", p.int, 0))
        p.struct("t", 8, ("p", p.builder.add_reference(Kind.PTR, whole), 0))

    assert said(nested, flat) == []


def test_functions():
    """Parameters by number and name."""

    def before(p):
        p.func("a", p.int, ("x", p.int))
        p.func("b", p.int, ("x", p.int), ("z", p.int))
        p.func("c", p.int, ("x", p.int))
        p.func("d", p.int)
        p.func("gone", p.int)

    def after(p):
        p.func("a", p.long, ("x", p.long))
        p.func("b", p.int, ("x", p.int), ("y", p.ptr), ("z", p.int))
        p.func("c", p.int, ("renamed", p.int))
        p.func("d", p.int, ("", 0))
        p.func("new", p.int)

    assert said(before, after) == [
        "changed function a: returns: int -> long; parameter 1 (x): int -> long",
        "changed function b: parameter 2 (y) added: void *",
        "changed function c: parameter 1 (x) renamed: x -> renamed",
        "changed function d: parameter 1 added: ...",
        "removed function gone",
        "added function new",
    ]
    assert [line.split()[2] for line in said(before, after, abi=True)] == [
        "a:",
        "b:",
        "d:",
        "gone",
    ]


def test_enums_and_constants():
    """Values by name; those of nameless enums are constants of their own."""

    def before(p):
        p.builder.add_enum("e", 4, [("A", 0), ("B", 1), ("C", 2)])
        p.builder.add_enum("", 4, [("K", 1), ("L", 2), ("N", 3)])

    def after(p):
        p.builder.add_enum("e", 4, [("A", 0), ("C", 3), ("D", 4)])
        p.builder.add_enum("", 4, [("K", 1), ("M", 2)])
        p.builder.add_enum("named", 4, [("N", 3)])

    assert said(before, after) == [
        "changed enum e: value B removed: 1; value C: 2 -> 3; value D added: 4",
        "added enum named",
        "removed constant L",
        "added constant M",
    ]


def test_variables():
    """Type and section."""

    def make(p, type_id, section):
        p.builder.add_datasec(section, 8, [(p.builder.add_var("v", type_id), 0, 8)])

    got = said(lambda p: make(p, p.int, ".data"), lambda p: make(p, p.long, ".bss"))
    assert got == ["changed variable v: type: int -> long; section moved: .data -> .bss"]


def test_declared_only():
    """A struct that one side only declares."""
    got = said(lambda p: p.builder.add_forward("s"), lambda p: p.struct("s", 4))
    assert got == ["added struct s: definition: declared -> defined"]
    got = said(lambda p: p.struct("s", 4), lambda p: p.builder.add_forward("s"))
    assert got == ["removed struct s: definition: defined -> declared"]


def test_several_definitions():
    """A name with two meanings: the one that both have is no difference."""

    def make(p, *sizes):
        for size in sizes:
            p.struct("s", size)

    assert said(lambda p: make(p, 4, 8), lambda p: make(p, 8, 4)) == []
    got = said(lambda p: make(p, 4, 8), lambda p: make(p, 4))
    assert got == ["changed struct s: other definitions removed: 1"]
    got = said(lambda p: make(p, 4, 8), lambda p: make(p, 4, 16))
    assert got == ["changed struct s: size: 8 -> 16"]


def test_abi():
    """What no function leads to, and what only grows in a hole, breaks no module."""

    def make(p, wide, hole):
        member = p.long if wide else p.int
        deep = p.struct("deep", 8, ("x", member, 0))
        top = p.struct("top", 8, ("p", p.builder.add_reference(Kind.PTR, deep), 0))
        p.func("use", p.int, ("t", p.builder.add_reference(Kind.PTR, top)))
        p.struct("private", 8, ("x", member, 0))
        hidden = p.struct("filled", 16, ("a", p.long, 64), *([("b", p.int, 0)] if hole else []))
        p.func("fill", p.int, ("f", p.builder.add_reference(Kind.PTR, hidden)))

    def before(p):
        make(p, False, False)

    def after(p):
        make(p, True, True)

    assert len(said(before, after)) == 3
    assert said(before, after, abi=True) == ["changed struct deep: member x: int -> long"]


def test_exports():
    """Only what leads on from an exported name counts, and names that BTF lacks are counted."""
    graphs = []
    for size in (4, 8):
        p = Program()
        for name in ("one", "two"):
            p.func(f"use_{name}", p.int, ("s", p.struct(name, size, ("x", p.int, 0))))
        graphs.append(p.builder.freeze())
    found = diff(*graphs, exports={b"use_one", b"assembly"})
    assert [c.name for c in found.changes] == ["one", "two"]
    assert [c.name for c in found.abi().changes] == ["one"]
    assert (found.exports, found.unknown_exports) == (2, 1)


def test_split():
    """Of split BTF its own types count; what moved into the base is still there."""
    p = Program()
    p.struct("shared", 4, ("x", p.int, 0))
    base = p.builder.freeze()
    flat, split = GraphBuilder(base), GraphBuilder(base)
    flat.add_composite(Kind.STRUCT, "own", 4, [("x", 1, 0)])
    flat.add_composite(Kind.STRUCT, "shared", 4, [("x", 1, 0)])
    split.add_composite(Kind.STRUCT, "own", 4, [("x", 1, 0)])
    assert diff(flat.freeze(), split.freeze()).changes == ()


def test_circles():
    """Odd BTF: pointers, arrays, typedefs and nameless structs of themselves."""
    builder = GraphBuilder()
    builder.add_reference(Kind.PTR, 1)
    builder.add_array(2, 2, 7)
    builder.add_composite(Kind.STRUCT, "", 8, [("s", 3, 0)])
    builder.add_composite(
        Kind.STRUCT, "a", 8, [("s", 3, 0), ("p", 1, 0), ("m", 2, 0), ("t", 5, 0)]
    )
    builder.add_reference(Kind.TYPEDEF, 5, "t")
    one = builder.freeze()
    builder.add_composite(Kind.STRUCT, "b", 8)
    other = builder.freeze()
    assert [c.name for c in diff(one, other).changes] == ["b"]
    empty = GraphBuilder().freeze()
    assert {c.name for c in diff(one, empty).changes} == {"a", "t"}
    assert diff(empty, empty).changes == ()
