"""A fusion of changed features: in training only, and unseen by the read-outs and the means."""

from __future__ import annotations

import pytest
import torch
from g2d.models.fusion.modulated import ModulatedFusion, modulated
from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.models.fusion import FiLMFusion, Fusion, LateFusion, SumFusion, UnimodalHeads
from g2d.models.multimodal import MultimodalModel
from g2d.models.readout import fit_readout

WIDTHS = {"north": 4, "south": 6}


def features() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, width, generator=generator) for name, width in WIDTHS.items()}


def halved(given, present=None) -> dict[str, Tensor]:
    return {**given, "north": given["north"] / 2}


@pytest.mark.parametrize("inner", [LateFusion, SumFusion, FiLMFusion])
def test_changed_features_are_fused_in_training_only(inner: type[Fusion]) -> None:
    fusion, given = ModulatedFusion(inner(WIDTHS, outputs=2)), features()
    assert torch.equal(fusion(given)[0], fusion.fusion(given)[0])
    fusion.modulate = halved
    assert torch.equal(fusion(given)[0], fusion.fusion(halved(given))[0])
    fusion.eval()
    assert torch.equal(fusion(given)[0], fusion.fusion(given)[0])


def test_read_outs_are_of_the_features_as_they_are() -> None:
    fusion, given = ModulatedFusion(SumFusion(WIDTHS, outputs=2)), features()
    fusion.modulate = halved
    for name, said in fusion(given)[1].items():
        assert torch.equal(said, fusion.fusion(given)[1][name])


def test_the_means_are_of_the_features_as_they_are() -> None:
    fusion, given = ModulatedFusion(FiLMFusion(WIDTHS, outputs=2)), features()
    fusion.modulate = halved
    present = {"south": torch.tensor([True, False, True])}
    fusion(given, present)
    means = fusion.fusion.means.read()
    torch.testing.assert_close(means["north"], given["north"].mean(dim=0))
    torch.testing.assert_close(means["south"], given["south"][[0, 2]].mean(dim=0))


def test_absent_values_do_not_get_through() -> None:
    for inner in (LateFusion, FiLMFusion):
        fusion, given = ModulatedFusion(inner(WIDTHS, outputs=2)), features()
        fusion.modulate = halved
        given["north"][1] = torch.nan
        assert fusion(given, {"north": torch.tensor([True, False, True])})[0].isfinite().all()


def test_it_is_found_inside_others() -> None:
    inner = ModulatedFusion(LateFusion(WIDTHS, outputs=2))
    assert modulated(UnimodalHeads(inner)) is inner
    assert inner.head_parameters_of("north") == inner.fusion.head_parameters_of("north")
    with pytest.raises(UserError, match="adapt_fusion"):
        modulated(LateFusion(WIDTHS, outputs=2))


def test_exact_means_reach_the_fusion_inside() -> None:
    inner = FiLMFusion(WIDTHS, outputs=2)
    encoders = {name: torch.nn.Linear(3, width) for name, width in WIDTHS.items()}
    model = MultimodalModel(encoders, UnimodalHeads(ModulatedFusion(inner), detached=True))
    batch = Batch({name: torch.randn(5, 3) for name in WIDTHS}, torch.zeros(5), torch.arange(5))
    fit_readout(model, [batch])
    expected = encoders["north"](batch.inputs["north"]).mean(dim=0)
    torch.testing.assert_close(inner.means.read()["north"], expected)
