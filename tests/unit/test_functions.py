"""Which functions are kept, rule by rule (encoding rules, section 4)."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from dwarfless._core.function_rows import analyze, members_look_packed
from dwarfless.formats import elf
from dwarfless.formats.abi import PARAMETER_ABI, parameter_abi
from dwarfless.formats.btf import Kind
from dwarfless.graph.functions import (
    REASONS,
    STATE,
    FunctionTable,
    select_functions,
)
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

NO_REF = 2**64 - 1
UNEXPECTED, UNCERTAIN, REORDERED, OPTIMIZED, CHANGED = 1, 2, 4, 8, 16
DECLARATION, NAMELESS, NAMELESS_PARAM = 1, 2, 3
RDI, RSI, RDX, RCX = 5, 4, 1, 2
WORD, PAIR, BIG, STRUCT_PAIR, PACKED = 1000, 1001, 1002, 1003, 1004
TYPES = [
    (WORD, 8, 0, 0),
    (PAIR, 16, 0, 0),
    (BIG, 32, 0, 0),
    (STRUCT_PAIR, 16, 1, 0),
    (PACKED, 9, 1, 1),
]


@dataclass
class Unit:
    """Rows of a unit; a DIE's offset is its number."""

    funcs: list[tuple[int, ...]] = field(default_factory=list)
    params: list[tuple[int, ...]] = field(default_factory=list)
    expressions: bytes = b""
    offset: int = 0

    def func(self, name=1, *, type_ref=NO_REF, origin=NO_REF, spec=NO_REF, low_pc=0, **flags):
        """Add a subprogram; return its offset."""
        self.offset += 1
        names = ("declaration", "inline", "nocall", "unspecified")
        assert not set(flags) - set(names)
        self.funcs.append(
            (self.offset, type_ref, origin, spec, low_pc, name)
            + tuple(flags.get(flag, 0) for flag in names)
        )
        return self.offset

    def param(self, name=1, *, type_ref=WORD, origin=NO_REF, reg=None, stack=False, const=False):
        """Add a parameter to the last subprogram, in a register or on the stack."""
        self.offset += 1
        text = b"" if reg is None and not stack else b"\x91\x10" if stack else bytes([0x50 + reg])
        if origin != NO_REF:
            name, type_ref = 0, NO_REF
        self.params.append(
            (self.offset, type_ref, origin, len(self.expressions), len(text), 0)
            + (len(self.funcs) - 1, name, 1 if text else 0, const, 0, 0)
        )
        self.expressions += text
        return self.offset

    def analyze(self, *, machine=elf.EM_X86_64, clang=False):
        """Return FUNC_FACTS and PARAM_FACTS."""
        abi = parameter_abi(machine)
        return analyze(
            self.funcs,
            self.params,
            TYPES,
            expressions=self.expressions,
            lists=b"",
            version=5,
            address_size=8,
            swap=False,
            is_clang=clang,
            registers=abi.registers,
            num_registers=abi.num_registers,
            pairs=abi.pairs,
        )

    def verdicts(self, **options):
        """Return the verdicts of every subprogram."""
        return self.analyze(**options)[0]["verdicts"].tolist()


def one(*params: dict[str, object], clang=False, machine=elf.EM_X86_64, **flags) -> int:
    """Return the verdict over one function."""
    unit = Unit()
    unit.func(**flags)
    for param in params:
        unit.param(**param)
    return unit.verdicts(clang=clang, machine=machine)[0]


# ---- names and origins


def test_a_concrete_function_is_named_by_its_origin():
    """Name, return type, parameter names and types come from the abstract instance."""
    unit = Unit()
    abstract = unit.func(7, type_ref=WORD, inline=1)
    first = unit.param(8, type_ref=PAIR)
    unit.func(0, origin=abstract, low_pc=0x10)
    unit.param(origin=first, reg=RDI)
    funcs, params = unit.analyze()
    assert funcs["name"].tolist() == [7, 7]
    assert funcs["type_ref"].tolist() == [WORD, WORD]
    assert params["name"].tolist() == [8, 8]
    assert params["type_ref"].tolist() == [PAIR, PAIR]
    assert funcs["skip"].tolist() == [0, 0]


