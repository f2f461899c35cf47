"""A regressor as scikit-learn has them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from g2d.table.estimators.base import Estimator
from g2d.table.estimators.targets import numbers_of


class G2DRegressor(RegressorMixin, Estimator):  # type: ignore[misc]
    """A regressor in the style of scikit-learn, with the arguments of `G2DClassifier`.

    Options of `task` are `scale` (`log` for positive numbers of many sizes) and `loss` (`squared`
    or `absolute`).

    Predictions stay within the range of the training targets.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> X = {"a": rng.random((120, 4)), "b": rng.random((120, 4))}
        >>> y = X["a"].sum(axis=1) + X["b"].sum(axis=1)
        >>> model = G2DRegressor(epochs=10, learning_rate=0.01).fit(X, y)
        >>> bool(model.score(X, y) > 0.5)
        True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains teachers and student.

        Args:
            X: One row a sample.
            y: One number a row.
            sample_weight: From 0, one a row: training draws rows in proportion to them. They act on
                training alone: rows of the validation count the same.

        Raises:
            UserError: The rows cannot be used.
        """
        target = numbers_of(y)
        self._mean = float(target.mean())
        self._fit(X, y, target, "regression", sample_weight)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The numbers, `(N,)`; for an empty row, the mean."""
        numbers = [row.answer for row in self._predictions(X, "the mean of y")]
        return np.array(
            [self._mean if number is None else number for number in numbers], np.float64
        )
