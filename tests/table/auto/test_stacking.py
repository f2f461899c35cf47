"""Weights of the ensemble are chosen by rows that they are not compared on."""

from __future__ import annotations

import torch

from g2d import Classification
from g2d import functional as F
from g2d.table.auto.answers import Answers
from g2d.table.auto.stacking import blended, stacked, useless

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
            said[name] = Answers(logits, target, 1.0, 1.0, {})
        found.append(said)
    return found


def ensemble(folds):
    return [Answers(one["good"].logits, one["good"].target, 3.0, 0.0, {}) for one in folds]


def test_a_folds_own_targets_do_not_change_its_answers():
    folds = made()
    before = stacked(TASK, folds, ensemble(folds))
    turned = {n: Answers(a.logits, 1 - a.target, 1.0, 1.0, {}) for n, a in folds[1].items()}
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
        weights = F.fit_ensemble_weights(TASK, logits, target, drop=False)
        expected = sum(w * one.logits for w, one in zip(weights, own.values(), strict=True))
        torch.testing.assert_close(said[number].logits, expected)
        assert torch.equal(said[number].target, own["good"].target)


def test_of_one_fold_a_row_has_no_say_in_its_own_weights():
    (fold,) = made(folds=1)
    before = blended(TASK, [fold])[0]
    assert torch.equal(before.target, fold["good"].target)
    turned = {}
    for name, one in fold.items():
        target = one.target.clone()
        target[0::2] = 1 - target[0::2]
        turned[name] = Answers(one.logits, target, 1.0, 1.0, {})
    after = blended(TASK, [turned])[0]
    assert torch.equal(before.logits[0::2], after.logits[0::2])
    assert not torch.equal(before.logits[1::2], after.logits[1::2])


def test_a_blend_costs_its_members_and_their_teachers_once():
    fold = made(folds=1)[0]
    costs = {"good": (9.0, 0.0), "fair": (4.0, 4.0), "noise": (12.0, 3.0)}  # in all, of its own
    priced = {n: Answers(a.logits, a.target, *costs[n], {}) for n, a in fold.items()}
    (said,) = blended(TASK, [priced])
    assert (said.seconds, said.own) == (16.0, 7.0)
