"""Rules: what a file may say, what it says wrong, and which rule decides."""

import re

import numpy as np
import pytest

from dwarfless.elf.headers import SectionHeader
from dwarfless.formats.btf import Kind
from dwarfless.graph.rules import (
    VARIABLE_CLASSES,
    Rule,
    load_profile,
    load_rules,
    parse_only,
    parse_pattern,
    parse_rules,
    profile_names,
)
from dwarfless.graph.selection import NO_RULE, Judge, Subjects, type_text
from dwarfless.graph.type_graph import GraphBuilder, TypeGraph

STRINGS = b"\0tcp_mem\0udp_mem\0__SCK__x\0net/a.c\0drivers/net/b.c\0"
NAMES = ("tcp_mem", "udp_mem", "__SCK__x")


class Image:
    """An ELF's sections and no symbols; .init.data is freed by its name."""

    section_names = ("", ".data", ".init.data")
    sections = (SectionHeader(*[0] * 10),) * 3

    class Symbols:
        """One exported name."""

        strings = b"\0__ksymtab_tcp_mem\0"
        value = np.zeros(0, np.uint64)

        def named(self, name):
            """Return none."""
            return np.zeros(0, np.int64)

    def symbols(self):
        """Return them."""
        return self.Symbols()


def graph() -> TypeGraph:
    """Return an int, a struct key, an array of pointers to const struct key."""
    builder = GraphBuilder()
    number = builder.add_int("int", 4, signed=True)
    key = builder.add_composite(Kind.STRUCT, "key", 4, [])
    pointer = builder.add_reference(Kind.PTR, builder.add_reference(Kind.CONST, key))
    builder.add_array(pointer, number, 2)
    return builder.freeze()


def subjects(what="variable") -> Subjects:
    """Return tcp_mem in net/a.c, udp_mem of init in drivers, the static call key."""
    return Subjects(
        what=what,
        names=np.array([STRINGS.index(name.encode()) for name in NAMES], np.uint32),
        files=np.array([STRINGS.index(b"net/a"), *[STRINGS.index(b"drivers")] * 2], np.uint32),
        sections=np.array([1, 2, 1]),
        classes=np.array([VARIABLE_CLASSES.index(c) for c in ("global", "static", "global")]),
        types=np.array([1, 1, 2], np.uint32),
        graph=graph(),
        strings=STRINGS,
    )


def kept(*rules: Rule, what="variable") -> list[str]:
    """Return the names that rules let in."""
    judge = Judge(rules, Image())
    rows = judge.kept(judge.decide(subjects(what)), what)
    return [name for name, keep in zip(NAMES, rows.tolist(), strict=True) if keep]


def pattern(text: str) -> Rule:
    """Return an exclude, or an include if the text opens with a plus."""
    return parse_pattern(text.removeprefix("+"), keep=text.startswith("+"))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ((), "tcp_mem udp_mem __SCK__x"),
        (("*_mem",), "__SCK__x"),
        (("tcp_me?",), "udp_mem __SCK__x"),
        (("[tu]*",), "__SCK__x"),
        (("+tcp_*",), "tcp_mem"),
        (("+tcp_*", "*"), "tcp_mem"),
        (("tcp_*", "+*_mem"), "udp_mem"),
        (("+nothing",), ""),
        (("unit:drivers/*",), "tcp_mem"),
        (("section:.init*",), "tcp_mem __SCK__x"),
        (("init:yes",), "tcp_mem __SCK__x"),
        (("init:no",), "udp_mem"),
        (("type:struct key",), "tcp_mem udp_mem"),
        (("type:struct*",), "tcp_mem udp_mem"),
        (("class:static",), "tcp_mem __SCK__x"),
        (("exported:no",), "tcp_mem"),
        (("exported:yes",), "udp_mem __SCK__x"),
    ],
)
def test_the_first_rule_that_matches_decides(rules, expected):
    """Where none does, the opposite of the last holds."""
    assert kept(*map(pattern, rules)) == expected.split()


