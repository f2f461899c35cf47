"""UR-FUNNY: is the punchline of a talk funny? Sound, face and words of it, word by word."""

from g2d.benchmark.datasets.urfunny.check import check
from g2d.benchmark.datasets.urfunny.dataset import URFunny
from g2d.benchmark.datasets.urfunny.prepare import prepare

__all__ = ["URFunny", "check", "prepare"]
