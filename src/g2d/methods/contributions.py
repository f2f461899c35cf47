"""What every modality contributes to the fused logits: Shapley values, absence being zero input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.methods.coalitions import coalitions, shapley
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Fusion, presence, without_absent
from g2d.models.fusion.late import LateFusion
from g2d.models.multimodal import MultimodalModel

PadMode = Literal["train", "eval"]


def contributions(
    model: MultimodalModel, outputs: Outputs, batch: Batch, pad_mode: PadMode = "train"
) -> Tensor:
    """What every modality adds to the fused logits, n `(k, B, C)`; their sum is the logits.

    n_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! [z(S + m) - z(S)], where z(S) are the logits when the
    inputs of all modalities outside S are zero, and z(∅) counts as 0.

    The encoding of a zero input is the same for all samples in eval mode, so one is encoded. The
    fusion sees every coalition in eval mode, and its running statistics stay as they are.
    """
    there, absent = {}, {}
    for name in model.modalities:
        given = outputs.fused_from[name]
        inputs = batch.input_of(name)
        # an encoder that does not learn from this step does not learn from this pass either
        with (
            _evaluating(model.encoders[name]),
            torch.set_grad_enabled(given.requires_grad and torch.is_grad_enabled()),
        ):
            absent[name] = model.encode(name, torch.zeros_like(inputs[:1]))[1]
            there[name] = given if pad_mode == "train" else model.encode(name, inputs)[1]
    with _evaluating(model.fusion):
        if model.fusion.additive:
            return _additive_shares(model.fusion, outputs, batch, there, absent, pad_mode)
        return _coalition_shares(model.fusion, outputs, batch, there, absent)


def _additive_shares(
    fusion: Fusion,
    outputs: Outputs,
    batch: Batch,
    there: Mapping[str, Tensor],
    absent: Mapping[str, Tensor],
    pad_mode: PadMode,
) -> Tensor:
    """In closed form: with terms t_m, n_m = t_m(f_m) - t_m(f0_m) + (1/k) Σ_j t_j(f0_j)."""
    present = batch.present or None
    if present:
        absent = {name: value.expand_as(there[name]) for name, value in absent.items()}
    silent = fusion(absent, present)[1]
    heard = outputs.unimodal if pad_mode == "train" else fusion(there, present)[1]
    zeros = torch.stack([silent[name] for name in there])
    shares: Tensor = torch.stack([heard[name] for name in there]) - zeros + zeros.mean(dim=0)
    if isinstance(fusion, LateFusion):  # the terms are read-outs over the number of them
        shares = shares / _number_present(there, batch)
    if pad_mode == "eval":
        shares = shares + (outputs.logits - shares.sum(dim=0)) / len(there)
    return shares


def _number_present(features: Mapping[str, Tensor], batch: Batch) -> Tensor | int:
    """How many modalities every sample has `(B, 1)`, 1 at least; a number where none can lack."""
    masks = presence(features, batch.present)
    if not masks:
        return len(features)
    present = torch.stack(list(masks.values())).sum(dim=0)
    return (present + len(features) - len(masks)).clamp(min=1)


def _coalition_shares(
    fusion: Fusion,
    outputs: Outputs,
    batch: Batch,
    there: Mapping[str, Tensor],
    absent: Mapping[str, Tensor],
) -> Tensor:
    """By the definition, all coalitions in one pass of the fusion."""
    whole = frozenset(there)
    groups = [group for group in coalitions(tuple(there)) if group != whole]
    features = {
        name: torch.cat(
            [feature if name in group else absent[name].expand_as(feature) for group in groups]
        )
        for name, feature in there.items()
    }
    present = {name: mask.repeat(len(groups)) for name, mask in batch.present.items()}
    if isinstance(fusion, AblationFusion):  # without its read-outs, k more passes in eval mode
        masks = presence(features, present)
        logits = fusion.fuse(without_absent(features, masks), masks)
    else:
        logits = fusion(features, present or None)[0]
    worth = dict(zip(groups, logits.float().split(len(batch)), strict=True))
    values = shapley({**worth, whole: outputs.logits.float()})
    return torch.stack([values[name] for name in there])


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """A module in eval mode, then every part of it as it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
