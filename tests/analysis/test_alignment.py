"""Cosines and CKA against loops, their invariances, and who may be compared with whom."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.image import imread

from g2d import UserError
from g2d.analysis.alignment import alignment
from g2d.analysis.cka import linear_cka
from g2d.analysis.subject import Subject
from g2d.data.loader import make_loader
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe
from toy_parts import SPLITS, TASK, bank, student


def by_kernels(a, b):
    """HSIC with linear kernels, written out (Kornblith et al., 2019, Eq. 3)."""
    n = len(a)
    centre = np.eye(n) - np.ones((n, n)) / n

    def hsic(k, m):
        return np.trace(k @ centre @ m @ centre) / (n - 1) ** 2

    k, m = a @ a.T, b @ b.T
    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


@pytest.mark.parametrize("shapes", [(30, 4, 6), (10, 20, 25), (12, 3, 40)])
def test_cka_is_its_definition_by_kernels(shapes):
    rows, wide, other = shapes
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(rows, wide)) + 1, rng.normal(size=(rows, other))
    assert linear_cka(a, b) == pytest.approx(by_kernels(a, b), abs=1e-10)
    assert linear_cka(a, b) == pytest.approx(linear_cka(b, a))


@given(st.integers(0, 10**6), st.floats(0.01, 100))
def test_cka_knows_no_rotation_no_scale_and_no_shift(seed, scale):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(20, 5)), rng.normal(size=(20, 7))
    turn = np.linalg.qr(rng.normal(size=(5, 5)))[0]
    assert linear_cka(a, scale * a @ turn + 3) == pytest.approx(1)
    assert linear_cka(scale * a @ turn - 1, b) == pytest.approx(linear_cka(a, b))
    stretched = a * np.array([10, 1, 1, 1, 1])
    assert linear_cka(a, stretched) < 0.999


def test_nothing_is_like_a_constant():
    assert np.isnan(linear_cka(np.ones((5, 2)), np.eye(5)))


def batches(split):
    return make_loader(SPLITS.named()[split], 32, shuffle=False)


def subject(label, net, teachers):
    return Subject(label, net.eval(), TASK, batches, teachers)


def test_cosines_are_those_of_a_loop_over_samples():
    teachers = bank().models
    one, two = (subject(f"s{i}", student(i), teachers) for i in range(2))
    found = alignment([one, two])
    whole = SPLITS.test.__getitems__(list(range(96)))
    for label, net in (("s0", one.model), ("s1", two.model)):
        for name in ("near", "far"):
            with torch.no_grad():
                mine = net(whole).features[name].double()
                theirs = teachers[name](whole).features[name].double()
            expected = [
                float(a @ b) / (float(a @ a) ** 0.5 * float(b @ b) ** 0.5)
                for a, b in zip(mine, theirs, strict=True)
            ]
            np.testing.assert_allclose(found.cosines[label][name], expected, atol=1e-6)
            (row,) = [r for r in found.rows if (r.label, r.modality) == (label, name)]
            assert row.mean == pytest.approx(np.mean(expected), abs=1e-6)
            assert row.std == pytest.approx(np.std(expected), abs=1e-6)
            assert row.cka == pytest.approx(by_kernels(mine.numpy(), theirs.numpy()), abs=1e-6)
    above = np.mean(found.cosines["s1"]["far"] > found.cosines["s0"]["far"])
    (row,) = [r for r in found.rows if (r.label, r.modality) == ("s1", "far")]
    assert row.above == above
    json.dumps(found.as_dict(), allow_nan=False)


def test_a_student_with_its_teachers_encoders_is_aligned():
    teachers = bank().models
    net = student()
    for name, teacher in teachers.items():
        net.encoders[name].load_state_dict(teacher.encoder.state_dict())
    found = alignment([subject("copy", net, teachers)])
    for row in found.rows:
        assert row.mean == pytest.approx(1, abs=1e-6)
        assert row.cka == pytest.approx(1, abs=1e-6)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Joint training and G²D with the same teachers, and G²D of another seed."""
    out = tmp_path_factory.mktemp("runs")
    made = []
    for method, seed in (("g2d", 0), ("joint", 0), ("g2d", 1)):
        recipe = recipe_from({**toy_recipe(epochs=3), "method": method, "seed": seed})
        made.append(train(recipe, out, name=f"{method}{seed}"))
    return [Subject.of(Run(folder, trust=True), folder.name) for folder in made]


def test_trained_runs_and_a_baseline(runs, tmp_path):
    g2d, joint, other = runs
    found = alignment([joint, g2d, other])
    assert list(found.cosines) == ["joint0", "g2d0"]
    assert [row.label for row in found.rows if row.baseline] == ["teachers of g2d1"] * 2
    assert "sanity check" in found.sentence()
    assert "between independent teachers" in found.sentence()
    head, rows = found.table()
    assert [len(row) for row in rows] == [len(head)] * 6
    height, width = imread(found.plot(tmp_path / "alignment.png")).shape[:2]
    assert width > 1.5 * height


def test_who_may_be_compared(runs):
    g2d, joint, other = runs
    with pytest.raises(UserError, match="not the same teachers"):
        alignment([joint, other])
    with pytest.raises(UserError, match="not the same teachers"):
        alignment([joint, g2d, other, other])
    name, shared = next(iter(g2d.teachers.items()))
    with pytest.raises(UserError, match="the runs' own"):
        alignment([joint, g2d, replace(other, teachers={**other.teachers, name: shared})])
    with pytest.raises(UserError, match="has no teachers"):
        alignment([subject("alone", student(), {})])
    with pytest.raises(UserError, match="no runs"):
        alignment([])
