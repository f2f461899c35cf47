"""Weights of the ensemble are chosen by rows that they are not compared on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from g2d import Classification
from g2d import functional as F
from g2d.table.auto.round_folder import CandidatePredictions
from g2d.table.auto.stacking import blend_weights, blended, stacked, useless

TASK = Classification(2)


def made(folds=3, rows=60):
    random = torch.Generator().manual_seed(0)
    found = []
    for _ in range(folds):
        target = torch.randint(0, 2, (rows,), generator=random)
        sign = torch.nn.functional.one_hot(target, 2).float() * 2 - 1
        said = {}
        for name, strength in (("good", 1.5), ("fair", 1.0), ("noise", 0.0)):
            logits = strength * sign + torch.randn(rows, 2, generator=random)
            said[name] = CandidatePredictions(logits, target, 1.0, 1.0, {})
        found.append(said)
    return found


def ensemble(folds):
    return [
        CandidatePredictions(one["good"].logits, one["good"].target, 3.0, 0.0, {}) for one in folds
    ]


def test_a_folds_own_targets_do_not_change_its_predictions():
    folds = made()
    before = stacked(TASK, folds, ensemble(folds))
    turned = {
        n: CandidatePredictions(a.logits, 1 - a.target, 1.0, 1.0, {}) for n, a in folds[1].items()
    }
    changed = [folds[0], turned, folds[2]]
    after = stacked(TASK, changed, ensemble(changed))
    assert torch.equal(before[1].logits, after[1].logits)
    assert not torch.equal(before[0].logits, after[0].logits)


def test_the_weights_are_those_of_the_other_folds():
    folds = made()
    said = stacked(TASK, folds, ensemble(folds))[0]
    others = [torch.cat([f[name].logits for f in folds[1:]]) for name in folds[0]]
    target = torch.cat([f["good"].target for f in folds[1:]])
    weights = F.fit_ensemble_weights(TASK, others, target)
    own = torch.stack([one.logits for one in folds[0].values()])
    torch.testing.assert_close(said.logits, (weights[:, None, None] * own).sum(0))
    assert said.weights == dict(zip(folds[0], weights.tolist(), strict=True))


def test_one_fold_is_left_as_it_was():
    folds = made(folds=1)
    given = ensemble(folds)
    assert stacked(TASK, folds, given) == given


def test_noise_brings_nothing():
    assert useless(TASK, made(rows=200)) == ("noise",)


def test_a_blends_answers_are_weighed_by_the_other_folds():
    folds = made()
    said = blended(TASK, folds)
    for number, own in enumerate(folds):
        others = [fold for n, fold in enumerate(folds) if n != number]
        logits = [torch.cat([fold[name].logits for fold in others]) for name in own]
        target = torch.cat([fold["good"].target for fold in others])
        heats = [F.fit_temperature(TASK, one, target) for one in logits]
        calm = [one / heat for one, heat in zip(logits, heats, strict=True)]
        weights = F.fit_ensemble_weights(TASK, calm, target, drop=False) / torch.tensor(heats)
        expected = sum(w * one.logits for w, one in zip(weights, own.values(), strict=True))
        torch.testing.assert_close(said[number].logits, expected, rtol=1e-3, atol=1e-3)
        assert torch.equal(said[number].target, own["good"].target)


def test_of_one_fold_a_row_has_no_say_in_its_own_weights():
    (fold,) = made(folds=1)
    before = blended(TASK, [fold])[0]
    assert torch.equal(before.target, fold["good"].target)
    turned = {}
    for name, one in fold.items():
        target = one.target.clone()
        target[0::2] = 1 - target[0::2]
        turned[name] = CandidatePredictions(one.logits, target, 1.0, 1.0, {})
    after = blended(TASK, [turned])[0]
    assert torch.equal(before.logits[0::2], after.logits[0::2])
    assert not torch.equal(before.logits[1::2], after.logits[1::2])


def test_a_blend_costs_its_members_and_their_teachers_once():
    fold = made(folds=1)[0]
    costs = {"good": (9.0, 0.0), "fair": (4.0, 4.0), "noise": (12.0, 3.0)}  # in all, of its own
    priced = {n: CandidatePredictions(a.logits, a.target, *costs[n], {}) for n, a in fold.items()}
    (said,) = blended(TASK, [priced])
    assert (said.seconds, said.own) == (16.0, 7.0)


def test_who_is_too_sure_does_not_silence_the_others():
    """The same logits ten times as large are the same predictor, and have the same share."""
    fold = made(folds=1, rows=160)[0]
    loud = {**fold, "good": replace(fold["good"], logits=10 * fold["good"].logits)}
    usual, other = blend_weights(TASK, [fold]), blend_weights(TASK, [loud])
    for name in fold:
        assert other[name].share == pytest.approx(usual[name].share, abs=0.01)
    assert other["good"].value == pytest.approx(usual["good"].value / 10, rel=0.02)
    assert sum(weight.share for weight in usual.values()) == pytest.approx(1)


def test_a_row_of_a_class_that_no_training_row_has_chooses_no_weights():
    fold = made(folds=1)[0]
    usual = blend_weights(TASK, [fold])
    longer = {}
    for name, one in fold.items():
        # a predictor that has never seen the second class rules it out
        logits = torch.cat([one.logits, torch.tensor([[0.0, -40.0]])])
        target = torch.cat([one.target, torch.tensor([1])])
        known = torch.arange(len(target)) < len(one.target)
        longer[name] = CandidatePredictions(logits, target, 1.0, 1.0, {}, known=known)
    assert blend_weights(TASK, [longer]) == usual
