"""The encoder of feature vectors against its equation."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from g2d.errors import UserError
from g2d.models.encoders import MLP


@pytest.mark.parametrize("hidden", [(), (7,), (7, 9)])
def test_equals_its_equation(hidden: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    encoder, x = MLP(inputs=5, width=6, hidden=hidden), torch.randn(4, 5)
    parameters, expected = list(encoder.parameters()), x
    assert len(parameters) == 2 * (len(hidden) + 1)
    for weight, bias in zip(parameters[::2], parameters[1::2], strict=True):
        expected = (torch.einsum("oi,bi->bo", weight, expected) + bias).clamp(min=0)
    torch.testing.assert_close(encoder(x), expected)
    assert encoder.feature_width == 6
    assert all((bias == 0).all() for bias in parameters[1::2])


def test_drops_hidden_units_in_training_only() -> None:
    torch.manual_seed(0)
    encoder, x = MLP(inputs=5, hidden=(64, 64), dropout=0.5), torch.randn(2, 5)
    assert sum(isinstance(part, nn.Dropout) for part in encoder.modules()) == 2
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))


@pytest.mark.parametrize("shape", [(4, 6), (4, 5, 1), (5,)])
def test_says_which_shape_it_wants(shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"expected \(B, 5\); flatten it"):
        MLP(inputs=5)(torch.zeros(shape))
