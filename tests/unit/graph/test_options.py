"""The features and languages an encode is asked for."""

import pytest

from dwarfless.graph.options import (
    DEFAULT_FEATURES,
    EncodeOptions,
    parse_features,
    parse_languages,
)


def test_only_what_is_named_is_on():
    """A list is opt-in, whatever the defaults are."""
    assert parse_features("var, float,") == {"var", "float"}
    assert parse_features("") == frozenset()


def test_a_leading_plus_adds_to_the_defaults():
    """`+global_var` is the defaults and one more."""
    assert parse_features("+global_var") == DEFAULT_FEATURES | {"global_var"}
    assert parse_features("+") == DEFAULT_FEATURES


def test_default_names_the_defaults():
    """`default` may stand anywhere in a list."""
    assert parse_features("default") == DEFAULT_FEATURES
    assert parse_features("layout,default") == DEFAULT_FEATURES | {"layout"}


def test_lists_add_up():
    """Given twice, the option adds."""
    assert parse_features("var", "float") == {"var", "float"}


def test_a_misspelt_feature_is_refused_with_a_suggestion():
    """Where pahole drops what it doesn't know, we say so."""
    with pytest.raises(ValueError, match="no feature 'enum46'; did you mean enum64"):
        parse_features("var,enum46")
    with pytest.raises(ValueError, match="did you mean type_tag"):
        EncodeOptions(features=frozenset({"type_tags"}))


def test_languages_are_those_of_pahole():
    """Letters may be of any case; assembler has two numbers."""
    options = EncodeOptions(lang_exclude=parse_languages("Rust,asm"))
    assert options.excluded_languages() == {0x1C, 0x31, 0x8001}
    with pytest.raises(ValueError, match="no language 'rusty'; did you mean rust"):
        parse_languages("rusty")


def test_has_refuses_what_is_no_feature():
    """A misspelling in our own code is an error too."""
    assert EncodeOptions().has("var")
    assert not EncodeOptions().has("layout")
    with pytest.raises(ValueError, match="no feature"):
        EncodeOptions().has("vars")
