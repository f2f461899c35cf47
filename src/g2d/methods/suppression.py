"""What is done to the gradients of all others while one modality is trained alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from g2d.errors import UserError, check_choice
from g2d.functional.modulation import partial_suppression_factors
from g2d.models.fusion.base import Features, Present
from g2d.student.base import Modulation, Student
from g2d.wording import listed

Suppression = Literal["complete", "partial", "released"]
Scope = Literal["auto", "encoder", "branch"]
FrozenFeatures = Literal["keep", "drop"]

logger = logging.getLogger(__name__)


def check_options(suppression: str, scope: str, frozen_features: str) -> None:
    """Refuses words that are none of these options, and what cannot be together.

    Raises:
        UserError: There is such a word.
    """
    check_choice("suppression", suppression, get_args(Suppression))
    check_choice("scope", scope, get_args(Scope))
    check_choice("frozen_features", frozen_features, get_args(FrozenFeatures))
    if frozen_features == "drop" and suppression == "partial":
        raise UserError(
            "partial suppression freezes no encoder, so there are no features to drop; leave "
            "frozen_features out"
        )


def partial_factors(confidence: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """κ of partial suppression, by name."""
    factors = partial_suppression_factors(torch.stack(list(confidence.values())))
    return dict(zip(confidence, factors, strict=True))


def convolutions(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """The parameters of four dimensions, which published codes take for the encoder.

    Example:
        >>> [tuple(weight.shape) for weight in convolutions(nn.Conv2d(1, 2, 3).parameters())]
        [(2, 1, 3, 3)]
    """
    return [parameter for parameter in parameters if parameter.ndim == 4]


def dropping(
    leading: Callable[[], frozenset[str] | None], inner: Modulation | None, device: torch.device
) -> Modulation:
    """A modulation that multiplies the features of frozen encoders by zero.

    Args:
        leading: Which modality learns alone.
        inner: What changes features besides.
        device: Where features lie.
    """

    def drop(widths: Mapping[str, int], size: int, present: Present | None) -> Features:
        factors = {} if inner is None else dict(inner(widths, size, present))
        if (ahead := leading()) is None:
            raise UserError(
                "frozen_features='drop' has to know which modality learns alone before the model "
                "is called; give confidence=..., or call method.on_step_start(batch) before"
            )
        frozen = set(widths) - ahead
        return factors | dict.fromkeys(frozen, torch.zeros(1, 1, device=device))

    return drop


def warn_of_unsuppressed(student: Student) -> None:
    """Warns of encoders that `released` cannot suppress, because they have no convolutions."""
    without = [m for m in student.modalities if not convolutions(student.encoder_parameters(m))]
    if without:
        logger.warning(
            "suppression: released holds convolutions alone, and the encoders of %s have none, so "
            "they are not suppressed; use complete",
            listed(map(repr, without)),
        )