def test_a_specification_gives_the_name_only():
    """The return type of a specification isn't looked at."""
    unit = Unit()
    declared = unit.func(7, type_ref=WORD, declaration=1)
    unit.func(0, spec=declared)
    funcs, _ = unit.analyze()
    assert funcs["name"].tolist() == [7, 7]
    assert funcs["type_ref"].tolist() == [WORD, NO_REF]
    assert funcs["skip"].tolist() == [DECLARATION, 0]


def test_what_has_no_name_is_no_candidate():
    """Neither a function nor one of its parameters may lack it; an origin elsewhere is lost."""
    unit = Unit()
    unit.func(0)
    unit.func(1)
    unit.param(0)
    unit.func(1)
    unit.param(origin=999)
    funcs, _ = unit.analyze()
    assert funcs["skip"].tolist() == [NAMELESS, NAMELESS_PARAM, NAMELESS_PARAM]


def test_parameters_of_an_outer_function_may_go_on_after_a_nested_one():
    """A declaration in a block has parameters of its own."""
    unit = Unit()
    unit.func(1)
    unit.param(2)
    unit.func(3, declaration=1)
    unit.param(4)
    unit.params.append((9, WORD, NO_REF, 0, 0, 0, 0, 5, 0, 0, 0, 0))
    funcs, params = unit.analyze()
    assert funcs["first_param"].tolist() == [0, 2]
    assert funcs["num_params"].tolist() == [2, 1]
    assert params["name"].tolist() == [2, 5, 4]


def test_unspecified_parameters_are_kept_apart():
    """They are the DIE's own, and no parameter of ParamFacts."""
    unit = Unit()
    unit.func(1, unspecified=1)
    unit.param(2)
    funcs, _ = unit.analyze()
    assert (funcs["has_unspecified"][0], funcs["num_params"][0]) == (1, 1)


def test_concrete_parameters_tell_their_origin_where_they_are():
    """The abstract instance is a state too, and isn't optimized if a concrete one isn't."""
    unit = Unit()
    abstract = unit.func(1, inline=1)
    first = unit.param(2)
    unit.func(0, origin=abstract)
    unit.param(origin=first, reg=RSI)
    assert unit.verdicts() == [UNEXPECTED, UNEXPECTED]


def test_reordered_is_said_of_the_concrete_function():
    """GCC lists parameters it removed after the others."""
    unit = Unit()
    abstract = unit.func(1, inline=1)
    first, second = unit.param(2), unit.param(3)
    unit.func(0, origin=abstract)
    unit.param(origin=second, reg=RDI)
    unit.param(origin=first)
    abstract_verdict, concrete = unit.verdicts()
    assert not abstract_verdict & REORDERED
    assert concrete & REORDERED


# ---- locations, GCC


def test_parameters_in_their_registers_are_fine():
    """Those past the registers only need a location."""
    assert one({"reg": RDI}, {"reg": RSI}, {"reg": RDX}) == 0
    six = [{"reg": reg} for reg in (RDI, RSI, RDX, RCX, 8, 9)]
    assert one(*six, {"stack": True}) == 0
    assert one(*six, {}) == OPTIMIZED


def test_no_location_or_register_is_optimized():
    """A constant counts as gone; so does a place on the stack while registers are free."""
    assert one({"reg": RDI}, {}) == OPTIMIZED
    assert one({"const": True}, {"reg": RSI}) == OPTIMIZED
    assert one({"stack": True}) == OPTIMIZED


def test_the_wrong_register_is_unexpected():
    """Unless a struct by value upsets the count."""
    assert one({"reg": RSI}) == UNEXPECTED
    assert one({"reg": RSI}, {"type_ref": STRUCT_PAIR, "stack": True}) == OPTIMIZED
    assert one({"type_ref": NO_REF, "reg": RSI}) == UNEXPECTED


def test_pairs_take_two_registers():
    """And s390 passes them in memory, which counts as one there and elsewhere."""
    pair = {"type_ref": PAIR, "reg": RDI}
    assert one(pair, {"reg": RDX}) == 0
    assert one(pair, {"reg": RSI}) == UNEXPECTED
    assert one({"type_ref": BIG, "reg": RDI}, {"reg": RSI}) == 0
    assert one({"type_ref": PAIR, "reg": 2}, {"reg": 3}, machine=elf.EM_S390) == 0


def test_a_parameter_without_location_still_takes_its_register():
    """The next one is where the source's order says."""
    assert one({}, {"reg": RSI}) == OPTIMIZED
    assert one({}, {"reg": RDI}) == OPTIMIZED | UNEXPECTED


