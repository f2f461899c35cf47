"""The four ways to say what a modality is worth, each against its definition."""

from __future__ import annotations

import json

import pytest
import torch

from analysis.subjects import NAMES, TASKS, looks_drawn, subject, whole
from g2d import UserError
from g2d.analysis.attribution import attribute, mean_inputs
from g2d.analysis.features import student_features
from g2d.analysis.probe import linear_probe
from g2d.analysis.scores import score_samples
from g2d.analysis.worth import WAYS, worth

pytest.importorskip("sklearn")


@pytest.mark.parametrize("fusion", ["late", "concat", "film"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("masked", [False, True])
def test_every_way_is_its_definition(task, masked, fusion):
    mine = subject(task, masked=masked, fusion=fusion)
    found = worth([mine])
    batch = whole(mine.batches("test"))
    means = mean_inputs(mine.model, mine.batches("train"))
    shapley = attribute(mine.model, mine.batches("test"), mine.task, means).values
    parts = [student_features(mine.model, mine.batches(name)) for name in ("train", "val", "test")]
    with torch.no_grad():
        outputs = mine.model(batch)
        fused = score_samples(mine.task, outputs.logits, batch.target).mean()
        for row in found.rows:
            there = batch.present.get(row.modality, torch.ones(len(batch), dtype=torch.bool))
            said = outputs.unimodal[row.modality][there]
            given = outputs.fusion_inputs
            head = score_samples(mine.task, said, batch.target[there]).mean()
            features = {
                n: means[n].expand(len(batch), -1) if n == row.modality else given[n] for n in NAMES
            }
            without = mine.model.fusion(features, batch.present or None)[0]
            lost = fused - score_samples(mine.task, without, batch.target).mean()
            probe = linear_probe(mine.task, row.modality, *parts).by_sample
            by = {way: value.value for way, value in row.by.items()}
            assert by["head"] == pytest.approx(head)
            assert by["ablation"] == pytest.approx(lost, abs=1e-7)  # a difference of float32 means
            assert by["shapley"] == pytest.approx(shapley[row.modality], abs=1e-9)
            assert by["probe"] == pytest.approx(probe[probe == probe].mean())
    assert found.fused["mine"].value == pytest.approx(fused)


def test_who_is_ignored_by_the_head_is_seen_by_the_probe_alone():
    mine = subject()
    head = mine.model.fusion.heads["b"]
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    (row,) = (row for row in worth([mine]).rows if row.modality == "b")
    assert row.by["ablation"].value == row.by["shapley"].value == 0
    assert row.by["probe"].value > row.by["head"].value + 0.1


def test_table_sentence_figure_and_numbers(tmp_path):
    found = worth([subject(), subject(label="other", seed=1)])
    columns, rows = found.table()
    assert columns == ["run", "of", *WAYS]
    assert all(len(row) == len(columns) for row in rows)
    assert [row[:2] for row in rows[:4]] == [["mine", n] for n in ("fused", *NAMES)]
    assert found.sentence().startswith("Worth most to the accuracy on test: in mine ")
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert len(told["modalities"]) == 6
    assert looks_drawn(found.plot(tmp_path / "new" / "figure.png"))


def test_samples_that_chose_the_penalty_are_not_scored():
    with pytest.raises(UserError, match="got split 'val', on which the probe's penalty is chosen"):
        worth([subject()], split="val")


def test_runs_scored_in_different_ways_are_refused():
    with pytest.raises(UserError, match=r"different ways \(mine by accuracy, other by R²\)"):
        worth([subject(), subject("numbers", label="other")])
