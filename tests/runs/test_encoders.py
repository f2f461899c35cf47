"""Encoders by the names that recipes know, and the files that some of them begin with."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from g2d import Classification, UserError
from g2d.engine.checkpoint import save_weights
from g2d.models.encoders import MobileNetV2
from g2d.recipes.blueprint import build
from g2d.recipes.build import build_student
from g2d.recipes.catalog import ENCODERS
from g2d.recipes.components import locate
from g2d.recipes.kinds import encoder_class
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from toy import toy_recipe

OPTIONS = {
    "agm_transformer": {"inputs": 5},
    "mlp": {"inputs": 5},
    "mobilenet_v2": {},
    "resnet18": {},
    "small_cnn": {},
    "tabular": {"inputs": 5},
    "transformer": {"inputs": 5, "positions": "none", "heads": 4, "masked": False},
    "words": {"vocabulary": 100},
}

# Those whose width and size are those of the model that they are given.
PUBLISHED = {"sentence_transformers", "timm", "transformers"}


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - PUBLISHED))
def test_every_name_is_an_encoder(name):
    with torch.device("meta"):
        encoder = build(encoder_class(name, "encoders"), OPTIONS[name], "encoders")
    assert encoder.feature_width > 0


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("transformer", {}, "encoders.inputs: this must be given"),
        ("agm_transformer", {"inputs": 5, "heads": 8}, "encoders.heads: no such option; known: in"),
        ("transformer", {"inputs": 5, "pooling": "last"}, "encoders.pooling: expected first or me"),
        ("transformer", {"inputs": 5, "heads": 7}, "encoders: got 7 heads for width 768, expected"),
        ("resnet18", {"weights": "none.pth"}, "encoders: there is no file none.pth; expected"),
        ("mobilenet_v2", {"weights": 3}, "encoders.weights: expected a word or a path or null, go"),
        (
            "tabular",
            {"inputs": 5, "widths": 16},
            "encoders.widths: expected a list (each a whole n",
        ),
    ],
)
def test_options_that_are_wrong(name, options, line):
    with pytest.raises(UserError) as caught, torch.device("meta"):
        build(locate(name, ENCODERS, "encoders"), options, "encoders")
    assert line in str(caught.value)


def test_the_page_tells_the_truth():
    text = (Path(__file__).parents[2] / "docs" / "encoders.md").read_text("utf-8")
    rows = {row[1]: row[0] for row in re.finditer(r"^\| `(\w+)` .*$", text, re.MULTILINE)}
    assert set(rows) == set(ENCODERS)
    for name, row in rows.items():
        _, _, _, width, size, _, listed, _ = row.split("|")
        made = locate(ENCODERS[name], {}, "encoders")
        assert re.findall(r"`(\w+)`", listed) == list(inspect.signature(made).parameters)
        if name in PUBLISHED:
            continue
        options = OPTIONS[name] | ({"inputs": 8} if "inputs" in OPTIONS[name] else {})
        options.pop("heads", None)
        with torch.device("meta"):
            encoder = made(**options)
        count = sum(parameter.numel() for parameter in encoder.parameters())
        if "transformer" in name:
            count -= 768 * 8
        assert f" {count:,} " in size
        assert encoder.feature_width == int(width)


def test_a_finished_run_does_not_need_the_weights_it_began_with(tmp_path):
    published, task = tmp_path / "published.safetensors", Classification(3)
    start = {name: value.contiguous() for name, value in MobileNetV2().state_dict().items()}
    save_file(start, published)
    encoders = {
        "near": {"name": "mobilenet_v2", "weights": str(published)},
        "far": "toy.ToyEncoder",
    }
    recipe = recipe_from({**toy_recipe(), "encoders": encoders, "method": "joint"})
    model = build_student(recipe, ("near", "far"), task)
    assert torch.equal(
        model.encoders["near"].state_dict()["features.0.0.weight"], start["features.0.0.weight"]
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    run = Run(tmp_path / "run")
    run.write_json("run.json", {"recipe": recipe.as_dict()})
    run.write_json("model.json", {"modalities": ["near", "far"], "task": task.describe()})
    run.write_json("result.json", {})
    save_weights(run.path / "model.safetensors", model)
    published.unlink()
    loaded = Run(run.path, trust=True)
    assert loaded.recipe == recipe
    for name, value in loaded.model.state_dict().items():
        assert torch.equal(value, model.state_dict()[name])
