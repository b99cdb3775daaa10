"""The command line of pahole, as far as it encodes BTF.

In:  arguments as the kernel's build gives them.
Out: a Request.

Spelling follows GNU getopt: long options may be cut short while they stay unique, their values
follow `=` or a space, short ones may be joined, and what an option sets holds from there on.
Written by hand because a kernel's build starts us once a module, and argparse costs as much as a
small module does.

Source: pahole.1 and pahole.c of pahole 1.32.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dwarfless.errors import DwarflessError
from dwarfless.formats.languages import LANGUAGES
from dwarfless.graph.options import DEFAULT_FEATURES, FEATURES, parse_languages

__all__ = ["OPTIONS", "SUPPORTED_FEATURES", "Request", "UsageError", "parse"]

#: Features that change what is written, or that need no change to hold.
SUPPORTED_FEATURES: Final = tuple(name for name in FEATURES if name != "true_signature")
#: What is on if no list of features is given.
INITIAL_FEATURES: Final = frozenset({"var", "decl_tag", "type_tag", "enum64"})


class UsageError(DwarflessError):
    """The command line can't be understood."""


class RefusedError(DwarflessError):
    """What the command line asks for can't be had."""


@dataclass
class Request:
    """What a command line asks for.

    Attributes:
        files: ELF files with DWARF.
        show: What to print instead of encoding: "", "version", "numeric version", "features" or
            "help".
        encode: Whether BTF is to be written.
        detached: File for raw BTF; None: into each ELF file.
        base: What the result is split over.
        features: Features that are on.
        only_variables: Whether to write variables and no functions.
        lang_exclude: Languages whose units are left out.
        jobs: Threads; None: as many as CPUs may be used.
        verbose: Whether to say what was left out.
        notes: What is ignored, a line each.
    """

    files: list[Path] = field(default_factory=list)
    show: str = ""
    encode: bool = False
    detached: Path | None = None
    base: Path | None = None
    features: set[str] = field(default_factory=lambda: set(INITIAL_FEATURES))
    only_variables: bool = False
    lang_exclude: frozenset[str] = frozenset()
    jobs: int | None = 1
    verbose: bool = False
    notes: list[str] = field(default_factory=list)
    _listed: bool = False

    def list_features(self, text: str, *, strict: bool = False) -> None:
        """Turn a list's features on; the first list turns off what is not named.

        Raises:
            RefusedError: `strict`, and one of them is unknown or has no effect here.
        """
        if not self._listed:
            self.features.clear()
            self._listed = True
        names = text.removeprefix("+").split(",")
        if text.startswith("+") or "default" in names:
            self.features |= DEFAULT_FEATURES
        for name in names:
            if name in SUPPORTED_FEATURES:
                self.features.add(name)
            elif strict and name not in ("", "default"):
                raise RefusedError(
                    f"feature {name!r} is not supported, but {','.join(SUPPORTED_FEATURES)}"
                )
            elif name not in ("", "default"):
                self.notes.append(f"feature {name!r} is not supported, and ignored")

    def list_languages(self, text: str, *, exclude: bool) -> None:
        """Leave out the languages named, or all others.

        Raises:
            RefusedError: One is unknown.
        """
        try:
            names = parse_languages(text)
        except ValueError as error:
            raise RefusedError(str(error)) from None
        self.lang_exclude = names if exclude else frozenset(LANGUAGES) - names

    def set_jobs(self, text: str) -> None:
        """Read a number of threads; nothing or 0 means all CPUs.

        Raises:
            UsageError: It is none.
        """
        if not text.isdecimal() and text:
            raise UsageError(f"--jobs: {text!r} is not a number")
        self.jobs = int(text or 0) or None


@dataclass(frozen=True)
class Option:
    """One of pahole's options.

    Attributes:
        apply: Does what it says to a Request, with its value, "" if it has none.
        value: Whether it takes one: "", "required" or "optional" (only with `=`, or joined).
        short: Its letter, or "".
    """

    apply: Callable[[Request, str], None]
    value: str = ""
    short: str = ""


def _set(name: str, value: object) -> Callable[[Request, str], None]:
    """Return what sets a field to a constant."""
    return lambda request, _: setattr(request, name, value)


def _on(feature: str) -> Callable[[Request, str], None]:
    """Return what turns a feature on."""
    return lambda request, _: request.features.add(feature)


def _off(feature: str) -> Callable[[Request, str], None]:
    """Return what turns a feature off."""
    return lambda request, _: request.features.discard(feature)


