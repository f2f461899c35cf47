"""The network for rows of a table against its equation and the sizes of MIS-ME."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders import TabularNet


def from_equation(encoder: TabularNet, x: Tensor) -> Tensor:
    """In train mode, without dropout: linear, statistics of the batch, ReLU."""
    parameters = list(encoder.parameters())
    for weight, bias, scale, shift in zip(*(parameters[i::4] for i in range(4)), strict=True):
        x = torch.einsum("oi,bi->bo", weight, x) + bias
        var, mean = torch.var_mean(x, dim=0, unbiased=False)
        x = ((x - mean) / (var + 1e-5).sqrt() * scale + shift).clamp(min=0)
    return x


def test_equals_its_equation() -> None:
    torch.manual_seed(0)
    encoder, x = TabularNet(inputs=5, widths=(12, 7), dropout=()), torch.randn(6, 5)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.5)
    torch.testing.assert_close(encoder(x), from_equation(encoder, x), rtol=1e-4, atol=1e-5)
    assert encoder.feature_width == 7


def test_has_the_parameters_of_the_weather_network() -> None:
    encoder = TabularNet(inputs=8)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 47_056
    assert encoder.feature_width == 16
    drops = [part.p for part in encoder.modules() if isinstance(part, nn.Dropout)]
    assert drops == [0.3, 0.2, 0.1]


def test_dropout_stands_after_the_first_activations_and_in_training_only() -> None:
    kinds = [type(part).__name__ for part in TabularNet(4, widths=(6, 5), dropout=(0.5,)).layers]
    block = ["Linear", "BatchNorm1d", "ReLU"]
    assert kinds == [*block, "Dropout", *block]
    encoder, x = TabularNet(inputs=8), torch.randn(4, 8)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    assert torch.equal(encoder(x[:1]), encoder(x[:1]))


@pytest.mark.parametrize(("widths", "dropout"), [((), ()), ((4,), (0.1, 0.2))])
def test_refuses_what_cannot_be(widths: tuple[int, ...], dropout: tuple[float, ...]) -> None:
    with pytest.raises(UserError, match="expected a width or more and no more dropouts"):
        TabularNet(8, widths, dropout)


@pytest.mark.parametrize("shape", [(4, 6), (4, 8, 1), (8,)])
def test_says_which_shape_it_wants(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"expected \(B, 8\); build the encoder"):
        TabularNet(8)(torch.zeros(shape))


def test_does_not_train_on_a_single_row() -> None:
    with pytest.raises(UserError, match="got one row to train on, expected 2 or more"):
        TabularNet(8)(torch.zeros(1, 8))
