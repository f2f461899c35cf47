"""UME: the teachers themselves, averaged. No student, no training: the honest rival."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from g2d.models.fusion.late import LateFusion
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel


def ensemble(teachers: Mapping[str, UnimodalModel]) -> MultimodalModel:
    """A late-fusion model whose branches are the teachers: its logits are their mean.

    Uni-Modal Ensemble of Du et al., ICML 2023 (arXiv 2305.01233). The teachers are copied.

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
    fusion = LateFusion(widths, outputs)
    for name, teacher in teachers.items():
        fusion.heads[name].load_state_dict(teacher.head.state_dict())
    encoders = {name: copy.deepcopy(teacher.encoder) for name, teacher in teachers.items()}
    return MultimodalModel(encoders, fusion).requires_grad_(True)
