#!/usr/bin/env python3
"""Compare two BTFs by what they mean.

    compare.py A B [--base-a F] [--base-b F] [--allow FILE] [--json OUT] [--explain NAME]

In:  raw BTF, or ELF files with .BTF; type ids, their order and the strings don't matter.
Out: differences by kind with their root causes, figures about each file, and exit status 0 if
     every difference is allowed, 1 if one isn't, 2 if an input or the list is broken.

The list of allowed differences is TOML. `kind` and `name` are globs; `name` is matched with the
name shown in the report. `side` ("only a", "only b" or "differs") and `detail` (a glob) narrow
an entry down. Entries that nothing used are reported.

    [[allow]]
    kind = "FUNC"
    name = "__memcpy"
    side = "only b"
    reason = "why it is right that they differ"
"""

import argparse
import json
import sys
import tomllib
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from oracle.bisimulation import edge_names
from oracle.btf_reader import KINDS, read
from peers.differences import SIDES, Difference, all_differences, figures
from peers.meaning import Meaning

__all__ = ["Allowance", "Comparison", "compare", "load_allowances", "main"]

STRENGTHS = ("strict", "shallow")


@dataclass
class Allowance:
    """A difference that is right as it is; the fields are globs."""

    kind: str
    name: str
    reason: str
    side: str = "*"
    detail: str = "*"
    used: int = 0

    def covers(self, difference: Difference) -> bool:
        """Tell whether it allows a difference."""
        return all(
            fnmatchcase(getattr(difference, what), getattr(self, what))
            for what in ("kind", "name", "side", "detail")
        )


@dataclass
class Comparison:
    """What came out.

    Attributes:
        paths: The two files.
        differences: All of them; those with a reason are allowed.
        figures: What was counted in each file.
        classes: Kind -> what is counted -> number of distinct meanings.
        unused: Allowances that nothing needed.
        meaning: The graph, for more questions.
    """

    paths: tuple[str, str]
    differences: list[Difference]
    figures: tuple[dict[str, Any], dict[str, Any]]
    classes: dict[str, dict[str, int]]
    unused: list[Allowance]
    meaning: Meaning = field(repr=False)

    @property
    def unexplained(self) -> list[Difference]:
        """Return the differences that nothing allows."""
        return [difference for difference in self.differences if difference.reason is None]

    def to_json(self) -> dict[str, Any]:
        """Return everything that JSON can hold."""
        return {
            "a": self.paths[0],
            "b": self.paths[1],
            "unexplained": len(self.unexplained),
            "differences": [asdict(difference) for difference in self.differences],
            "classes": self.classes,
            "figures": {"a": self.figures[0], "b": self.figures[1]},
            "unused allowances": [asdict(allowance) for allowance in self.unused],
        }

    def to_text(self, limit: int = 20) -> str:
        """Return a report for people, with at most so many names in a list."""
        lines = [f"a: {self.paths[0]}", f"b: {self.paths[1]}", *_table(self), ""]
        for title, found in (
            ("unexplained", self.unexplained),
            ("allowed", [d for d in self.differences if d.reason is not None]),
        ):
            followers = sum(len(difference.followers) for difference in found)
            lines.append(f"{title}: {len(found):,} differences, {followers:,} followers")
            lines += _listing(found, limit)
        for allowance in self.unused:
            lines.append(f"unused allowance: {allowance.kind} {allowance.name} {allowance.side}")
        return "\n".join(lines)


def load_allowances(path: str | Path) -> list[Allowance]:
    """Read a list of allowed differences; an entry may name several things at once.

    Raises:
        ValueError: It is broken, or an entry has no reason.
    """
    content = tomllib.loads(Path(path).read_text())
    if content.keys() - {"allow"}:
        raise ValueError(f"{path}: only [[allow]] is known")
    allowances = []
    for entry in content.get("allow", []):
        names = entry.get("name")
        for name in names if isinstance(names, list) else [names]:
            try:
                allowance = Allowance(**(entry | {"name": name}))
            except TypeError as error:
                raise ValueError(f"{path}: {entry}: {error}") from error
            if not allowance.reason.strip():
                raise ValueError(f"{path}: {entry}: needs a reason")
            if allowance.side not in ("*", *SIDES):
                raise ValueError(f"{path}: {entry}: side is none of {SIDES}")
            allowances.append(allowance)
    return allowances


def compare(
    a: str | Path,
    b: str | Path,
    *,
    base_a: str | Path | None = None,
    base_b: str | Path | None = None,
    allow: str | Path | None = None,
) -> Comparison:
    """Compare two files.

    Raises:
        ValueError: A file holds no BTF, or the list of allowances is broken.

    Cost: 8 seconds and 310 MB for two kernels of 140,000 types, 32,000 of them variables.
    """
    allowances = load_allowances(allow) if allow else []
    bases = [read(base) if base else None for base in (base_a, base_b)]
    meaning = Meaning(read(a, bases[0]), read(b, bases[1]))
    differences = all_differences(meaning)
    for difference in differences:
        for allowance in allowances:
            if allowance.covers(difference):
                allowance.used += 1
                difference.reason = difference.reason or allowance.reason
    return Comparison(
        (str(a), str(b)),
        differences,
        (figures(meaning, 0), figures(meaning, 1)),
        _classes(meaning),
        [allowance for allowance in allowances if not allowance.used],
        meaning,
    )


