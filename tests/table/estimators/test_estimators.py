"""The estimators are scikit-learn's in what they promise, and ours in what they learn."""

from __future__ import annotations

import pickle
import re

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import g2d
from g2d.table.estimators.base import _division
from table.tables import write_table

sklearn = pytest.importorskip("sklearn")
pandas = pytest.importorskip("pandas")

from sklearn.base import clone  # noqa: E402
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: E402
from sklearn.model_selection import cross_val_score, train_test_split  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer  # noqa: E402

HALVES = {"top": slice(0, 32), "bottom": slice(32, 64)}
QUICK = {"epochs": 3, "learning_rate": 0.01, "method": "joint"}


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=400, random_state=0, stratify=y)


@pytest.fixture(scope="module")
def two():
    return load_digits(n_class=2, return_X_y=True)


@pytest.fixture(scope="module")
def fitted(two):
    X, y = two
    return g2d.G2DClassifier(HALVES, **QUICK).fit(X[:240], y[:240])


def test_two_halves_of_a_digit_and_noise(digits):
    """scikit-learn's digits as two half-images beside a modality that says nothing."""
    train, test, target, answers = digits
    rng = np.random.default_rng(0)

    def arrays(X):
        return {
            "top": X[:, :32],
            "bottom": X[:, 32:],
            "noise": rng.standard_normal((len(X), 16)),
        }

    model = g2d.G2DClassifier(method="g2d", epochs=12, learning_rate=3e-3)
    model.fit(arrays(train), target)
    assert model.score(arrays(test), answers) > 0.9
    unimodal = model.predict_unimodal(arrays(test))
    right = {name: np.mean(np.array(said) == answers) for name, said in unimodal.items()}
    assert right["noise"] < 0.25 < min(right["top"], right["bottom"])
    assert set(model.confidence_) == {"top", "bottom", "noise"}
    assert len(model.history_) == 12


def test_by_default_several_ways_are_compared_and_noise_is_dropped(two):
    X, y = two
    rng = np.random.default_rng(0)

    def views(X):
        noise = rng.standard_normal((len(X), 4))
        return {"top": X[:, :32], "bottom": X[:, 32:], "noise": noise}

    model = g2d.G2DClassifier(epochs=3, learning_rate=0.01).fit(views(X[:160]), y[:160])
    assert model.score(views(X[160:]), y[160:]) > 0.9
    found = model.leaderboard_
    assert found["rows"] == 160
    assert {"top alone", "bottom alone", "noise alone", "ensemble", "joint", "g2d"} <= {
        line["name"] for line in found["candidates"]
    }
    assert "noise" in found["useless"]
    assert set(model.confidence_) == {"top", "bottom", "noise"}
    assert set(model.predict_unimodal(views(X[:3]))) == set(found["kept"]["modalities"])


def test_minutes_are_for_the_comparison_only(two):
    with pytest.raises(g2d.UserError, match="got budget_minutes=1 and method='joint'"):
        g2d.G2DClassifier(HALVES, method="joint", budget_minutes=1).fit(*two)


def test_probabilities_are_of_the_classes_in_order(fitted, two):
    X, y = two
    shares = fitted.predict_proba(X[240:])
    assert shares.shape == (len(X) - 240, 2)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert (fitted.predict(X[240:]) == fitted.classes_[shares.argmax(axis=1)]).all()
    assert fitted.score(X[240:], y[240:]) > 0.9


def test_any_labels_come_back_as_they_were(two):
    X, y = two
    words = np.array(["yes", "Ünsinn"])[y]
    model = g2d.G2DClassifier(HALVES, **QUICK).fit(X, words)
    assert model.classes_.tolist() == ["yes", "Ünsinn"]
    assert np.mean(model.predict(X) == words) > 0.9


def test_clone_fits_the_same_and_the_global_random_state_is_left_alone(fitted, two):
    X, y = two
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    again = clone(fitted).fit(X[:240], y[:240])
    assert torch.equal(torch.random.get_rng_state(), before)
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))
    other = clone(fitted).set_params(random_state=1).fit(X[:240], y[:240])
    assert not np.array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_the_random_state_seeds_the_weights(two, tmp_path):
    """Not the division alone: with a learning rate of nothing, weights are those of the start."""

    def first_weights(seed, name):
        still = {**QUICK, "epochs": 1, "learning_rate": 1e-30}
        model = g2d.G2DClassifier(HALVES, **still, random_state=seed, out=tmp_path / name)
        model.fit(*two)
        state = load_file(next((tmp_path / name).glob("*/model.safetensors")))
        return {key: value for key, value in state.items() if key.endswith("weight")}

    one, same, other = (first_weights(*args) for args in ((0, "a"), (0, "b"), (1, "c")))
    matrices = [key for key, value in one.items() if value.ndim == 2]
    assert matrices
    for key in matrices:
        assert torch.equal(one[key], same[key])
        assert not torch.allclose(one[key], other[key])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_random_state_seeds_the_division(task):
    target = np.arange(40) % 2
    one, same, other = (_division(target, task, 0.25, seed).val.tolist() for seed in (3, 3, 4))
    assert one == same != other
    assert len(one) == 10


