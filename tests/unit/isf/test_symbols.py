"""Symbols as Volatility reads them."""

import json
from pathlib import Path

import pytest

from dwarfless.consumers.isf.document import compressed, document
from dwarfless.consumers.isf.symbols import Places, Symbol, find_symbols, text_of, unmoved
from dwarfless.consumers.isf.types import FUNCTION, VOID, Types
from dwarfless.containers.binding import Binding, BoundSection
from dwarfless.containers.symbol_list import SymbolList, load_symbols
from dwarfless.errors import BaseMismatchError, FormatError
from dwarfless.graph.report import Report
from dwarfless.graph.type_graph import GraphBuilder

TEXT = 0xFFFFFFFF81000000
DATA = 0xFFFFFFFF82000000
BINDING = Binding(
    sections=(
        BoundSection(".data", DATA, 0x1000),
        BoundSection(".data..percpu", 0, 0x1000, per_cpu=True, fixed=True),
        BoundSection(".text", TEXT, 0x1000),
    )
)
INT = '{"kind":"base","name":"int"}'
SYSTEM_MAP = f"""\
{TEXT:x} T _stext
{TEXT + 16:x} t start
{DATA:x} D jiffies
{DATA + 4:x} d count.5
{DATA + 8:x} D table
0000000000000010 A runqueue
"""


def types(report: Report) -> Types:
    """Return a kernel with three variables and a function."""
    b = GraphBuilder()
    number = b.add_int("int", 4, signed=True)
    b.add_func("start", b.add_func_proto(0))
    b.add_func("gone", b.add_func_proto(number))
    jiffies, count = b.add_var("jiffies", number), b.add_var("count", number, 0)
    queue = b.add_var("runqueue", number)
    b.add_datasec(".data", 0x1000, [(jiffies, 0, 4), (count, 4, 4)])
    b.add_datasec(".data..percpu", 0x1000, [(queue, 16, 4)])
    return Types(b.freeze(), byte_order="little", pointer_size=8, report=report)


def listed(path: Path, text: str, report: Report | None = None) -> SymbolList:
    """Return the symbols of a text."""
    file = path / "symbols"
    file.write_text(text)
    return load_symbols(file, report or Report())


def test_variables_lie_in_their_sections():
    """Without any list; functions then have no address, and are counted."""
    report = Report()
    found = find_symbols(types(report), Places(BINDING, None), report)

    assert {name: (s.address, s.text) for name, s in found.items()} == {
        "jiffies": (DATA, INT),
        "count": (DATA + 4, INT),
        "runqueue": (16, INT),
    }
    assert report.counts == {("function", "no address known"): 2}


def test_a_list_adds_functions_and_what_has_no_type(tmp_path: Path):
    """A static variable of a function has both its names, with its type."""
    report = Report()
    symbols = listed(tmp_path, SYSTEM_MAP)
    found = find_symbols(types(report), Places(BINDING, symbols), report)

    assert {name: (s.address, s.text) for name, s in found.items()} == {
        "_stext": (TEXT, FUNCTION),
        "start": (TEXT + 16, FUNCTION),
        "jiffies": (DATA, INT),
        "count": (DATA + 4, INT),
        "count.5": (DATA + 4, INT),
        "table": (DATA + 8, VOID),
        "runqueue": (16, INT),
    }
    assert report.counts == {
        ("function", "no address known"): 1,
        ("symbol", "no type known"): 1,
    }


def test_without_sections_a_list_places_variables(tmp_path: Path):
    """Those whose name only one symbol has; the others are listed."""
    report = Report()
    symbols = listed(tmp_path, SYSTEM_MAP)
    found = find_symbols(types(report), Places(None, symbols), report)

    assert (found["jiffies"].address, found["jiffies"].text) == (DATA, INT)
    assert [item.name for item in report.items if item.what == "variable"] == ["count"]


def test_kallsyms_are_moved_back(tmp_path: Path):
    """What KASLR did shows at _stext; per-CPU symbols stay, those of modules are counted."""
    report = Report()
    slide = 0x39C00000
    moved = "".join(
        f"{address + slide if address > 16 else address:016x} {letter} {name}\n"
        for address, letter, name in (
            (int(line.split()[0], 16), *line.split()[1:]) for line in SYSTEM_MAP.splitlines()
        )
    )
    moved += "ffffffffc0000000 t xfs_open\t[xfs]\n"
    symbols, found = unmoved(listed(tmp_path, moved, report), BINDING)

    assert found == slide
    assert symbols.addresses == listed(tmp_path, SYSTEM_MAP).addresses
    assert report.counts == {("symbol", "of a module"): 1}


def test_disagreement_is_listed(tmp_path: Path):
    """The section's address stands."""
    report = Report()
    symbols = listed(tmp_path, SYSTEM_MAP.replace("10 A runqueue", "20 A runqueue"))
    found = find_symbols(types(report), Places(BINDING, symbols), report)

    assert found["runqueue"].address == 16
    assert [item.name for item in report.items if item.what == "address"] == ["runqueue"]


def test_symbols_of_another_kernel_are_refused(tmp_path: Path):
    """Most variables lie elsewhere."""
    other = SYSTEM_MAP.replace(f"{DATA:x}", f"{DATA + 64:x}").replace("10 A", "30 A")
    symbols = listed(tmp_path, other)

    with pytest.raises(BaseMismatchError, match="of another kernel: 2 of 2 variables"):
        find_symbols(types(Report()), Places(BINDING, symbols), Report())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0000000000000000 T _stext\n", "hides all addresses"),
        ("", "holds no symbols"),
        ("ffffffff81000000 T _stext\nx y\n", r"symbols\+0x1a: not a line of ADDRESS LETTER NAME"),
        ("nothing at all", "not a line"),
    ],
)
def test_what_is_no_list_of_symbols(tmp_path: Path, text: str, problem: str):
    """One line that says where."""
    with pytest.raises(FormatError, match=problem):
        listed(tmp_path, text)


def test_a_global_symbol_has_the_name(tmp_path: Path):
    """Of several; the others are told apart and counted."""
    report = Report()
    text = SYSTEM_MAP + f"{TEXT + 32:x} t init\n{TEXT + 48:x} T init\n{TEXT + 64:x} t init\n"
    found = find_symbols(types(report), Places(BINDING, listed(tmp_path, text)), report)

    places = [found[name].address - TEXT for name in ("init", "init__2", "init__3")]
    assert places == [48, 32, 64]
    assert report.counts["symbol", "one of several of its name, called NAME__N"] == 2


def test_banner_is_base64():
    """Volatility looks for these bytes in memory."""
    text = text_of(Symbol(False, False, 5, INT), "TGludXgA")

    assert json.loads(text) == {
        "type": {"kind": "base", "name": "int"},
        "address": 5,
        "constant_data": "TGludXgA",
    }


@pytest.mark.parametrize("name", ["a.json", "a.json.gz", "a.json.xz"])
def test_same_input_same_bytes(name: str):
    """Compressed or not."""
    report = Report()
    whole = types(report)
    found = find_symbols(whole, Places(BINDING, None), report)
    made = [
        b"".join(
            compressed(document(whole, found, banner=b"", version="0.1.0", origins={}), Path(name))
        )
        for _ in range(2)
    ]

    assert made[0] == made[1]