def _classes(meaning: Meaning) -> dict[str, dict[str, int]]:
    """Count, by kind, the meanings in each file and those that only one has."""
    graph = meaning.graph
    counts: dict[str, dict[str, int]] = {}
    for number, kind in enumerate(KINDS):
        row = {}
        for side, letter in enumerate("ab"):
            nodes = graph.own & (graph.kinds == number) & (graph.in_second == side)
            row[letter] = len(np.unique(meaning.strict.of[nodes]))
            for strength in STRENGTHS:
                classes = getattr(meaning, strength)
                alone = nodes & ~classes.in_both
                row[f"only {letter} {strength}"] = len(np.unique(classes.of[alone]))
        if any(row.values()):
            counts[kind] = row
    return counts


def _table(comparison: Comparison) -> list[str]:
    ours, theirs = comparison.figures
    heads = ["kind", "types a", "types b", "redundant a", "redundant b"]
    heads += [f"only {letter} {strength}" for strength in STRENGTHS for letter in "ab"]
    rows = []
    for kind in KINDS:
        row = [each["kinds"].get(kind, 0) for each in (ours, theirs)]
        row += [len(each["redundant"].get(kind, ())) for each in (ours, theirs)]
        row += [comparison.classes.get(kind, {}).get(head, 0) for head in heads[5:]]
        if any(row):
            rows.append((kind, row))
    rows.append(("all", [sum(column) for column in zip(*(row for _, row in rows), strict=True)]))
    lines = ["", "".join([f"{heads[0]:12}", *(f"{head:>16}" for head in heads[1:])])]
    lines += ["".join([f"{k:12}", *(f"{number:16,}" for number in row)]) for k, row in rows]
    lines.append("")
    for what in ("unresolved forwards", "variable duplicates"):
        lines.append(f"{what}: {len(ours[what]):,} in a, {len(theirs[what]):,} in b")
        for letter, each in zip("ab", comparison.figures, strict=True):
            lines += [f"  {letter}: {name}" for name in each[what][:5]]
    for kind in ("DECL_TAG", "TYPE_TAG"):
        for value in sorted({*ours["tags"][kind], *theirs["tags"][kind]}):
            numbers = [each["tags"][kind].get(value, 0) for each in (ours, theirs)]
            lines.append(f"{kind} {value}: {numbers[0]:,} in a, {numbers[1]:,} in b")
    return lines


def _listing(differences: list[Difference], limit: int) -> list[str]:
    groups: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for difference in differences:
        groups[difference.kind, difference.side].append(difference)
    lines = []
    for (kind, side), found in groups.items():
        lines.append(f"  {kind}, {side}: {len(found):,}")
        for reason, count in Counter(d.reason for d in found).items():
            if reason is not None:
                lines.append(f"    {count:,} allowed: {reason}")
        for difference in sorted(found, key=lambda d: -len(d.followers))[:limit]:
            follow = difference.followers
            more = f"  [{len(follow):,} follow: {', '.join(follow[:3])}]" if follow else ""
            lines.append(f"    {difference.name}: {difference.detail}{more}")
        if len(found) > limit:
            lines.append(f"    … {len(found) - limit:,} more")
    return lines


def explain(meaning: Meaning, name: str) -> str:
    """Return every type of a name in both files, and how each pair of a kind differs."""
    nodes = [node for node in np.flatnonzero(meaning.graph.own) if meaning.type(node)[1] == name]
    lines = []
    for node in map(int, nodes):
        type_, letter = meaning.type(node), "ab"[int(meaning.graph.in_second[node])]
        state = "is in both" if not meaning.unmatched[node] else "differs"
        if meaning.unmatched[node] and not meaning.differs[node] and node in meaning.causes:
            state = f"follows {meaning.describe(meaning.causes[node])}"
        lines.append(f"{letter}[{meaning.graph.id_of(node)}] {type_[0]} {name}: {state}")
        content = [word for word in type_[2:] if not isinstance(word, tuple)]
        lines.append(f"    {' '.join(map(str, content))}")
        entries = next((word for word in type_[2:] if isinstance(word, tuple)), ())
        targets = meaning.graph.targets(node)
        for edge, target in zip(edge_names(type_), targets, strict=True):
            lines.append(f"    {edge}: [{meaning.graph.id_of(target)}] {meaning.describe(target)}")
        lines += [f"    {' '.join(map(str, entry))}" for entry in entries]
    for one in map(int, nodes):
        for other in map(int, nodes):
            sides = meaning.graph.in_second[[one, other]].tolist()
            same_kind = meaning.type(one)[0] == meaning.type(other)[0]
            if sides == [False, True] and same_kind:
                ids = [meaning.graph.id_of(node) for node in (one, other)]
                words = meaning.explain(one, other) or "equal"
                lines.append(f"a[{ids[0]}] and b[{ids[1]}]: {words}")
    return "\n".join(lines) or f"no type is called {name}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(description="Compare two BTFs by what they mean.")
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    parser.add_argument("--base-a", type=Path, help="base of a split BTF")
    parser.add_argument("--base-b", type=Path, help="base of a split BTF")
    parser.add_argument("--allow", type=Path, help="TOML list of allowed differences")
    parser.add_argument("--json", type=Path, help="write everything found here")
    parser.add_argument("--explain", metavar="NAME", help="show this name in both and stop")
    parser.add_argument("--limit", type=int, default=20, help="names in a list of the report")
    options = parser.parse_args(arguments)
    try:
        comparison = compare(
            options.a,
            options.b,
            base_a=options.base_a,
            base_b=options.base_b,
            allow=options.allow,
        )
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if options.json:
        options.json.write_text(json.dumps(comparison.to_json(), indent=1, ensure_ascii=False))
    if options.explain:
        print(explain(comparison.meaning, options.explain))
    else:
        print(comparison.to_text(options.limit))
    return 1 if comparison.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
