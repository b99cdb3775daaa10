"""All modules of a kernel as one graph, so that one comparison serves them all.

In:  the BTF of a base and of modules split over it.
Out: a Btf whose own types are marked with their module's name.
"""

from build.graphs import move
from oracle.bisimulation import JointGraph
from oracle.btf_reader import Btf

__all__ = ["Joined"]


class Shift(dict[int, int]):
    """Where ids go: the base's stay, own ones move on, unless told otherwise."""

    def __init__(self, first: int, by: int) -> None:
        super().__init__()
        self.first, self.by = first, by

    def __missing__(self, type_id: int) -> int:
        return type_id + self.by if type_id >= self.first else type_id


class Joined:
    """Own types of several modules on their base, as one.

    Attributes:
        types: All of them, the base's first.
        rows: Module -> ids of its own types here.
        repeated: Module -> how many of its types mean what another or one of the base means.
    """

    def __init__(self, base: Btf, own: dict[str, Btf]) -> None:
        self.base = base
        self.types = list(base.types)
        self.rows: dict[str, range] = {}
        for name, btf in own.items():
            shift = Shift(btf.first, len(self.types) - btf.first)
            first = len(self.types)
            self.types += [move(type_, shift) for type_ in btf.types[btf.first :]]
            self.rows[name] = range(first, len(self.types))
        nothing = Btf([], 1, b"\0", 0)
        plain = Btf(self.types, len(base.types), base.strings, 0)
        self.of = JointGraph(plain, nothing).refine().of.tolist()
        in_base = set(self.of[: len(base.types)])
        self.repeated = {
            name: len(rows) - len({self.of[row] for row in rows} - in_base)
            for name, rows in self.rows.items()
        }

    def marked(self) -> Btf:
        """Return types with their module's name in front; the base's are the base's."""
        first = {
            number: i for i, number in reversed([*enumerate(self.of[: len(self.base.types)])])
        }
        to, kept = Shift(0, 0), []
        for name, rows in self.rows.items():
            for row in rows:
                if self.of[row] in first:
                    to[row] = first[self.of[row]]
                else:
                    to[row] = len(self.base.types) + len(kept)
                    kept.append((name, row))
        types = list(self.base.types)
        for name, row in kept:
            kind, text, *rest = move(self.types[row], to)
            types.append((kind, f"{name}:{text}" if text else "", *rest))
        return Btf(types, len(self.base.types), self.base.strings, 0)
