"""What an encode is asked to write.

In:  pahole's words: a list of features, a list of languages.
Out: EncodeOptions, which every stage after DWARF reads.

Names and defaults are pahole's, so a kernel's build line carries over. Where pahole ignores a
name it doesn't know, we refuse it: a misspelt feature would silently leave things out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from dwarfless.formats.languages import LANGUAGES
from dwarfless.graph.rules import CLASSES, Rule, refuse_unknown

__all__ = [
    "DEFAULT_FEATURES",
    "FEATURES",
    "EncodeOptions",
    "parse_features",
    "parse_languages",
]

#: Feature -> whether `default` holds it. Source: btf_features of pahole 1.32.
FEATURES: Final[dict[str, bool]] = {
    "encode_force": True,
    "var": True,
    "float": True,
    "decl_tag": True,
    "type_tag": True,
    "enum64": True,
    "optimized_func": True,
    "consistent_func": True,
    "decl_tag_kfuncs": True,
    "reproducible_build": False,
    "distilled_base": False,
    "global_var": False,
    "attributes": False,
    "true_signature": False,
    "layout": False,
    "force_cu_merging": False,
}

DEFAULT_FEATURES: Final = frozenset(name for name, default in FEATURES.items() if default)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeOptions:
    """What an encode writes, and where it looks for DWARF.

    Attributes:
        features: Names out of FEATURES that are on.
        only: Names out of graph.rules.CLASSES: what is written, and of types what that reaches,
            unless "types" is among them. None: what the features say.
        rules: Which variables and functions are written; the first that matches decides.
        with_init: Write variables in sections that the kernel frees after its start.
        tag_duplicates: Give variables that share a name a decl tag of their file.
        lang_exclude: Names out of formats.languages.LANGUAGES whose units are left out.
        flatten_arrays: Write `int m[2][3]` as one ARRAY of 6, as pahole's later versions do.
        linkage: Linkage of FUNCs: "static" for all, as pahole writes it, or the "true" one.
        split_dwarf: The .dwo files of skeleton units.
        debug_dirs: Where separate debug files are looked for, by build-id and by name.
        same_dwarf: The base was made from the DWARF that is read. Then structs, unions and enums
            that it has once are the base's by name and size, and are not read.
    """

    features: frozenset[str] = DEFAULT_FEATURES
    only: frozenset[str] | None = None
    rules: tuple[Rule, ...] = ()
    with_init: bool = True
    tag_duplicates: bool = False
    lang_exclude: frozenset[str] = frozenset({"rust"})
    flatten_arrays: bool = False
    linkage: Literal["static", "true"] = "static"
    split_dwarf: tuple[Path, ...] = ()
    debug_dirs: tuple[Path, ...] = (Path("/usr/lib/debug"),)
    same_dwarf: bool = False

    def __post_init__(self) -> None:
        refuse_unknown("feature", self.features, FEATURES)
        refuse_unknown("language", self.lang_exclude, LANGUAGES)
        if self.only is not None:
            refuse_unknown("class", self.only, CLASSES)

    def has(self, feature: str) -> bool:
        """Tell whether a feature is on."""
        refuse_unknown("feature", (feature,), FEATURES)
        return feature in self.features

    @property
    def classes(self) -> frozenset[str]:
        """What is written, out of graph.rules.CLASSES."""
        if self.only is not None:
            return self.only
        classes = {"types", "functions"}
        if self.has("global_var"):
            classes |= {"percpu", "global", "static"}
        elif self.has("var"):
            classes |= {"percpu"}
        return frozenset(classes)

    def excluded_languages(self) -> frozenset[int]:
        """Return the values of DW_AT_language whose units are left out."""
        return frozenset(value for name in self.lang_exclude for value in LANGUAGES[name])


def parse_features(*lists: str) -> frozenset[str]:
    """Return the features that one or more of pahole's lists turn on.

    A feature is off unless named; lists add up. `default` stands for the default ones, and a
    list that starts with `+` for those and its own.

    >>> sorted(parse_features("var,float"))
    ['float', 'var']
    >>> parse_features("+global_var") == DEFAULT_FEATURES | {"global_var"}
    True

    Raises:
        ValueError: A name is not a feature; the message suggests one that is.

    Source: parse_btf_features in pahole.c.
    """
    features: set[str] = set()
    for text in lists:
        if text.startswith("+"):
            features |= DEFAULT_FEATURES
        names = {name.strip() for name in text.removeprefix("+").split(",")} - {""}
        if "default" in names:
            features |= DEFAULT_FEATURES
        features |= names - {"default"}
    refuse_unknown("feature", features, (*FEATURES, "default"))
    return frozenset(features)


def parse_languages(text: str) -> frozenset[str]:
    """Return the languages of a comma list such as "rust,c++14"; letters may be of any case.

    Raises:
        ValueError: A name is not a language; the message suggests one that is.
    """
    names = frozenset(name.strip().lower() for name in text.split(",")) - {""}
    refuse_unknown("language", names, LANGUAGES)
    return names
