"""The comparison finds what differs, and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.btf import assemble
from oracle.btf_reader import Btf, parse
from peers.compare import compare, explain, load_allowances, main
from peers.differences import all_differences
from peers.meaning import Meaning

INT = ("INT", "int", 4, 1, 0, 32)
LONG = ("INT", "long", 8, 1, 0, 64)


def compare_types(tmp_path, ours, theirs, allow=None):
    """Compare two lists of types."""
    for name, types in (("a", ours), ("b", theirs)):
        (tmp_path / name).write_bytes(assemble(types))
    if allow is not None:
        (tmp_path / "allow").write_text(allow)
    paths = tmp_path / "a", tmp_path / "b"
    return compare(*paths, allow=None if allow is None else tmp_path / "allow")


def short(comparison):
    """Return kind, name and side of each difference."""
    return [(d.kind, d.name, d.side) for d in comparison.differences]


def test_unrolled_cycle_means_the_same(tmp_path):
    """A node that points to itself is one that points to its copy, and the copy is redundant."""
    once = [("STRUCT", "node", 8, 0, (("next", 2, 0, 0),)), ("PTR", "", 1)]
    twice = [
        ("STRUCT", "node", 8, 0, (("next", 2, 0, 0),)),
        ("PTR", "", 3),
        ("STRUCT", "node", 8, 0, (("next", 4, 0, 0),)),
        ("PTR", "", 1),
    ]
    found = compare_types(tmp_path, once, twice)
    assert found.differences == []
    assert found.figures[0]["redundant"] == {}
    assert found.figures[1]["redundant"] == {"PTR": ["struct node *"], "STRUCT": ["node"]}


def test_cycles_that_differ_far_away(tmp_path):
    """Two rings of ten, alike but for one member's offset, are unlike all along."""

    def ring(offset):
        types = []
        for i in range(10):
            at = offset if i == 9 else 0
            types += [("STRUCT", f"s{i}", 16, 0, (("next", 2 * i + 2, at, 0),))]
            types += [("PTR", "", (2 * i + 2) % 20 + 1)]
        return types

    found = compare_types(tmp_path, ring(0), ring(64))
    assert short(found) == [("STRUCT", "s9", "differs")]
    assert found.differences[0].detail == "member next: bit offset 0 != 64"
    assert found.differences[0].followers == [f"STRUCT s{i}" for i in range(9)]
    assert found.classes["STRUCT"]["only a strict"] == 10
    assert found.classes["STRUCT"]["only a shallow"] == 1


# Differences of types.


@pytest.mark.parametrize(
    ("one", "other", "detail"),
    [
        (("STRUCT", "x", 4, 0, ()), ("STRUCT", "x", 8, 0, ()), "size 4 != 8"),
        (
            ("STRUCT", "x", 4, 0, (("a", 1, 0, 0),)),
            ("STRUCT", "x", 4, 0, (("b", 1, 0, 0),)),
            "members a only in a; b only in b",
        ),
        (
            ("STRUCT", "x", 4, 1, (("a", 1, 0, 3),)),
            ("STRUCT", "x", 4, 1, (("a", 1, 0, 4),)),
            "member a: bitfield size 3 != 4",
        ),
        (
            ("STRUCT", "x", 4, 0, (("a", 1, 0, 0),)),
            ("STRUCT", "x", 4, 0, (("a", 2, 0, 0),)),
            "member a: int != long",
        ),
        (("TYPEDEF", "x", 1), ("TYPEDEF", "x", 2), "typedef: int != long"),
        (("TYPEDEF", "x", 3), ("TYPEDEF", "x", 4), "typedef: int[2] != int[3]"),
        (("TYPEDEF", "x", 5), ("TYPEDEF", "x", 6), "typedef: int * tag(rcu) != int * tag(user)"),
        (("ENUM", "x", 4, 0, ()), ("ENUM", "x", 4, 1, ()), "signed 0 != 1"),
        (
            ("ENUM", "x", 4, 0, (("A", 1),)),
            ("ENUM", "x", 4, 0, (("A", 2),)),
            "enumerator A: (1,) != (2,)",
        ),
        (("INT", "x", 4, 0, 0, 32), ("INT", "x", 4, 1, 0, 32), "encoding 0 != 1"),
        (("FWD", "x", "struct"), ("FWD", "x", "union"), "forward kind struct != union"),
        (("FUNC", "x", 7, 0), ("FUNC", "x", 7, 1), "linkage 0 != 1"),
        (("FUNC", "x", 7, 0), ("FUNC", "x", 8, 0), "func: void (int), parameter 0: p != q"),
        (("FUNC", "x", 7, 0), ("FUNC", "x", 9, 0), "func: void (int) != int (int)"),
    ],
)
def test_first_difference_is_named(tmp_path, one, other, detail):
    """A difference says where it is."""
    common = [
        INT,
        LONG,
        ("ARRAY", "", 1, 1, 2),
        ("ARRAY", "", 1, 1, 3),
        ("TYPE_TAG", "rcu", 10, 0),
        ("TYPE_TAG", "user", 10, 0),
        ("FUNC_PROTO", "", 0, (("p", 1),)),
        ("FUNC_PROTO", "", 0, (("q", 1),)),
        ("FUNC_PROTO", "", 1, (("p", 1),)),
        ("PTR", "", 1),
    ]
    found = compare_types(tmp_path, [*common, one], [*common, other])
    assert [(d.kind, d.name, d.side, d.detail) for d in found.differences] == [
        (one[0], "x", "differs", detail)
    ]


