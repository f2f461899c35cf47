"""Losses and divergences against the references, sample by sample."""

from __future__ import annotations

from functools import partial

import pytest
import torch

import g2d
import g2d.functional as F
from functional.drawn import B, features, logits, mask, present_of, target, task_pair
from methods.small import TASKS
from reference import aug, cml, di_mml, dlmg, mbsd, reconboost
from reference import g2d as paper

CLASSES = TASKS["classification"]
KINDS = pytest.mark.parametrize("kind", list(TASKS))
MASKS = pytest.mark.parametrize("present", [None, mask(1)], ids=["all", "some"])
close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5, check_dtype=False)


def rows_of(present: torch.Tensor | None) -> list[int]:
    return list(range(B)) if present is None else present.nonzero().flatten().tolist()


# --- against the references ----------------------------------------------------------------------


@KINDS
@MASKS
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_distances_of_features_and_logits(
    kind: str, present: torch.Tensor | None, reduction: str
) -> None:
    task, other = task_pair(kind)
    z, y, f = logits(task), target(task), features()
    said = paper.Said(features(1).double(), logits(task, 1).double())
    masks = {} if present is None else {"m": present.tolist()}

    def loss(alpha: float, beta: float) -> torch.Tensor:
        weights = paper.Weights(alpha, beta, 2.0, reduction)
        return paper.g2d_loss(other, weights, z.double(), {"m": f.double()}, {"m": said}, y, masks)

    near = F.feature_distance(f, features(1), present, reduction)
    close(near, loss(1.0, 0.0) - loss(0.0, 0.0))
    far = F.logit_distance(task, z, logits(task, 1), present, temperature=2.0)
    close(far, loss(0.0, 1.0) - loss(0.0, 0.0))


@KINDS
@MASKS
def test_unimodal_loss(kind: str, present: torch.Tensor | None) -> None:
    task, other = task_pair(kind)
    z, y, rows = logits(task), target(task), rows_of(present)
    expected = sum(other.loss_of(z[i].double(), y[i]) for i in rows) / len(rows)
    close(F.unimodal_loss(task, z, y, present), expected)


@MASKS
def test_mbsd(present: torch.Tensor | None) -> None:
    a, b, y, rows = logits(CLASSES), logits(CLASSES, 1), target(CLASSES), rows_of(present)
    expected = torch.zeros((), dtype=torch.float64)
    for i in rows:
        first = paper.softmax(a[i])[y[i]] > paper.softmax(b[i])[y[i]]
        strong, weak = (a, b) if first else (b, a)
        expected += mbsd.distil(strong[i].double(), weak[i].double(), int(y[i]), 0.7, 0.3)
    close(F.mbsd_distillation(a, b, y, present, 0.7, 0.3), expected / len(rows))


@pytest.mark.parametrize("objective", ["released", "kl"])
def test_reconboost(objective: str) -> None:
    z, rest, y = logits(CLASSES), logits(CLASSES, 1), target(CLASSES)
    plan = reconboost.Plan(1, 1, objective, w1=4.0, w2=1.5)
    found = F.reconboost_objective(z, rest, y, objective, 4.0, 1.5)
    for i in range(B):
        close(found[i], reconboost.boosting(z[i].double(), rest[i].double(), int(y[i]), plan))


@pytest.mark.parametrize("number", [1, 2, 4])
def test_aug(number: int) -> None:
    terms, y = torch.stack([logits(CLASSES, seed) for seed in range(number)]), target(CLASSES)
    found = F.aug_objective(CLASSES, terms, y, 0.3)
    for i in range(B):
        rows = [term[i].double() for term in terms]
        close(found[i], aug.loss_of(rows, int(y[i]), 0.3))


