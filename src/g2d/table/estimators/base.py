"""What classifier and regressor have in common."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from g2d.data.partition import stratified_parts
from g2d.data.policies import Division
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.recipes.components import split_spec
from g2d.recipes.recipe import Recipe, recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.table.auto.auto import AUTO, LEADERBOARD, is_auto, train_auto
from g2d.table.columns.targets import TaskName
from g2d.table.contents import Contents
from g2d.table.dataset import TableData
from g2d.table.estimators.frames import as_frame, other_order, unread
from g2d.table.estimators.targets import task_of, weights_of
from g2d.table.inspection.doubts import doubts_of
from g2d.table.kinds.base import share
from g2d.table.predict import Prediction, Predictor
from g2d.table.remarks import predictions_of
from g2d.wording import listed

if TYPE_CHECKING:
    import pandas

TARGET, WEIGHT = "the target", "sample_weight"
_NAME = "model"


class Estimator(BaseEstimator):  # type: ignore[misc]
    """Teachers and student behind `fit`; see `G2DClassifier` for the arguments."""

    def __init__(
        self,
        modalities: Mapping[str, Any] | None = None,
        *,
        task: Mapping[str, Any] | None = None,
        method: Any = AUTO,
        fusion: Any = "late",
        encoders: Mapping[str, Any] | None = None,
        experts: Mapping[str, Any] | None = None,
        epochs: int | None = None,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        optimizer: str = "adamw",
        validation_fraction: float = 0.15,
        random_state: Any = 0,
        folder: str | Path | None = None,
        out: str | Path | None = None,
        budget_minutes: float | None = None,
    ) -> None:
        self.modalities = modalities
        self.task = task
        self.method = method
        self.fusion = fusion
        self.encoders = encoders
        self.experts = experts
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.optimizer = optimizer
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.folder = folder
        self.out = out
        self.budget_minutes = budget_minutes

    def predict_unimodal(self, X: Any) -> dict[str, list[str | float | None]]:
        """The prediction of each modality alone for every row, `None` where it is absent."""
        predictions = self._predictions(X)
        return {
            name: [row.unimodal.get(name) for row in predictions]
            for name in self.predictor_.preprocessing.kinds
        }

    def _fit(
        self, X: Any, y: Any, target: NDArray[np.generic], task: TaskName, sample_weight: Any
    ) -> None:
        """Trains on `X` and the cells of the target, which are made of `y`."""
        for other, called in ((y, "y"), (sample_weight, WEIGHT)):
            if note := other_order(X, other, called):
                warnings.warn(note, UserWarning, stacklevel=_of_the_caller())
        frame, modalities = as_frame(X, self.modalities)
        if len(frame) != len(target):
            raise UserError(f"got X of {len(frame)} rows and y of {len(target)}")
        weights = weights_of(sample_weight, len(frame))
        asked = task_of(task, self.task)
        held: Any = self.validation_fraction
        if isinstance(held, bool) or not isinstance(held, Real) or not 0 < float(held) < 1:
            raise UserError(f"got validation_fraction={held!r}, expected a share between 0 and 1")
        for option in ("encoders", "experts"):
            given: Any = getattr(self, option)
            if not isinstance(given, Mapping | None):
                raise UserError(
                    f"{option}: expected a mapping of modalities to what each has, got {given!r}"
                )
        self.feature_names_in_ = np.array([str(name) for name in frame.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self._width = _width(X)
        warned = False
        experts = dict(self.experts or {})
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        column = _free_column(frame, TARGET)
        frame = frame.assign(**{column: target})
        weight = None if weights is None else _free_column(frame, WEIGHT)
        if weight is not None:
            frame = frame.assign(**{weight: weights})
        division = _division(target, task, self.validation_fraction, seed)
        with tempfile.TemporaryDirectory() as temporary, torch.random.fork_rng():

            def opened(recipe: Recipe) -> Splits:
                nonlocal warned
                names = _modalities_of(recipe)
                some: Any = modalities
                if names is not None:
                    some = names if modalities is None else {n: modalities[n] for n in names}
                cache = Path(temporary) / "cache"
                data = TableData(frame, column, some, asked, {}, self.folder, cache, weight=weight)
                if not warned:  # before anything is trained, and once for all candidates
                    warned = True
                    _warn_of(data.contents, column, weight, chosen=modalities is not None)
                return data.splits(division)

            out = Path(temporary) / "runs" if self.out is None else Path(self.out)
            recipe, name = self._recipe(seed, experts), _free(out)
            self.leaderboard_ = None
            if is_auto(recipe):
                run = Run(train_auto(recipe, out, name=name, data=opened), trust=True)
                self.leaderboard_ = run.read_json(LEADERBOARD)
            else:
                splits = opened(recipe)
                folder = train(recipe, out, name=name, splits=splits, floors=False, experts=experts)
                run = Run(folder, trust=True)
            self.history_ = run.epochs
            taught = [run.result.get("teachers", {}), *run.result.get("members", [])]
            known = [one["confidence"] for one in taught if "confidence" in one]
            self.confidence_ = known[-1]["heldout"] if known else {}
            self.predictor_ = Predictor(run.path, trust=True)  # trained just now

    def _recipe(self, seed: int, experts: Mapping[str, Any]) -> Recipe:
        """The recipe that `train` and `train_auto` take."""
        method = "g2d" if experts and self.method == AUTO else self.method
        if self.budget_minutes is not None:
            name, options = split_spec(method, "method")
            if name != AUTO:
                raise UserError(
                    f"got budget_minutes={self.budget_minutes:g} and method={name!r}, which takes "
                    "as long as it takes; leave one of them out"
                )
            method = {"name": name, **options, "budget_minutes": self.budget_minutes}
        return recipe_from(
            {
                "data": {"name": "table", "target": TARGET},
                "encoders": dict(self.encoders or {}),
                "fusion": self.fusion,
                "method": method,
                "training": {
                    **({} if self.epochs is None else {"epochs": self.epochs}),
                    "batch_size": self.batch_size,
                    "learning_rate": self.learning_rate,
                    "optimizer": self.optimizer,
                },
                "seed": seed,
            }
        )

    def _predictions(self, X: Any, instead: str = "") -> list[Prediction]:
        """The model's prediction for every row; warns of what could not be used.

        Args:
            X: As of `fit`.
            instead: What rows get of which no modality could be used, in words.
        """
        check_is_fitted(self, "predictor_")
        frame, _ = as_frame(X, self.modalities)
        if _width(X) != self._width:
            raise UserError(f"got X of {_width(X)} columns, expected the {self._width} of fit")
        got = [str(name) for name in frame.columns]
        if not hasattr(X, "columns") and got != list(self.feature_names_in_):
            raise UserError(
                f"got X of {len(got)} columns in all, expected the {self.n_features_in_} of fit, "
                "modality by modality"
            )
        lacking = [name for name in self.feature_names_in_ if name not in got]
        if lacking:
            raise UserError(
                f"X has no column {', '.join(map(repr, lacking))}, which fit was given; a column "
                "may be empty, but it has to be there"
            )
        predictions, sentences = predictions_of(self.predictor_, frame, self.folder)
        more = [name for name in got if name not in set(self.feature_names_in_)]
        if more:
            sentences.append(f"columns of X that fit was not given are not used: {listed(more, 5)}")
        lost = sum(one.answer is None for one in predictions)
        if lost and instead:
            sentences.append(f"{share(lost, len(predictions))} rows get {instead}")
        for sentence in sentences:
            warnings.warn(sentence, UserWarning, stacklevel=_of_the_caller())
        return predictions


def _warn_of(contents: Contents, target: str, weight: str | None, *, chosen: bool) -> None:
    """Warns of what is doubtful in the columns, and of those that nobody chose to leave out."""
    notes = doubts_of(contents.table, contents.kinds, target, contents.target)
    if not chosen:
        notes += unread(contents.table, target, weight)
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=_of_the_caller())


def _of_the_caller() -> int:
    """How many calls `warnings.warn` of here goes up to leave g2d.

    Python shows a warning once for each line that it is of, and so for each call of a user.
    """
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("g2d."):
        level, frame = level + 1, frame.f_back
    return level


def _modalities_of(recipe: Recipe) -> list[str] | None:
    """Those of its data, where it is on some of them only."""
    names = recipe.data.get("modalities") if isinstance(recipe.data, Mapping) else None
    return None if names is None else list(names)


def _width(X: Any) -> int | None:
    """Columns of an array; of a frame or a mapping by their names."""
    return None if hasattr(X, "columns") or isinstance(X, Mapping) else int(np.shape(X)[1])


def _free_column(frame: pandas.DataFrame, name: str) -> str:
    """A name like this one that no column has."""
    taken = {str(column).strip() for column in frame.columns}
    while name in taken:
        name += "_"
    return name


def _free(out: Path) -> str:
    """A name that no fit before has taken; processes that fit at once have names of their own."""
    if not (out / _NAME).exists():
        return _NAME
    return f"{_NAME}-{uuid4().hex[:8]}"


def _division(target: NDArray[np.generic], task: TaskName, share: float, seed: int) -> Division:
    """Training and validation; what is called test is validation again, and is not reported.

    Raises:
        UserError: There are too few rows to cut any off.
    """
    held = round(share * len(target))
    if held < 1 or held >= len(target):
        raise UserError(
            f"got {len(target)} rows, of which {share:g} would be {held} to validate on; expected "
            "more"
        )
    rng = np.random.default_rng(seed)
    if task == "regression":
        order = rng.permutation(len(target))
        return Division(np.sort(order[held:]), np.sort(order[:held]), np.sort(order[:held]))
    val, train = stratified_parts(target, [held, len(target) - held], rng)
    # a class that is nowhere else is learned rather than validated
    lonely = ~np.isin(target[val], target[train])
    train, val = np.concatenate([train, val[lonely]]), val[~lonely]
    return Division(np.sort(train), np.sort(val), np.sort(val))
