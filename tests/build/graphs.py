"""Type graphs for hypothesis, as tuples.

In:  nothing.
Out: strategies of lists of types as oracle.btf_reader gives them, without void.

Names are few and sizes are fewer, so that types often mean the same, or nearly.
"""

from typing import Any

from hypothesis import strategies as st

__all__ = ["Types", "graphs", "move", "permuted"]

Types = list[tuple[Any, ...]]
NAMES = st.sampled_from(["a", "b"])
MAYBE = st.sampled_from(["", "a", "b"])
PLAIN = ("PTR", "VOLATILE", "CONST", "RESTRICT")


def graphs(*, variables: bool = True, max_size: int = 14) -> st.SearchStrategy[Types]:
    """Graphs of types that refer to each other at will; circles need no struct."""

    def sized(num: int) -> st.SearchStrategy[Types]:
        return st.lists(_type(st.integers(0, num), variables), min_size=num, max_size=num)

    return st.integers(0, max_size).flatmap(sized)


def _type(ids: st.SearchStrategy[int], variables: bool) -> st.SearchStrategy[tuple[Any, ...]]:
    member = st.tuples(MAYBE, ids, st.just(0), st.just(0))
    members = st.lists(member, max_size=2).map(tuple)
    values = st.lists(st.tuples(NAMES, st.integers(0, 1)), max_size=2).map(tuple)
    params = st.lists(st.tuples(MAYBE, ids), max_size=2).map(tuple)
    composite = st.tuples(
        st.sampled_from(["STRUCT", "UNION"]), MAYBE, st.just(8), st.just(0), members
    )
    choices = [
        st.tuples(st.just("INT"), NAMES, st.just(4), st.integers(0, 1), st.just(0), st.just(32)),
        st.tuples(st.sampled_from(PLAIN), st.just(""), ids),
        st.tuples(st.just("PTR"), st.just(""), ids),
        st.tuples(st.just("TYPEDEF"), NAMES, ids),
        st.tuples(st.just("TYPE_TAG"), NAMES, ids, st.integers(0, 1)),
        st.tuples(st.just("ARRAY"), st.just(""), ids, ids, st.integers(0, 1)),
        composite,
        composite,
        st.tuples(st.sampled_from(["ENUM", "ENUM64"]), MAYBE, st.just(8), st.just(0), values),
        st.tuples(st.just("FWD"), NAMES, st.sampled_from(["struct", "union"])),
        st.tuples(st.just("FUNC"), NAMES, ids, st.integers(0, 1)),
        st.tuples(st.just("FUNC_PROTO"), st.just(""), ids, params),
        st.tuples(st.just("DECL_TAG"), NAMES, ids, st.integers(-1, 1), st.just(0)),
    ]
    if variables:
        entries = st.lists(st.tuples(ids, st.just(0), st.just(8)), max_size=2).map(tuple)
        choices += [
            st.tuples(st.just("VAR"), NAMES, ids, st.integers(0, 1)),
            st.tuples(st.just("DATASEC"), NAMES, st.just(8), entries),
        ]
    return st.one_of(choices)


def move(type_: tuple[Any, ...], to: dict[int, int]) -> tuple[Any, ...]:
    """Return a type with every id it refers to looked up."""
    match type_:
        case ("STRUCT" | "UNION", *head, members):
            return (type_[0], *head, tuple((m[0], to[m[1]], *m[2:]) for m in members))
        case ("FUNC_PROTO", name, returned, params):
            return ("FUNC_PROTO", name, to[returned], tuple((p[0], to[p[1]]) for p in params))
        case ("DATASEC", name, size, entries):
            return ("DATASEC", name, size, tuple((to[e[0]], *e[1:]) for e in entries))
        case ("ARRAY", name, element, index, count):
            return ("ARRAY", name, to[element], to[index], count)
        case ("INT" | "FLOAT" | "ENUM" | "ENUM64" | "FWD" | "VOID", *_):
            return type_
        case (kind, name, target, *rest):
            return (kind, name, to[target], *rest)
    raise ValueError(type_)


def permuted(types: Types, order: list[int]) -> Types:
    """Return the types in another order; `order` lists old ids."""
    to = {0: 0} | {old: new for new, old in enumerate(order, 1)}
    return [move(types[old - 1], to) for old in order]
