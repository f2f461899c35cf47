"""Every method trains beside a backbone that does not learn, and leaves it as it was."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from g2d.models.encoders.published import PublishedEncoder
from g2d.recipes.catalog import METHODS
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


class Frozen(PublishedEncoder):
    """A backbone with dropout and a norm, either of which would show."""

    def __init__(self) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            backbone = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Dropout(0.5))
        super().__init__(backbone, inner=5, width=4, freeze=True)

    def embed(self, inputs: Tensor) -> Tensor:
        return self.backbone(inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.project(self.embeddings(inputs))


def trained(method, folder):
    encoders = {"near": f"{__name__}.Frozen", "far": "toy.ToyEncoder"}
    own = {"epochs": 4, "weight_decay": 0.1}
    recipe = toy_recipe()
    recipe = {**recipe, "encoders": encoders, "training": {**recipe["training"], **own}}
    fusion = "concat" if method in {"opm", "amco"} else "late"
    run = train(recipe_from({**recipe, "method": method, "fusion": fusion}), folder)
    model = Run(run, trust=True).model
    return model


SLOW = sorted(set(METHODS) - {"joint", "g2d", "mses", "ogm_ge"})


@pytest.mark.parametrize(
    "method",
    ["joint", "g2d", "mses", "ogm_ge", *(pytest.param(m, marks=pytest.mark.slow) for m in SLOW)],
)
def test_the_backbone_stays_and_the_projection_learns(method, tmp_path):
    model = trained(method, tmp_path)
    new = Frozen()
    kept, begun = model.encoders["near"].backbone.state_dict(), new.backbone.state_dict()
    assert all(torch.equal(kept[name], begun[name]) for name in begun)
    learning = model.encoder_parameters("near")
    assert {id(p) for p in learning} == {id(p) for p in model.encoders["near"].project.parameters()}