def test_machines_without_a_map_only_miss_registers():
    """Known is how many there are, or not even that."""
    assert one({"reg": 3}, machine=elf.EM_RISCV) == 0
    assert one({"stack": True}, machine=elf.EM_RISCV) == OPTIMIZED
    assert one({"stack": True}, machine=elf.EM_386) == 0
    assert all(abi.num_registers >= len(abi.registers) for abi in PARAMETER_ABI.values())


def test_a_packed_struct_on_the_stack_is_uncertain():
    """Only after the register parameters, and only if it is the parameter's very type."""
    six = [{"reg": reg} for reg in (RDI, RSI, RDX, RCX, 8, 9)]
    packed = {"type_ref": PACKED, "stack": True}
    assert one(*six, packed) == UNCERTAIN
    assert not one(*six[:5], packed) & UNCERTAIN


# ---- locations, clang


def test_clang_without_a_changed_signature():
    """A register outside the parameter's own is unexpected, and nothing else matters."""
    assert one({"reg": RDI}, clang=True) == 0
    assert one({"reg": RSI}, clang=True) == UNEXPECTED
    assert one({"stack": True}, {"reg": RSI}, clang=True) == 0
    assert one({"type_ref": PAIR, "reg": RSI}, {"reg": RDX}, clang=True) == 0
    assert one({"type_ref": BIG, "stack": True}, {"reg": RDI}, clang=True) == 0
    assert one({}, {"reg": RSI}, clang=True) == OPTIMIZED


def test_clang_with_a_changed_signature():
    """DW_CC_nocall makes it looked at as GCC's, but for constants."""
    assert one({"stack": True}, clang=True, nocall=1) == OPTIMIZED | CHANGED
    assert one({"const": True}, {"reg": RSI}, clang=True, nocall=1) == OPTIMIZED | CHANGED
    assert one({"reg": RSI}, clang=True, nocall=1) == UNEXPECTED | CHANGED
    assert one({"reg": RDI}, nocall=1) == 0
    assert one({"reg": RDI}, clang=True, nocall=1, inline=1) == 0


def test_a_changed_signature_is_read_off_the_origin():
    """A concrete instance doesn't say it itself."""
    unit = Unit()
    abstract = unit.func(1, nocall=1)
    unit.func(0, origin=abstract)
    unit.func(0, origin=abstract, nocall=1, inline=1)
    assert unit.verdicts(clang=True) == [CHANGED, CHANGED, 0]


# ---- packed


@pytest.mark.parametrize(
    ("size", "members", "packed"),
    [
        (16, [(0, 1, 1, 0), (64, 8, 8, 0)], False),
        (9, [(0, 1, 1, 0), (8, 8, 8, 0)], True),
        (9, [(0, 8, 8, 0), (64, 1, 1, 0)], True),
        (16, [(0, 8, 8, 0), (64, 1, 1, 0)], False),
        (2, [(0, 1, 1, 0), (8, 1, 1, 0)], False),
        (8, [(0, 4, 4, 3), (3, 4, 4, 5), (32, 4, 4, 0)], False),
        (5, [(0, 4, 4, 0), (32, 1, 1, 3)], True),
        (0, [], False),
    ],
)
def test_structs_that_look_packed(size: int, members: list[tuple[int, int, int, int]], packed):
    """Without a hole or padding, something isn't at a multiple of its alignment."""
    assert members_look_packed(size, members) is packed


# ---- the function table


def table(*symbols: tuple[str, int]) -> FunctionTable:
    """Return a table of (name, address), and of a last name that is left alone."""
    strings, offsets = b"\0", []
    for name, _ in (*symbols, ("~", 1)):
        offsets.append(len(strings))
        strings += name.encode() + b"\0"
    values = [value for _, value in (*symbols, ("~", 1))]
    return FunctionTable(strings, np.array(offsets, np.uint32), np.array(values, np.uint64))


def test_names_end_at_the_first_dot():
    """Cold halves and parts are no functions."""
    functions = table(("b.isra.0", 1), ("a", 2), ("c.cold", 3), ("d.part.0.isra.1", 4), ("a.x", 5))
    assert [functions.name(i) for i in range(len(functions))] == [b"a", b"b", b"~"]
    assert functions.key(b"b") == 1
    assert functions.key(b"b.isra.0") == functions.key(b"c") == functions.key(b"") == -1
    with pytest.raises(IndexError):
        functions.name(3)


