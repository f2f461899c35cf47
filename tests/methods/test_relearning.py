"""Re-learning against its equations: purity by counting, the way back weight by weight."""

from __future__ import annotations

import pytest
import torch

import g2d
from g2d.methods import relearning
from g2d.methods.relearning import Relearning, k_means, purity
from methods.by_equations import Seen, batches, begin, follow, late
from methods.small import NAMES, TASKS, same, weights
from reference import relearning as reference
from reference.g2d import softmax

TASK = TASKS["classification"]


def late_loss(p, features, seen: Seen, learnt) -> torch.Tensor:
    rows = [i for i, row in enumerate(seen.rows) if learnt(row)]
    total = 0.0
    for i in rows:
        said = [
            p[f"fusion.heads.{m}.weight"] @ f[i] + p[f"fusion.heads.{m}.bias"]
            for m, f in features.items()
            if seen.has(m, i)
        ]
        total = total - torch.log(softmax(sum(said) / len(said))[seen.target[i]])
    return total / len(rows)


def above(features: torch.Tensor, target: torch.Tensor, classes: int) -> float:
    """Stands in for the purity: k-means is compared by itself."""
    hits = [
        (float(row[0]) > 0) == (int(y) % 2 == 0) for row, y in zip(features, target, strict=True)
    ]
    return sum(hits) / len(hits)


class Reference:
    def __init__(self, strength: float, moments: tuple[int, ...], share: float) -> None:
        self.strength, self.moments, self.share = strength, moments, share
        self.epoch, self.gaps = 0, []
        self.initial = {}

    def before(self, epoch: int, p, data: list[Seen]) -> None:
        self.epoch = epoch
        self.initial = self.initial or dict(p)
        if epoch not in self.moments:
            return
        for m in data[0].inputs:
            parts = {True: [], False: []}
            for seen in data:
                features = seen.features(p, training=False)[m]
                for i, row in enumerate(seen.rows):
                    if seen.has(m, i):
                        held = reference.held_out(row, self.share)
                        parts[held].append((features[i], torch.tensor(seen.target[i])))
            gap = 0.0
            if parts[True] and parts[False]:
                out, train = (above(*zip(*parts[held], strict=True), 4) for held in (True, False))
                gap = abs(train - out)
            self.gaps.append(gap)
            reference.go_back(p, self.initial, m, self.strength, gap)

    def loss(self, p, features, seen: Seen):
        holding = self.epoch < self.moments[-1]
        return late_loss(
            p,
            features,
            seen,
            lambda row: not (holding and reference.held_out(row, self.share)),
        )


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
def test_training_follows_the_equations(
    k: int, missing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relearning, "purity", above)
    expected = Reference(1.2, (1, 2), 0.4)
    method = Relearning(late(k), TASK, strength=1.2, times=2, held_out=0.4)
    follow(method, expected.loss, missing, epochs=4, before=expected.before)
    assert any(expected.gaps)


@pytest.mark.parametrize("k", [2, 3])
def test_accuracy_of_readouts_may_be_compared_instead(k: int) -> None:
    validation = {"fused": 0.9, **{name: 0.2 + 0.1 * i for i, name in enumerate(NAMES[:k])}}
    gaps = []
    initial = {}

    def before(epoch: int, p, data: list[Seen]) -> None:
        initial.update({} if initial else dict(p))
        if epoch != 2:
            return
        for m in data[0].inputs:
            hits = []
            for seen in data:
                features = seen.features(p, training=False)[m]
                for f, y in zip(features, seen.target, strict=True):
                    said = p[f"fusion.heads.{m}.weight"] @ f + p[f"fusion.heads.{m}.bias"]
                    hits.append(int(said.argmax()) == y)
            gaps.append(abs(sum(hits) / len(hits) - validation[m]))
            reference.go_back(p, initial, m, 0.7, gaps[-1])

    method = Relearning(late(k), TASK, strength=0.7, times=1, every=2, diagnosis="accuracy")
    follow(
        method,
        lambda p, features, seen: late_loss(p, features, seen, lambda row: True),
        epochs=4,
        before=before,
        after=lambda epoch: method.on_validation_end({"accuracy": validation}),
    )
    assert any(gaps)


# --- purity ---------------------------------------------------------------------------------------


