"""The oracles read what was assembled, and tell what differs from what doesn't."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.btf import assemble
from oracle.bisimulation import JointGraph
from oracle.btf_reader import parse, read

INT = ("INT", "int", 4, 1, 0, 32)

EVERY_KIND = [
    INT,
    ("PTR", "", 0),
    ("ARRAY", "", 1, 1, 3),
    ("STRUCT", "s", 8, 1, (("a", 1, 0, 3), ("b", 1, 32, 0))),
    ("UNION", "u", 4, 0, (("", 1, 0, 0),)),
    ("ENUM", "e", 4, 1, (("MINUS", -1), ("ONE", 1))),
    ("FWD", "f", "union"),
    ("TYPEDEF", "t", 4),
    ("VOLATILE", "", 8),
    ("CONST", "", 9),
    ("RESTRICT", "", 2),
    ("FUNC_PROTO", "", 0, (("x", 1), ("", 0))),
    ("FUNC", "main", 12, 1),
    ("VAR", "v", 1, 1),
    ("DATASEC", ".data", 4, ((14, 0, 4),)),
    ("FLOAT", "double", 8),
    ("DECL_TAG", "bpf_kfunc", 13, -1, 0),
    ("TYPE_TAG", "rcu", 4, 1),
    ("ENUM64", "big", 8, 1, (("LOW", -(1 << 40)), ("HIGH", 1 << 40))),
]


def renumbered(types, order):
    """Return the same types under other ids; `order` lists old ids from 1."""
    new = {0: 0, **{old: place for place, old in enumerate(order, 1)}}

    def moved(old):
        type_ = types[old - 1]
        match type_:
            case ("STRUCT" | "UNION", *_):
                members = tuple((n, new[t], o, b) for n, t, o, b in type_[4])
                return (*type_[:4], members)
            case ("FUNC_PROTO", _, returned, parameters):
                return (*type_[:2], new[returned], tuple((n, new[t]) for n, t in parameters))
            case ("DATASEC", _, _, entries):
                return (*type_[:3], tuple((new[v], o, s) for v, o, s in entries))
            case ("ARRAY", _, element, index, count):
                return ("ARRAY", "", new[element], new[index], count)
            case ("INT" | "FLOAT" | "ENUM" | "ENUM64" | "FWD", *_):
                return type_
            case _:
                return (*type_[:2], new[type_[2]], *type_[3:])

    return [moved(old) for old in order]


@pytest.mark.parametrize("order", ["<", ">"])
def test_reads_every_kind(order):
    """What was assembled is read, in both byte orders."""
    assert parse(assemble(EVERY_KIND, order=order)).types == [("VOID", ""), *EVERY_KIND]


def test_reads_split():
    """Split BTF's ids and strings follow its base's."""
    base = parse(assemble([INT]))
    split = parse(assemble([("TYPEDEF", "t", 1)], base), base)
    assert split.types == [("VOID", ""), INT, ("TYPEDEF", "t", 1)]
    assert split.first == 2


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x7fELF", b"\0" * 64, assemble([INT])[:-1], assemble([INT])[:30]],
)
def test_refuses_broken_input(tmp_path, broken):
    """Broken bytes are a ValueError that names the file."""
    (tmp_path / "broken").write_bytes(broken)
    with pytest.raises(ValueError, match="broken"):
        read(tmp_path / "broken")


def test_refuses_reference_past_the_end():
    """An id that no type has is an error, not another file's type."""
    one = parse(assemble([("PTR", "", 7)]))
    with pytest.raises(ValueError, match="past the last type"):
        JointGraph(one, parse(assemble([INT] * 9)))


@given(st.permutations(range(1, len(EVERY_KIND) + 1)))
def test_numbering_does_not_matter(order):
    """Under other ids each type finds itself."""
    moved = renumbered(EVERY_KIND, order)
    graph = JointGraph(parse(assemble(EVERY_KIND)), parse(assemble(moved)))
    classes = graph.refine()
    for place, old in enumerate(order, 1):
        assert classes.of[old] == classes.of[graph.second + place]
    assert len(set(classes.of.tolist())) == len(EVERY_KIND) + 1


@given(st.integers(1, len(EVERY_KIND)), st.data())
def test_any_change_is_seen(number, data):
    """A type whose name differs is never equal to what it was."""
    changed = list(EVERY_KIND)
    kind = data.draw(st.sampled_from([k for k in EVERY_KIND if k[1]]))
    place = changed.index(kind)
    changed[place] = (kind[0], f"{kind[1]}{number}", *kind[2:])
    graph = JointGraph(parse(assemble(EVERY_KIND)), parse(assemble(changed)))
    assert not graph.refine().in_both[place + 1]
