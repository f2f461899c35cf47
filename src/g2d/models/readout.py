"""Exact mean features for fusions whose unimodal logits are mean-ablations."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from g2d.models.multimodal import MultimodalModel


@torch.no_grad()
def fit_readout(model: MultimodalModel, batches: Iterable[Batch]) -> None:
    """Measures the mean features in one pass over the training data, in eval mode.

    While a model trains, the means follow its features as they change; this sets them to those
    of the finished model. Fusions that are a sum over modalities need no means: nothing is done.

    Args:
        model: Trained.
        batches: The training split, each sample once.
    """
    fusion = model.fusion
    while isinstance(fusion, UnimodalHeads):
        fusion = fusion.fusion
    if not isinstance(fusion, AblationFusion):
        return
    was_training = model.training
    model.eval()
    # Summed in float64 on the CPU: not every device has it.
    sums: dict[str, Tensor] = {}
    counts: dict[str, Tensor] = {}
    for batch in batches:
        for name, feature in model(batch).features.items():
            rows = feature.cpu().double()
            mask = batch.present.get(name)
            there = rows.new_ones(len(rows)) if mask is None else mask.cpu().to(rows)
            sums[name] = sums.get(name, 0) + torch.where(there[:, None] > 0, rows, 0).sum(dim=0)
            counts[name] = counts.get(name, 0) + there.sum()
    fusion.set_means({name: sums[name] / counts[name].clamp(min=1) for name in sums})
    model.train(was_training)