def test_one_side_only(tmp_path):
    """A type that one file lacks is named with its side."""
    found = compare_types(tmp_path, [INT, LONG], [INT, ("FWD", "f", "struct")])
    assert short(found) == [("INT", "long", "only a"), ("FWD", "f", "only b")]


def test_unresolved_forward(tmp_path):
    """A forward beside the only struct of its name is pointed out, and makes its users differ."""
    struct = ("STRUCT", "s", 4, 0, ())
    user = ("STRUCT", "user", 8, 0, (("s", 2, 0, 0),))
    found = compare_types(
        tmp_path,
        [struct, ("PTR", "", 1), user],
        [struct, ("PTR", "", 4), user, ("FWD", "s", "struct")],
    )
    assert short(found) == [("STRUCT", "user", "differs"), ("FWD", "s", "only b")]
    assert found.differences[0].detail == "member s: struct s * != fwd struct s *"
    assert found.figures[1]["unresolved forwards"] == ["s"]


def test_wrong_variant(tmp_path):
    """Both files have both structs of a name, but a third one picks another of them."""
    variants = [("STRUCT", "s", 4, 0, ()), ("STRUCT", "s", 8, 0, ())]

    def types(which):
        user = ("STRUCT", "user", 8, 0, (("s", 3, 0, 0),))
        return [*variants, ("PTR", "", which), user, ("PTR", "", 3 - which)]

    found = compare_types(tmp_path, types(1), types(2))
    assert short(found) == [("STRUCT", "user", "differs")]
    assert "another variant of struct s (size 4 != 8)" in found.differences[0].detail
    assert found.classes["STRUCT"]["only a strict"] == 1
    assert found.classes["STRUCT"]["only a shallow"] == 0


def test_differing_variants_that_only_swap(tmp_path):
    """Where every reference leads to something that differs, something is still reported."""

    def types(first, second):
        return [
            ("STRUCT", "s", 8, 0, (("p", 2, 0, 0),)),
            ("PTR", "", first),
            ("STRUCT", "s", 16, 0, (("p", 4, 0, 0),)),
            ("PTR", "", second),
        ]

    assert compare_types(tmp_path, types(1, 1), types(3, 1)).unexplained


def test_unnamed_types_are_not_forgotten(tmp_path):
    """A type without a name that nothing uses is a difference; one in use is its user's."""
    extra = [("CONST", "", 1), ("PTR", "", 2)]
    found = compare_types(tmp_path, [INT], [INT, *extra])
    assert short(found) == [("PTR", "const int *", "only b")]
    found = compare_types(tmp_path, [INT], [INT, *extra, ("TYPEDEF", "t", 3)])
    assert short(found) == [("TYPEDEF", "t", "only b")]
    found = compare_types(tmp_path, [INT], [INT, ("ENUM", "", 4, 0, (("A", 0),))])
    assert short(found) == [("ENUM", "enum {A}", "only b")]


