"""Functions of gradients, and predictions from several modalities, against the references."""

from __future__ import annotations

from functools import partial
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import g2d.functional as F
from functional.drawn import B, D, features, logits, mask
from methods.small import TASKS
from reference import agm, greedy, mla, mmcosine, mmpareto, pmr
from reference.g2d import softmax

CLASSES = TASKS["classification"]
close = partial(torch.testing.assert_close, rtol=1e-4, atol=1e-5, check_dtype=False)
MASKS = pytest.mark.parametrize("masks", [None, [mask(1), None, mask(2)]], ids=["all", "some"])


def said_by(i: int, said: list[Tensor], masks: list[Tensor | None] | None) -> dict[str, Tensor]:
    """The logits of the modalities that a sample has."""
    held = masks or [None] * len(said)
    pairs = zip(said, held, strict=True)
    return {str(m): z[i] for m, (z, there) in enumerate(pairs) if there is None or there[i]}


# --- gradients -----------------------------------------------------------------------------------


@given(st.integers(0, 500), st.floats(-1.5, 1.5), st.sampled_from(["per_encoder", "per_tensor"]))
def test_mmpareto(seed: int, along: float, rescale: str) -> None:
    drawn = torch.Generator().manual_seed(seed)
    fused = torch.randn(12, generator=drawn, dtype=torch.float64)
    unimodal = along * fused + 0.5 * torch.randn(12, generator=drawn, dtype=torch.float64)
    tensors = fused.split([7, 5]), unimodal.split([7, 5])
    expected = mmpareto.reconciled(mmpareto.Plan(gamma=1.3, rescale=rescale), *tensors)
    products = F.mmpareto_products(fused, unimodal)
    if products[1] < 0:
        assert float(F.mmpareto_weight(products)) == pytest.approx(
            mmpareto.shortest(fused, unimodal), abs=1e-6
        )
    if rescale == "per_encoder":
        found = F.mmpareto_gradient(fused, unimodal, 1.3)
    else:
        pairs = zip(*tensors, strict=True)
        found = torch.cat([F.mmpareto_gradient(f, u, 1.3, products) for f, u in pairs])
    close(found, torch.cat(expected), rtol=1e-3, atol=1e-3)


@given(st.integers(0, 500))
def test_the_pareto_gradient_descends_on_both_losses(seed: int) -> None:
    drawn = torch.Generator().manual_seed(seed)
    fused, unimodal = torch.randn(2, 9, generator=drawn, dtype=torch.float64)
    found = F.mmpareto_gradient(fused, unimodal)
    assert found @ fused >= -1e-9
    assert found @ unimodal >= -1e-9
    kept = fused.clone()
    assert F.mmpareto_gradient(kept, unimodal, out=kept) is kept
    assert torch.equal(kept, found)


def test_gradients_that_cancel_lead_nowhere() -> None:
    fused = torch.tensor([1.0, -2.0])
    products = F.mmpareto_products(fused, -fused)
    assert F.mmpareto_stretch(products, F.mmpareto_weight(products)) == 0
    assert (F.mmpareto_gradient(fused, -fused) == 0).all()


def test_mla_projector_is_the_inverse_it_stands_for() -> None:
    seen, projector = features(5, 4).double(), torch.eye(D, dtype=torch.float64)
    for row in seen:
        projector = F.mla_projector(projector, row, 0.2)
    close(projector, mla.projector(list(seen), 0.2, D))


def test_effective_update() -> None:
    parameters = {"a": features(1), "b": features(2)[0], "c": features(3)}
    gradients = {"a": features(4), "b": features(5)[0], "c": torch.zeros(B, D)}
    expected = greedy.update(gradients, parameters, list(parameters))
    given_ = [gradients["a"], gradients["b"], None]
    assert float(F.effective_update(given_, list(parameters.values()))) == pytest.approx(expected)
    assert F.effective_update([None], [features()]) == 0


# --- predictions ---------------------------------------------------------------------------------


@MASKS
def test_ensemble(masks: list[Tensor | None] | None) -> None:
    said = [logits(CLASSES, m) for m in range(3)]
    found = F.ensemble_logits(said, masks)
    for i in range(B):
        there = said_by(i, said, masks)
        close(found[i], sum(there.values()) / len(there))


