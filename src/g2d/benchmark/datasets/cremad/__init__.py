"""CREMA-D: 91 actors say a sentence with one of six emotions, seen and heard."""

from g2d.benchmark.datasets.cremad.check import check
from g2d.benchmark.datasets.cremad.dataset import CREMAD
from g2d.benchmark.datasets.cremad.prepare import prepare

__all__ = ["CREMAD", "check", "prepare"]
