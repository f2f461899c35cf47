"""Calibrated teachers: the same answers online and from a cache, temperatures applied as read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import g2d
from g2d import functional as F
from g2d.errors import UserError
from g2d.teachers.cache import write_cache
from g2d.teachers.calibrated import HeldOut
from g2d.teachers.confidence import batch_confidence
from g2d.teachers.ensemble import begin_from
from methods.small import NAMES, TASKS, WIDTHS, bank, batch, encoder, same, teacher_models, weights

MODALITIES = NAMES[:3]


def heldout(kind: str, missing: bool = False) -> list[g2d.Batch]:
    return [batch(MODALITIES, TASKS[kind], 30, seed=s, missing=missing) for s in range(3)]


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", TASKS)
def test_answers_are_the_raw_ones_over_the_temperature(kind: str, missing: bool) -> None:
    task, raw = TASKS[kind], bank(MODALITIES, TASKS[kind])
    taught = g2d.calibrate(raw, heldout(kind, missing))
    data = batch(MODALITIES, task, missing=missing)
    whole = heldout(kind, missing)
    target = torch.cat([each.target for each in whole])
    for name, said in taught.outputs(data).items():
        plain = raw.outputs(data)[name]
        found = taught.calibration.temperatures[name]
        logits = torch.cat([raw.outputs(each)[name].logits for each in whole])
        masks = [each.present.get(name, torch.ones(len(each))).bool() for each in whole]
        assert found == F.fit_temperature(task, logits, target, torch.cat(masks))
        assert torch.equal(said.features, plain.features)
        assert torch.equal(said.logits, plain.logits / found)
        assert torch.equal(
            taught.confidence(data)[name], task.confidence(plain.logits / found, data.target)
        )
    assert (kind == "regression") == (set(taught.calibration.temperatures.values()) == {1.0})
    ensemble = torch.tensor([taught.calibration.weights[name] for name in MODALITIES])
    logits = [raw.outputs(data)[name].logits for name in MODALITIES]
    masks = [data.present.get(name) for name in MODALITIES]
    assert torch.equal(taught.ensemble(data), F.ensemble_logits(logits, masks, ensemble))
    assert torch.equal(raw.ensemble(data), F.ensemble_logits(logits, masks))


def test_an_absent_modality_has_no_say_in_the_weights() -> None:
    """Whatever stands where it is absent."""
    task = TASKS["classification"]
    teachers, whole = bank(MODALITIES, task), heldout("classification", missing=True)
    found = HeldOut(teachers, whole)
    assert not all(bool(mask.all()) for mask in found.present.values())
    before = found.weights()
    for name, mask in found.present.items():
        found.logits[name] = torch.where(mask[:, None], found.logits[name], 50.0)
    assert found.weights() == pytest.approx(before)


def test_a_cache_holds_raw_logits_and_serves_both(tmp_path: Path) -> None:
    task, online = TASKS["classification"], bank(MODALITIES, TASKS["classification"])
    data = batch(MODALITIES, task, 20)
    data = g2d.Batch(data.inputs, data.target, torch.arange(20))
    write_cache(tmp_path, online, "k", lambda start: [data], 20)
    cached = g2d.CachedTeachers(tmp_path, "k", task)
    taught = g2d.calibrate(online, heldout("classification"))
    read = g2d.CalibratedTeachers(cached, taught.calibration)
    for name in MODALITIES:
        assert torch.equal(cached.outputs(data)[name].logits, online.outputs(data)[name].logits)
        assert torch.equal(read.outputs(data)[name].logits, taught.outputs(data)[name].logits)
    assert torch.equal(read.ensemble(data), taught.ensemble(data))
    one, other = batch_confidence(read, [data]), batch_confidence(taught, [data])
    assert all(torch.equal(one[name], other[name]) for name in MODALITIES)
    assert not read.any_data
    with pytest.raises(UserError, match="predict for the samples of their own split only"):
        g2d.calibrate(cached, heldout("classification"))


def test_the_calibration_of_others_is_refused() -> None:
    task = TASKS["classification"]
    taught = g2d.calibrate(bank(NAMES[:2], task), [batch(NAMES[:2], task)])
    with pytest.raises(UserError, match=r"the calibration is of .* and the teachers are for"):
        g2d.CalibratedTeachers(bank(MODALITIES, task), taught.calibration)
    with pytest.raises(UserError, match="no held-out batches"):
        g2d.calibrate(bank(MODALITIES, task), [])


@pytest.mark.parametrize("missing", [False, True])
def test_a_model_of_the_weighted_ensemble_is_that_ensemble(missing: bool) -> None:
    task = TASKS["classification"]
    models = teacher_models(MODALITIES, task)
    taught = g2d.calibrate(g2d.OnlineTeachers(models, task), heldout("classification", missing))
    model = g2d.ensemble(models, taught.calibration.weights).eval()
    data = batch(MODALITIES, task, missing=missing)
    outputs = model(data)
    torch.testing.assert_close(outputs.logits, taught.ensemble(data))
    for name, logits in outputs.unimodal.items():  # what a modality says alone is not weighed
        mask = data.present.get(name, torch.ones(len(data))).bool()
        assert torch.equal(logits[mask], models[name](data).logits[mask])
    assert model.brought[0]["weights"] == list(taught.calibration.weights.values())


def test_begun_from_its_teachers_a_late_fusion_is_their_ensemble() -> None:
    task = TASKS["classification"]
    models = teacher_models(MODALITIES, task)
    widths = {name: WIDTHS[name] for name in MODALITIES}
    model = g2d.MultimodalModel(
        {name: encoder(name) for name in MODALITIES}, g2d.LateFusion(widths, task.outputs)
    )
    assert begin_from(model, models) == {}
    assert same(weights(model), weights(g2d.ensemble(models)))


@pytest.mark.parametrize("kind", [g2d.LateFusion, g2d.SumFusion])
def test_begun_from_the_weighted_ensemble_a_model_predicts_as_it_does(kind: type) -> None:
    task = TASKS["classification"]
    models = teacher_models(MODALITIES, task)
    each = dict(zip(MODALITIES, [0.5, 0.0, 2.0], strict=False))
    encoders = {name: encoder(name) for name in MODALITIES}
    fusion = kind({name: WIDTHS[name] for name in MODALITIES}, task.outputs)
    model = g2d.MultimodalModel(encoders, fusion).eval()
    useless = next(name for name, weight in each.items() if weight == 0)
    before = weights(model.encoders[useless])
    assert begin_from(model, models, each) == {}
    data = batch(MODALITIES, task)
    said = {name: teacher.eval()(data).logits for name, teacher in models.items()}
    expected = sum(each[name] * logits for name, logits in said.items())
    torch.testing.assert_close(model(data).logits, expected)
    assert same(before, weights(model.encoders[useless]))


def test_what_does_not_fit_stays_as_it_was_and_is_named() -> None:
    task, names = TASKS["classification"], NAMES[:2]
    models = teacher_models(names, task)
    concat = g2d.MultimodalModel(
        {name: encoder(name) for name in names},
        g2d.FiLMFusion({name: WIDTHS[name] for name in names}, task.outputs),
    )
    fusion = {key: value.clone() for key, value in concat.fusion.state_dict().items()}
    assert begin_from(concat, models) == {"sound": ["head"], "image": ["head"]}
    assert same(weights(concat.encoders["sound"]), weights(models["sound"].encoder))
    assert same(fusion, dict(concat.fusion.state_dict()))
    other = torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh())
    mixed = g2d.MultimodalModel(
        {"sound": other, "image": encoder("image")},
        g2d.LateFusion({"sound": 4, "image": WIDTHS["image"]}, task.outputs),
    )
    before = weights(mixed.encoders["sound"])
    assert begin_from(mixed, models) == {"sound": ["encoder", "head"]}
    assert same(before, weights(mixed.encoders["sound"]))


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", TASKS)
def test_held_out_logits_have_the_confidence_of_the_teachers_they_are_of(
    kind: str, missing: bool
) -> None:
    """To the last digit, so that whoever asks for it need not run the teachers again."""
    teachers, parts = bank(MODALITIES, TASKS[kind]), heldout(kind, missing)
    found = HeldOut(teachers, parts)
    assert found.confidence() == g2d.mean_confidence(teachers, parts)
    taught = g2d.CalibratedTeachers(teachers, found.calibration())
    assert found.confidence(taught.calibration) == g2d.mean_confidence(taught, parts)


@pytest.mark.parametrize("kind", TASKS)
def test_a_teacher_that_ignores_its_modality_is_at_chance_and_one_that_knows_is_not(
    kind: str,
) -> None:
    task = TASKS[kind]
    batches = [batch(NAMES[:2], task, 40, seed=seed) for seed in range(3)]
    target = torch.cat([each.target for each in batches])
    models = teacher_models(NAMES[:2], task)
    with torch.no_grad():  # always the same answer, the best of its kind
        models["sound"].head.weight.zero_()
        models["sound"].head.bias.copy_(task.constant(target)[0])
    taught = g2d.calibrate(g2d.OnlineTeachers(models, task), batches)
    asked = HeldOut(taught.teachers, batches)
    asked.logits["image"] = _right(task, target)
    assert asked.at_chance() == ("sound",)


def _right(task: g2d.Task, target: torch.Tensor) -> torch.Tensor:
    """Logits of whoever knows the answer."""
    if isinstance(task, g2d.Classification):
        return 4.0 * torch.nn.functional.one_hot(target, task.outputs)
    if isinstance(task, g2d.MultiLabel):
        return 8.0 * target - 4.0
    return task.scale(target).logit(eps=1e-6)[:, None]


def test_weights_of_classes_do_not_make_a_guess_more_than_chance() -> None:
    """Where one class is rare and weighs much, and where it is rare and weighs nothing more."""
    target = torch.tensor([0] * 90 + [1] * 10)
    data = batch(NAMES[:2], g2d.Classification(2), 100)
    data.target = target
    for by_class in (None, (0.2, 1.8)):
        task = g2d.Classification(2, by_class)
        asked = HeldOut(bank(NAMES[:2], task), [data])
        noise = torch.randn(100, 1, generator=torch.Generator().manual_seed(3))
        for sure in (-6.0, 0.0, 6.0):  # of the rare class, with a little noise of its own
            asked.logits["sound"] = torch.cat([torch.zeros(100, 1), sure + noise], 1)
            asked.logits["image"] = 4.0 * torch.nn.functional.one_hot(target, 2)
            assert asked.at_chance() == ("sound",), (by_class, sure)
