"""Findings are computed from the judged rows that have a modality, and say who lost what."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from g2d import Classification
from g2d.analysis.attribution import Attribution
from g2d.analysis.scores import Skill
from g2d.engine.evaluate import Evaluation
from g2d.engine.records import write_predictions
from g2d.runs.run import Run
from g2d.table.diagnosis.judging import SeedFindings, find, fused_gain

TASK = Classification(2)
ROWS = 200
TARGET = torch.arange(ROWS) % 2
# The first half has the modality; what is said of the other half counts for nothing.
THERE = np.arange(ROWS) < ROWS // 2


def logits(right):
    """Of answers of which so large a share is right, in both classes and in both halves."""
    answer = torch.where(torch.arange(ROWS) % 50 < 50 * right, TARGET, 1 - TARGET)
    return 4.0 * torch.nn.functional.one_hot(answer, 2)


def runs(**folders):
    """Of one seed: the teacher is right in all rows, the joint model in 3/4, G²D's in 9/10."""
    shares = {"teachers": 1.0, "readouts": 0.76, "after": 0.92}
    present = torch.from_numpy(THERE)
    skills = {k: {"m": Skill(TASK, logits(v), TARGET, present)} for k, v in shares.items()}
    own, teacher = np.where(THERE, 0.5, 0.9), np.where(THERE, 0.8, 0.3)
    owed = Attribution({"m": np.full(ROWS, 0.1), "n": np.full(ROWS, 0.3)}, 0.5, 0.9)
    folders = {"joint": Run("joint"), "g2d": Run("g2d"), **folders}
    return SeedFindings(
        splits=None,
        **folders,
        **skills,
        sure={"m": (own, teacher)},
        attribution=owed,
        present={"m": THERE.astype(float)},
    )


def test_a_finding_is_of_the_rows_that_have_the_modality():
    (found,) = find([runs()] * 3)
    assert found.rows == ROWS // 2
    assert (found.teacher.mean, found.readout.mean, found.after.mean) == pytest.approx(
        (1.0, 0.52, 0.84)  # twice the share that is right, less 1
    )
    assert found.lost.mean == pytest.approx(1.0 - 0.52)
    assert found.lost.low > 0.2
    assert found.confidence_ratio.mean == pytest.approx(0.5 / 0.8)
    assert found.shapley_share.mean == pytest.approx(0.25)


@pytest.mark.parametrize(("g2d", "sign"), [(0.92, 1), (0.5, -1)])
def test_the_gain_is_what_g2d_is_above_joint_training(tmp_path, g2d, sign):
    for name, right in (("joint", 0.76), ("g2d", g2d)):
        said = Evaluation({"fused": logits(right)}, TARGET, torch.arange(ROWS), {}, {})
        (tmp_path / name).mkdir(exist_ok=True)
        write_predictions(tmp_path / name, "test", said)
    seed = runs(joint=Run(tmp_path / "joint"), g2d=Run(tmp_path / "g2d"))
    joint, after, gain = fused_gain([seed] * 3, TASK)
    assert (joint.mean, after.mean, gain.mean) == pytest.approx((0.76, g2d, g2d - 0.76))
    assert 0 < sign * (gain.low if sign > 0 else gain.high) < 1
    assert not any(one.known for one in fused_gain([seed] * 2, TASK))
