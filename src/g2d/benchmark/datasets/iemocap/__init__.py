"""IEMOCAP: the emotion of a turn in a dialogue of two actors, by sound, face and words."""

from g2d.benchmark.datasets.iemocap.check import check
from g2d.benchmark.datasets.iemocap.dataset import IEMOCAP
from g2d.benchmark.datasets.iemocap.prepare import prepare

__all__ = ["IEMOCAP", "check", "prepare"]
