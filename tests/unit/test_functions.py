"""What is said of a unit's subprograms, rule by rule (encoding rules, section 4.2)."""

from dataclasses import dataclass, field

import pytest

from dwarfless._core.function_rows import analyze, members_look_packed
from dwarfless.formats import elf
from dwarfless.formats.abi import PARAMETER_ABI, parameter_abi

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
            (self.offset, type_ref, origin, spec, low_pc, name, *(flags.get(f, 0) for f in names))
        )
        return self.offset

    def param(self, name=1, *, type_ref=WORD, origin=NO_REF, reg=None, stack=False, const=False):
        """Add a parameter to the last subprogram, in a register or on the stack."""
        self.offset += 1
        text = b"" if reg is None and not stack else b"\x91\x10" if stack else bytes([0x50 + reg])
        if origin != NO_REF:
            name, type_ref = 0, NO_REF
        place = (len(self.expressions), len(text), 0, len(self.funcs) - 1)
        has = (1 if text else 0, const, 0, 0)
        self.params.append((self.offset, type_ref, origin, *place, name, *has))
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