def test_a_table_is_found_again_whatever_its_size():
    """Every name of many is found."""
    names = [f"function_{i}" for i in range(5000)]
    functions = table(*((name, i) for i, name in enumerate(names)))
    keys = [functions.key(name.encode()) for name in names]
    assert sorted(keys) == list(range(5000))
    assert [functions.name(key).decode() for key in keys] == names


# ---- selection


def protos() -> tuple[TypeGraph, dict[str, int]]:
    """Return a graph with prototypes, by name."""
    build = GraphBuilder()
    number = build.add_int("int", 4, signed=True)
    ids = {}
    for name, target in (
        ("int", number),
        ("long", build.add_int("long", 8, signed=True)),
        ("const int", build.add_reference(Kind.CONST, number)),
        ("s", build.add_composite(Kind.STRUCT, "s", 4, [("a", number, 0)])),
        ("s with b", build.add_composite(Kind.STRUCT, "s", 4, [("b", number, 0)])),
        ("s ahead", build.add_forward("s")),
        ("union s", build.add_forward("s", union=True)),
        ("int[3]", build.add_array(number, number, 3)),
        ("int[4]", build.add_array(number, number, 4)),
        ("typedef", build.add_reference(Kind.TYPEDEF, number, "s")),
        ("float", build.add_float("float", 4)),
        ("double", build.add_float("float", 8)),
        ("volatile", build.add_reference(Kind.VOLATILE, number)),
    ):
        pointer = build.add_reference(Kind.PTR, target)
        callback = build.add_reference(Kind.PTR, build.add_func_proto(number, [("", pointer)]))
        ids[name] = build.add_func_proto(number, [("p", pointer), ("q", callback)])
    ids["int, named x"] = build.add_func_proto(number, [("x", number)])
    ids["int, named y"] = build.add_func_proto(number, [("y", number)])
    ids["void"] = build.add_func_proto(0, [("y", number)])
    ids["two"] = build.add_func_proto(number, [("y", number), ("z", number)])
    ids["const value"] = build.add_func_proto(number, [("y", build.add_reference(10, number))])
    return build.freeze(), ids


GRAPH, PROTOS = protos()


def select(
    functions: FunctionTable, *states: tuple[str, int, str, int], consistent: bool = True
) -> tuple[list[int], dict[str, str]]:
    """Select from (name, address, prototype, verdicts); return indices and dropped names."""
    rows = np.zeros(len(states), STATE)
    for row, (name, addr, proto, verdicts) in zip(rows, states, strict=True):
        row["key"] = functions.key(name.encode())
        row["addr"], row["proto"], row["verdicts"] = addr, PROTOS[proto], verdicts
    report = Report()
    kept = select_functions(functions, rows, GRAPH, consistent=consistent, report=report)
    return kept.tolist(), {item.name: item.reason for item in report.items}


def test_functions_come_by_name():
    """Whatever the order of units."""
    functions = table(("b", 1), ("a", 2), ("a_", 3), ("B", 4))
    states = [(name, 0, "int", 0) for name in ("b", "a_", "a", "B")]
    assert select(functions, *states) == ([3, 2, 1, 0], {})
    assert select(functions) == ([], {})


@pytest.mark.parametrize(
    ("verdict", "reason"), [(UNEXPECTED, 1), (UNCERTAIN, 3), (REORDERED, 4), (CHANGED, 0)]
)
def test_one_state_spoils_its_name(verdict: int, reason: int):
    """BTF has one FUNC a name."""
    kept, dropped = select(table(("f", 1)), ("f", 1, "int", 0), ("f", 0, "int", verdict))
    assert dropped == ({"f": REASONS[reason]} if reason else {})
    assert kept == ([] if reason else [0])


def test_optimized_parameters_alone_are_no_reason():
    """A caller may still pass them; unless the ABI changed with them."""
    functions = table(("f", 1), ("g.isra.0", 2), ("h.constprop.0", 3), ("i", 4), ("i.isra.0", 4))
    assert select(functions, ("f", 1, "int", OPTIMIZED))[0] == [0]
    for name, addr in (("g", 2), ("h", 3), ("i", 4)):
        _, dropped = select(functions, (name, addr, "int", OPTIMIZED))
        assert dropped == {name: REASONS[5]}
    assert select(functions, ("g", 0, "int", OPTIMIZED))[0] == [0]
    assert select(functions, ("g", 2, "int", 0))[0] == [0]
    assert select(functions, ("f", 1, "int", OPTIMIZED | CHANGED))[1] == {"f": REASONS[5]}