def test_split_finds_its_types_in_the_base(tmp_path):
    """A type counts as present where the base holds it; and repeating the base is redundant."""
    base = parse(assemble([INT]))
    (tmp_path / "base").write_bytes(assemble([INT]))
    (tmp_path / "a").write_bytes(assemble([("PTR", "", 1)], base))
    (tmp_path / "b").write_bytes(assemble([INT, ("PTR", "", 2)], base))
    bases = dict.fromkeys(("base_a", "base_b"), tmp_path / "base")
    found = compare(tmp_path / "a", tmp_path / "b", **bases)
    assert found.differences == []
    assert found.figures[0]["types"] == 1
    assert found.figures[1]["redundant"] == {"INT": ["int"]}


# Functions, variables, tags.

PROGRAM = [
    INT,
    ("FUNC_PROTO", "", 1, (("x", 1),)),
    ("FUNC", "f", 2, 0),
    ("FUNC", "g", 2, 0),
    ("DECL_TAG", "bpf_kfunc", 3, -1, 0),
    ("VAR", "v", 1, 1),
    ("VAR", "w", 1, 1),
    ("DATASEC", ".data", 8, ((6, 0, 4), (7, 4, 4))),
]


def changed(place, type_):
    """Return the program with one type replaced."""
    return [type_ if i == place else old for i, old in enumerate(PROGRAM, 1)]


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (changed(4, ("FUNC", "h", 2, 0)), [("FUNC", "g", "only a"), ("FUNC", "h", "only b")]),
        (changed(4, ("FUNC", "f", 2, 0)), [("FUNC", "g", "only a")]),
        (
            changed(5, ("DECL_TAG", "bpf_kfunc", 4, -1, 0)),
            [
                ("DECL_TAG", "bpf_kfunc on FUNC f", "only a"),
                ("DECL_TAG", "bpf_kfunc on FUNC g", "only b"),
            ],
        ),
        (
            changed(5, ("DECL_TAG", "bpf_kfunc", 3, 0, 0)),
            [
                ("DECL_TAG", "bpf_kfunc on FUNC f", "only a"),
                ("DECL_TAG", "bpf_kfunc on FUNC f", "only b"),
            ],
        ),
        (changed(7, ("VAR", "w", 1, 0)), [("VAR", ".data w", "differs")]),
        (
            changed(8, ("DATASEC", ".data", 8, ((6, 0, 4),))),
            [("VAR", " w", "only b"), ("VAR", ".data w", "only a")],
        ),
        (
            changed(8, ("DATASEC", ".data", 12, ((6, 0, 4), (7, 8, 4)))),
            [("VAR", ".data w", "differs"), ("DATASEC", ".data", "differs")],
        ),
        (
            changed(8, ("DATASEC", ".bss", 8, ((6, 0, 4), (7, 4, 4)))),
            [
                ("VAR", ".bss v", "only b"),
                ("VAR", ".bss w", "only b"),
                ("VAR", ".data v", "only a"),
                ("VAR", ".data w", "only a"),
                ("DATASEC", ".bss", "only b"),
                ("DATASEC", ".data", "only a"),
            ],
        ),
    ],
)
def test_declarations(tmp_path, theirs, expected):
    """Functions, their tags and variables are compared with their places."""
    assert short(compare_types(tmp_path, PROGRAM, PROGRAM)) == []
    assert short(compare_types(tmp_path, PROGRAM, theirs)) == expected


def mutated(data, word):
    """Return one word of a type, or one inside it, changed."""
    match word:
        case "struct" | "union":
            return "union" if word == "struct" else "struct"
        case str():
            return f"{word}x"
        case int():
            return word + 1
    place = data.draw(st.integers(0, len(word) - 1))
    return (*word[:place], mutated(data, word[place]), *word[place + 1 :])


