"""The widths a fusion is built from."""

from __future__ import annotations

import pytest
from torch import nn

from g2d.errors import UserError
from g2d.models.encoders import MLP, SmallCNN, feature_widths


def test_reads_every_width_in_order() -> None:
    encoders = {"b": SmallCNN(width=24), "a": MLP(3, width=5)}
    assert list(feature_widths(encoders).items()) == [("b", 24), ("a", 5)]


def test_says_whose_width_is_missing() -> None:
    with pytest.raises(UserError, match=r"encoder of 'b' \(Linear\) has feature_width None"):
        feature_widths({"a": MLP(3), "b": nn.Linear(2, 3)})
