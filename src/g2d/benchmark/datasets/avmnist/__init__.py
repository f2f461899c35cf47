"""AV-MNIST: a handwritten digit, blurred, and the same digit spoken, in noise.

Two things go by that name. `AVMNIST` is ours, made by `prepare` from public files, every row of
which can be traced. `AVMNISTArchive` reads the copy in circulation, and `check` tells what is
wrong with it.
"""

from g2d.benchmark.datasets.avmnist.archive import AVMNISTArchive
from g2d.benchmark.datasets.avmnist.dataset import AVMNIST
from g2d.benchmark.datasets.avmnist.findings import Findings, check
from g2d.benchmark.datasets.avmnist.prepare import prepare

__all__ = ["AVMNIST", "AVMNISTArchive", "Findings", "check", "prepare"]
