"""The whole of g2d behind `fit` and `predict`, as scikit-learn has them."""

from g2d.table.estimators.classifier import G2DClassifier
from g2d.table.estimators.regressor import G2DRegressor

__all__ = ["G2DClassifier", "G2DRegressor"]
