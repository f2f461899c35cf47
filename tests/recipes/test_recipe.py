"""Recipes: plain values in, the same values out, and one clear line for each mistake."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d import UserError
from g2d.recipes.recipe import (
    digest,
    load_recipe,
    parse_changes,
    recipe_from,
    recipe_text,
    shipped_recipes,
    with_changes,
)
from toy import toy_recipe

WORDS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)
KEYS = st.lists(WORDS, min_size=1, max_size=3).map(".".join)
TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["C"]))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def as_typed(value):
    """JSON is YAML, but for the spelling of infinity."""
    text = json.dumps(value, ensure_ascii=False)
    return text.replace("-Infinity", "-.inf").replace("Infinity", ".inf")


@settings(max_examples=60, deadline=None)
@given(key=KEYS, value=PLAIN)
def test_whatever_is_written_as_json_is_read_as_it_was(key, value):
    assert parse_changes([f"--{key}={as_typed(value)}"]) == [(key, value)]
    assert parse_changes([f"--{key}", as_typed(value)]) == [(key, value)]


@settings(max_examples=60, deadline=None)
@given(changes=st.lists(st.tuples(KEYS, PLAIN), max_size=4))
def test_many_changes_keep_their_order(changes):
    flags = [part for key, value in changes for part in (f"--{key}", as_typed(value))]
    assert parse_changes(flags) == changes


@settings(max_examples=60, deadline=None)
@given(text=TEXT.filter(lambda text: not text.startswith("--")))
def test_no_text_breaks_the_parser(text):
    ((key, value),) = parse_changes(["--data.root", text])
    assert key == "data.root"
    json.dumps(value)  # plain


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("false", False),
        ("off", "off"),
        ("yes", "yes"),
        ("null", None),
        ("1e-3", 1e-3),
        ("1.", 1.0),
        ("-5", -5),
        ("[1, 2]", [1, 2]),
        ("2024-13-45", "2024-13-45"),
        ("1:30", "1:30"),
        ("007", "007"),
        ("a: b: c", "a: b: c"),
        ("toy.ToyData", "toy.ToyData"),
    ],
)
def test_values_mean_what_they_look_like(text, value):
    ((_, found),) = parse_changes(["--key", text])
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--method.alpha"], "--method.alpha has no value; expected --method.alpha VALUE"),
        (["--method.alpha", "--seed", "1"], "--method.alpha has no value"),
        (["alpha", "1"], "unexpected argument 'alpha'; a change of the recipe is --key value"),
        (["--"], "unexpected argument '--'"),
    ],
)
def test_arguments_that_are_no_change(arguments, line):
    with pytest.raises(UserError) as caught:
        parse_changes(arguments)
    assert line in str(caught.value)


@pytest.mark.parametrize("value", [0, 0.0, False])
def test_zero_and_false_are_values(value):
    recipe = with_changes(recipe_from(toy_recipe()), [("method.alpha", value)])
    assert recipe.method == {"name": "g2d", "alpha": value}


def test_another_method_does_not_inherit_the_options_of_the_one_before():
    recipe = with_changes(
        recipe_from({**toy_recipe(), "method": {"name": "g2d", "alpha": 2}}),
        [("method", "umt"), ("method.weight", 3)],
    )
    assert recipe.method == {"name": "umt", "weight": 3}


def test_an_option_alone_goes_to_the_method_that_is_there_named_or_not():
    bare = toy_recipe()
    del bare["method"], bare["fusion"]
    changes = [("method.alpha", 2), ("fusion.bias", 1), ("encoders.near.dropout", 0)]
    recipe = with_changes(recipe_from(bare), changes)
    assert recipe.method == {"name": "g2d", "alpha": 2}
    assert recipe.fusion == {"name": "late", "bias": 1}
    assert recipe.encoders["near"] == {"name": "toy.ToyEncoder", "dropout": 0}


def test_a_recipe_without_a_method_takes_options_of_the_default_one(tmp_path):
    path = tmp_path / "short.yaml"
    path.write_text("data: toy.ToyData\nencoders: {near: toy.ToyEncoder, far: toy.ToyEncoder}\n")
    recipe = load_recipe(str(path), [("method.alpha", 2)])
    assert recipe.method == {"name": "g2d", "alpha": 2}


def test_what_is_missing_is_set_by_dotted_keys_and_absent_where_not_set():
    first = recipe_from(toy_recipe())
    assert "missing" not in first.as_dict()
    assert recipe_from({**toy_recipe(), "missing": None}) == first
    hidden = with_changes(first, [("missing.rate", 0.4), ("missing.seed", 1)])
    assert hidden.as_dict()["missing"] == {"rate": 0.4, "seed": 1}
    assert recipe_from(hidden.as_dict()) == hidden
    assert digest(hidden.as_dict()) != digest(first.as_dict())


def test_changes_leave_the_first_recipe_alone():
    first = recipe_from(toy_recipe())
    before = digest(first.as_dict())
    with_changes(first, [("training.epochs", 9), ("encoders.near.dropout", 0.5)])
    assert digest(first.as_dict()) == before


def test_off_in_a_file_is_the_word_off(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("data: x.Y\nencoders: {}\nteachers: {cache: off, learning_rate: 1e-3}\n")
    assert load_recipe(str(path)).teachers == {"cache": "off", "learning_rate": 0.001}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("encoders: {}", "data: this must be given"),
        ("data: x.Y\nencoders: {}\nmodel: {}", "model: no such key in a recipe; known: data, enc"),
        ("data: x.Y\nencoders: [a]", "encoders: expected keys and values, got ['a']"),
        ("data: x.Y\nencoders: {}\ntraining: 3", "training: expected keys and values, got 3"),
        (
            "data: x.Y\nencoders: {}\nmissing: 0.4",
            "missing: expected keys and values (rate: 0.4), got 0.4",
        ),
        ("data: x.Y\nencoders: {}\nseed: -1", "seed: expected a whole number, 0 or more, got -1"),
        ("data: x.Y\nencoders: {}\nseed: true", "seed: expected a whole number, 0 or more"),
        ("data: x.Y\nencoders: {1: a}", "encoders.1: expected a word as the key, got 1; quote it"),
        ("data: !!binary aGk=\nencoders: {}", "data: expected a plain value, got a bytes"),
        ("data: [", "is not YAML"),
        ("data: !!python/object:os.system {}", "is not YAML"),
        ("just words", "is not a recipe: expected keys and values"),
        ("", "is empty; a recipe has at least data"),
        (b"\xff\xfe\xfa", "is not a text file; expected a recipe in YAML"),
    ],
)
def test_a_file_that_is_no_recipe(tmp_path, content, line):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as caught:
        load_recipe(str(path))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_not_there_is_told_apart_from_one_not_shipped(tmp_path):
    with pytest.raises(UserError, match=r"there is no recipe 'digits'; shipped: avdigits, avmnist"):
        recipe_text("digits")
    with pytest.raises(UserError, match=r"there is no recipe file .*none\.yaml"):
        recipe_text(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("name", shipped_recipes())
def test_every_shipped_recipe_begins_with_what_it_is(name):
    assert recipe_text(name).startswith("# ")
    papers = {"avmnist_paper", "cremad", "iemocap", "misme", "urfunny", "vggsound"}
    papers |= {"iemocap_release"}
    assert load_recipe(name).seed == (999 if name in papers else 0)


def test_a_choice_of_modalities_leaves_out_the_encoders_of_the_others():
    recipe = load_recipe("urfunny", [("data.modalities", ["text", "audio"])])
    assert list(recipe.encoders) == ["audio", "text"]
    assert list(load_recipe("urfunny").encoders) == ["audio", "visual", "text"]
    counted = {"data": {"name": "toy.ToyData", "modalities": 2}, "encoders": {"near": "mlp"}}
    assert recipe_from(counted).encoders == {"near": "mlp"}


def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("data: avdigits\ntraining:\n  epochs: 3\n  batch_size: 8\n  epochs: 30\n")
    with pytest.raises(UserError, match="'epochs' stands twice, lines 3 and 5"):
        load_recipe(str(path))
    path.write_text("data: avdigits\ntraining: &own {epochs: 3}\nteachers: {<<: *own, epochs: 9}\n")
    assert load_recipe(str(path)).teachers == {"epochs": 9}