def test_a_pickled_model_predicts_the_same_bits(fitted, two):
    X, _ = two
    back = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(back.predict_proba(X), fitted.predict_proba(X))


def test_in_cross_validation_and_at_the_end_of_a_pipeline(two):
    X, y = two
    model = g2d.G2DClassifier(HALVES, **QUICK)
    assert cross_val_score(model, X, y, cv=2).min() > 0.9
    line = make_pipeline(FunctionTransformer(lambda x: x / 16), model).fit(X, y)
    assert line.score(X, y) > 0.9


def test_a_data_frame_of_files_text_and_numbers(tmp_path):
    frame = pandas.read_csv(write_table(tmp_path, rows=60))
    y = frame.pop("animal")
    modalities = {
        "picture": {"kind": "image", "column": "picture", "side": 16},
        "call": {"kind": "audio", "column": "call", "seconds": 0.5, "rate": 4000, "mels": 12},
        "rest": {"kind": "tabular", "columns": ["weight", "place"]},
    }
    model = g2d.G2DClassifier(modalities, folder=tmp_path, **QUICK).fit(frame, y)
    assert model.score(frame, y) > 0.9
    frame.loc[3, ["picture", "weight", "place"]] = None
    assert model.predict_unimodal(frame)["picture"][3] is None
    frame.loc[4, ["picture", "call", "weight", "place"]] = None
    with pytest.warns(UserWarning, match=r"1 of 60 \(2 %\) rows"):
        shares = model.predict_proba(frame)[4]
    assert shares == pytest.approx([0.5, 0.5])
    assert model.feature_names_in_.tolist() == list(frame.columns)
    lacking = frame.columns[-1]
    with pytest.raises(g2d.UserError, match=f"X has no column '{lacking}', which fit was given"):
        model.predict(frame.drop(columns=lacking))


def test_regression(tmp_path):
    rng = np.random.default_rng(0)
    X = {"a": rng.random((200, 3)), "b": rng.random((200, 5, 2)) + 0.1}
    y = 10 + X["a"].sum(axis=1)
    encoders = {"b": {"name": "transformer", "inputs": 2, "width": 16, "heads": 2, "layers": 1}}
    model = g2d.G2DRegressor(
        epochs=20, learning_rate=0.01, method="joint", encoders=encoders, out=tmp_path
    ).fit(X, y)
    assert model.score(X, y) > 0.6
    assert (tmp_path / "model" / "result.json").exists()
    assert (y.min() <= model.predict(X)).all()
    assert (model.predict(X) <= y.max()).all()


@pytest.mark.parametrize(
    ("X", "y", "options", "line"),
    [
        (np.zeros((9, 4)), np.arange(9) % 2, {}, "got X as an array of 4 columns, and no modal"),
        (np.zeros((9, 4, 2)), np.arange(9) % 2, {}, "got X of shape (9, 4, 2)"),
        (np.zeros((9, 64)), np.arange(8) % 2, {"modalities": HALVES}, "X of 9 rows and y of 8"),
        (np.zeros((9, 40)), np.arange(9) % 2, {"modalities": {"a": [50]}}, "got columns [50] of"),
        (np.zeros((9, 64)), np.zeros(9), {"modalities": HALVES}, "got one class only"),
        (np.zeros((9, 64)), np.zeros((9, 2)), {"modalities": HALVES}, "got y of shape (9, 2)"),
        ({"a": np.zeros((9, 2)), "b": np.zeros((8, 2))}, np.arange(9) % 2, {}, "different lengths"),
        (
            np.zeros((9, 64)),
            np.arange(9) % 2,
            {"modalities": HALVES, "validation_fraction": 1.0},
            "got validation_fraction=1",
        ),
    ],
)
def test_what_cannot_be_fitted_is_said_in_one_line(X, y, options, line):
    with pytest.raises(g2d.UserError) as caught:
        g2d.G2DClassifier(**options).fit(X, y)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_target_with_holes_is_refused(two):
    X, y = two
    holes = y.astype(float)
    holes[3] = np.nan
    with pytest.raises(g2d.UserError, match=r"y that is missing \(None or NaN\) in 1 of"):
        g2d.G2DRegressor(HALVES).fit(X, holes)


def test_prediction_before_fit_is_refused():
    from sklearn.exceptions import NotFittedError

    with pytest.raises(NotFittedError):
        g2d.G2DClassifier(HALVES).predict(np.zeros((2, 64)))


