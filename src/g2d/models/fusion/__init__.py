"""Fusions, one file each, with the unimodal logits of every modality beside the forward pass.

Late, sum and concat are sums over modalities: the unimodal logits of a modality are its own term,
in train and eval mode. The others predict them from the modality's feature and the mean features of
all others, in eval mode only.
"""

from g2d.functional.predictions import mean_ablation
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Fusion
from g2d.models.fusion.bigated import BiGatedFusion
from g2d.models.fusion.concat import ConcatFusion
from g2d.models.fusion.cross_attention import CrossAttentionFusion
from g2d.models.fusion.film import FiLMFusion
from g2d.models.fusion.late import LateFusion
from g2d.models.fusion.mean_features import MeanFeatures
from g2d.models.fusion.sum import SumFusion
from g2d.models.fusion.unimodal_heads import UnimodalHeads

__all__ = [
    "AblationFusion",
    "BiGatedFusion",
    "ConcatFusion",
    "CrossAttentionFusion",
    "FiLMFusion",
    "Fusion",
    "LateFusion",
    "MeanFeatures",
    "SumFusion",
    "UnimodalHeads",
    "mean_ablation",
]
