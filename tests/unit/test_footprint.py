"""What variables cost: sums over hand-made extras, and a small kernel with modules."""

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import dwarfless
from build.btf import assemble
from dwarfless.cli.main import main
from dwarfless.consumers.footprint import chart, table
from dwarfless.footprint import (
    Footprint,
    Modules,
    Part,
    Way,
    classes_of,
    pages_of_a_module,
    rules_of,
    sections_of,
)
from dwarfless.graph.report import Report
from oracle.btf_reader import parse
from unit.cli.test_extra import tree

__all__ = ["tree"]

BASE = assemble([("INT", "int", 4, 1, 0, 32), ("STRUCT", "module", 5000, 0, ())])
OWN = [
    ("VAR", "alpha", 1, 0),
    ("VAR", "int", 1, 1),
    ("VAR", "alpha", 1, 0),
    ("VAR", "cpu", 1, 1),
    ("DATASEC", ".data", 8, ((3, 0, 4), (4, 4, 4))),
    ("DATASEC", ".bss", 4, ((5, 0, 4),)),
    ("DATASEC", ".data..percpu", 4, ((6, 0, 4),)),
]


def extra() -> dwarfless.TypeGraph:
    """Return variables over a base; each name is said once."""
    return dwarfless.decode(assemble(OWN, parse(BASE)), base=dwarfless.decode(BASE))


def test_what_sections_and_classes_cost():
    """28 bytes a variable, and each new name once."""
    assert sections_of(extra()) == (
        Part(".data", 2, 2 * 28 + len("alpha") + len("int") + 2),
        Part(".data..percpu", 1, 28 + len("cpu") + 1),
        Part(".bss", 1, 28),
    )
    assert classes_of(extra()) == (
        Part("static", 2, 2 * 28 + 6),
        Part("global", 1, 32),
        Part("percpu", 1, 32),
    )


def test_what_rules_save():
    """By the reason each gives; what would be out anyhow is no rule's doing."""
    usual, report = Report(), Report()
    for each in (usual, report):
        each.add("variable", "cpu", "no location")
    report.add("variable", "alpha", "machine-made")
    assert rules_of(extra(), report, usual) == (Part("machine-made", 2, 62),)


def test_a_modules_own_structure_takes_whole_pages():
    """As large as the kernel says; a page where it doesn't say."""
    assert pages_of_a_module(dwarfless.decode(BASE)) == 8192
    assert pages_of_a_module(dwarfless.decode(assemble([]))) == 4096


MADE = Footprint(
    "vmlinux & co",
    (Way("without", 100, 50, 40, 3, 0), Way("built in", 200, 80, 60, 5, 2)),
    tuple(Part(f".s{i}", 1, 28) for i in range(14)),
    (Part("static", 14, 392),),
    (),
    Modules(2, ("bad: why",), 1000, 1200, 300, 400, 9, 8192, 9000, 1.5),
)


def test_table():
    """Everything measured is in it; small parts are summed up, failures told."""
    text = table(MADE)
    assert "| built in | 200 | 80 | 60 | 5 | 2 |" in text
    assert "| 2 others | 2 | 56 |" in text
    assert "| extras, each over its module | 300 |" in text
    assert "- failed: bad: why" in text
    assert MADE.way("built in").size == 200
    with pytest.raises(KeyError):
        MADE.way("never")


def test_chart():
    """Sound XML; bars are as long as what they stand for."""
    root = ElementTree.fromstring(chart(MADE))
    name = "{http://www.w3.org/2000/svg}"
    bars = [float(rect.attrib["width"]) for rect in root.iter(f"{name}rect")]
    texts = [text.text for text in root.iter(f"{name}text")]
    assert "built in" in texts
    assert bars[2] == pytest.approx(2 * bars[0], abs=0.2)
    assert bars[4] == pytest.approx(10 * bars[0], abs=0.5)


def test_a_small_kernel(tree: Path, tmp_path, monkeypatch, capsys):
    """Built in is as much as without and extra together, but for a header."""
    command = ["footprint", str(tree / "vmlinux.o"), "--modules", str(tree / "modules"), "--json"]
    monkeypatch.setattr(sys, "argv", ["dwarfless", *command, "--chart", str(tmp_path / "f.svg")])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 0
    found = json.loads(capsys.readouterr().out)
    sizes = {way["name"]: way["size"] for way in found["ways"]}
    gap = sizes["without variables"] + sizes["variables as an extra"] - sizes["variables built in"]
    assert gap == 24
    assert found["modules"]["count"] == 2
    assert found["modules"]["num_vars"] == 2
    assert found["modules"]["built_in"] > found["modules"]["without"]
    assert ElementTree.parse(tmp_path / "f.svg")
