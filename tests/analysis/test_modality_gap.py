"""The gap against loops over samples, and what must not change it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.image import imread
from sklearn.decomposition import PCA

from g2d import Batch, Classification, LateFusion, MultimodalModel, UserError
from g2d.analysis.features import student_features, unit
from g2d.analysis.modality_gap import modality_gap
from g2d.analysis.projection import project
from g2d.analysis.subject import Subject


class Pairs:
    """Two clouds of vectors; models that hand them on as they are."""

    def __init__(self, a, b, label="joint", present=None, parts=2):
        self.rows = {"a": torch.tensor(a).float(), "b": torch.tensor(b).float()}
        self.present, self.parts, self.label = present or {}, parts, label

    def batches(self, split):
        for rows in torch.arange(len(self.rows["a"])).chunk(self.parts):
            inputs = {name: values[rows] for name, values in self.rows.items()}
            present = {name: torch.as_tensor(mask)[rows] for name, mask in self.present.items()}
            yield Batch(inputs, torch.zeros(len(rows), dtype=torch.long), rows, present)

    def subject(self):
        widths = {name: values.shape[1] for name, values in self.rows.items()}
        encoders = {name: torch.nn.Identity() for name in widths}
        for encoder in encoders.values():  # the model has to be somewhere
            encoder.register_parameter("place", torch.nn.Parameter(torch.zeros(1)))
        model = MultimodalModel(encoders, LateFusion(widths, 3))
        return Subject(self.label, model, Classification(3), self.batches)


def clouds(count=40, width=5, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(count, width))
    a = shared + 0.3 * rng.normal(size=(count, width)) + shift
    b = shared + 0.3 * rng.normal(size=(count, width)) - shift
    return a.astype(np.float32), b.astype(np.float32)


def test_every_number_is_that_of_loops_over_samples():
    a, b = clouds()
    (found,) = modality_gap([Pairs(a, b).subject()]).gaps
    a, b = ([list(map(float, row / np.linalg.norm(row))) for row in x] for x in (a, b))
    n = len(a)

    def mean(rows):
        return [sum(column) / n for column in zip(*rows, strict=True)]

    def length(vector):
        return sum(v * v for v in vector) ** 0.5

    def minus(x, y):
        return [p - q for p, q in zip(x, y, strict=True)]

    def dot(x, y):
        return sum(p * q for p, q in zip(x, y, strict=True))

    gap = length(minus(mean(a), mean(b)))
    within = sum(length(minus(row, mean(rows))) for rows in (a, b) for row in rows) / (2 * n)
    assert found.gap == pytest.approx(gap, abs=1e-6)
    assert found.relative == pytest.approx(gap / within, abs=1e-6)
    assert found.matched == pytest.approx(sum(map(dot, a, b)) / n, abs=1e-6)
    others = [dot(a[i], b[j]) for i in range(n) for j in range(n) if i != j]
    assert found.random == pytest.approx(sum(others) / len(others), abs=1e-6)
    assert found.matched - found.random > 0.2
    assert found.samples == n


def test_a_rotation_and_a_scale_change_nothing():
    a, b = clouds(width=4)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0].astype(np.float32)
    (one,) = modality_gap([Pairs(a, b).subject()]).gaps
    (other,) = modality_gap([Pairs(3 * a @ turn, 0.2 * b @ turn, parts=5).subject()]).gaps
    for name in ("gap", "relative", "matched", "random", "told_apart"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-5)


def test_a_classifier_tells_what_can_be_told():
    same = np.random.default_rng(0).normal(size=(300, 6))
    other = np.random.default_rng(1).normal(size=(300, 6))
    (apart,) = modality_gap([Pairs(*clouds(300, shift=4.0)).subject()]).gaps
    (alike,) = modality_gap([Pairs(same, other).subject()]).gaps
    assert apart.told_apart == 1.0
    assert abs(alike.told_apart - 0.5) < 4 * 0.5 / np.sqrt(600)
    # opposite poles are as far apart as it gets
    pole = np.tile([[0.0, 2.0]], (12, 1))
    (most,) = modality_gap([Pairs(pole, -pole).subject()]).gaps
    assert most.gap == pytest.approx(2)
    assert np.isnan(most.relative)
    json.dumps(modality_gap([Pairs(pole, -pole).subject()]).as_dict(), allow_nan=False)


def test_the_projection_is_that_of_scikit_learn():
    points = np.random.default_rng(2).normal(size=(30, 7)) * np.arange(1, 8)
    mine, theirs = project(points), PCA(2).fit_transform(points)
    np.testing.assert_allclose(np.abs(mine), np.abs(theirs), atol=1e-8)
    np.testing.assert_allclose(mine, project(points.copy()))
    np.testing.assert_allclose(project(points[:, :1])[:, 1], 0)


def test_both_projections_show_the_same_samples_and_are_drawn(tmp_path):
    subjects = [Pairs(*clouds(60, seed=s), label=name).subject() for s, name in enumerate("xy")]
    for how in ("pca", "tsne"):
        found = modality_gap(subjects, projection=how, samples=40)
        for label in "xy":
            assert {rows.shape for rows in found.points[label].values()} == {(40, 2)}
        again = modality_gap(subjects, projection=how, samples=40)
        np.testing.assert_array_equal(again.points["y"]["b"], found.points["y"]["b"])
        height, width = imread(found.plot(tmp_path / f"{how}.png")).shape[:2]
        assert width > 1.5 * height
        head, rows = found.table()
        assert [len(row) for row in rows] == [len(head)] * 2
        assert "classifier tells them apart" in found.sentence()
        json.dumps(found.as_dict(), allow_nan=False)
    # a handful of points is few for a perplexity of 30
    assert modality_gap(subjects[:1], projection="tsne", samples=4).points["x"]["a"].shape == (4, 2)


def test_samples_that_lack_a_modality_are_left_out():
    a, b = clouds()
    there = np.arange(40) % 4 > 0
    a[~there] = np.nan
    (found,) = modality_gap([Pairs(a, b, present={"a": there}).subject()]).gaps
    (expected,) = modality_gap([Pairs(a[there], b[there]).subject()]).gaps
    assert replace(found, label="") == replace(expected, label="")


def test_what_cannot_be_compared_is_refused():
    a, b = clouds()
    with pytest.raises(UserError, match="same width"):
        modality_gap([Pairs(a, b[:, :3]).subject()])
    with pytest.raises(UserError, match="10 or more"):
        modality_gap([Pairs(a, b, present={"b": np.arange(40) < 9}).subject()])
    with pytest.raises(UserError, match="other samples"):
        modality_gap([Pairs(a, b).subject(), Pairs(a[:30], b[:30], label="g2d").subject()])
    with pytest.raises(UserError, match="pca or tsne"):
        modality_gap([Pairs(a, b).subject()], projection="umap")
    with pytest.raises(UserError, match="no runs"):
        modality_gap([])
    tokens = Pairs(a, b)
    tokens.rows["a"] = tokens.rows["a"][:, None].expand(-1, 3, -1)
    model = tokens.subject().model
    with pytest.raises(UserError, match="one vector"):
        student_features(Tokens(model.encoders["a"]), tokens.batches("test"))


class Tokens(torch.nn.Module):
    """Gives a sequence for a feature."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, batch):
        from g2d import Outputs

        return Outputs(torch.zeros(len(batch), 3), {"a": self.encoder(batch.inputs["a"])})


def test_features_are_in_the_order_of_the_split():
    a, b = clouds()
    found = student_features(Pairs(a, b).subject().model, Pairs(a, b, parts=7).batches("test"))
    np.testing.assert_allclose(found.of["a"], a, rtol=1e-6)
    assert found.index.tolist() == list(range(40))
    np.testing.assert_allclose(np.linalg.norm(unit(found.of["b"]), axis=1), 1)
