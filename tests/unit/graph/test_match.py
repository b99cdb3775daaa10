"""What a graph adds to a base: by kind, by tolerance, by level."""

import pytest

import dwarfless
from build.btf import assemble
from build.records import Type
from build.records import assemble as assemble_records
from dwarfless.errors import UnsupportedError
from dwarfless.graph.match import Base, Split, split_over
from dwarfless.graph.report import Report
from oracle.btf_reader import parse

INT = ("INT", "int", 4, 1, 0, 32)
LONG = ("INT", "long", 8, 1, 0, 64)
CHAR = ("INT", "char", 1, 1, 0, 8)


def struct(name: str, *targets: int, kind: str = "STRUCT", size: int = 64) -> tuple:
    """Return a struct of members of these types."""
    members = tuple((f"m{i}", t, 64 * i, 0) for i, t in enumerate(targets))
    return (kind, name, size, 0, members)


def split(base: list[tuple], own: list[tuple]) -> tuple[Split, Report]:
    """Say types on top of others."""
    report = Report()
    below = dwarfless.decode(assemble(base), source="base")
    return split_over(dwarfless.decode(assemble(own)), below, report), report


def new(base: list[tuple], own: list[tuple]) -> list[tuple]:
    """Return the types that were added, read independently."""
    found, _ = split(base, own)
    below = parse(assemble(base))
    return parse(dwarfless.encode(found.graph), below).types[len(base) + 1 :]


def matched_loosely(report: Report) -> dict[str, int]:
    """Return how many types were matched by which tolerance."""
    return {reason: n for (what, reason), n in report.counts.items() if what == "match" and n}


def test_nothing_new():
    """Whatever its order, what the base says is not said again."""
    base = [INT, ("PTR", "", 3), struct("s", 1, 2), ("ARRAY", "", 3, 1, 4)]
    own = [struct("s", 2, 3), INT, ("PTR", "", 1), ("ARRAY", "", 1, 2, 4)]
    found, _ = split(base, own)
    assert found.graph.num_own == 0
    assert found.ids.tolist() == [0, 3, 1, 2, 4]


def test_new_types_refer_to_the_base():
    """What is new follows the base, in the graph's order; its reason names what it lacks."""
    base = [INT, struct("s", 1)]
    own = [INT, ("PTR", "", 3), struct("s", 1), ("CONST", "", 2), struct("t", 4)]
    found, report = split(base, own)
    assert new(base, own) == [("PTR", "", 2), ("CONST", "", 3), struct("t", 4)]
    assert found.ids.tolist() == [0, 1, 3, 2, 4, 5]
    assert [(n.type.kind_name, n.reason) for n in found.new_types()] == [
        ("PTR", "the base has none like it"),
        ("CONST", "refers to a type the base lacks"),
        ("STRUCT", "the base has no type of this name"),
    ]
    assert sum(n for (what, _), n in report.counts.items() if what == "new type") == 3


def test_a_member_that_differs_is_named():
    """A struct of the base's name but other members is new, and says where."""
    found, _ = split([INT, LONG, struct("s", 1, 1)], [INT, LONG, struct("s", 1, 2)])
    (only,) = found.new_types()
    assert (only.reason, only.detail) == ("refers to a type the base lacks", "member m1")
    found, _ = split([INT, struct("s", 1, 1)], [INT, struct("s", 1, 1, 1)])
    (only,) = found.new_types()
    assert only.reason == "the base's type of this name differs"


def test_circles_are_one_question():
    """Structs that lead to each other match together, or not at all."""
    base = [struct("a", 2), ("PTR", "", 3), struct("b", 4), ("PTR", "", 1)]
    assert new(base, base) == []
    other = [struct("a", 2), ("PTR", "", 3), struct("b", 4, 4), ("PTR", "", 1)]
    assert [t[:2] for t in new(base, other)] == [
        ("STRUCT", "a"),
        ("PTR", ""),
        ("STRUCT", "b"),
        ("PTR", ""),
    ]


def test_the_right_one_of_several():
    """A base may have several structs of one name; ours is told apart by its members."""
    base = [INT, LONG, struct("s", 1), struct("s", 2), ("PTR", "", 4)]
    found, _ = split(base, [LONG, struct("s", 1), ("PTR", "", 2)])
    assert found.ids.tolist() == [0, 2, 4, 5]


