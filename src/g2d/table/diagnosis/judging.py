"""Measures the runs of a diagnosis on held-out rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from g2d import functional as F
from g2d.analysis.attribution import Attribution, attribute, mean_inputs
from g2d.analysis.intervals import Interval, interval, least_half_width, resamples
from g2d.analysis.scores import Skill, offset, score_samples
from g2d.data.loader import limit
from g2d.data.splits import Split, Splits
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.settings import TrainingSettings
from g2d.methods.validation import FUSED
from g2d.models.unimodal import UnimodalModel
from g2d.runs.loaders import evaluation_loader, to_device
from g2d.runs.run import Run
from g2d.table.diagnosis.verdict import Finding
from g2d.tasks import Regression, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Floats = NDArray[np.float64]

# Training rows that offsets are read off, and rows that are judged, at most: more add nothing new.
_OFFSET_ROWS = 2000
_JUDGED_ROWS = 20_000


@dataclass(frozen=True)
class SeedFindings:
    """What the models of one seed reach on held-out rows.

    Attributes:
        splits: Training rows, the rows that choose the epoch, test.
        joint: The run of joint training.
        g2d: The run of G²D.
        teachers: Skill of every teacher on the judged rows.
        readouts: Skill of the unimodal logits of the joint model.
        after: The same of the model trained by G²D.
        sure: Confidence `(N,)` of the unimodal logits of the joint model, and of its teacher.
        attribution: Shapley values of the joint model's score.
        present: 1 where a judged row has a modality, `(N,)`.
        others: The runs of further methods, by key.
        weights: Of the teachers in an ensemble that is fitted on the judged rows.
    """

    splits: Splits
    joint: Run
    g2d: Run
    teachers: Mapping[str, Skill]
    readouts: Mapping[str, Skill]
    after: Mapping[str, Skill]
    sure: Mapping[str, tuple[Floats, Floats]]
    attribution: Attribution
    present: Mapping[str, Floats]
    others: Mapping[str, Run] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)


def measure_seed(
    own: Splits,
    judged: Split,
    runs: Sequence[Run],
    teachers: Mapping[str, UnimodalModel],
    settings: TrainingSettings,
    fabric: Fabric,
) -> SeedFindings:
    """Evaluates every model of a seed on the judged rows.

    Args:
        own: From `choose_on_train`.
        judged: Rows that have trained and chosen nothing.
        runs: Of joint training and of G²D, trusted.
        teachers: By modality.
        settings: For loaders.
        fabric: The device.
    """
    task = own.spec.task
    judged = limit(judged, _JUDGED_ROWS)
    known = limit(own.train, _OFFSET_ROWS)

    def batches(split: Split) -> Iterable[Any]:
        found: Iterable[Any] = to_device(evaluation_loader(split, settings), fabric)
        return found

    def evaluate_model(model: nn.Module) -> tuple[Evaluation, Evaluation]:
        model.to(fabric.device)
        return evaluate(model, batches(known), task), evaluate(model, batches(judged), task)

    measured = {name: evaluate_model(model) for name, model in teachers.items()}
    model = runs[0].model
    joint, g2d = (evaluate_model(run.model) for run in runs)
    owed = attribute(model, batches(judged), task, mean_inputs(model, batches(known)))
    ones = torch.ones(len(judged), dtype=torch.bool)
    present = {name: joint[1].present.get(name, ones) for name in teachers}
    weights = F.fit_ensemble_weights(
        task,
        [own[1].logits[FUSED] for own in measured.values()],
        joint[1].target,
        [present[name] for name in measured],
    )
    return SeedFindings(
        splits=own,
        joint=runs[0],
        g2d=runs[1],
        teachers={name: _skill(task, name, *measured[name], FUSED) for name in teachers},
        readouts={name: _skill(task, name, *joint, name) for name in teachers},
        after={name: _skill(task, name, *g2d, name) for name in teachers},
        sure={
            name: (
                _confidence(task, joint[1].logits[name], joint[1].target),
                _confidence(task, measured[name][1].logits[FUSED], joint[1].target),
            )
            for name in teachers
        },
        attribution=owed,
        present={name: mask.double().numpy() for name, mask in present.items()},
        weights=dict(zip(measured, weights.tolist(), strict=True)),
    )


def _skill(task: Task, name: str, train: Evaluation, held: Evaluation, key: str) -> Skill:
    there = train.present.get(name, torch.ones(len(train.target), dtype=torch.bool))
    shift = offset(task, train.logits[key][there], train.target[there])
    return Skill(task, held.logits[key], held.target, held.present.get(name), shift)


def _confidence(task: Task, logits: Tensor, target: Tensor) -> Floats:
    found: Floats = task.confidence(logits, target).double().numpy()
    return found


def find(runs: Sequence[SeedFindings]) -> tuple[Finding, ...]:
    """Means over seeds and their intervals, for every modality."""
    names = list(runs[0].teachers)
    count = len(runs[0].present[names[0]])
    draws, whole = resamples(count), np.ones((1, count))
    findings = []
    for name in names:
        first = runs[0].teachers[name]
        floor = _floor(first)
        skills = {
            key: _both([getattr(run, key)[name] for run in runs], whole, draws)
            for key in ("teachers", "readouts", "after")
        }
        lost = tuple(t - r for t, r in zip(skills["teachers"], skills["readouts"], strict=True))
        ratio = [
            (run.sure[name][0] * run.present[name], run.sure[name][1] * run.present[name])
            for run in runs
        ]
        owed = [run.attribution.by_sample for run in runs]
        share = [(values[name], np.sum(list(values.values()), axis=0)) for values in owed]
        findings.append(
            Finding(
                name,
                rows=first.rows,
                teacher=_interval(skills["teachers"], floor),
                readout=_interval(skills["readouts"], floor),
                lost=_interval(lost, floor),
                after=_interval(skills["after"], floor),
                confidence_ratio=_interval(_ratios(ratio, whole, draws), 0.0),
                shapley_share=_interval(_ratios(share, whole, draws), 0.0),
            )
        )
    return tuple(findings)


def mean_attribution(runs: Sequence[SeedFindings]) -> Attribution:
    """The mean over seeds."""
    found = [run.attribution for run in runs]
    return Attribution(
        {n: np.mean([one.by_sample[n] for one in found], axis=0) for n in found[0].by_sample},
        nothing=float(np.mean([one.nothing for one in found])),
        everything=float(np.mean([one.everything for one in found])),
    )


def _both(skills: Sequence[Skill], whole: Floats, draws: Floats) -> tuple[Floats, Floats]:
    points = np.array([skill(whole)[0] for skill in skills])
    return points, np.stack([skill(draws) for skill in skills])


def _ratios(
    pairs: Sequence[tuple[Floats, Floats]], whole: Floats, draws: Floats
) -> tuple[Floats, Floats]:
    """Of sums over rows."""

    def ratio(weights: Floats, above: Floats, below: Floats) -> Floats:
        bottom = weights @ below
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.where(bottom > 1e-9, (weights @ above) / bottom, np.nan)
        return found

    points = np.array([ratio(whole, *pair)[0] for pair in pairs])
    return points, np.stack([ratio(draws, *pair) for pair in pairs])


def _interval(measured: Sequence[Floats], floor: float) -> Interval:
    points, draws = measured
    return interval(points, draws, floor)


def _floor(skill: Skill) -> float:
    """Wilson's, in units of skill."""
    return skill.stretch * least_half_width(skill.effective_rows)


