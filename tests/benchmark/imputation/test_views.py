"""What is refused, what is scaled by which rows, and what is hidden."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import g2d
from benchmark.imputation.problem import NAMES, WIDTHS, views
from g2d.benchmark.imputation import Views
from g2d.benchmark.imputation.hiding import eligible, hide
from g2d.benchmark.imputation.scaling import Scaler


def replaced(data: Views, **changes) -> Views:
    return Views(
        **{"features": data.features, "present": data.present, "target": data.target, **changes}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: {"features": {"near": d.features["near"]}}, "expected two modalities or more"),
        (lambda d: {"present": {"near": d.present["near"]}}, "give both for each modality"),
        (
            lambda d: {"features": {**d.features, "far": d.features["far"].long()}},
            "the view 'far' is torch.int64",
        ),
        (
            lambda d: {"features": {**d.features, "far": d.features["far"][0]}},
            "expected floating point",
        ),
        (
            lambda d: {"features": {**d.features, "far": d.features["far"][1:]}},
            "has 9 samples and the target 10",
        ),
        (
            lambda d: {"present": {**d.present, "far": d.present["far"].float()}},
            "present of 'far' is torch.float32",
        ),
        (
            lambda d: {"present": {**d.present, "far": torch.ones(10, dtype=torch.bool)}},
            "'far' has values that are not finite where it is marked present",
        ),
        (
            lambda d: {"present": {name: torch.arange(10) > 1 for name in NAMES}},
            "2 samples have no modality at all",
        ),
    ],
)
def test_what_disagrees_is_refused(change, message):
    bad = "no modality" not in message
    data = views(10, absent=float("nan") if bad else 0.0)
    assert not data.present["far"].all()
    with pytest.raises(g2d.UserError, match=message):
        replaced(data, **change(data))


def test_scales_are_those_of_training_rows_that_are_there():
    train, other = views(50), views(30, seed=1)
    found = Scaler(train, "deviation")(other)
    ranged = Scaler(train, "range")(other)
    for name in NAMES:
        mask = train.present[name].numpy()
        rows = train.features[name].numpy()[mask].astype(np.float64)
        values, there = other.features[name].numpy(), other.present[name].numpy()
        expected = (values - rows.mean(axis=0)) / rows.std(axis=0)
        np.testing.assert_allclose(found[name].numpy()[there], expected[there], atol=1e-5)
        expected = (values - rows.mean()) / (rows.max() - rows.min())
        np.testing.assert_allclose(ranged[name].numpy()[there], expected[there], atol=1e-5)
        assert (found[name].numpy()[~there] == 0).all()
        assert (ranged[name].numpy()[~there] == 0).all()


@pytest.mark.parametrize("kind", ["deviation", "range"])
def test_a_constant_is_only_shifted(kind):
    there = torch.ones(5, dtype=torch.bool)
    data = Views(
        {"near": torch.full((5, 2), 1000.1), "far": torch.randn(5, 2)},
        {"near": there, "far": there},
        torch.zeros(5),
    )
    assert Scaler(data, kind)(data)["near"].abs().max() < 1e-3


def test_a_modality_that_training_never_has_is_refused():
    data = views(10, k=2)
    nowhere = {"near": torch.ones(10, dtype=torch.bool), "far": torch.zeros(10, dtype=torch.bool)}
    features = {"near": torch.zeros(10, 6), "far": data.features["far"]}
    with pytest.raises(g2d.UserError, match="no training sample has 'far'"):
        Scaler(Views(features, nowhere, data.target), "deviation")


masks = st.lists(
    st.lists(st.booleans(), min_size=3, max_size=3).filter(any), min_size=1, max_size=12
)


@given(masks, st.sampled_from(["drop", "complete"]), st.integers(0, 99))
def test_only_what_is_there_is_hidden_and_something_stays(mask, targets, seed):
    presence = torch.tensor(mask)
    torch.manual_seed(seed)
    hidden = hide(presence, targets)
    assert not (hidden & ~presence).any()
    assert (presence & ~hidden).any(dim=1).all()
    assert torch.equal(hidden.any(dim=1), eligible(presence, targets))
    if targets == "drop":
        assert (hidden.sum(dim=1) <= 1).all()
        assert eligible(presence, targets).tolist() == [sum(row) >= 2 for row in mask]
    else:
        assert eligible(presence, targets).tolist() == [all(row) for row in mask]
    assert not hide(presence, targets, share=0.0).any()


@pytest.mark.parametrize(("targets", "patterns"), [("drop", 3), ("complete", 6)])
def test_patterns_are_equally_likely(targets, patterns):
    torch.manual_seed(0)
    hidden = hide(torch.ones(6000, 3, dtype=torch.bool), targets)
    counts = [
        int((hidden == torch.tensor(pattern)).all(dim=1).sum())
        for pattern in itertools.product([False, True], repeat=3)
    ]
    seen = [count for count in counts if count]
    assert len(seen) == patterns
    # five standard deviations of a multinomial
    deviation = (6000 / patterns * (1 - 1 / patterns)) ** 0.5
    assert all(abs(count - 6000 / patterns) < 5 * deviation for count in seen)


def test_a_share_is_hidden():
    torch.manual_seed(0)
    hidden = hide(torch.ones(4000, 2, dtype=torch.bool), "drop", share=0.25)
    assert abs(float(hidden.any(dim=1).float().mean()) - 0.25) < 0.04


def test_widths_and_order():
    data = views(10)
    assert data.widths == WIDTHS
    other = data.ordered(("deep", "near", "far"))
    assert other.modalities == ("deep", "near", "far")
    assert torch.equal(other.presence, data.presence[:, [2, 0, 1]])
