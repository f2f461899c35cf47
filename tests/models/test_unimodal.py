"""A teacher reads one input and answers like a multimodal model."""

from __future__ import annotations

import torch
from torch import nn

from g2d.batch import Batch
from g2d.models import UnimodalModel


def test_reads_its_modality_only() -> None:
    torch.manual_seed(0)
    encoder = nn.Linear(3, 4)
    teacher = UnimodalModel("left", encoder, width=4, outputs=2)
    left = torch.randn(5, 3)
    batch = Batch(
        {"left": left, "right": torch.full((5, 1), torch.nan)}, torch.zeros(5), torch.arange(5)
    )
    outputs = teacher(batch)
    weight, bias = teacher.head.weight, teacher.head.bias
    torch.testing.assert_close(outputs.features["left"], encoder(left))
    torch.testing.assert_close(outputs.logits, encoder(left) @ weight.T + bias)
    assert outputs.unimodal == {"left": outputs.logits}
    assert list(outputs.features) == ["left"]
    assert teacher.modalities == ("left",)
