"""Sample valuation against its equations, and the numbers of copies for two modalities."""

from __future__ import annotations

import pytest
import torch

import g2d
from g2d.methods.smv import SampleValuation
from g2d.models.fusion import Fusion
from methods.by_equations import Seen, batches, begin, follow, late
from methods.small import NAMES, TASKS
from reference import smv as reference
from reference.g2d import softmax

TASK = TASKS["classification"]


class Reference:
    """Late fusion, valued before an epoch and trained on with the copies."""

    def __init__(self, level: str, strength: float, warmup: int) -> None:
        self.level, self.strength, self.warmup = level, strength, warmup
        self.copies: dict[tuple[str, int], float] = {}

    def says(self, p, features, seen: Seen, members, i: int):
        said = [
            p[f"fusion.heads.{m}.weight"] @ features[m][i] + p[f"fusion.heads.{m}.bias"]
            for m in members
            if seen.has(m, i)
        ]
        return sum(said) / len(said) if said else None

    def before(self, epoch: int, p, data: list[Seen]) -> None:
        if epoch < self.warmup:
            return
        values: dict[str, list[float]] = {}
        for seen in data:
            features = seen.features(p, training=False)
            for i, row in enumerate(seen.rows):

                def worth(members, seen=seen, features=features, i=i) -> float:
                    logits = self.says(p, features, seen, members, i)
                    right = logits is not None and int(logits.argmax()) == seen.target[i]
                    return float(right * sum(seen.has(m, i) for m in members))

                for m, value in reference.shapley(list(features), worth).items():
                    if seen.has(m, i):
                        values.setdefault(m, []).append(value)
                        self.copies[m, row] = reference.copies_of_sample(value, self.strength)
        if self.level == "modality":
            mean = {m: sum(found) / len(found) for m, found in values.items()}
            for m, row in self.copies:
                self.copies[m, row] = reference.copies_of_modality(m, mean, self.strength)

    def loss(self, p, features, seen: Seen):
        total = 0.0
        for i, row in enumerate(seen.rows):
            total = total - torch.log(
                softmax(self.says(p, features, seen, features, i))[seen.target[i]]
            )
            for m in features:
                if number := self.copies.get((m, row), 0.0):
                    alone = softmax(self.says(p, features, seen, [m], i))
                    total = total - number * torch.log(alone[seen.target[i]])
        return total / len(seen.rows)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("level", ["sample", "modality"])
def test_training_follows_the_equations(level: str, missing: bool, k: int) -> None:
    expected = Reference(level, 1.5, 1)
    method = SampleValuation(late(k), TASK, level=level, strength=1.5)
    follow(method, expected.loss, missing, before=expected.before)
    assert any(expected.copies.values())


# whether the first alone, the second alone and both together are right: copies of each
PAPER = {
    (False, False, False): (2, 2),
    (True, False, False): (1, 3),
    (False, True, False): (3, 1),
    (True, True, False): (2, 2),
    (False, False, True): (0, 0),
    (True, False, True): (0, 1),
    (False, True, True): (1, 0),
    (True, True, True): (0, 0),
}


class Known(Fusion):
    """Its answers are written in the features: right or wrong for every coalition."""

    def forward(self, features, present=None):
        there = [m for m in self.modalities if m not in (present or {}) or present[m].any()]
        right = features[there[0]][:, len(there) - 1]
        return torch.stack([1 - right, right], dim=1), {}


class Half(Fusion):
    """Gives every label, from whatever it is given."""

    def forward(self, features, present=None):
        return torch.ones(len(features["sound"]), self.outputs), {}


def inputs_fused_by(kind: type[Fusion], width: int, outputs: int) -> g2d.MultimodalModel:
    names = ("sound", "image")
    encoders = {name: torch.nn.Identity() for name in names}
    return g2d.MultimodalModel(encoders, kind(dict.fromkeys(names, width), outputs))


def known(level: str = "sample", **options: float) -> SampleValuation:
    rows = torch.tensor([list(case) for case in PAPER], dtype=torch.float32)
    data = g2d.Batch(
        {"sound": rows[:, [0, 2]], "image": rows[:, [1, 2]]},
        torch.ones(len(rows), dtype=torch.long),
        torch.arange(len(rows)),
    )
    model = inputs_fused_by(Known, width=2, outputs=2)
    method = SampleValuation(model, g2d.Classification(2), level=level, warmup=0, **options)
    method.on_fit_start(g2d.Loop(None, iter_train=lambda fraction, seed: [data]))
    method.on_epoch_start(0)
    return method


def test_two_modalities_are_copied_as_often_as_in_the_authors_code() -> None:
    copies = known()._copies
    assert list(zip(copies["sound"].tolist(), copies["image"].tolist(), strict=True)) == [
        pytest.approx(pair) for pair in PAPER.values()
    ]


def test_of_two_modalities_only_the_one_behind_is_copied() -> None:
    method = known("modality")
    assert all(not copies.any() for copies in method._copies.values())  # the cases are symmetrical
    method = SampleValuation(late(2), TASK, level="modality", warmup=0)
    begin(method, batches(2), 1)
    method.on_epoch_start(0)
    one, other = (float(copies) for copies in method._copies.values())
    assert min(one, other) == 0


def test_modalities_are_valued_when_it_is_time() -> None:
    method = SampleValuation(late(2), TASK, warmup=1, every=2)
    model = begin(method, batches(2), 6)
    valued = []
    for epoch in range(6):
        before = method._copies
        method.on_epoch_start(epoch)
        valued.append(method._copies is not before)
        assert method.stage() == ("resampled" if epoch else "joint")
    assert valued == [False, True, False, True, False, True]
    assert model.training


def test_a_table_between_two_valuations_is_kept_in_the_state() -> None:
    method = SampleValuation(late(2), TASK, warmup=0)
    begin(method, batches(2), 2)
    method.on_epoch_start(0)
    again = SampleValuation(late(2), TASK, warmup=0, every=5)
    again.load_state_dict(method.state_dict())
    assert all(torch.equal(again._copies[n], method._copies[n]) for n in NAMES[:2])


def test_labels_that_are_many_count_by_their_share() -> None:
    task = g2d.MultiLabel(4)
    method = SampleValuation(inputs_fused_by(Half, width=4, outputs=4), task, warmup=0)
    right = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    data = g2d.Batch({"sound": right, "image": right}, right, torch.arange(1))
    method.on_fit_start(g2d.Loop(None, iter_train=lambda fraction, seed: [data]))
    values, _, _ = method._values(1.0, 0)
    assert {name: value.tolist() for name, value in values.items()} == {
        "sound": [0.5],
        "image": [0.5],
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"level": "batch"}, "expected sample or modality"),
        ({"strength": -1.0}, "strength must be 0 or more"),
        ({"every": 0}, "every must be above 0"),
        ({"share": 0.0}, "share must be above 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, object], says: str) -> None:
    with pytest.raises(g2d.UserError, match=says):
        SampleValuation(late(2), TASK, **options)


def test_it_is_not_defined_for_regression() -> None:
    with pytest.raises(g2d.UserError, match="is defined for Classification and MultiLabel"):
        SampleValuation(late(2), TASKS["regression"])
