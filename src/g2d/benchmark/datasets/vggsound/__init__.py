"""VGGSound: ten seconds of 309 kinds of events, from videos of the public."""

from g2d.benchmark.datasets.vggsound.check import check
from g2d.benchmark.datasets.vggsound.dataset import VGGSound
from g2d.benchmark.datasets.vggsound.prepare import prepare

__all__ = ["VGGSound", "check", "prepare"]
