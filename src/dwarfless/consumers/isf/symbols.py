"""Symbols as Volatility reads them: a name, an address, a type.

In:  variables and functions of a graph; where their sections were linked; a list of symbols.
Out: JSON text by name.

Where a variable is follows from its section. The list adds what BTF has no record of, tells where
functions are, and is checked against the variables. There is one symbol of a name here: it is a
global one's rather than a static one's, one with a type, the first by address; the others are
NAME__2 and so on. A static variable of a function is called as in C, and, as `name.5`, by the
list too.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from dwarfless.consumers.isf.table import quote
from dwarfless.consumers.isf.types import FUNCTION, VOID, Types, distinct
from dwarfless.containers.binding import Binding
from dwarfless.containers.symbol_list import SymbolList
from dwarfless.errors import BaseMismatchError
from dwarfless.formats.btf import Kind
from dwarfless.graph.report import Report

__all__ = ["Places", "Symbol", "find_symbols", "text_of", "unmoved"]

#: Share of the variables that may lie elsewhere than the list says.
TOLERATED: Final = 0.5


class Symbol(NamedTuple):
    """A symbol before it is text.

    Attributes:
        is_local: Whether its unit keeps it to itself; sorts global ones first.
        is_untyped: Whether only a list knows it; sorts those with a type first.
        address: As linked.
        text: Its type's text.
    """

    is_local: bool
    is_untyped: bool
    address: int
    text: str


class Variable(NamedTuple):
    """A variable of the graph.

    Attributes:
        name: As in C.
        is_local: Whether it is static.
        address: None if its section has none.
        text: Its type's text.
    """

    name: str
    is_local: bool
    address: int | None
    text: str


@dataclass(frozen=True)
class Places:
    """Where variables and functions are.

    Attributes:
        binding: Tells where sections were linked; None if nothing does.
        listed: Symbols of the kernel, as linked; None if there is no list.
    """

    binding: Binding | None
    listed: SymbolList | None


def unmoved(listed: SymbolList, binding: Binding) -> tuple[SymbolList, int]:
    """Return a list as it was linked, and how far the kernel it is of was moved (KASLR).

    Per-CPU symbols and other numbers that are no addresses stay.
    """
    text = binding.find_section(".text")
    start = listed.find(b"_stext")
    if text is None or start is None or start == text.address:
        return listed, 0
    slide = start - text.address
    mask = (1 << 8 * binding.layout.address_size) - 1
    lowest = min(s.address for s in binding.sections if not (s.fixed or s.relative))
    lowest = min(lowest, text.address) + min(slide, 0)
    return listed.moved(lambda a: a - slide & mask if a >= lowest else a), slide


def find_symbols(types: Types, places: Places, report: Report) -> dict[str, Symbol]:
    """Return all symbols by name.

    Args:
        types: Of the graph.
        places: Where things are.
        report: Takes what has no address, is renamed, or lies elsewhere than the list says.

    Raises:
        BaseMismatchError: The list is of another kernel.

    Cost: 0.5 s for Debian's 6.12.
    """
    variables = list(_variables(types, places.binding))
    functions = {types.table.name(i) for i in types.table.ids(Kind.FUNC)}
    groups: defaultdict[str, set[Symbol]] = defaultdict(set)
    known: defaultdict[str, set[int]] = defaultdict(set)
    if places.listed is not None:
        placed = {(v.name, v.address): v for v in variables}
        _add_listed(groups, known, places.listed, placed, functions, report)
        _compare(variables, known, places.listed, report)
    for variable in variables:
        address = variable.address
        if address is None:
            # A name that only one symbol has tells as much.
            listed = known.get(variable.name, ())
            if len(listed) != 1:
                report.add("variable", variable.name, "no address known")
                continue
            (address,) = listed
            groups[variable.name] = {s for s in groups[variable.name] if not s.is_untyped}
        groups[variable.name].add(Symbol(variable.is_local, False, address, variable.text))
    report.count("function", "no address known", len(functions - known.keys()))
    return _choose(groups, report)


def _variables(types: Types, binding: Binding | None) -> Iterator[Variable]:
    table = types.table
    words, starts = table.words, table.starts
    for section_id in table.ids(Kind.DATASEC):
        section = table.name(section_id)
        start, end = starts[section_id] + 3, starts[section_id + 1]
        first = binding.address(section, 0) if binding is not None else None
        for var_id, offset in zip(words[start:end:3], words[start + 1 : end : 3], strict=True):
            if table.kinds[var_id] != Kind.VAR:
                continue
            at = starts[var_id]
            yield Variable(
                table.string(words[at]),
                words[at + 3] == 0,
                None if first is None else first + offset,
                types.describe(words[at + 2]),
            )


def _add_listed(
    groups: dict[str, set[Symbol]],
    known: dict[str, set[int]],
    listed: SymbolList,
    placed: dict[tuple[str, int | None], Variable],
    functions: set[str],
    report: Report,
) -> None:
    """Add what a list has, with the types of the variables that lie there."""
    typed = 0
    rows = zip(listed.names, listed.addresses, listed.is_global, listed.is_code, strict=True)
    for raw, address, is_global, is_code in rows:
        name = raw.decode(errors="surrogateescape")
        stem = name.partition(".")[0]
        known[name].add(address)
        variable = placed.get((name, address)) or placed.get((stem, address))
        if variable is not None:
            symbol = Symbol(variable.is_local, False, address, variable.text)
        elif is_code or stem in functions:
            known[stem].add(address)
            symbol = Symbol(not is_global, True, address, FUNCTION)
        else:
            symbol = Symbol(not is_global, True, address, VOID)
            typed -= 1
        typed += 1
        groups[name].add(symbol)
    report.count("symbol", "no type known", len(listed) - typed)


def _compare(
    variables: list[Variable], known: dict[str, set[int]], listed: SymbolList, report: Report
) -> None:
    """Note the variables that a list places elsewhere; more than a few, and it is another's."""
    both = [v for v in variables if v.address is not None and v.name in known]
    elsewhere = [v for v in both if v.address not in known[v.name]]
    if len(elsewhere) > TOLERATED * len(both):
        raise BaseMismatchError(
            f"{listed.source}: of another kernel: {len(elsewhere):,} of {len(both):,} variables"
            " that it has lie elsewhere"
        )
    for variable in elsewhere:
        reason = f"elsewhere by {listed.source}; the section's is used"
        report.add("address", variable.name, reason)


def _choose(groups: dict[str, set[Symbol]], report: Report) -> dict[str, Symbol]:
    """Give every symbol a name that no other has."""
    chosen: dict[str, Symbol] = {}
    rest: list[tuple[str, Symbol]] = []
    for name, group in groups.items():
        if len(group) == 1:
            (chosen[name],) = group
            continue
        # What lies at one address is one symbol; what says more of it comes first.
        ordered: dict[int, Symbol] = {}
        for symbol in sorted(group):
            ordered.setdefault(symbol.address, symbol)
        first, *others = ordered.values()
        chosen[name] = first
        rest += [(name, other) for other in others]
    for name, symbol in rest:
        chosen[distinct(name, chosen)] = symbol
    report.count("symbol", "one of several of its name, called NAME__N", len(rest))
    return chosen


def text_of(symbol: Symbol, constant: str = "") -> str:
    """Return a symbol as JSON.

    Args:
        symbol: Which.
        constant: What lies there, in base64.
    """
    more = f',"constant_data":{quote(constant)}' if constant else ""
    return f'{{"type":{symbol.text},"address":{symbol.address}{more}}}'
