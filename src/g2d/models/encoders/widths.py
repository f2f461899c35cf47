"""The widths a fusion is built from."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from g2d.errors import UserError


def feature_widths(encoders: Mapping[str, nn.Module]) -> dict[str, int]:
    """The feature width of every encoder, in the same order.

    Args:
        encoders: One encoder a modality, each with an integer `feature_width`.

    Raises:
        UserError: An encoder does not declare the width of its features.

    Example:
        >>> from g2d.models.encoders.mlp import MLP
        >>> feature_widths({"sound": MLP(10, width=8), "image": MLP(20, width=16)})
        {'sound': 8, 'image': 16}
    """
    widths = {}
    for name, encoder in encoders.items():
        width = getattr(encoder, "feature_width", None)
        if not isinstance(width, int) or width < 1:
            raise UserError(
                f"the encoder of {name!r} ({type(encoder).__name__}) has feature_width {width!r}, "
                "expected the width of its features as a whole number; set it in the encoder's "
                "__init__"
            )
        widths[name] = width
    return widths