def clouds(seed: int, each: int = 12, classes: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    centres = 10 * torch.eye(classes)
    cloud = torch.arange(classes).repeat_interleave(each)
    return centres[cloud] + torch.randn(len(cloud), classes, generator=generator) / 2, cloud


@pytest.mark.parametrize("seed", range(5))
def test_clouds_that_lie_apart_are_found(seed: int) -> None:
    points, cloud = clouds(seed)
    found = k_means(points, 4)
    assert reference.purity_of(found.tolist(), cloud.tolist()) == 1
    assert len(set(found.tolist())) == 4


@pytest.mark.parametrize("seed", range(5))
def test_purity_is_what_counting_gives(seed: int) -> None:
    points, cloud = clouds(seed)
    target = torch.randint(4, (len(cloud),), generator=torch.Generator().manual_seed(seed))
    counted = reference.purity_of(cloud.tolist(), target.tolist())
    assert purity(points, target, 4) == pytest.approx(counted)
    assert purity(points * torch.tensor([1.0, 50.0, 0.01, 1.0]) + 3, target, 4) == pytest.approx(
        counted
    )


def test_each_point_lies_nearest_to_the_mean_of_its_cluster() -> None:
    points = torch.randn(60, 3, generator=torch.Generator().manual_seed(1))
    found = k_means(points, 5)
    means = torch.stack([points[found == c].mean(dim=0) for c in range(5)])
    assert torch.equal(torch.cdist(points, means).argmin(dim=1), found)


@pytest.mark.parametrize("points", [torch.zeros(6, 2), torch.randn(3, 2)])
def test_few_or_equal_points_have_a_purity(points: torch.Tensor) -> None:
    assert 0 < purity(points, torch.arange(len(points)) % 4, 4) <= 1


# --- what goes back, and what is held out ---------------------------------------------------------


def diagnosed(gap: float, strength: float, monkeypatch: pytest.MonkeyPatch):
    """A trained model before and after it has gone back, and its first weights."""
    method = Relearning(late(2), TASK, strength=strength, times=1, every=1)
    data = batches(2)
    model = begin(method, data, 3)
    first = weights(model)
    for each in data:
        method.step(each)
    before = weights(model)
    monkeypatch.setattr(method, "_purity_gaps", lambda: {NAMES[0]: gap, NAMES[1]: 0.0})
    method.on_epoch_start(1)
    return first, before, weights(model)


def test_all_the_way_back_is_the_beginning_of_that_encoder_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, before, now = diagnosed(1.0, 50.0, monkeypatch)
    for key in now:
        own = key.startswith(f"encoders.{NAMES[0]}.") and key.endswith(("weight", "bias"))
        assert torch.equal(now[key], first[key] if own else before[key]), key


def test_no_gap_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    _, before, now = diagnosed(0.0, 3.0, monkeypatch)
    assert same(before, now)


def test_held_out_samples_have_no_say_until_the_last_moment() -> None:
    losses = {}
    for changed in (False, True):
        method = Relearning(late(2), TASK, times=1, every=1, held_out=0.4)
        data = batches(2)[0]
        held = method._held(data.index)
        assert held.any()
        if changed:
            data.target[held] = (data.target[held] + 1) % 4
        begin(method, [data], 2)
        losses[changed] = [float(method.step(data))]
        method._epoch = 1
        losses[changed].append(float(method.step(data)))
    assert losses[True][0] == losses[False][0]
    assert losses[True][1] != losses[False][1]


@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_the_share_held_out_is_the_one_asked_for(share: float) -> None:
    held = Relearning(late(2), TASK, held_out=share)._held(torch.arange(1000))
    assert float(held.float().mean()) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize(
    ("options", "epochs", "moments"),
    [
        ({}, 20, (5, 10, 15)),
        ({}, 90, (22, 44, 66)),
        ({"every": 20}, 90, (20, 40, 60)),
        ({"every": 20}, 30, (20,)),
        ({"times": 0}, 30, ()),
        ({"strength": 0.0}, 30, ()),
    ],
)
def test_the_moments_are_spread_over_the_training(options, epochs, moments) -> None:
    method = Relearning(late(2), TASK, **options)
    begin(method, batches(2), epochs)
    assert method.moments == moments


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"diagnosis": "loss"}, "expected purity or accuracy"),
        ({"strength": -1.0}, "strength must be 0 or more"),
        ({"held_out": 1.0}, "held_out must lie between 0 and 1"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(g2d.UserError, match=says):
        Relearning(late(2), TASK, **options)


def test_it_is_not_defined_for_regression() -> None:
    with pytest.raises(g2d.UserError, match="is defined for Classification"):
        Relearning(late(2), TASKS["regression"])
