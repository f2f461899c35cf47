"""After `fit_readout` the means are those of the finished model over the training data."""

from __future__ import annotations

import torch

from g2d.batch import Batch
from g2d.models import MultimodalModel
from g2d.models.encoders import MLP, SmallCNN, feature_widths
from g2d.models.fusion import CrossAttentionFusion, LateFusion
from g2d.models.readout import fit_readout


def batches() -> list[Batch]:
    generator = torch.Generator().manual_seed(0)
    return [
        Batch(
            {
                "picture": torch.randn(size, 1, 9, 9, generator=generator),
                "clip": torch.randn(size, 1, 2, 10, 8, generator=generator),
            },
            target=torch.zeros(size, dtype=torch.long),
            index=torch.arange(size),
            present={"clip": torch.arange(size) % 2 == 0},
        )
        for size in (5, 3)
    ]


def test_means_are_exact_for_tokens_too() -> None:
    torch.manual_seed(0)
    encoders = {"picture": SmallCNN(width=8), "clip": SmallCNN(width=8)}
    fusion = CrossAttentionFusion(feature_widths(encoders), 3, tokens="sequence", heads=2)
    model, data = MultimodalModel(encoders, fusion), batches()
    fit_readout(model, data)
    assert model.training
    model.eval()
    expected = {
        name: torch.cat([encoders[name].tokens(batch.inputs[name]) for batch in data])
        for name in encoders
    }
    there = torch.cat([batch.present["clip"] for batch in data])
    means = fusion.means.read()
    torch.testing.assert_close(means["picture"], expected["picture"].mean(dim=(0, 1)))
    torch.testing.assert_close(means["clip"], expected["clip"][there].mean(dim=(0, 1)))


def test_a_sum_over_modalities_needs_no_means() -> None:
    encoders = {"a": MLP(2), "b": MLP(2)}
    model = MultimodalModel(encoders, LateFusion(feature_widths(encoders), 2))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    untouched = iter([None])  # not even a batch is asked for
    fit_readout(model, untouched)
    assert list(untouched) == [None]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
