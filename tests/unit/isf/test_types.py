"""Types as Volatility reads them."""

import json
from typing import Any, Literal

import pytest

from dwarfless.consumers.isf.types import MAX_DEPTH, Types
from dwarfless.formats.btf import Kind
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph


def made(
    graph: TypeGraph, order: Literal["little", "big"] = "little", pointer_size: int = 8
) -> tuple[dict[str, Any], Report]:
    """Return a graph's types, parsed."""
    report = Report()
    types = Types(graph, byte_order=order, pointer_size=pointer_size, report=report)
    parts = {"base": types.base_types, "user": types.user_types, "enums": types.enums}
    parsed = {
        part: {name: json.loads(text) for name, text in texts.items()}
        for part, texts in parts.items()
    }
    return parsed, report


def base(name: str) -> dict[str, str]:
    """Return how a base type is referred to."""
    return {"kind": "base", "name": name}


def test_members_say_offset_and_type():
    """Pointers, arrays, functions; typedefs and qualifiers are resolved."""
    b = GraphBuilder()
    number = b.add_int("int", 4, signed=True)
    alias = b.add_reference(Kind.TYPEDEF, b.add_reference(Kind.CONST, number), "pid_t")
    array = b.add_array(b.add_array(alias, number, 3), number, 2)
    hook = b.add_reference(Kind.PTR, b.add_func_proto(0, [("", number)]))
    me = b.next_id + 1
    b.add_reference(Kind.PTR, me)
    members = [("pid", alias, 0), ("board", array, 32), ("hook", hook, 256), ("next", me - 1, 320)]
    b.add_composite(Kind.STRUCT, "task", 48, members)

    parsed, report = made(b.freeze())

    inner = {"kind": "array", "count": 3, "subtype": base("int")}
    assert parsed["user"]["task"] == {
        "kind": "struct",
        "size": 48,
        "fields": {
            "pid": {"type": base("int"), "offset": 0},
            "board": {"type": {"kind": "array", "count": 2, "subtype": inner}, "offset": 4},
            "hook": {"type": {"kind": "pointer", "subtype": {"kind": "function"}}, "offset": 32},
            "next": {
                "type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "task"}},
                "offset": 40,
            },
        },
    }
    assert not report.counts


@pytest.mark.parametrize(("order", "position"), [("little", 4), ("big", 22)])
def test_bitfields_count_from_the_lowest_bit(order: Literal["little", "big"], position: int):
    """A big-endian program counts them from the highest."""
    b = GraphBuilder()
    number = b.add_int("unsigned int", 4)
    b.add_composite(Kind.STRUCT, "s", 8, [("low", number, 0, 4), ("high", number, 36, 6)])

    parsed, _ = made(b.freeze(), order)

    high = parsed["user"]["s"]["fields"]["high"]
    assert high["offset"] == 4
    assert (high["type"]["bit_position"], high["type"]["bit_length"]) == (position, 6)
    assert high["type"]["type"] == base("unsigned int")


def test_a_typedef_names_what_has_no_name_of_its_own():
    """Everything that uses it calls it so, through any number of typedefs."""
    b = GraphBuilder()
    number = b.add_int("int", 4, signed=True)
    atomic = b.add_composite(Kind.STRUCT, "", 4, [("counter", number, 0)])
    alias = b.add_reference(Kind.TYPEDEF, atomic, "atomic_t")
    again = b.add_reference(Kind.TYPEDEF, alias, "refs_t")
    b.add_composite(Kind.STRUCT, "file", 4, [("count", again, 0)])

    parsed, _ = made(b.freeze())

    assert set(parsed["user"]) == {"atomic_t", "file"}
    assert parsed["user"]["file"]["fields"]["count"]["type"] == {
        "kind": "struct",
        "name": "atomic_t",
    }


