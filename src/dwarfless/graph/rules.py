"""Rules that say which variables and functions are written.

In:  patterns of the command line, a rules file, a profile that comes with the package.
Out: Rules in the order in which they are tried.

A rule matches if all that it says is true: one of its name patterns, one of its sections, and so
on. `graph/selection` applies them; `docs/rules.md` describes the file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

__all__ = [
    "CLASSES",
    "VARIABLE_CLASSES",
    "Rule",
    "RuleFile",
    "load_profile",
    "load_rules",
    "parse_only",
    "parse_pattern",
    "parse_rules",
    "profile_names",
    "refuse_unknown",
]

Subject: TypeAlias = Literal["variable", "function"]

#: Classes of variables, by the core's flags and the section; a variable is of just one.
VARIABLE_CLASSES: Final = ("percpu", "global", "static", "local", "declarations")
#: What may be asked for.
CLASSES: Final = ("types", "functions", *VARIABLE_CLASSES)
#: What one word of --only stands for, beside the classes themselves.
ONLY_WORDS: Final = {"vars": frozenset({"percpu", "global", "static"})}
#: Rules that come with the package.
PROFILES: Final = Path(__file__).parent.parent / "profiles"
_KEYS: Final = (
    "include",
    "exclude",
    "section",
    "unit",
    "type",
    "class",
    "exported",
    "init",
    "of",
    "because",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. A condition that is empty or None holds for everything.

    Attributes:
        keep: Whether what matches is written, or left out.
        names: Shell patterns, case-sensitive: `*`, `?`, `[a-z]`.
        sections: Patterns for the section a variable or function lies in.
        units: Patterns for the unit's name, such as `drivers/net/*`; `*` matches slashes, too.
        types: Patterns for a variable's type in C, without qualifiers and array bounds:
            `struct static_key`, `char[]`.
        classes: Out of VARIABLE_CLASSES; functions are of none.
        exported: Whether modules may use it.
        init: Whether the kernel frees it after its start.
        of: Only variables, or only functions.
        because: Why; what the report and `explain` say.
        source: Where the rule was given.
    """

    keep: bool
    names: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()
    exported: bool | None = None
    init: bool | None = None
    of: Subject | None = None
    because: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        refuse_unknown("class", self.classes, VARIABLE_CLASSES)

    @property
    def text(self) -> str:
        """The rule in words, such as `exclude __SCK__*, in .data*`."""
        parts = [f"{'include' if self.keep else 'exclude'} {_listed(self.names) or '*'}"]
        for word, patterns in (
            ("in", self.sections),
            ("of", self.units),
            ("type", self.types),
            ("class", sorted(self.classes)),
        ):
            if patterns:
                parts.append(f"{word} {_listed(patterns)}")
        if self.exported is not None:
            parts.append("exported" if self.exported else "not exported")
        if self.init is not None:
            parts.append("init" if self.init else "not init")
        if self.of is not None:
            parts.append(f"{self.of}s only")
        return ", ".join(parts)

    def speaks_of(self, what: str) -> bool:
        """Tell whether it can match a "variable" or a "function"."""
        if self.of is not None:
            return self.of == what
        return what == "variable" or not (self.classes or self.types)

    @property
    def reason(self) -> str:
        """What a report says of what the rule leaves out."""
        return self.because or f"{self.source}: {self.text}".removeprefix(": ")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """What a rules file says.

    Attributes:
        rules: In order.
        only: Classes that are written; None: not said.
        with_init: Whether what the kernel frees after its start is written; None: not said.
    """

    rules: tuple[Rule, ...]
    only: frozenset[str] | None = None
    with_init: bool | None = None


def _listed(patterns: Iterable[str]) -> str:
    """Return the first few patterns in a line."""
    patterns = list(patterns)
    more = f" and {len(patterns) - 4} more" if len(patterns) > 5 else ""
    return " or ".join(patterns[: 4 if more else None]) + more


def parse_pattern(text: str, *, keep: bool) -> Rule:
    """Return the rule of an --include or --exclude.

    A pattern is for names, or KEY:PATTERN with one of the keys of a rules file.

    >>> parse_pattern("section:.init*", keep=False).text
    'exclude *, in .init*'

    Raises:
        ValueError: No such key, or no such class.
    """
    source = f"{'--include' if keep else '--exclude'} {text}"
    key, colon, value = text.partition(":")
    if not colon:
        key, value = "name", text
    keys = ("name", "section", "unit", "type", "class", "exported", "init")
    refuse_unknown("key", (key,), keys)
    if not value:
        raise ValueError(f"{text!r} holds no pattern")
    word = "include" if keep else "exclude"
    table: dict[str, Any] = {word: value if key == "name" else "*"}
    if key in ("exported", "init"):
        if value not in ("yes", "no"):
            raise ValueError(f"{key} is yes or no, not {value!r}")
        table[key] = value == "yes"
    elif key != "name":
        table[key] = value
    return _rule({**table, "because": source}, source)