def test_rules_about_variables_say_nothing_of_functions():
    """A class, a type, and `of`."""
    for rule in (
        pattern("class:static"),
        pattern("+type:struct key"),
        Rule(keep=False, of="variable"),
    ):
        assert kept(rule, what="function") == list(NAMES)
    assert kept(Rule(keep=False, of="function"), what="function") == []


def test_which_rule_decided_is_told():
    """As its index, and in words."""
    judge = Judge([pattern("tcp_*"), Rule(keep=False, names=("u*",), because="why")], Image())
    deciding = judge.decide(subjects())
    assert deciding.tolist() == [0, 1, NO_RULE]
    assert [judge.reason(i) for i in (0, 1)] == ["--exclude tcp_*", "why"]


def test_types_read_like_c():
    """Without qualifiers and bounds."""
    types = graph()
    assert [type_text(types, i) for i in range(len(types))] == [
        "void", "int", "struct key", "struct key", "struct key *", "struct key *[]",
    ]  # fmt: skip


def test_a_file_says_it_all():
    """Classes, init, rules in order."""
    rules = parse_rules(
        'about = "x"\nonly = ["vars", "local"]\ninit = false\n'
        '[[rule]]\ninclude = "a"\nbecause = "b"\n'
        '[[rule]]\nexclude = ["*"]\nsection = ".data"\nexported = false\nof = "variable"\n',
        "r.toml",
    )
    assert rules.only == parse_only("percpu,global,static,local")
    assert rules.with_init is False
    assert [rule.reason for rule in rules.rules] == [
        "b",
        "r.toml, rule 2: exclude *, in .data, not exported, variables only",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[[rule]\n", "r.toml: Expected ']]'"),
        ("rule = 1", "r.toml: rules are written as [[rule]]"),
        ("rule = [1]", "r.toml: rules are written as [[rule]]"),
        ("rules = []", "r.toml: no key 'rules'; did you mean rule?"),
        ('init = "no"', "r.toml: init is true or false"),
        ('only = "var"', "r.toml: no class 'var'; did you mean vars?"),
        ("only = []", "r.toml: no class is named"),
        ("[[rule]]", "r.toml: rule 1: a rule has either include or exclude"),
        ('[[rule]]\ninclude="a"\nexclude="b"', "rule 1: a rule has either include or exclude"),
        ('[[rule]]\ninclude="a"\n[[rule]]\nexclude=3', "rule 2: exclude is a pattern or a list"),
        ('[[rule]]\nexclude=[""]', "rule 1: exclude is a pattern or a list"),
        ('[[rule]]\nexclude="a"\nclas="static"', "rule 1: no key 'clas'; did you mean class?"),
        ('[[rule]]\nexclude="a"\nclass="statics"', "no class 'statics'; did you mean static?"),
        ('[[rule]]\nexclude="a"\nof="types"', "rule 1: no subject 'types'"),
        ('[[rule]]\nexclude="a"\nof=[]', "rule 1: no subject '[]'"),
        ('[[rule]]\nexclude="a"\nexported="yes"', "rule 1: exported is true or false"),
        ('[[rule]]\nexclude="a"\nbecause=1', "rule 1: because is a text"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text, problem):
    """One line that names the file and the rule."""
    with pytest.raises(ValueError, match=re.escape(problem)) as caught:
        parse_rules(text, "r.toml")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    """Not a traceback."""
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"r\.toml: not UTF-8"):
        load_rules(path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("unit:", "no pattern"), ("units:x", "did you mean unit"), ("init:maybe", "yes or no")],
)
def test_odd_patterns_are_refused(text, problem):
    """On the command line."""
    with pytest.raises(ValueError, match=problem):
        parse_pattern(text, keep=False)


def test_profiles_can_be_read():
    """Each says what it leaves out, and why."""
    assert profile_names() == ["debugger"]
    profile = load_profile("debugger")
    assert profile.with_init is False
    assert all(rule.because for rule in profile.rules)
    with pytest.raises(ValueError, match="did you mean debugger"):
        load_profile("debuger")
