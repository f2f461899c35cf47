"""What encoders share whose network others have trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders.embeddings import frozen_embeddings
from g2d.published import model_folder, read_config

Config = Mapping[str, Any]


class PublishedEncoder(nn.Module, ABC):
    """A backbone that others trained, and a linear projection of what it gives.

    A frozen backbone does not learn: it is in eval mode whatever the rest is in, no graph is built
    through it, and its weights are no parameters that learn. The projection always is, so that
    there is something for a gradient to reach. A backbone that learns is followed by a projection
    where a width is asked for.

    Its weights are part of the encoder's own, and its configuration of the recipe (see
    `configuration`), so that a run folder needs no other file.

    Args:
        backbone: Holds the published weights.
        inner: Width of what it gives.
        width: Of the feature; `inner` when not given.
        freeze: Whether the backbone is left as it is.

    Raises:
        UserError: The width is no width.

    Attributes:
        feature_width: `width`.
    """

    # The extra that brings the package.
    extra = ""

    def __init__(self, backbone: nn.Module, inner: int, width: int | None, freeze: bool) -> None:
        super().__init__()
        if width is not None and width < 1:
            raise UserError(f"got width={width}, expected 1 or more")
        self.backbone, self.frozen = backbone, freeze
        self.feature_width = inner if width is None else width
        self.project: nn.Module = nn.Identity()
        if freeze or width is not None:
            self.project = nn.Linear(inner, self.feature_width)
        if freeze:
            backbone.requires_grad_(False)
            backbone.eval()

    def train(self, mode: bool = True) -> PublishedEncoder:
        """Sets train or eval mode; a frozen backbone stays in eval mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def embeddings(self, inputs: Tensor) -> Tensor:
        """What the backbone gives for a batch; of a frozen one without a graph.

        While something trains, the embeddings of a frozen backbone are kept
        (`g2d.models.encoders.embeddings`).
        """
        if self.frozen:
            return frozen_embeddings(self.backbone, self.embed, inputs)
        return self.embed(inputs)

    @abstractmethod
    def embed(self, inputs: Tensor) -> Tensor:
        """Asks the backbone: `(B, ...)`, no row of which depends on another row."""

    @classmethod
    def configuration(cls, model: str) -> dict[str, Any]:
        """The configuration that builds a model's backbone without its files, as plain values.

        A class method of this name is all that a recipe asks an encoder's class for.

        Raises:
            UserError: There is no such model on this machine.
        """
        return read_config(model_folder(model, cls.extra))

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Encodes to features `(B, width)`."""


def given(model: str | None, config: Config | None) -> None:
    """Refuses an encoder without a model and without a configuration.

    Raises:
        UserError: There is neither a model nor a configuration.
    """
    if model is None and config is None:
        raise UserError(
            "model: this must be given: a folder, or a name in the Hugging Face cache (config "
            "alone begins with weights drawn at random)"
        )


def reason(error: Exception) -> str:
    """The first line of a library's error message."""
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def frames_of(inputs: Tensor) -> Tensor:
    """Pictures `(N, C, H, W)` as they are, and clips `(B, C, T, H, W)` frame by frame."""
    return inputs.transpose(1, 2).flatten(0, 1) if inputs.ndim == 5 else inputs
