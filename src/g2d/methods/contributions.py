"""What every modality contributes to the fused logits: Shapley values, absence being zero input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor

from g2d.batch import Batch, Call, Outputs
from g2d.functional.valuation import shapley_values
from g2d.methods.coalitions import coalitions
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Fusion, presence, without_absent
from g2d.models.fusion.late import LateFusion
from g2d.student.base import Student, evaluating
from g2d.student.own import OwnStudent

PadMode = Literal["train", "eval"]


def contributions(
    student: Student, outputs: Outputs, batch: Batch, pad_mode: PadMode = "train"
) -> Tensor:
    """The contribution of every modality to the fused logits, n `(k, B, C)`, which they sum to.

    n_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! [z(S + m) - z(S)], where z(S) are the logits when the
    inputs of all modalities outside S are zero, and z(∅) counts as 0.

    The encoding of a zero input is the same for all samples in eval mode, so one is encoded. What
    follows the encoders sees every coalition in eval mode, and its running statistics stay as they
    are.
    """
    there, absent = {}, {}
    for name in student.modalities:
        given = outputs.fusion_inputs[name]
        inputs = batch.input_of(name)
        # an encoder that is frozen in this step is so in this pass as well
        with (
            evaluating(*student.encoder_modules(name)),
            torch.set_grad_enabled(given.requires_grad and torch.is_grad_enabled()),
        ):
            absent[name] = student.encode(name, _zero_input(inputs))
            there[name] = given if pad_mode == "train" else student.encode(name, inputs)
    if not isinstance(student, OwnStudent):
        with evaluating(student.net):
            return _shares_by_coalitions(student, outputs, there, absent)
    fusion = student.model.fusion
    with evaluating(fusion):
        if fusion.additive:
            return _additive_shares(fusion, outputs, batch, there, absent, pad_mode)
        return _coalition_shares(fusion, outputs, batch, there, absent)


def _zero_input(inputs: Any) -> Any:
    """The input of one sample, zero."""

    def zero(tensor: Tensor) -> Tensor:
        return torch.zeros_like(tensor[:1])

    return inputs.map(zero) if isinstance(inputs, Call) else zero(inputs)


def _shares_by_coalitions(
    student: Student,
    outputs: Outputs,
    there: Mapping[str, Tensor],
    absent: Mapping[str, Tensor],
) -> Tensor:
    """By the definition, a pass for each coalition of what follows the encoders."""
    worth = {}
    for group in coalitions(tuple(there)):
        features = {
            name: feature if name in group else absent[name].expand_as(feature)
            for name, feature in there.items()
        }
        whole = len(group) == len(there)
        logits = outputs.logits if whole else student.fuse(outputs, features)
        worth[group] = logits.float()
    values = shapley_values(worth)
    return torch.stack([values[name] for name in there])


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
    if isinstance(fusion, LateFusion):  # the terms are unimodal logits over the number of them
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
    if isinstance(
        fusion, AblationFusion
    ):  # without its unimodal logits, k more passes in eval mode
        masks = presence(features, present)
        logits = fusion.fuse(without_absent(features, masks), masks)
    else:
        logits = fusion(features, present or None)[0]
    worth = dict(zip(groups, logits.float().split(len(batch)), strict=True))
    values = shapley_values({**worth, whole: outputs.logits.float()})
    return torch.stack([values[name] for name in there])
