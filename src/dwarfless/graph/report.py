"""What was left out on the way, and why.

In:  every stage that skips, drops or approximates something.
Out: counts for the summary, items for the JSON.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Literal

__all__ = ["Item", "Report"]

#: Version of the JSON layout; raised when a key changes its meaning.
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was left out.

    Attributes:
        what: "function", "variable", "type", "unit" or "feature".
        name: Its name, or "" if it has none.
        reason: Short and constant, such as "inconsistent prototypes"; the summary groups by it.
        place: Where it was met: a unit's name, a section, a section and offset.
    """

    what: str
    name: str
    reason: str
    place: str = ""


@dataclass
class Report:
    """Counts and items of everything left out or approximated.

    Attributes:
        counts: (what, reason) -> number; covers the items and what is only counted.
        figures: Measured facts of the run, such as "units" or "peak_bytes".
        byte_order: That of the program that was read, so that its BTF can have the same.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    figures: dict[str, int | float] = field(default_factory=dict)
    byte_order: Literal["little", "big"] = "little"
    _items: list[Item] = field(default_factory=list)
    _pending: list[Callable[[], Iterable[Item]]] = field(default_factory=list)

    @property
    def items(self) -> list[Item]:
        """What is listed by name."""
        while self._pending:
            self._items += self._pending.pop(0)()
        return self._items

    def add(self, what: str, name: str, reason: str, place: str = "") -> None:
        """List one thing and count it."""
        self._pending.append(lambda: (Item(what, name, reason, place),))
        self.counts[what, reason] += 1

    def add_all(self, what: str, names: Collection[str], reason: str, place: str = "") -> None:
        """List things that are out for one reason, and count them.

        Names are looked at when someone asks for the list.
        """
        self._pending.append(lambda: (Item(what, name, reason, place) for name in names))
        self.count(what, reason, len(names))

    def add_each(self, what: str, names: Sequence[str], reasons: Sequence[str]) -> None:
        """List things that are out for a reason each, and count them."""
        self._pending.append(lambda: map(Item, repeat(what), names, reasons))
        self.counts.update((what, reason) for reason in reasons)

    def add_later(
        self, what: str, numbers: Mapping[str, int], items: Callable[[], Iterable[Item]]
    ) -> None:
        """Count things by reason, and list them when someone asks for the list.

        Args:
            what: What they are.
            numbers: How many are out for which reason.
            items: Returns the same things by name.
        """
        self._pending.append(items)
        for reason, number in numbers.items():
            self.count(what, reason, number)

    def take(self, other: "Report") -> None:
        """Add what another report lists and counts."""
        self._pending.append(lambda: other.items)
        self.counts.update(other.counts)

    def count(self, what: str, reason: str, number: int = 1) -> None:
        """Count things that are too many to list by name."""
        if number:
            self.counts[what, reason] += number

    def summary(self) -> Iterator[tuple[str, str, int]]:
        """Yield (what, reason, number), the largest number of each `what` first."""
        yield from (
            (what, reason, number)
            for (what, reason), number in sorted(
                self.counts.items(), key=lambda kv: (kv[0][0], -kv[1], kv[0][1])
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: schema, figures, counts, items."""
        return {
            "schema": SCHEMA,
            "figures": self.figures,
            "counts": [{"what": w, "reason": r, "number": n} for w, r, n in self.summary()],
            "items": [
                {"what": i.what, "name": i.name, "reason": i.reason, "place": i.place}
                for i in self.items
            ],
        }