def test_a_class_without_a_usable_row_keeps_its_place():
    """Every cell of "b" is missing: it is never predicted, and the others are not renamed."""
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], 30)
    X = rng.normal(size=(90, 4)) + 4 * (y == "c")[:, None]
    X[y == "b"] = np.nan
    halves = {"left": slice(0, 2), "right": slice(2, 4)}
    model = g2d.G2DClassifier(halves, **{**QUICK, "epochs": 8}).fit(X, y)
    seen = np.flatnonzero(y != "b")
    with pytest.warns(UserWarning, match=r"30 of 90 \(33 %\) rows"):
        shares = model.predict_proba(X)
    assert shares.shape == (90, 3)
    assert not shares[seen, 1].any()
    assert np.mean(model.predict(X[seen]) == y[seen]) > 0.9
    assert shares[y == "b"] == pytest.approx(np.full((30, 3), 1 / 3))


@pytest.mark.parametrize("width", [3, 65])
def test_another_width_is_refused(fitted, width):
    with pytest.raises(g2d.UserError):
        fitted.predict({"top": np.zeros((3, width)), "bottom": np.zeros((3, 32))})


def test_what_is_kept_of_one_fit_is_not_in_the_way_of_the_next(two, tmp_path):
    X, y = two
    model = g2d.G2DClassifier(HALVES, **{**QUICK, "epochs": 1}, out=tmp_path)
    assert len(cross_val_score(model, X, y, cv=2)) == 2
    assert len(list(tmp_path.glob("model*/result.json"))) == 2


def test_any_estimator_of_scikit_learn_may_teach(tmp_path):
    rng = np.random.default_rng(0)
    X = {"table": rng.normal(size=(160, 3)), "other": rng.normal(size=(160, 3))}
    y = np.where(X["table"][:, 0] > 0, "yes", "no")
    experts = {"table": HistGradientBoostingClassifier(max_iter=20)}
    model = g2d.G2DClassifier(experts=experts, epochs=20, learning_rate=0.01, out=tmp_path)
    assert clone(model).fit(X, y).score(X, y) > 0.9
    assert not hasattr(experts["table"], "classes_")
    (kept,) = (tmp_path / "teachers").glob("*HistGradientBoostingClassifier*")
    assert not list(kept.glob("*.pkl"))
    assert sorted(file.name for file in kept.glob("*.np*")) == ["logits.npz"]


def uneven(rows=600, seed=0):
    """A class of one row in ten, that overlaps with the other."""
    rng = np.random.default_rng(seed)
    y = (np.arange(rows) % 10 == 0).astype(int)
    views = {name: rng.normal(size=(rows, 3)) + y[:, None] * 0.8 for name in ("a", "b")}
    return views, np.array(["usual", "rare"])[y]


def test_classes_weighed_alike_find_the_rare_one():
    X, y = uneven()
    new, truth = uneven(seed=1)
    quick = {"method": "joint", "epochs": 8, "learning_rate": 0.01}
    balanced = {"class_weight": "balanced"}
    models = [g2d.G2DClassifier(task=task, **quick).fit(X, y) for task in (None, balanced)]
    found = [(model.predict(new)[truth == "rare"] == "rare").mean() for model in models]
    assert found[1] > found[0] + 0.15
    assert clone(models[1]).get_params()["task"] == balanced


def test_a_threshold_of_validation_parts_the_classes():
    X, y = uneven()
    new, _ = uneven(seed=1)
    task = {"selects": "uar", "threshold": "validation"}
    model = g2d.G2DClassifier(task=task, method="joint", epochs=8, learning_rate=0.01).fit(X, y)
    usual = model.predict_proba(new)[:, list(model.classes_).index("usual")]
    called = model.predict(new)
    assert usual[called == "usual"].min() > usual[called == "rare"].max()
    assert (usual[called == "rare"] > 0.5).any()  # which the most likely class would not be


def test_a_regressor_learns_on_a_log_scale():
    rng = np.random.default_rng(0)
    X = {"a": rng.normal(size=(300, 2)), "b": rng.normal(size=(300, 2))}
    y = np.exp(3 * X["a"][:, 0] + 3 * X["b"][:, 0])
    model = g2d.G2DRegressor(task={"scale": "log"}, method="joint", epochs=15, learning_rate=0.01)
    assert np.corrcoef(np.log(model.fit(X, y).predict(X)), np.log(y))[0, 1] > 0.9
    assert (model.predict(X) > 0).all()


@pytest.mark.parametrize(
    ("made", "task", "message"),
    [
        (g2d.G2DClassifier, "balanced", "task: got 'balanced', expected a mapping of options"),
        (g2d.G2DClassifier, {"scale": "log"}, "expected class_weight, selects and threshold"),
        (g2d.G2DRegressor, {"class_weight": "balanced"}, "expected scale and loss"),
        (g2d.G2DClassifier, {"class_weight": {0: 3}}, "task.class_weight: got {0: 3}"),
    ],
)
def test_other_options_of_the_task_are_refused(made, task, message):
    X, y = uneven(60)
    with pytest.raises(g2d.UserError, match=re.escape(message)):
        made(task=task).fit(X, y if made is g2d.G2DClassifier else np.arange(60.0))