@given(st.data())
def test_any_change_is_a_difference(data):
    """Whatever single word of the program changes, something is reported."""
    place = data.draw(st.integers(0, len(PROGRAM) - 1))
    type_ = PROGRAM[place]
    field = data.draw(st.sampled_from([i for i, word in enumerate(type_) if i and word != ""]))
    theirs = list(PROGRAM)
    theirs[place] = (*type_[:field], mutated(data, type_[field]), *type_[field + 1 :])
    ours = Btf([("VOID", ""), *PROGRAM], 1, b"", 0)
    meaning = Meaning(ours, ours._replace(types=[("VOID", ""), *theirs]))
    assert all_differences(meaning)


def test_duplicate_variables_are_counted_apart(tmp_path):
    """The same variable twice means the same as once, and is counted."""
    twice = [
        *PROGRAM[:6],
        ("VAR", "v", 1, 1),
        ("VAR", "w", 1, 1),
        ("DATASEC", ".data", 8, ((6, 0, 4), (7, 0, 4), (8, 4, 4))),
    ]
    found = compare_types(tmp_path, PROGRAM, twice)
    assert found.differences == []
    assert found.figures[1]["variable duplicates"] == [".data v 0 4"]


# Allowances and the command line.


def test_allowance_needs_a_reason_and_a_use(tmp_path):
    """An allowed difference is counted with its reason; what nothing needs is reported."""
    allow = """
        [[allow]]
        kind = "INT"
        name = "lo*"
        side = "only a"
        reason = "long is gone"
        [[allow]]
        kind = "*"
        name = "*"
        side = "differs"
        reason = "never needed"
    """
    found = compare_types(tmp_path, [INT, LONG], [INT], allow)
    assert found.unexplained == []
    assert [d.reason for d in found.differences] == ["long is gone"]
    assert [allowance.reason for allowance in found.unused] == ["never needed"]
    assert "unused allowance: * * differs" in found.to_text()

    found = compare_types(tmp_path, [INT], [INT, LONG], allow)
    assert short(found) == [("INT", "long", "only b")]
    assert len(found.unexplained) == 1


@pytest.mark.parametrize(
    "broken",
    [
        '[[allow]]\nkind = "INT"\nname = "x"',
        '[[allow]]\nkind = "INT"\nname = "x"\nreason = " "',
        '[[allow]]\nkind = "INT"\nname = "x"\nreason = "r"\nside = "left"',
        '[[allow]]\nkind = "INT"\nname = "x"\nreason = "r"\nwhy = "?"',
        '[[permit]]\nkind = "INT"\nname = "x"\nreason = "r"',
    ],
)
def test_broken_allowances_are_refused(tmp_path, broken):
    """No reason, no allowance."""
    (tmp_path / "allow").write_text(broken)
    with pytest.raises(ValueError, match="allow"):
        load_allowances(tmp_path / "allow")


def test_command_line(tmp_path, capsys):
    """Exit status 0, 1 and 2; JSON holds what the text says."""
    for name, types in (("a", [INT, LONG]), ("b", [INT])):
        (tmp_path / name).write_bytes(assemble(types))
    a, b, out = (str(tmp_path / name) for name in ("a", "b", "out.json"))
    assert main([a, a]) == 0
    assert main([a, b, "--json", out]) == 1
    assert "unexplained: 1 differences" in capsys.readouterr().out
    assert json.loads((tmp_path / "out.json").read_text())["unexplained"] == 1
    (tmp_path / "b").write_bytes(b"nothing")
    assert main([a, b]) == 2
    assert main([a, str(tmp_path / "missing")]) == 2


def test_explain_shows_both(tmp_path):
    """A name is shown as each file has it, with the first difference."""
    members = ("a", 1, 0, 0), ("b", 1, 32, 0)
    found = compare_types(
        tmp_path,
        [INT, ("STRUCT", "s", 8, 0, members)],
        [INT, ("STRUCT", "s", 8, 0, members[:1])],
    )
    text = explain(found.meaning, "s")
    assert "a[2] STRUCT s: differs" in text
    assert "a[2] and b[2]: members b only in a" in text
    assert explain(found.meaning, "nothing") == "no type is called nothing"
