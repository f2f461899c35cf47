"""MIS-ME: soil moisture from a picture of the soil and the weather at the station."""

from g2d.benchmark.datasets.misme.check import check
from g2d.benchmark.datasets.misme.dataset import MISME
from g2d.benchmark.datasets.misme.prepare import prepare

__all__ = ["MISME", "check", "prepare"]