@pytest.mark.parametrize("forgive", [False, True])
@MASKS
def test_cml(forgive: bool, present: torch.Tensor | None) -> None:
    """The whole loss of two modalities, from the losses of the fused prediction and two rises."""
    y, fused = target(CLASSES), logits(CLASSES, 2)
    parts = {"a": logits(CLASSES), "b": logits(CLASSES, 1)}
    there = {"a": present, "b": None}

    def says(group: frozenset[str], i: int) -> torch.Tensor | None:
        if len(group) == 2:
            return fused[i].double()
        (name,) = group
        held = there[name]
        return parts[name][i].double() if held is None or held[i] else None

    def sure(z: torch.Tensor) -> torch.Tensor:
        return z.softmax(dim=1).amax(dim=1)

    expected = cml.loss(["a", "b"], y.tolist(), says, 2.0, 0.0, forgive)
    rises = []
    for name, z in parts.items():
        right = (z.argmax(1) == y) & (fused.argmax(1) != y) if forgive else None
        rises.append(F.cml_rise(sure(z), sure(fused), there[name], right))
    close(F.unimodal_loss(CLASSES, fused, y) + 2.0 * sum(rises) / 2, expected)


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
@pytest.mark.parametrize("reversed_", [True, False])
def test_matching_divergence(kind: str, reversed_: bool) -> None:
    task, other = task_pair(kind)
    a, b = logits(task), logits(task, 1)
    found = F.matching_divergence(task, a, b, reversed_)
    way = "rjs" if reversed_ else "js"
    for i in range(B):
        close(found[i], dlmg.prediction_distance(other, a[i].double(), b[i].double(), way))


@MASKS
def test_info_nce(present: torch.Tensor | None) -> None:
    a, b, rows = features(), features(1), rows_of(present)
    found = F.info_nce(a, b, present, 0.2)[rows].mean()
    close(found, dlmg.contrast(a.double(), b.double(), rows, 0.2))


def test_dlmg_alpha() -> None:
    for epochs in (3, 40, 200):
        for epoch in range(epochs):
            expected = dlmg.fitted(epoch + 1, epochs)
            assert F.dlmg_alpha(epoch, epochs) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("masks", [[None] * 3, [mask(1), None, mask(2)]], ids=["all", "some"])
def test_dimensions_and_their_contrast(masks: list[torch.Tensor | None]) -> None:
    f, y, present = [features(m) for m in range(3)], target(CLASSES), present_of(masks)
    named = {str(m): value.double() for m, value in enumerate(f)}
    accuracy = []
    for value, held in zip(f, masks, strict=True):
        rows = rows_of(held)
        classes = [value[rows][y[rows] == c].mean(dim=0) for c in range(4)]  # nan for none
        guess = F.nearest_class(torch.stack(classes), value[rows])
        accuracy.append((guess == y[rows][:, None]).float().mean(dim=0))
    chosen = F.effective_dimensions(torch.stack(accuracy))
    expected = di_mml.effective(named, y, present, 4)
    assert {str(m): row for m, row in enumerate(chosen.tolist())} == expected
    close(
        F.dimension_contrast(f, chosen, masks, 3.0),
        di_mml.interaction(named, expected, present, 3.0),
    )


# --- gradients, absence, options -----------------------------------------------------------------


def test_teachers_sources_and_stronger_modalities_get_no_gradient() -> None:
    y, z, rest = target(CLASSES), logits(CLASSES), logits(CLASSES, 1)
    z.requires_grad_()
    rest.requires_grad_()
    f, teacher = features().requires_grad_(), features(1).requires_grad_()
    total = F.feature_distance(f, teacher) + F.logit_distance(CLASSES, z, rest)
    total = total + F.reconboost_objective(z, rest, y, "kl").sum()
    total.backward()
    assert f.grad is not None
    assert z.grad is not None
    assert teacher.grad is None
    assert rest.grad is None
    effective = [torch.tensor([True] * 5), torch.tensor([False] * 5)]
    pair = [features().requires_grad_(), features(1).requires_grad_()]
    source, to = torch.autograd.grad(F.dimension_contrast(pair, effective), pair)
    assert (source == 0).all()
    assert (to != 0).any()


