"""Scores against scikit-learn and NumPy, and what they must not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, r2_score

from g2d import Classification, MultiLabel, Regression
from g2d.analysis.scores import Skill, offset, score_samples

ROWS = 60
generator = torch.Generator().manual_seed(0)
LOGITS = torch.randn(ROWS, 3, generator=generator)
TARGET = torch.randint(0, 3, (ROWS,), generator=generator) % torch.tensor([3] * 50 + [1] * 10)
BITS = (torch.rand(ROWS, 3, generator=generator) < torch.tensor([0.2, 0.5, 0.8])).long()
VALUES = LOGITS[:, 0].sigmoid() * 4 + torch.randn(ROWS, generator=generator)
REGRESSION = Regression.fit(VALUES)
WHOLE = np.ones((1, ROWS))


def test_classes_score_as_adjusted_balanced_accuracy():
    skill = Skill(Classification(3), LOGITS, TARGET)(WHOLE)[0]
    expected = balanced_accuracy_score(TARGET, LOGITS.argmax(1), adjusted=True)
    assert skill == pytest.approx(expected)


def test_weights_are_repeats():
    counts = np.random.default_rng(1).multinomial(ROWS, np.full(ROWS, 1 / ROWS), size=5)
    repeated = [np.repeat(np.arange(ROWS), row) for row in counts]
    cases = [
        (Classification(3), LOGITS, TARGET),
        (MultiLabel(3), LOGITS, BITS),
        (REGRESSION, LOGITS[:, :1], VALUES),
    ]
    for task, logits, target in cases:
        found = Skill(task, logits, target)(counts.astype(float))
        again = [Skill(task, logits[rows], target[rows])(WHOLE)[0] for rows in repeated]
        assert found == pytest.approx(again)


def test_labels_score_as_the_mean_of_their_own():
    found = Skill(MultiLabel(3), LOGITS, BITS)(WHOLE)[0]
    each = [balanced_accuracy_score(BITS[:, i], LOGITS[:, i] > 0, adjusted=True) for i in range(3)]
    assert found == pytest.approx(np.mean(each))


def test_numbers_score_by_correlation():
    answer = REGRESSION.predict(LOGITS[:, :1]).numpy()
    r = np.corrcoef(answer, VALUES.numpy())[0, 1]
    assert Skill(REGRESSION, LOGITS[:, :1], VALUES)(WHOLE)[0] == pytest.approx(r**2, rel=1e-5)
    assert Skill(REGRESSION, -LOGITS[:, :1], VALUES)(WHOLE)[0] < 0


@pytest.mark.parametrize(
    ("task", "logits", "target"),
    [
        (Classification(3), torch.tensor([[0.0, 1, 2]]).expand(ROWS, 3), TARGET),
        (MultiLabel(3), torch.ones(ROWS, 3), BITS),
        (REGRESSION, torch.full((ROWS, 1), 0.3), VALUES),
    ],
)
def test_always_the_same_answer_scores_nothing(task, logits, target):
    assert Skill(task, logits, target)(WHOLE)[0] == pytest.approx(0, abs=1e-12)


def test_what_is_added_to_all_samples_alike_does_not_count():
    shift = torch.tensor([5.0, -3.0, 0.0])
    for task, target in ((Classification(3), TARGET), (MultiLabel(3), BITS)):
        plain = Skill(task, LOGITS, target, offset=offset(task, LOGITS, target))(WHOLE)
        moved = LOGITS + shift
        assert Skill(task, moved, target, offset=offset(task, moved, target))(WHOLE) == plain


def test_a_frequent_class_does_not_hide_a_rare_one():
    """Logits that tell a rare class apart, and never rank it first."""
    target = (torch.arange(ROWS) % 10 == 0).long()
    logits = torch.stack([torch.full((ROWS,), 5.0), 2.0 * target], dim=1)
    task = Classification(2)
    assert Skill(task, logits, target)(WHOLE)[0] == 0
    assert Skill(task, logits, target, offset=offset(task, logits, target))(WHOLE)[0] == 1


def test_samples_without_the_modality_do_not_count():
    there = torch.arange(ROWS) % 3 > 0
    for task, logits, target in (
        (Classification(3), LOGITS, TARGET),
        (REGRESSION, LOGITS[:, :1], VALUES),
    ):
        skill = Skill(task, logits, target, there)
        assert skill.rows == int(there.sum())
        alone = Skill(task, logits[there], target[there])(np.ones((1, skill.rows)))
        assert skill(WHOLE) == pytest.approx(alone)


def test_targets_that_are_all_alike_tell_nothing():
    assert np.isnan(Skill(Classification(2), LOGITS[:, :2], torch.ones(ROWS).long())(WHOLE)).all()


def test_equal_classes_count_in_full():
    target = torch.arange(ROWS) % 3
    assert Skill(Classification(3), LOGITS, target).effective_rows == pytest.approx(ROWS)


def test_the_mean_of_the_sample_scores_is_the_known_metric():
    classes = score_samples(Classification(3), LOGITS, TARGET).mean()
    assert classes == pytest.approx(Classification(3).metrics(LOGITS, TARGET)["accuracy"])
    labels = score_samples(MultiLabel(3), LOGITS, BITS).mean()
    assert labels == pytest.approx(MultiLabel(3).metrics(LOGITS, BITS)["accuracy"])
    numbers = score_samples(REGRESSION, LOGITS[:, :1], VALUES).mean()
    assert numbers == pytest.approx(r2_score(VALUES, REGRESSION.predict(LOGITS[:, :1])), rel=1e-5)
