"""The loop, written once: `fit` trains any model with any method, `evaluate` measures it."""

from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.loop import fit
from g2d.engine.session import FitResult
from g2d.engine.settings import TrainingSettings

__all__ = ["Evaluation", "FitResult", "TrainingSettings", "evaluate", "fit"]