def test_only_the_chosen_state_must_not_be_optimized():
    """A state at the symbol that is whole beats an earlier one that isn't."""
    functions = table(("f", 9), ("f.isra.0", 9))
    assert select(functions, ("f", 9, "int", OPTIMIZED), ("f", 9, "int", 0))[0] == [1]


def test_the_strong_body_is_chosen():
    """The one at the symbol's address; the first if none is."""
    functions = table(("f", 9))
    assert select(functions, ("f", 5, "int", 0), ("f", 9, "int", 0))[0] == [1]
    assert select(functions, ("f", 5, "int", 0), ("f", 6, "int", 0))[0] == [0]


def test_two_addresses_are_ambiguous():
    """Two names for one address are not, nor is an address of 0 before."""
    functions = table(("f", 1), ("f", 2), ("g", 3), ("g.isra.0", 3), ("h", 0), ("h", 7), ("i", 7),
                      ("i", 0))  # fmt: skip
    _, dropped = select(functions, *((name, 0, "int", 0) for name in "fghi"))
    assert dropped == {"f": REASONS[6], "i": REASONS[6]}


def test_the_last_name_is_never_ambiguous():
    """As in pahole, which forgets it; confirmed with a program of two functions zzz."""
    functions = FunctionTable(b"\0f\0", np.array([1, 1], np.uint32), np.array([1, 2], np.uint64))
    assert select(functions, ("f", 1, "int", 0)) == ([0], {})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("int", "int", True),
        ("int", "long", False),
        ("int", "const int", True),
        ("const int", "int", True),
        ("int", "volatile", False),
        ("s", "s with b", True),
        ("s", "s ahead", True),
        ("s", "union s", False),
        ("s", "typedef", False),
        ("s", "const int", False),
        ("int[3]", "int[4]", False),
        ("int[3]", "int[3]", True),
        ("float", "double", False),
        ("int, named x", "int, named y", True),
        ("int, named x", "const value", True),
        ("int, named x", "void", False),
        ("int, named x", "two", False),
    ],
)
def test_prototypes_are_compared_loosely(first: str, second: str, same: bool):
    """Names stand for structs, const and parameter names don't count, at any depth."""
    states = [("f", 1, first, 0), ("f", 1, second, 0)]
    kept, dropped = select(table(("f", 1)), *states)
    assert (kept, dropped) == (([0], {}) if same else ([], {"f": REASONS[2]}))
    assert select(table(("f", 1)), *states, consistent=False)[0] == [0]


def test_every_state_is_compared_with_the_first():
    """The third may be the one that differs."""
    states = [("f", 1, name, 0) for name in ("s", "s ahead", "s", "int")]
    assert select(table(("f", 1)), *states)[1] == {"f": REASONS[2]}


def test_the_last_of_several_reasons_is_given():
    """Ambiguity comes last; after an unexpected register prototypes aren't compared."""
    functions = table(("f", 1), ("g", 1), ("g", 2))
    both = [("f", 1, "int", UNEXPECTED), ("f", 1, "long", 0)]
    assert select(functions, *both)[1] == {"f": REASONS[1]}
    both = [("f", 1, "int", 0), ("f", 1, "long", 0), ("f", 1, "int", UNEXPECTED)]
    assert select(functions, *both)[1] == {"f": REASONS[2]}
    assert select(functions, ("g", 1, "int", 31))[1] == {"g": REASONS[6]}
    assert select(functions, ("f", 1, "int", UNCERTAIN | REORDERED))[1] == {"f": REASONS[4]}


def test_states_outside_table_or_graph_are_refused():
    """Nothing is read out of bounds."""
    rows = np.zeros(1, STATE)
    rows["key"] = 99
    with pytest.raises(IndexError, match="key"):
        select_functions(table(("f", 1)), rows, GRAPH, consistent=True, report=Report())
    rows["key"], rows["proto"] = 0, len(GRAPH)
    with pytest.raises(IndexError, match="prototype"):
        select_functions(table(("f", 1)), rows, GRAPH, consistent=True, report=Report())