# ---- what encoders do differently


@pytest.mark.parametrize(
    ("inside", "flat", "loosely"),
    [
        (
            [INT, ("ARRAY", "", 1, 1, 3), ("ARRAY", "", 2, 1, 2)],
            [INT, ("VOID", ""), ("ARRAY", "", 1, 1, 6)],
            "array of arrays inside, flattened in the base",
        ),
        (
            [INT, ("TYPE_TAG", "rcu", 1, 0), ("PTR", "", 2)],
            [INT, ("VOID", ""), ("PTR", "", 1)],
            "type tag inside, which one side lacks",
        ),
        (
            [INT, struct("u", 1), ("PTR", "", 2)],
            [INT, ("FWD", "u", "struct"), ("PTR", "", 2)],
            "declared on one side, defined on the other",
        ),
        (
            [INT, ("VOID", ""), ("ENUM", "e", 4, 1, (("A", -1),))],
            [INT, ("VOID", ""), ("ENUM", "e", 4, 0, (("A", -1),))],
            "enum with another sign or width",
        ),
        (
            [INT, ("VOID", ""), ("ENUM64", "e", 8, 0, (("A", 1 << 32),))],
            [INT, ("VOID", ""), ("ENUM", "e", 8, 0, (("A", 0),))],
            "enum with another sign or width",
        ),
        (
            [INT, ("VOID", ""), ("FLOAT", "double", 8)],
            [INT, ("VOID", ""), ("INT", "double", 8, 0, 0, 64)],
            "float, an int in the base",
        ),
        (
            [INT, ("FUNC_PROTO", "", 0, (("x", 1),)), ("PTR", "", 2)],
            [INT, ("FUNC_PROTO", "", 0, (("y", 1),)), ("PTR", "", 2)],
            "names of a prototype's parameters inside",
        ),
    ],
)
def test_tolerated_inside_a_struct(inside, flat, loosely):
    """A struct is the base's although its encoder put something inside it otherwise."""
    filler = [LONG if t == ("VOID", "") else t for t in inside]
    base = [*[CHAR if t == ("VOID", "") else t for t in flat], struct("s", 3)]
    found, report = split(base, [*filler, struct("s", 3), ("PTR", "", 4)])
    assert found.ids[4] == 4
    assert loosely in matched_loosely(report)


def test_a_variables_own_type_is_never_flattened():
    """Whoever reads board wants its rows, be the base's structs as they may."""
    base = [INT, ("ARRAY", "", 1, 1, 6), struct("s", 2), ("TYPEDEF", "board_t", 2)]
    arrays = [INT, ("ARRAY", "", 1, 1, 3), ("ARRAY", "", 2, 1, 2)]
    own = [
        *arrays,
        struct("s", 3),
        ("TYPEDEF", "board_t", 3),
        ("VAR", "board", 3, 0),
        ("VAR", "named", 5, 0),
        ("VAR", "s", 4, 0),
    ]
    assert new(base, own) == [
        ("ARRAY", "", 1, 1, 3),
        ("ARRAY", "", 5, 1, 2),
        ("TYPEDEF", "board_t", 6),
        ("VAR", "board", 6, 0),
        ("VAR", "named", 7, 0),
        ("VAR", "s", 3, 0),
    ]


def test_arrays_that_only_matched_types_need_are_left_out():
    """The base's struct has them flattened; nobody refers to them."""
    base = [INT, ("ARRAY", "", 1, 1, 6), struct("s", 2)]
    assert new(base, [INT, ("ARRAY", "", 1, 1, 3), ("ARRAY", "", 2, 1, 2), struct("s", 3)]) == []


def test_a_definition_wants_a_definition():
    """A base that only declares a struct lacks it."""
    found, _ = split([("FWD", "s", "struct")], [INT, struct("s", 1)])
    assert [(n.type.name, n.reason) for n in found.new_types()] == [
        ("int", "the base has no type of this name"),
        ("s", "the base only declares it"),
    ]