def fused_gain(
    runs: Sequence[SeedFindings], task: Task, rival: str = "g2d"
) -> tuple[Interval, Interval, Interval]:
    """Fused test scores of joint training and a rival, and the difference, sample by sample."""
    scores: dict[str, list[Floats]] = {"joint": [], "g2d": []}
    for run in runs:
        other = run.g2d if rival == "g2d" else run.others[rival]
        for key, of in (("joint", run.joint), ("g2d", other)):
            arrays = of.predictions("test")
            logits = torch.from_numpy(np.asarray(arrays[f"logits/{FUSED}"]))
            target = torch.from_numpy(np.asarray(arrays["target"]))
            scores[key].append(score_samples(task, logits, target))
    joint, g2d = np.stack(scores["joint"]), np.stack(scores["g2d"])
    count = joint.shape[1]
    draws = resamples(count) / count
    floor = least_half_width(count)
    # R² has no least value, accuracies have one.
    least, difference = (-math.inf, math.inf) if isinstance(task, Regression) else (0.0, 1.0)
    gain = g2d - joint
    return (
        interval(joint.mean(axis=1), joint @ draws.T, floor, (least, 1.0)),
        interval(g2d.mean(axis=1), g2d @ draws.T, floor, (least, 1.0)),
        interval(gain.mean(axis=1), gain @ draws.T, floor, (-difference, difference)),
    )


def without_weight(runs: Sequence[SeedFindings]) -> tuple[str, ...]:
    """Modalities that an ensemble of the teachers gives no weight, for most seeds."""
    zeros = {name: sum(run.weights[name] == 0 for run in runs) for name in runs[0].weights}
    return tuple(name for name, count in zeros.items() if count > len(runs) / 2)
