"""pahole's command line, option by option; each names what it changes in the Request."""

from pathlib import Path

import pytest

from dwarfless.cli.pahole_options import (
    INITIAL_FEATURES,
    OPTIONS,
    SUPPORTED_FEATURES,
    RefusedError,
    Request,
    UsageError,
    parse,
)
from dwarfless.formats.languages import LANGUAGES
from dwarfless.graph.options import DEFAULT_FEATURES
from support import ROOT

#: Options -> the fields that differ from those of a bare -J.
CASES = [
    ("-J", {}),
    ("--btf_encode", {}),
    ("--btf_encode_detached=out.btf", {"detached": Path("out.btf")}),
    ("--btf_encode_detached out.btf", {"detached": Path("out.btf")}),
    ("--btf_base=vmlinux", {"base": Path("vmlinux")}),
    ("--btf_base vmlinux", {"base": Path("vmlinux")}),
    ("--btf_features=var,float", {"features": {"var", "float"}}),
    ("--btf_features=default", {"features": DEFAULT_FEATURES}),
    ("--btf_features=+layout", {"features": DEFAULT_FEATURES | {"layout"}}),
    ("--btf_features=var --btf_features=layout", {"features": {"var", "layout"}}),
    ("--btf_features_strict=var,enum64", {"features": {"var", "enum64"}}),
    ("--btf_gen_all", {"features": set(SUPPORTED_FEATURES)}),
    ("--btf_gen_floats", {"features": INITIAL_FEATURES | {"float"}}),
    ("--btf_gen_optimized", {"features": INITIAL_FEATURES | {"optimized_func"}}),
    ("--btf_encode_force", {"features": INITIAL_FEATURES | {"encode_force"}}),
    ("--reproducible_build", {"features": INITIAL_FEATURES | {"reproducible_build"}}),
    ("--skip_encoding_btf_vars", {"features": INITIAL_FEATURES - {"var"}}),
    ("--skip_encoding_btf_decl_tag", {"features": INITIAL_FEATURES - {"decl_tag"}}),
    ("--skip_encoding_btf_type_tag", {"features": INITIAL_FEATURES - {"type_tag"}}),
    ("--skip_encoding_btf_enum64", {"features": INITIAL_FEATURES - {"enum64"}}),
    (
        "--skip_encoding_btf_inconsistent_proto",
        {"features": INITIAL_FEATURES | {"consistent_func"}},
    ),
    ("--btf_gen_var_only", {"only_variables": True}),
    ("--lang_exclude=rust,c++14", {"lang_exclude": {"rust", "c++14"}}),
    ("--lang=c11,asm", {"lang_exclude": set(LANGUAGES) - {"c11", "asm"}}),
    ("-j", {"jobs": None}),
    ("-j4", {"jobs": 4}),
    ("--jobs=4", {"jobs": 4}),
    ("--jobs", {"jobs": None}),
    ("-j0", {"jobs": None}),
    ("-V", {"verbose": True}),
    ("--verbose", {"verbose": True}),
    ("-V -q", {"verbose": False}),
    ("--quiet", {"verbose": False}),
    # What is given first is undone by the first list, what comes later holds.
    ("--btf_gen_floats --btf_features=var", {"features": {"var"}}),
    ("--btf_features=var --btf_gen_floats", {"features": {"var", "float"}}),
    ("--btf_features=var,float --skip_encoding_btf_vars", {"features": {"float"}}),
    # Spellings of getopt.
    ("--btf_encode_d=x", {"detached": Path("x")}),
    ("--btf_features_s=var", {"features": {"var"}}),
    ("-JVj8", {"verbose": True, "jobs": 8}),
]


def fields(request: Request) -> dict[str, object]:
    """Return what a request asks for, without the book-keeping."""
    return {name: value for name, value in vars(request).items() if not name.startswith("_")}


@pytest.mark.parametrize(("options", "changes"), CASES, ids=[case[0] for case in CASES])
def test_an_option_changes_what_it_says(options, changes):
    """And nothing else."""
    plain = Request(files=[Path("a.o")], encode=True)
    assert fields(parse(["-J", *options.split(), "a.o"], {})) == fields(plain) | changes


@pytest.mark.parametrize(
    ("option", "shown"),
    [
        ("--version", "version"),
        ("--numeric_version", "numeric version"),
        ("--supported_btf_features", "features"),
        ("--help", "help"),
        ("-?", "help"),
    ],
)
def test_options_that_only_print(option, shown):
    """They need no file."""
    assert parse([option], {}).show == shown


def test_every_option_is_tried_and_described():
    """Here, and in the manual's table; the manual describes no other."""
    tried = " ".join(case[0] for case in CASES)
    prints = {name for name in OPTIONS if OPTIONS[name].short == "?" or "version" in name}
    assert {n for n in OPTIONS if f"--{n}" not in tried} == prints | {"supported_btf_features"}
    rows = [
        line.split("|")[1]
        for line in (ROOT / "docs/pahole.md").read_text().splitlines()
        if line.startswith("| `-")
    ]
    names = [
        word.strip("`").partition("=")[0].partition("[")[0] for r in rows for word in r.split()
    ]
    described = {name[2:] for name in names if name.startswith("--")}
    assert described == set(OPTIONS)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("--sort a.o", "no option --sort here"),
        ("-JZ a.o", "no option -Z here"),
        ("-J", "no file is given"),
        ("a.o", "only encodes BTF: give -J"),
        ("-J --btf_feat=var a.o", "may mean --btf_features or --btf_features_strict"),
        ("-J --btf_gen_floats=yes a.o", "--btf_gen_floats takes no value"),
        ("-J --btf_base", "--btf_base needs a value"),
        ("-J -jx a.o", "'x' is not a number"),
        ("--btf_encode_detached= a.o", "needs the name of a file"),
        ("--btf_encode_detached=x a.o b.o", "takes one file"),
        ("-J -- -a.o --=", ""),
    ],
)
def test_what_is_not_understood(line, complaint):
    """Is said in words, not passed over."""
    if not complaint:
        assert parse(line.split(), {}).files == [Path("-a.o"), Path("--=")]
        return
    with pytest.raises(UsageError) as caught:
        parse(line.split(), {})
    assert complaint in str(caught.value)


def test_an_empty_name_is_no_option():
    """`--=x` isn't short for anything."""
    with pytest.raises(UsageError, match="no option -- here"):
        parse(["--=x"], {})


def test_unknown_features():
    """Are noted, as kernels ask for some that a pahole may lack; a strict list refuses them."""
    request = parse(["-J", "--btf_features=var,,vars,true_signature", "a.o"], {})
    assert request.features == {"var"}
    assert [note.split("'")[1] for note in request.notes] == ["vars", "true_signature"]
    for name in ("vars", "true_signature"):
        with pytest.raises(RefusedError, match=f"'{name}' is not supported"):
            parse(["-J", f"--btf_features_strict=var,{name}", "a.o"], {})


def test_unknown_languages():
    """Are refused: their units would be left in."""
    with pytest.raises(RefusedError, match="did you mean rust"):
        parse(["-J", "--lang_exclude=rusty", "a.o"], {})


def test_languages_of_the_environment():
    """Hold unless an option is given."""
    environment = {"PAHOLE_LANG_EXCLUDE": "rust"}
    assert parse(["-J", "a.o"], environment).lang_exclude == {"rust"}
    assert parse(["-J", "--lang_exclude=asm", "a.o"], environment).lang_exclude == {"asm"}