def parse_rules(text: str, source: str) -> RuleFile:
    """Return the rules of a TOML text.

    Args:
        text: The file's contents.
        source: Its name, for messages and reports.

    Raises:
        ValueError: Not TOML, or a key or value that makes no sense; says where.
    """
    import tomllib

    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{source}: {error}") from None
    try:
        refuse_unknown("key", table, ("about", "only", "init", "rule"))
        rules = table.get("rule", [])
        if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
            raise ValueError("rules are written as [[rule]]")
        init = _truth(table, "init")
        only = parse_only(",".join(_patterns(table, "only"))) if "only" in table else None
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    found = []
    for number, rule in enumerate(rules, 1):
        try:
            found.append(_rule(rule, f"{source}, rule {number}"))
        except ValueError as error:
            raise ValueError(f"{source}: rule {number}: {error}") from None
    return RuleFile(tuple(found), only, init)


def load_rules(path: str | Path) -> RuleFile:
    """Return the rules of a TOML file.

    Raises:
        ValueError: It makes no sense; says where.
        OSError: It can't be read.
    """
    path = Path(path)
    try:
        return parse_rules(path.read_text(encoding="utf-8"), path.name)
    except UnicodeDecodeError:
        raise ValueError(f"{path.name}: not UTF-8") from None


def profile_names() -> list[str]:
    """Return the profiles that come with the package."""
    return sorted(path.stem for path in PROFILES.glob("*.toml"))


def load_profile(name: str) -> RuleFile:
    """Return the rules of a profile.

    >>> load_profile("debugger").with_init
    False

    Raises:
        ValueError: No such profile; the message suggests one.
    """
    refuse_unknown("profile", (name,), profile_names())
    path = PROFILES / f"{name}.toml"
    return parse_rules(path.read_text(encoding="utf-8"), f"profile {name}")


def _rule(table: dict[str, Any], source: str) -> Rule:
    refuse_unknown("key", table, _KEYS)
    if ("include" in table) == ("exclude" in table):
        raise ValueError("a rule has either include or exclude")
    keep = "include" in table
    of, because = table.get("of"), table.get("because")
    if of is not None:
        refuse_unknown("subject", (of,), ("variable", "function"))
    if because is not None and not isinstance(because, str):
        raise ValueError("because is a text")
    return Rule(
        keep=keep,
        names=_patterns(table, "include" if keep else "exclude"),
        sections=_patterns(table, "section"),
        units=_patterns(table, "unit"),
        types=_patterns(table, "type"),
        classes=frozenset(_patterns(table, "class")),
        exported=_truth(table, "exported"),
        init=_truth(table, "init"),
        of=of,
        because=because or "",
        source=source,
    )


def _truth(table: dict[str, Any], key: str) -> bool | None:
    """Return a key that is true or false, or None if it is not there."""
    value = table.get(key)
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"{key} is true or false")
    return value


def parse_only(text: str) -> frozenset[str]:
    """Return the classes of a comma list; `vars` is per-CPU, global and static variables.

    >>> sorted(parse_only("vars,local"))
    ['global', 'local', 'percpu', 'static']

    Raises:
        ValueError: A name is not a class, or there is none; the message suggests one that is.
    """
    names = frozenset(name.strip() for name in text.split(",")) - {""}
    refuse_unknown("class", names, (*CLASSES, *ONLY_WORDS))
    if not names:
        raise ValueError(f"no class is named ({', '.join((*CLASSES, *ONLY_WORDS))})")
    return frozenset[str]().union(*(ONLY_WORDS.get(name, {name}) for name in names))


def _patterns(table: dict[str, Any], key: str) -> tuple[str, ...]:
    """Return a key's pattern or patterns; `*` alone says nothing."""
    value = table.get(key, [])
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not all(isinstance(p, str) and p for p in patterns):
        raise ValueError(f"{key} is a pattern or a list of patterns")
    return () if "*" in patterns else tuple(patterns)


def refuse_unknown(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise a ValueError that suggests the nearest known name, if a name is not known."""
    known = list(known)
    for name in sorted(map(str, names)):
        if name not in known:
            import difflib

            close = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else f" ({', '.join(known)})"
            raise ValueError(f"no {what} {name!r}{hint}")
