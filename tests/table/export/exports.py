"""Every fusion with every encoder, small, and encoders that cannot be exported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from g2d import Batch, Classification, MultimodalModel
from g2d.engine.checkpoint import save_weights
from g2d.methods.heads.di_mml import DetachedFusion
from g2d.recipes.build import build_student
from g2d.recipes.recipe import Component, recipe_from
from g2d.runs.run import Run

TASK = Classification(["no", "maybe", "yes"])
PAGE = Path(__file__).parents[3] / "docs" / "export.md"

# Options, and the shape of one input.
ENCODERS: dict[str, tuple[dict[str, Any], tuple[int, ...]]] = {
    "agm_transformer": ({"inputs": 5}, (6, 5)),
    "mlp": ({"inputs": 5, "width": 16}, (5,)),
    "mobilenet_v2": ({"channels": 1}, (1, 32, 32)),
    "resnet18": ({"channels": 1}, (1, 32, 32)),
    "small_cnn": ({"width": 16}, (1, 20, 20)),
    "tabular": ({"inputs": 5}, (5,)),
    "transformer": (
        {"inputs": 5, "width": 16, "heads": 2, "layers": 2, "feedforward": 32},
        (6, 5),
    ),
    "words": ({"vocabulary": 20, "width": 16}, (6,)),
}

# Options by which an encoder computes otherwise, and clips.
VARIANTS: list[tuple[dict[str, Any], tuple[int, ...], str]] = [
    ({"name": "transformer", **ENCODERS["transformer"][0], **options}, (6, 5), "late")
    for options in (
        {"pooling": "first"},
        {"pooling": "attention", "positions": "none"},
        {"masked": False},
    )
] + [({"name": "small_cnn", "width": 16}, (1, 3, 20, 20), "cross_attention, sequence")]

# By the names that the page has: a fusion of the catalog, or a method that brings its own.
FUSIONS: dict[str, tuple[Component, Component]] = {
    "late": ("late", "joint"),
    "sum": ("sum", "joint"),
    "concat": ("concat", "joint"),
    "film": ("film", "joint"),
    "bigated": ("bigated", "joint"),
    "bigated, official": ({"name": "bigated", "mode": "official"}, "joint"),
    "cross_attention": ("cross_attention", "joint"),
    "cross_attention, sequence": (
        {"name": "cross_attention", "tokens": "sequence", "heads": 2},
        "joint",
    ),
    "aug": ("late", "aug"),
    "mla": ("late", "mla"),
    "reconboost": ("late", "reconboost"),
    "di_mml": ("late", "di_mml"),
    "mmcosine": ("late", "mmcosine"),
    "mis_me": ("late", "mis_me"),
    "greedy": ("late", "greedy"),
    "mmpareto": ("film", "mmpareto"),
    "opm": ("concat", "opm"),
}

# The other modality of every model: a small one that has tokens as well.
OTHER = ({"width": 8}, (1, 8, 8))


def written_recipe(encoder: Component, fusion: str) -> dict[str, Any]:
    fused, method = FUSIONS[fusion]
    return {
        "data": "nowhere",
        "encoders": {"first": encoder, "second": {"name": "small_cnn", **OTHER[0]}},
        "fusion": fused,
        "method": method,
    }


def model_of(
    encoder: Component, shape: tuple[int, ...], fusion: str, seed: int = 0
) -> tuple[MultimodalModel, dict[str, tuple[int, ...]]]:
    """A model that has seen a batch, so that its norms and mean features are not their first."""
    torch.manual_seed(seed)
    recipe = recipe_from(written_recipe(encoder, fusion))
    model = build_student(recipe, ("first", "second"), TASK)
    words = encoder == "words" or (isinstance(encoder, dict) and encoder["name"] == "words")
    value = torch.randint(20, (4, *shape)) if words else 1 + 2 * torch.randn(4, *shape)
    inputs = {"first": value, "second": torch.randn(4, *OTHER[1])}
    with torch.no_grad():
        model.train()(Batch(inputs, torch.zeros(4), torch.arange(4)))
    for part in model.modules():
        if isinstance(part, DetachedFusion):
            part.fused_takes_part.fill_(True)
    return model.eval(), {"first": shape, "second": OTHER[1]}


def pair(encoder: str, fusion: str) -> tuple[MultimodalModel, dict[str, tuple[int, ...]]]:
    options, shape = ENCODERS[encoder]
    return model_of({"name": encoder, **options}, shape, fusion)


def run_of(folder: Path, encoder: Component, shape: tuple[int, ...], fusion: str) -> Path:
    """The folder of a run that came to its end."""
    model, shapes = model_of(encoder, shape, fusion)
    run = Run(folder)
    run.write_json("run.json", {"recipe": recipe_from(written_recipe(encoder, fusion)).as_dict()})
    run.write_json(
        "model.json",
        {
            "modalities": list(shapes),
            "shapes": {name: list(value) for name, value in shapes.items()},
            "task": TASK.describe(),
        },
    )
    run.write_json("result.json", {})
    save_weights(folder / "model.safetensors", model)
    return folder


def table_of_page() -> dict[str, dict[str, str]]:
    """What docs/export.md says of every fusion and encoder."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("|")]
    start = next(place for place, line in enumerate(lines) if line.startswith("| fusion or method"))
    head, _, *rows = (_cells(line) for line in lines[start:])
    encoders = [re.sub("`", "", cell) for cell in head[1:]]
    return {
        re.sub("`", "", row[0]): dict(zip(encoders, row[1:], strict=True))
        for row in rows
        if len(row) == len(head)
    }


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


class Branching(nn.Module):
    """What it does depends on the values: no graph holds that."""

    feature_width = 4

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.linear(inputs if inputs.sum() > 0 else -inputs)


class Bessel(Branching):
    """It has an operation that ONNX lacks."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.special.bessel_j0(self.linear(inputs))


class Fixed(Branching):
    """It holds for one number of samples only."""

    def forward(self, inputs: Tensor) -> Tensor:
        found: Tensor = self.linear(inputs)
        return found + torch.zeros(len(found), 4)


class Forgetful(Branching):
    """Exported, it always says what it said when it was traced."""

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls = getattr(self, "calls", 0) + 1
        return self.linear(inputs) * self.calls
