"""Sum fusion is late fusion times k."""

from __future__ import annotations

import pytest
import torch

from g2d.models.fusion import LateFusion, SumFusion

WIDTHS = {"north": 8, "south": 12, "east": 4}


@pytest.mark.parametrize("k", [2, 3])
def test_is_k_times_late_fusion(k: int) -> None:
    torch.manual_seed(0)
    widths = dict(list(WIDTHS.items())[:k])
    late, fusion = LateFusion(widths, outputs=5), SumFusion(widths, outputs=5)
    fusion.load_state_dict(late.state_dict())
    features = {name: torch.randn(3, width) for name, width in widths.items()}
    mean, late_said = late(features)
    logits, said = fusion(features)
    torch.testing.assert_close(logits, k * mean)
    torch.testing.assert_close(logits, sum(said.values()))
    assert all(torch.equal(said[name], late_said[name]) for name in widths)


def test_absent_modalities_are_left_out_of_the_sum() -> None:
    torch.manual_seed(0)
    fusion = SumFusion(WIDTHS, outputs=5)
    features = {name: torch.randn(2, width) for name, width in WIDTHS.items()}
    logits, said = fusion(features, {"south": torch.tensor([True, False])})
    everything = fusion(features)[1]
    torch.testing.assert_close(logits[0], sum(everything.values())[0])
    torch.testing.assert_close(logits[1], (everything["north"] + everything["east"])[1])
    torch.testing.assert_close(logits, sum(said.values()))


def test_every_head_serves_its_modality() -> None:
    fusion = SumFusion(WIDTHS, outputs=5)
    assert [tuple(p.shape) for p in fusion.head_parameters_of("south")] == [(5, 12), (5,)]