def _detach(request: Request, value: str) -> None:
    if not value:
        raise UsageError("--btf_encode_detached needs the name of a file")
    request.detached, request.encode = Path(value), True


def _all_features(request: Request, _: str) -> None:
    request.list_features(",".join(SUPPORTED_FEATURES))


#: Long name -> what it does. docs/pahole.md has the same list in words.
OPTIONS: Final[Mapping[str, Option]] = {
    "btf_encode": Option(_set("encode", True), short="J"),
    "btf_encode_detached": Option(_detach, "required"),
    "btf_base": Option(lambda r, value: setattr(r, "base", Path(value)), "required"),
    "btf_features": Option(lambda r, value: r.list_features(value), "required"),
    "btf_features_strict": Option(
        lambda r, value: r.list_features(value, strict=True), "required"
    ),
    "supported_btf_features": Option(_set("show", "features")),
    "btf_gen_all": Option(_all_features),
    "btf_gen_floats": Option(_on("float")),
    "btf_gen_optimized": Option(_on("optimized_func")),
    "btf_encode_force": Option(_on("encode_force")),
    "reproducible_build": Option(_on("reproducible_build")),
    "skip_encoding_btf_vars": Option(_off("var")),
    "skip_encoding_btf_decl_tag": Option(_off("decl_tag")),
    "skip_encoding_btf_type_tag": Option(_off("type_tag")),
    "skip_encoding_btf_enum64": Option(_off("enum64")),
    "skip_encoding_btf_inconsistent_proto": Option(_on("consistent_func")),
    "btf_gen_var_only": Option(_set("only_variables", True)),
    "lang": Option(lambda r, value: r.list_languages(value, exclude=False), "required"),
    "lang_exclude": Option(lambda r, value: r.list_languages(value, exclude=True), "required"),
    "jobs": Option(lambda r, value: r.set_jobs(value), "optional", "j"),
    "verbose": Option(_set("verbose", True), short="V"),
    "quiet": Option(_set("verbose", False), short="q"),
    "version": Option(_set("show", "version")),
    "numeric_version": Option(_set("show", "numeric version")),
    "help": Option(_set("show", "help"), short="?"),
}
_SHORT: Final = {option.short: name for name, option in OPTIONS.items() if option.short}


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Request:
    """Return what a command line asks for.

    Args:
        arguments: Without the program's name.
        environment: PAHOLE_LANG_EXCLUDE stands for an option that is not given.

    Raises:
        UsageError: It can't be understood, or asks for what isn't encoding.
        RefusedError: A language, or a feature of a strict list, is unknown.
    """
    request = Request()
    if languages := environment.get("PAHOLE_LANG_EXCLUDE"):
        request.list_languages(languages, exclude=True)
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            request.files += map(Path, rest)
        elif argument.startswith("--"):
            _apply_long(request, argument[2:], rest)
        elif argument.startswith("-") and argument != "-":
            _apply_short(request, argument[1:], rest)
        else:
            request.files.append(Path(argument))
        if request.show:
            return request
    if not request.encode:
        raise UsageError("this pahole only encodes BTF: give -J or --btf_encode_detached")
    if not request.files:
        raise UsageError("no file is given")
    if request.detached and len(request.files) > 1:
        raise UsageError("--btf_encode_detached takes one file")
    return request


def _apply_long(request: Request, text: str, rest: Iterator[str]) -> None:
    given, equals, value = text.partition("=")
    name = _full_name(given)
    option = OPTIONS[name]
    if equals and not option.value:
        raise UsageError(f"--{name} takes no value")
    if option.value == "required" and not equals:
        value = _next(f"--{name}", rest)
    option.apply(request, value)


def _apply_short(request: Request, letters: str, rest: Iterator[str]) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter not in _SHORT:
            raise UsageError(f"no option -{letter} here")
        option = OPTIONS[_SHORT[letter]]
        value = ""
        if option.value:
            value, letters = letters, ""
        if option.value == "required" and not value:
            value = _next(f"-{letter}", rest)
        option.apply(request, value)


def _full_name(given: str) -> str:
    """Return the one option that a name, perhaps cut short, means."""
    if given in OPTIONS:
        return given
    meant = [name for name in OPTIONS if given and name.startswith(given)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise UsageError(f"--{given} may mean {' or '.join(f'--{name}' for name in meant)}")
    raise UsageError(f"no option --{given} here")


def _next(name: str, rest: Iterator[str]) -> str:
    """Return the argument that is an option's value."""
    try:
        return next(rest)
    except StopIteration:
        raise UsageError(f"{name} needs a value") from None