@MASKS
def test_mla_weights(masks: list[Tensor | None] | None) -> None:
    said = [logits(CLASSES, m) for m in range(3)]
    found = (F.mla_weights(said, masks) * torch.stack(said)).sum(dim=0)
    for i in range(B):
        rows = {m: z.tolist() for m, z in said_by(i, said, masks).items()}
        assert found[i].tolist() == pytest.approx(mla.mix(rows), rel=1e-4, abs=1e-5)


@MASKS
def test_di_mml_weights(masks: list[Tensor | None] | None) -> None:
    said = [logits(CLASSES, m) for m in range(3)]
    weights = F.di_mml_weights(said, masks, 0.5)
    close(weights.sum(dim=0), torch.ones(B, 1))
    for i in range(B):
        powers = {m: (softmax(z).max() / 0.5).exp() for m, z in said_by(i, said, masks).items()}
        for m in range(3):
            close(weights[m, i, 0], powers.get(str(m), torch.zeros(())) / sum(powers.values()))


def test_who_has_nothing_gets_zeros_and_never_nan() -> None:
    said, nobody = [logits(CLASSES, m) for m in range(2)], [torch.zeros(B).bool()] * 2
    assert (F.ensemble_logits(said, nobody) == 0).all()
    for weights in (F.mla_weights(said, nobody), F.di_mml_weights(said, nobody)):
        assert weights.isfinite().all()
    assert (F.amco_dependence(said, nobody) == 0).all()


@pytest.mark.parametrize("name", ["ensemble_logits", "mla_weights", "di_mml_weights"])
def test_absent_logits_are_not_read(name: str) -> None:
    function, held = getattr(F, name), mask(1)
    said = [logits(CLASSES), logits(CLASSES, 1)]
    other = [said[0].masked_fill(~held[:, None], 1e6), said[1]]
    close(function(said, [held, None]), function(other, [held, None]))


def test_mmcosine() -> None:
    f, weight = features(), features(1, 4)
    found = F.mmcosine_logits(f, weight, 7.0)
    for i in range(B):
        for c in range(4):
            close(found[i, c], 7.0 * mmcosine.cosine(f[i].double(), weight[c].double()))
    close(F.mmcosine_logits(30 * f, weight, 7.0), found)


def test_mean_ablation_of_a_sum_is_the_branch_and_a_constant() -> None:
    heads = {m: torch.nn.Linear(D, 4) for m in ("a", "b", "c")}
    rows = {m: features(place) for place, m in enumerate(heads)}
    means = {m: value.mean(dim=0) for m, value in rows.items()}

    def fuse(given_: dict[str, Tensor], _: dict[str, Tensor]) -> Tensor:
        return sum(heads[m](value) for m, value in given_.items())

    found = F.mean_ablation(fuse, rows, means)
    for m, head in heads.items():
        constant = sum(heads[j](means[j]) for j in heads if j != m)
        close(found[m], head(rows[m]) + constant)


# --- prototypes and values -----------------------------------------------------------------------


@pytest.mark.parametrize("known", [None, torch.tensor([True, False, True, True])])
def test_pmr_probabilities(known: Tensor | None) -> None:
    f, prototypes = features(), features(1, 4)
    found = F.pmr_log_probabilities(f, prototypes, known).exp()
    there = range(4) if known is None else known.nonzero().flatten().tolist()
    for i in range(B):
        q = pmr.probabilities(f[i], {c: prototypes[c] for c in there})
        for c in range(4):
            close(found[i, c], q.get(c, torch.zeros(())))


@pytest.mark.parametrize("k", [2, 3, 4])
def test_shapley_values_are_means_over_all_orders(k: int) -> None:
    names = [f"m{place}" for place in range(k)]
    groups = [frozenset(g) for size in range(1, k + 1) for g in combinations(names, size)]
    worth = {group: logits(CLASSES, place) for place, group in enumerate(groups)}
    found = F.shapley_values(worth)
    for name, expected in agm.shares_of(names, worth.__getitem__).items():
        close(found[name], expected)
    close(sum(found.values()), worth[frozenset(names)])


def test_a_sum_over_modalities_is_worth_its_terms() -> None:
    terms = {m: logits(CLASSES, place) for place, m in enumerate("abc")}
    worth = {
        frozenset(group): torch.stack([terms[m] for m in group]).sum(dim=0)
        for size in (1, 2, 3)
        for group in combinations("abc", size)
    }
    for name, value in F.shapley_values(worth).items():
        close(value, terms[name])
