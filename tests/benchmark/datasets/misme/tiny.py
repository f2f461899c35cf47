"""Small encoders for the miniature, in the place of MobileNetV2 and the weather network."""

from __future__ import annotations

ENCODERS = (
    *("--encoders.image", "{name: small_cnn, channels: 3, width: 8}"),
    *("--encoders.tabular", "{name: mlp, inputs: 8, width: 16}"),
)