def test_a_declaration_is_content_with_the_only_definition():
    """With two definitions it says which of them no more."""
    forward = ("FWD", "s", "struct")
    assert split([INT, struct("s", 1)], [forward])[0].ids.tolist() == [0, 2]
    two = [INT, LONG, struct("s", 1), struct("s", 2)]
    assert new(two, [forward]) == [forward]
    assert split([*two, forward], [forward])[0].ids.tolist() == [0, 5]
    assert (
        new([INT, struct("s", 1)], [INT, LONG, struct("s", 2), struct("s", 1), forward])[-1]
        == forward
    )


def test_tags_in_a_circle_end():
    """Hostile, but it has to end."""
    base = [("TYPE_TAG", "t", 1, 0), INT, struct("s", 1)]
    assert [t[1] for t in new(base, [INT, struct("s", 1)])] == ["s"]


# ---- variables


def test_a_variable_of_the_base_is_not_repeated():
    """Same section, offset, size, name and type; its section holds what is left."""
    base = [INT, ("VAR", "x", 1, 0), ("DATASEC", ".data", 8, ((2, 0, 4),))]
    own = [
        INT,
        ("VAR", "x", 1, 0),
        ("VAR", "y", 1, 0),
        ("DATASEC", ".data", 8, ((2, 0, 4), (3, 4, 4))),
    ]
    assert new(base, own) == [("VAR", "y", 1, 0), ("DATASEC", ".data", 8, ((4, 4, 4),))]
    moved = [*own[:3], ("DATASEC", ".data", 8, ((3, 0, 4), (2, 4, 4)))]
    assert [t[1] for t in new(base, moved)] == ["x", "y", ".data"]


def test_a_section_all_of_whose_variables_the_base_has_goes():
    """Nothing is left of it."""
    base = [INT, ("VAR", "x", 1, 0), ("DATASEC", ".data", 8, ((2, 0, 4),))]
    assert new(base, base) == []


def test_functions_are_the_bases_by_name_and_prototype():
    """A FUNC of another prototype is new."""
    base = [INT, ("FUNC_PROTO", "", 1, ()), ("FUNC", "f", 2, 0)]
    assert new(base, base) == []
    own = [INT, ("FUNC_PROTO", "", 0, ()), ("FUNC", "f", 2, 0)]
    assert [t[0] for t in new(base, own)] == ["FUNC_PROTO", "FUNC"]


# ---- levels and limits


def test_a_third_level():
    """A base may be split itself; matches come from all its levels."""
    first = dwarfless.decode(assemble([INT, struct("s", 1)]))
    own = [INT, struct("s", 1), ("PTR", "", 2), ("CONST", "", 3), ("VAR", "v", 4, 0)]
    second = split_over(dwarfless.decode(assemble(own[:3])), first).graph
    third = split_over(dwarfless.decode(assemble(own)), Base(second))
    assert third.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert [view.kind_name for view in third.graph] == ["CONST", "VAR"]
    flat = parse(
        dwarfless.encode(third.graph),
        parse(dwarfless.encode(second), parse(dwarfless.encode(first))),
    )
    assert flat.types[1:] == own


def test_empty_sides():
    """A base of nothing gives all; nothing gives nothing."""
    assert new([], [INT]) == [INT]
    assert new([INT], []) == []


def test_a_split_graph_is_refused():
    """It has to be complete in itself."""
    base = dwarfless.decode(assemble([INT]))
    with pytest.raises(ValueError, match="flatten"):
        split_over(split_over(dwarfless.decode(assemble([LONG])), base).graph, base)


@pytest.mark.parametrize("unknown_below", [True, False])
def test_unknown_kinds_are_refused(unknown_below):
    """What they refer to can't be followed."""
    layout = [(0, 0), (4, 0), (0, 0), (12, 0), *[(0, 12)] * 2, (0, 8), *[(0, 0)] * 6, (0, 8)]
    layout += [(4, 0), (0, 12), (0, 0), (4, 0), (0, 0), (0, 12), (4, 0)]
    odd = dwarfless.decode(assemble_records([Type(20, 0, 0, (1,))], b"\0", layout=layout))
    plain = dwarfless.decode(assemble([INT]))
    with pytest.raises(UnsupportedError):
        split_over(*((plain, odd) if unknown_below else (odd, plain)))
