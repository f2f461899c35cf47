"""Scores and coefficients of modalities against the references, and what they do not depend on."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

import g2d
import g2d.functional as F
from functional.drawn import B, features, logits, mask, target, task_pair
from methods.small import TASKS
from reference import agm, amco, arl, gradient_blending, mslr, ogm, opm, pmr, relearning, smv
from reference import g2d as paper

CLASSES = TASKS["classification"]
close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-6, check_dtype=False)
score = st.floats(0.02, 1.0)
scores = st.lists(score, min_size=2, max_size=4)


def named(values: list[float]) -> dict[str, float]:
    return {str(place): value for place, value in enumerate(values)}


def far_from(ratio: float, edge: float = 1.0) -> bool:
    """Whether rounding cannot carry a ratio over the step at 1."""
    return abs(ratio - edge) > 1e-4


# --- confidence and ranking ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(TASKS))
@pytest.mark.parametrize("present", [None, mask(1), torch.zeros(B).bool()])
def test_confidence(kind: str, present: Tensor | None) -> None:
    task, other = task_pair(kind)
    z, y = logits(task), target(task)
    held = None if present is None else present.tolist()
    expected = paper.confidence(other, z.double(), y, held)
    assert float(F.confidence(task, z, y, present)) == pytest.approx(expected, rel=1e-5)


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5, math.inf]), min_size=2, max_size=5))
def test_rank(values: list[float]) -> None:
    assert list(F.rank(named(values))) == paper.ranking(named(values))
    tensors = {name: torch.tensor(value) for name, value in named(values).items()}
    assert F.rank(tensors) == F.rank(named(values))


@given(st.lists(st.floats(0.3, 1.0), min_size=1, max_size=8), st.floats(0.0, 0.2))
def test_learning_speed(curve: list[float], chance: float) -> None:
    so_far = np.maximum.accumulate(np.array(curve)) - chance
    assert F.learning_speed(curve, chance) == pytest.approx(float((so_far / so_far[-1]).mean()))


# --- factors of gradients ------------------------------------------------------------------------


@given(scores)
def test_partial_suppression(values: list[float]) -> None:
    rho = named(values)
    for name, value in rho.items():
        others = [other for key, other in rho.items() if key != name]
        assume(far_from(value * len(others) / sum(others)))
    expected = [paper.partial_kappa(rho, name) for name in rho]
    assert F.partial_suppression_factors(torch.tensor(values)).tolist() == pytest.approx(
        expected, abs=1e-5
    )


@given(scores, st.sampled_from(["mean", "min"]))
def test_ogm(values: list[float], ratio: str) -> None:
    for value in values:
        others = [value / other for other in values if other is not value]
        assume(not others or far_from(sum(others) / len(others)))
        assume(all(far_from(other) for other in others))
    expected = ogm.kappa(named(values), 0.6, ratio)
    found = F.ogm_coefficients(torch.tensor(values), 0.6, ratio)
    assert found.tolist() == pytest.approx(list(expected.values()), abs=1e-4)


@given(st.lists(st.tuples(score, score), min_size=2, max_size=4), st.floats(0.1, 2.0))
def test_agm(pairs: list[tuple[float, float]], alpha: float) -> None:
    now, past = map(list, zip(*pairs, strict=True))
    lead, usual = F.agm_lead(torch.tensor(now)), F.agm_lead(torch.tensor(past))
    assert lead.tolist() == pytest.approx([agm.ratio(named(now), m) for m in named(now)], rel=1e-4)
    history = {name: [value] for name, value in named(past).items()}
    expected = agm.kappas(agm.Plan(alpha, cap=0.5), named(now), history)
    found = F.agm_coefficients(lead, usual, alpha, cap=0.5)
    assert found.tolist() == pytest.approx(list(expected.values()), rel=1e-3)
    unbounded = F.agm_coefficients(lead, usual, alpha, cap=None)
    close(unbounded, torch.exp(alpha * (usual - lead)))


def test_agm_without_history_or_others() -> None:
    nan = torch.nan
    lead = F.agm_lead(torch.tensor([1.0, nan, nan]))
    assert F.agm_coefficients(lead, torch.tensor([nan, nan, nan])).tolist() == [1, 1, 1]
    lead = F.agm_lead(torch.tensor([0.5, 1.0]))
    expected = agm.kappas(agm.Plan(), {"0": 0.5, "1": 1.0}, {"0": [], "1": []})
    close(F.agm_coefficients(lead, torch.tensor([nan, nan])), torch.tensor(list(expected.values())))


@pytest.mark.parametrize("kind", list(TASKS))
def test_agm_scores(kind: str) -> None:
    task, other = task_pair(kind)
    z, y = 4 * logits(task), target(task)
    found = F.agm_scores(task, z, y)
    for i in range(B):
        expected = agm.score(other, z[i : i + 1].double(), y[i : i + 1], [True])
        assert float(found[i]) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_arl(k: int) -> None:
    said = [logits(CLASSES, m) * (m + 1) for m in range(k)]
    plan = arl.Plan(gamma=1.0, temperature=5.0, warm=0, floor=0.6)
    expected = arl.weights({str(m): z.tolist() for m, z in enumerate(said)}, plan)
    entropy = torch.stack([F.arl_entropies(CLASSES, z).mean() for z in said])
    size = torch.stack([z.abs().sum(dim=1).mean() for z in said])
    found = F.arl_coefficients(entropy, size, 5.0, 0.6)
    assert found.tolist() == pytest.approx(list(expected.values()), rel=1e-4)


def test_entropy_of_labels() -> None:
    task, z = TASKS["multilabel"], logits(TASKS["multilabel"])
    p = z.double().sigmoid()
    close(F.arl_entropies(task, z), -(p * p.log() + (1 - p) * (1 - p).log()).sum(dim=1))


@given(st.lists(st.sampled_from([0.1, 0.5, 0.9, math.inf]), min_size=2, max_size=4))
def test_pdmp(values: list[float]) -> None:
    known = [value for value in values if value < math.inf]
    assume(known)
    expected = [1.7 if value == max(known) else 0.3 for value in values]
    found = F.pdmp_factors(torch.tensor(values, dtype=torch.float64), 1.7, 0.3)
    assert found.tolist() == expected


@given(st.lists(score, min_size=1, max_size=8), st.integers(1, 4))
def test_mslr(values: list[float], k: int) -> None:
    expected = mslr.ratios(values, k, 0.5, 2.0)
    for e in range(k, len(values)):
        found = F.mslr_ratio(values[e], values[e - k : e], (0.5, 2.0))
        assert found == pytest.approx(expected[e + 1])
    assert F.mslr_ratio(0.5, []) == F.mslr_ratio(0.5, [0.0, 0.0]) == 1


@given(st.lists(score, min_size=2, max_size=4), st.booleans())
def test_pmr(strengths: list[float], released: bool) -> None:
    behind, ahead = F.pmr_coefficients(torch.tensor(strengths, dtype=torch.float64), released)
    expected = pmr.coefficients(named(strengths), released)
    assert behind.tolist() == pytest.approx(list(expected.values()), abs=1e-9)
    best = [value == max(strengths) for value in strengths]
    assert ahead.tolist() == [float(b) / sum(best) for b in best]


# --- dropping, masking, copies -------------------------------------------------------------------


@given(scores)
def test_opm(values: list[float]) -> None:
    plan = opm.Plan(drop_rate=0.6, gain=0.8, step_rate=1.0, rescale=True, warmup=0)
    for name, value in named(values).items():
        others = [value / other for key, other in named(values).items() if key != name]
        assume(far_from(sum(others) / len(others)))
    expected = [opm.rate(plan, named(values), name) for name in named(values)]
    found = F.opm_drop_rates(torch.tensor(values), 0.6, 0.8)
    assert found.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("masks", [None, [mask(1), None, mask(2)]], ids=["all", "some"])
def test_amco_dependence(masks: list[Tensor | None] | None) -> None:
    said = [logits(CLASSES, m) for m in range(3)]
    expected = [0.0, 0.0, 0.0]
    for i in range(B):
        powers = [
            sum(math.exp(value) for value in z[i].tolist()) * (held is None or bool(held[i]))
            for z, held in zip(said, masks or [None] * 3, strict=True)
        ]
        expected = [old + power / sum(powers) for old, power in zip(expected, powers, strict=True)]
    assert F.amco_dependence(said, masks).tolist() == pytest.approx(expected, rel=1e-4)


def test_amco_masks() -> None:
    plan = amco.Plan(mask=0.95, ramp=0.4, threshold=0.5, weight=1.0)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(0))
    for epoch in range(20):
        rate = F.amco_mask_rate(epoch, 20, 0.95, 0.4)
        assert rate == pytest.approx(amco.rate(plan, epoch, 20))
        close(F.amco_mask_factors(order, rate), amco.multipliers(order.tolist(), rate))


@given(st.lists(st.floats(-1, 3), min_size=2, max_size=4), st.floats(0, 3))
def test_smv_copies(values: list[float], strength: float) -> None:
    given_ = torch.tensor(values, dtype=torch.float64)
    by_sample = [smv.copies_of_sample(value, strength) for value in values]
    assert F.smv_sample_copies(given_, strength).tolist() == pytest.approx(by_sample, abs=1e-12)
    contribution = named(values)
    by_modality = [smv.copies_of_modality(m, contribution, strength) for m in contribution]
    found = F.smv_modality_copies(given_, strength).tolist()
    assert found == pytest.approx(by_modality, abs=1e-9)


# --- overfitting ---------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(score, score, score, score), min_size=2, max_size=4),
    st.floats(0.01, 0.2),
    st.floats(0, 1),
)
def test_gradient_blending(
    losses: list[tuple[float, float, float, float]], floor: float, least: float
) -> None:
    start = {str(i): (a, b) for i, (a, b, _, _) in enumerate(losses)}
    end = {str(i): (c, d) for i, (_, _, c, d) in enumerate(losses)}
    now = {name: 1 / len(losses) for name in start}
    expected = gradient_blending.weights_of(start, end, now, floor, least)
    found = F.gradient_blending_weights(now, start, end, floor, least)
    assert found == pytest.approx(expected, abs=1e-9)


def test_purity_of_clusters_that_are_far_apart() -> None:
    cluster = torch.arange(40) % 4
    points = features(3, 40) / 50 + 10 * features(4, 4)[cluster]
    y = torch.where(torch.arange(40) % 7 == 0, 0, cluster)
    expected = relearning.purity_of(cluster.tolist(), y.tolist())
    assert F.cluster_purity(points, y, 4) == pytest.approx(expected)
    assert F.cluster_purity(5 * points - 3, y, 4) == pytest.approx(expected)


# --- what they do not depend on ------------------------------------------------------------------

BY_MODALITY: dict[str, Callable[[Tensor], Tensor]] = {
    "partial_suppression_factors": F.partial_suppression_factors,
    "mlb_coefficients": F.mlb_coefficients,
    "ogm_coefficients": F.ogm_coefficients,
    "ogm_coefficients, min": lambda values: F.ogm_coefficients(values, ratio="min"),
    "opm_drop_rates": F.opm_drop_rates,
    "pdmp_factors": F.pdmp_factors,
    "pmr_coefficients": lambda values: F.pmr_coefficients(values)[0],
    "agm_lead": F.agm_lead,
    "agm_coefficients": lambda values: F.agm_coefficients(values, values.square() + 0.3),
    "arl_coefficients": lambda values: F.arl_coefficients(values, 1 + values.square()),
    "cggm_balance": F.cggm_balance,
    "inforeg_gaps": F.inforeg_gaps,
    "inforeg_strength": F.inforeg_strength,
    "smv_modality_copies": F.smv_modality_copies,
}
COMPARED = [
    name for name in BY_MODALITY if name.partition("_")[0] not in ("agm", "arl", "cggm", "inforeg")
]


@pytest.mark.parametrize("name", BY_MODALITY)
def test_the_order_of_the_modalities_does_not_matter(name: str) -> None:
    function, values = BY_MODALITY[name], torch.tensor([0.7, 0.2, 0.4, 0.9])
    order = torch.tensor([2, 0, 3, 1])
    close(function(values[order]), function(values)[order])


@pytest.mark.parametrize("name", [name for name in COMPARED if "smv" not in name])
def test_only_ratios_of_scores_matter(name: str) -> None:
    function, values = BY_MODALITY[name], torch.tensor([0.7, 0.2, 0.4])
    close(function(values / 2), function(values))


@pytest.mark.parametrize("absent", [torch.inf, torch.nan])
@pytest.mark.parametrize("name", [*(n for n in COMPARED if "smv" not in n), "agm_lead"])
def test_a_modality_that_no_sample_has_is_left_out(name: str, absent: float) -> None:
    function = BY_MODALITY[name]
    found = function(torch.tensor([0.7, absent, 0.4]))
    close(found[[0, 2]], function(torch.tensor([0.7, 0.4])))


def test_confidence_feeds_the_coefficients() -> None:
    """A modality absent from the whole batch changes nothing for the others."""
    y, nobody = target(CLASSES), torch.zeros(B).bool()
    known = [F.confidence(CLASSES, logits(CLASSES, m), y) for m in range(2)]
    absent = F.confidence(CLASSES, logits(CLASSES, 2), y, nobody)
    for name in COMPARED:
        if "smv" not in name:
            function = BY_MODALITY[name]
            found = function(torch.stack([*known, absent]))[:2]
            close(found, function(torch.stack(known)))


def test_a_curve_without_epochs_is_refused() -> None:
    with pytest.raises(g2d.UserError, match="no curve"):
        F.learning_speed([])
