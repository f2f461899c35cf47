"""UME: the mean of the teachers, without a student and without further training."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import nn

from g2d.errors import UserError
from g2d.models.fusion.late import LateFusion
from g2d.models.fusion.weighted import WeightedFusion
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel


def ensemble(
    teachers: Mapping[str, UnimodalModel], weights: Mapping[str, float] | None = None
) -> MultimodalModel:
    """A late-fusion model whose branches are the teachers: its logits are their mean.

    Uni-Modal Ensemble of Du et al., ICML 2023 (arXiv 2305.01233). The teachers are copied.

    Args:
        teachers: By modality.
        weights: By modality, 0 or more, as `g2d.functional.fit_ensemble_weights` finds them: then
            the logits are Σ_m w_m z_m. `None` for the mean.

    Example:
        >>> import torch
        >>> from g2d import Batch
        >>> make = lambda name: UnimodalModel(name, torch.nn.Linear(4, 8), width=8, outputs=3)
        >>> teachers = {"sound": make("sound"), "image": make("image")}
        >>> batch = Batch(
        ...     {"sound": torch.randn(2, 4), "image": torch.randn(2, 4)},
        ...     target=torch.tensor([0, 2]),
        ...     index=torch.arange(2),
        ... )
        >>> mean = sum(teacher(batch).logits for teacher in teachers.values()) / 2
        >>> torch.allclose(ensemble(teachers)(batch).logits, mean)
        True
    """
    widths = {name: teacher.head.in_features for name, teacher in teachers.items()}
    outputs = next(iter(teachers.values())).head.out_features
    encoders = {name: copy.deepcopy(teacher.encoder) for name, teacher in teachers.items()}
    model = MultimodalModel(encoders, LateFusion(widths, outputs))
    if weights is not None:
        model.bring(WeightedFusion, weights=[float(weights[name]) for name in teachers])
    begin_from(model, teachers)
    return model.requires_grad_(True)


def begin_from(
    model: MultimodalModel,
    teachers: Mapping[str, UnimodalModel],
    weights: Mapping[str, float] | None = None,
) -> dict[str, list[str]]:
    """Gives a model the weights of its teachers: encoders, and each modality's own head.

    With late fusion it then predicts as the ensemble does.

    Args:
        model: Its encoders, and its heads where the fusion has any, take the weights that fit.
        teachers: By modality.
        weights: Of their ensemble, by modality, as `g2d.functional.fit_ensemble_weights` finds
            them. Then late fusion predicts as the weighted ensemble; of a modality whose weight
            is 0 the encoder stays as it was, and its head is 0.

    Returns:
        By modality what does not fit and stays as it was: `"encoder"`, `"head"`.

    Raises:
        UserError: The model is attached; only its owner knows which of its parts is which.
    """
    if not isinstance(model, MultimodalModel):
        raise UserError(
            f"begin_from takes a g2d.MultimodalModel, got {type(model).__name__}; load the "
            "teachers' weights into your encoders yourself, with load_state_dict"
        )
    left: dict[str, list[str]] = {}
    heads = getattr(model.fusion, "heads", None)
    for name, teacher in teachers.items():
        head = heads[name] if isinstance(heads, nn.ModuleDict) else None
        for what, target, source in (
            ("encoder", model.encoders[name], teacher.encoder),
            ("head", head, teacher.head),
        ):
            if what == "encoder" and weights is not None and not weights[name]:
                continue
            if target is None or not _fits(target, source):
                left.setdefault(name, []).append(what)
            else:
                target.load_state_dict(source.state_dict())
        if weights is not None and head is not None:
            late = isinstance(model.fusion, LateFusion)  # whose logits are a mean
            _scale(head, weights[name] * (len(teachers) if late else 1))
    return left


@torch.no_grad()
def _scale(head: nn.Module, factor: float) -> None:
    for parameter in head.parameters():
        parameter.mul_(factor)


def _fits(target: nn.Module, source: nn.Module) -> bool:
    one, other = target.state_dict(), source.state_dict()
    return one.keys() == other.keys() and all(one[key].shape == other[key].shape for key in one)
