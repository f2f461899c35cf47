"""Encoders, one file each: from the input of a modality to its feature.

Any other `nn.Module` that maps an input to `(B, width)` serves as well.
"""

from g2d.models.encoders.mlp import MLP
from g2d.models.encoders.mobilenet_v2 import MobileNetV2
from g2d.models.encoders.resnet18 import ResNet18
from g2d.models.encoders.small_cnn import SmallCNN
from g2d.models.encoders.tabular import TabularNet
from g2d.models.encoders.transformer import AGMTransformer, Transformer
from g2d.models.encoders.widths import feature_widths

__all__ = [
    "MLP",
    "AGMTransformer",
    "MobileNetV2",
    "ResNet18",
    "SmallCNN",
    "TabularNet",
    "Transformer",
    "feature_widths",
]
