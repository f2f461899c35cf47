"""The whole of g2d behind `fit` and `predict`, as scikit-learn has them."""

from g2d.estimators.classifier import G2DClassifier
from g2d.estimators.regressor import G2DRegressor

__all__ = ["G2DClassifier", "G2DRegressor"]
