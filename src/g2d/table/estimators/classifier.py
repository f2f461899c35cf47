"""A classifier as scikit-learn has them."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets

from g2d.errors import UserError
from g2d.table.estimators.base import Estimator
from g2d.table.estimators.targets import classes_of, weights_of


class G2DClassifier(ClassifierMixin, Estimator):  # type: ignore[misc]
    """A classifier in the style of scikit-learn: one class a row, from several modalities.

    `X` is a DataFrame (paths of pictures and recordings, texts, numbers, categories, dates), an
    array whose columns `modalities` shares out, or a mapping of arrays by modality. Empty cells
    are missing modalities.

    Args:
        modalities: As recipes have them, `{"face": {"kind": "image", "column": "photo"}}`, or read
            off the DataFrame when not given; for an array, columns by modality.
        task: Options of the task, as recipes have them, such as `{"class_weight": "balanced"}`:
            `class_weight`, the metric that `selects` the epoch, the `threshold` of two classes.
        method: `auto` compares each modality alone, their ensemble, joint training and G²D on rows
            that chose nothing else, and keeps their blend, unless one of them is surely better;
            or a method of `g2d methods`, or a mapping with its options.
        fusion: A fusion, or a mapping with its options.
        encoders: By modality; what the kind suggests where not given.
        experts: By modality, what teaches in the place of a network: `boosting`, `linear`, `svm`,
            or any classifier of scikit-learn (`{"table": HistGradientBoostingClassifier()}`). They
            teach, so `auto` is then G²D.
        epochs: Of each teacher, and of the student. When not given, `auto` trains until validation
            stops improving, and any other method for 20.
        batch_size: Samples in a step.
        learning_rate: Of teachers and student.
        optimizer: `sgd` or `adamw`.
        validation_fraction: Share of the rows that chooses the best epoch and ranks the
            modalities.
        random_state: Seed, or a source of one.
        folder: What relative paths in cells are relative to; the working directory when not given.
        out: Where to keep the run folder; it is not kept when not given.
        budget_minutes: Of process time, which `auto` stays within; no limit when not given.

    Attributes:
        classes_: The classes, sorted.
        history_: One record an epoch of the student; empty where there is none, or several.
        leaderboard_: Of `auto`, as plain values: every candidate's score, its standard error and
            its seconds, and which one is kept; else `None`.
        confidence_: Of each teacher on held-out rows.
        predictor_: The model with its preprocessing.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(n_class=2, return_X_y=True)
        >>> halves = {"top": slice(0, 32), "bottom": slice(32, 64)}
        >>> model = G2DClassifier(halves, epochs=4, learning_rate=0.01).fit(X[:200], y[:200])
        >>> bool(model.score(X[200:], y[200:]) > 0.9)
        True
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Trains teachers and student.

        Args:
            X: One row a sample.
            y: One class a row.
            sample_weight: From 0, one a row: training draws rows in proportion to them. They act on
                training alone: rows of the validation count the same.

        Raises:
            UserError: The rows cannot be used.
        """
        target = classes_of(y)
        check_classification_targets(target)
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise UserError(
                f"got one class only, {self.classes_.tolist()[0]!r}; expected 2 or more"
            )
        weights = weights_of(sample_weight, len(codes))
        left = np.unique(codes if weights is None else codes[weights > 0])
        below = weights is not None and weights.min() < 0  # refused where the table is read
        if len(left) < 2 and not below:
            named = ", ".join(repr(self.classes_[code].item()) for code in left) or "no class"
            raise UserError(
                f"sample_weight: got weights above 0 for {named} alone, expected rows of 2 classes "
                "or more"
            )
        self._prior = np.bincount(codes) / len(codes)
        self._fit(X, y, codes, "classification", sample_weight)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities `(N, C)`, in the order of `classes_`; for an empty row, the shares."""
        predictions = self._predictions(X, "the shares of the classes in y")
        shares = np.zeros((len(predictions), len(self.classes_)))
        for place, row in enumerate(predictions):
            if not row.probabilities:
                shares[place] = self._prior
            # a class of which no training row could be used is not among them
            for code, share in row.probabilities.items():
                shares[place, int(code)] = share
        return shares

    def predict(self, X: Any) -> NDArray[np.generic]:
        """The classes, `(N,)`: the most likely ones, or those beyond the `threshold` of `task`."""
        rows = self._predictions(X, "the commonest class in y")
        commonest = self._prior.argmax()
        codes = [int(commonest if row.answer is None else row.answer) for row in rows]
        chosen: NDArray[np.generic] = self.classes_[np.array(codes, int)]
        return chosen

    def predict_unimodal(self, X: Any) -> dict[str, list[Any]]:
        """The class that each modality alone predicts for every row, `None` where it is absent."""
        return {
            name: [None if code is None else self.classes_[int(code)] for code in codes]
            for name, codes in super().predict_unimodal(X).items()
        }