def unnamed(before: int) -> dict[str, Any]:
    """Return the types of a struct with an unnamed union, after some others."""
    b = GraphBuilder()
    for size in range(before):
        b.add_composite(Kind.STRUCT, f"other{size}", size)
    number = b.add_int("int", 4, signed=True)
    union = b.add_composite(Kind.UNION, "", 4, [("a", number, 0), ("b", number, 0)])
    state = b.add_enum("", 4, [("IDLE", 0), ("GONE", -1)], signed=True)
    b.add_composite(Kind.STRUCT, "s", 8, [("", union, 0), ("state", state, 32)])
    parsed, _ = made(b.freeze())
    return parsed


def test_names_of_what_has_none_stay():
    """They follow from the content, whatever else there is."""
    one, other = unnamed(0), unnamed(5)

    fields = one["user"]["s"]["fields"]
    assert fields == other["user"]["s"]["fields"]
    assert fields["unnamed_field_0"]["anonymous"] is True
    union = one["user"][fields["unnamed_field_0"]["type"]["name"]]
    assert set(union["fields"]) == {"a", "b"}
    enum = one["enums"][fields["state"]["type"]["name"]]
    assert enum == {"size": 4, "base": "int", "constants": {"IDLE": 0, "GONE": -1}}
    assert all(name.startswith("unnamed_") for name in one["enums"])


def test_most_used_of_a_name_has_it():
    """The others are told apart, and listed."""
    b = GraphBuilder()
    number = b.add_int("int", 4, signed=True)
    rare = b.add_composite(Kind.STRUCT, "lock", 4, [("rare", number, 0)])
    common = b.add_composite(Kind.STRUCT, "lock", 8, [("common", number, 0)])
    b.add_composite(Kind.STRUCT, "a", 8, [("lock", common, 0)])
    b.add_composite(Kind.STRUCT, "b", 8, [("lock", b.add_array(common, number, 1), 0)])
    b.add_composite(Kind.STRUCT, "c", 4, [("lock", rare, 0)])

    parsed, report = made(b.freeze())

    assert set(parsed["user"]["lock"]["fields"]) == {"common"}
    assert set(parsed["user"]["lock__2"]["fields"]) == {"rare"}
    assert parsed["user"]["c"]["fields"]["lock"]["type"]["name"] == "lock__2"
    assert [(item.name, item.place) for item in report.items] == [("lock", "lock__2")]


def test_every_enum_has_a_base_type():
    """A program may have no integer of its size."""
    b = GraphBuilder()
    b.add_enum("small", 1, [("X", 1)])
    b.add_enum("wide", 8, [("Y", 1 << 40), ("Z", -1)], signed=True)

    parsed, _ = made(b.freeze(), pointer_size=4)

    for name, size in (("small", 1), ("wide", 8)):
        assert parsed["base"][parsed["enums"][name]["base"]]["size"] == size
    assert parsed["enums"]["wide"]["constants"] == {"Y": 1 << 40, "Z": -1}
    assert parsed["base"]["pointer"]["size"] == 4


def test_endless_nesting_ends():
    """A ring of pointers, or too long a chain, is void at some point, and counted."""
    b = GraphBuilder()
    b.add_reference(Kind.PTR, b.next_id)
    target = b.next_id - 1
    for _ in range(10 * MAX_DEPTH):
        target = b.add_reference(Kind.PTR, target)
    b.add_composite(Kind.STRUCT, "s", 8, [("ring", 1, 0), ("chain", target, 0)])

    parsed, report = made(b.freeze())

    assert json.dumps(parsed["user"]["s"]).count("pointer") <= MAX_DEPTH + 1
    assert sum(report.counts.values()) == 2


def test_what_is_only_declared_is_listed():
    """Volatility can't resolve it, and C can't either."""
    b = GraphBuilder()
    b.add_reference(Kind.PTR, b.add_forward("secret"))

    parsed, report = made(b.freeze())

    assert "secret" not in parsed["user"]
    assert [item.name for item in report.items] == ["secret"]