WITH_PRESENT = {
    "feature_distance": lambda a, b, y, p: F.feature_distance(a, b, p),
    "logit_distance": lambda a, b, y, p: F.logit_distance(CLASSES, a, b, p),
    "mbsd_distillation": lambda a, b, y, p: F.mbsd_distillation(a, b, y, p),
    "unimodal_loss": lambda a, b, y, p: F.unimodal_loss(CLASSES, a + b, y, p),
    "confidence": lambda a, b, y, p: F.confidence(CLASSES, a + b, y, p),
    "cml_rise": lambda a, b, y, p: F.cml_rise(a[:, 0].sigmoid(), b[:, 0].sigmoid(), p),
    "info_nce": lambda a, b, y, p: (
        F.info_nce(a, b).mean() if p is None else F.info_nce(a, b, p)[p].mean()
    ),
    "dimension_contrast": lambda a, b, y, p: F.dimension_contrast(
        [a, b], [torch.tensor([True, True, False, False]), torch.zeros(4).bool()], [p, None]
    ),
}


@pytest.mark.parametrize("name", WITH_PRESENT)
def test_absent_samples_count_for_nothing(name: str) -> None:
    """As if they were not in the batch; what stands in their place gets no gradient."""
    function, y, p = WITH_PRESENT[name], target(CLASSES), mask(3)
    a, b = logits(CLASSES), logits(CLASSES, 1)
    close(function(a, b, y, p), function(a[p], b[p], y[p], None))
    given = (100 * a.where(p[:, None], torch.tensor(3.0))).requires_grad_()
    found = torch.autograd.grad(function(given, b, y, p), given)[0]
    assert (found[~p] == 0).all()
    nobody = function(a, b, y, torch.zeros_like(p)) if name != "info_nce" else torch.zeros(())
    assert float(nobody) == (float("inf") if name == "confidence" else 0)


def test_every_sample_present_is_no_mask_at_all() -> None:
    y, everyone = target(CLASSES), torch.ones(B, dtype=torch.bool)
    for function in WITH_PRESENT.values():
        a, b = logits(CLASSES), logits(CLASSES, 1)
        close(function(a, b, y, everyone), function(a, b, y, None))


def test_predictions_do_not_depend_on_a_constant_in_the_logits() -> None:
    a, b, y = logits(CLASSES), logits(CLASSES, 1), target(CLASSES)
    more = a + 3.0
    close(F.logit_distance(CLASSES, more, b), F.logit_distance(CLASSES, a, b))
    close(F.matching_divergence(CLASSES, more, b), F.matching_divergence(CLASSES, a, b))
    close(F.unimodal_loss(CLASSES, more, y), F.unimodal_loss(CLASSES, a, y))
    close(F.logit_distance(CLASSES, a, more, temperature=3.0), torch.zeros(()))


def test_matching_is_symmetric() -> None:
    a, b, y = logits(CLASSES), logits(CLASSES, 1), target(CLASSES)
    close(F.info_nce(a, b), F.info_nce(b, a))
    close(F.matching_divergence(CLASSES, a, b), F.matching_divergence(CLASSES, b, a))
    close(F.mbsd_distillation(a, b, y), F.mbsd_distillation(b, a, y))


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(g2d.UserError, match=r"are \(5,\) in the student and \(3,\)"):
        F.feature_distance(features(), features(width=3))
    with pytest.raises(g2d.UserError, match="reduction: expected mean or sum, got 'max'"):
        F.feature_distance(features(), features(), reduction="max")
    with pytest.raises(g2d.UserError, match="objective: expected released or kl"):
        F.reconboost_objective(logits(CLASSES), logits(CLASSES), target(CLASSES), "paper")
    with pytest.raises(g2d.UserError, match="ratio: expected mean or min"):
        F.ogm_coefficients(torch.ones(2), ratio="max")
