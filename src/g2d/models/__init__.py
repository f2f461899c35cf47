"""Models as modules: one encoder a modality, a fusion, and the two put together."""

from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel

__all__ = ["MultimodalModel", "UnimodalModel"]
