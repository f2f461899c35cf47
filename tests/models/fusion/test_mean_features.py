"""The running mean: exact where it must be, fading where it may."""

from __future__ import annotations

import pytest
import torch

from g2d.errors import UserError
from g2d.models.fusion import MeanFeatures

WIDTHS = {"north": 3, "south": 2}


def batches(count: int, size: int = 4) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [
        {name: torch.randn(size, width, generator=generator) for name, width in WIDTHS.items()}
        for _ in range(count)
    ]


def test_is_right_from_the_first_batch() -> None:
    means, (batch,) = MeanFeatures(WIDTHS), batches(1)
    means.update(batch)
    for name, mean in means.read().items():
        torch.testing.assert_close(mean, batch[name].mean(dim=0))


def test_without_fading_it_is_the_mean_of_all_samples() -> None:
    means, seen = MeanFeatures(WIDTHS, momentum=1.0), batches(4) + batches(1, size=7)
    for batch in seen:
        means.update(batch)
    for name, mean in means.read().items():
        torch.testing.assert_close(mean, torch.cat([batch[name] for batch in seen]).mean(dim=0))


def test_old_batches_fade_by_the_momentum() -> None:
    means, seen = MeanFeatures(WIDTHS, momentum=0.8), batches(5)
    for batch in seen:
        means.update(batch)
    weights = [0.8 ** (4 - age) for age in range(5)]
    for name, mean in means.read().items():
        expected = sum(w * b[name].mean(dim=0) for w, b in zip(weights, seen, strict=True))
        torch.testing.assert_close(mean, expected / sum(weights))


def test_only_those_present_count() -> None:
    means, seen = MeanFeatures(WIDTHS, momentum=1.0), batches(3)
    rows = [[True, False, True, True], [False] * 4, [True, True, False, False]]
    masks = [{"north": torch.tensor(row)[:, None]} for row in rows]
    for batch, mask in zip(seen, masks, strict=True):
        means.update({**batch, "north": batch["north"] * mask["north"]}, mask)
    there = torch.cat([b["north"][m["north"][:, 0]] for b, m in zip(seen, masks, strict=True)])
    torch.testing.assert_close(means.read()["north"], there.mean(dim=0))
    everyone = torch.cat([batch["south"] for batch in seen])
    torch.testing.assert_close(means.read()["south"], everyone.mean(dim=0))


def test_of_sequences_it_is_the_mean_token() -> None:
    means = MeanFeatures(WIDTHS)
    tokens = {"north": torch.randn(4, 6, 3), "south": torch.randn(4, 1, 2)}
    mask = torch.tensor([True, True, False, True])
    tokens["north"][~mask] = 0
    means.update(tokens, {"north": mask[:, None]})
    torch.testing.assert_close(means.read()["north"], tokens["north"][mask].mean(dim=(0, 1)))


def test_never_seen_is_zero() -> None:
    assert all((mean == 0).all() for mean in MeanFeatures(WIDTHS).read().values())


def test_keeps_no_graph_and_is_saved() -> None:
    means = MeanFeatures(WIDTHS)
    means.update({name: torch.randn(2, w, requires_grad=True) for name, w in WIDTHS.items()})
    assert not means.sums.requires_grad
    assert list(means.parameters()) == []
    other = MeanFeatures(WIDTHS)
    other.load_state_dict(means.state_dict())
    for name, mean in other.read().items():
        assert torch.equal(mean, means.read()[name])


def test_can_be_set_exactly() -> None:
    means, (batch,) = MeanFeatures(WIDTHS), batches(1)
    means.update(batch)
    means.set({"south": torch.tensor([7.0, 8.0]), "north": torch.tensor([1.0, 2.0, 3.0])})
    assert means.read()["north"].tolist() == [1, 2, 3]
    assert means.read()["south"].tolist() == [7, 8]


def test_refuses_other_means() -> None:
    means = MeanFeatures(WIDTHS)
    with pytest.raises(UserError, match=r"got the means of \['north'\], expected those of"):
        means.set({"north": torch.zeros(3)})
    with pytest.raises(UserError, match=r"mean of shape \(1, 2\) for 'south', expected \(2,\)"):
        means.set({"north": torch.zeros(3), "south": torch.zeros(1, 2)})
