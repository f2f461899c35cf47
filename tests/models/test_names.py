"""Names that PyTorch cannot hold are refused in one line, all others are free."""

from __future__ import annotations

import pytest

from g2d.errors import UserError
from g2d.models.fusion import LateFusion
from g2d.models.names import check_names


@pytest.mark.parametrize("name", ["values", "a.b", "", "type", "training", 3])
def test_refuses(name: str) -> None:
    with pytest.raises(UserError, match="no modality can be called") as error:
        LateFusion({"a": 2, name: 2}, outputs=2)
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)


def test_lets_everything_else_be() -> None:
    check_names(["gene expression", "Δ", "1", "head", "weight", "a_from_b", "sums", "get"])


@pytest.mark.parametrize("name", ["left/right", "a\\b"])
def test_a_slash_is_refused_since_files_are_named_after_modalities(name):
    with pytest.raises(UserError, match="slash"):
        check_names(["sound", name])
