"""The loop resumes to the last bit, accumulates as a larger batch, selects on validation."""

from __future__ import annotations

import inspect
import json
from contextlib import contextmanager
from itertools import accumulate, cycle

import pytest
import torch
from safetensors.torch import load_file

from g2d import (
    G2D,
    Classification,
    JointTraining,
    LateFusion,
    MultimodalModel,
    OnlineTeachers,
    UnimodalModel,
    UserError,
)
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, evaluate, fit, keeping, loop
from g2d.engine.records import append_epoch
from g2d.errors import DivergedError
from g2d.runs.run import Run
from toy import PowerCutError
from toy_parts import SPLITS, TASK, bank, student


def g2d(confidence=None, seed=0):
    teachers = bank()
    return G2D(student(seed), TASK, teachers, (3, 1), confidence=confidence)


def loaders(batch=16):
    return (
        make_loader(SPLITS.train, batch, shuffle=True, seed=3),
        make_loader(SPLITS.val, 64, shuffle=False),
    )


def settings(**changes):
    return TrainingSettings(**{"epochs": 4, "batch_size": 16, "accelerator": "cpu", **changes})


def weights(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("confidence", [{"near": 0.9, "far": 0.2}, None])
def test_four_epochs_equal_two_and_a_resumed_two_in_the_middle_of_a_stage(
    tmp_path, optimizer, confidence
):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    chosen = settings(optimizer=optimizer)

    torch.manual_seed(1)
    fit(g2d(confidence), *loaders(), chosen, folder=whole)
    torch.manual_seed(1)
    fit(g2d(confidence), *loaders(), chosen, folder=halves, stop_after=2)
    torch.manual_seed(99)  # a new process has another random state
    fit(g2d(confidence, seed=8), *loaders(), chosen, folder=halves, resume=True)

    first, second = (
        torch.load(folder / "last.ckpt", weights_only=True) for folder in (whole, halves)
    )
    for key, value in first["model"].items():
        assert torch.equal(value, second["model"][key]), key
    assert (whole / "model.safetensors").read_bytes() == (halves / "model.safetensors").read_bytes()
    records = [Run(folder).epochs for folder in (whole, halves)]
    for one, other in zip(*records, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


def test_a_method_that_was_killed_after_its_record_leaves_no_line_twice(tmp_path):
    fit(JointTraining(student(), TASK), *loaders(), settings(), folder=tmp_path, stop_after=2)
    append_epoch(tmp_path, {"epoch": 2, "killed": True})
    fit(JointTraining(student(), TASK), *loaders(), settings(), folder=tmp_path, resume=True)
    assert [record["epoch"] for record in Run(tmp_path).epochs] == [0, 1, 2, 3]


class Always(Classification):
    """Takes every epoch for the best."""

    def better(self, candidate, best):
        return True


class First(Classification):
    """Takes no epoch for better than the best so far."""

    def better(self, candidate, best):
        return best is None


class CutIn(JointTraining):
    """The power fails while the checkpoint of an epoch is written."""

    def __init__(self, epoch):
        super().__init__(student(), Always(3))
        self.last = epoch

    def on_epoch_start(self, epoch):
        self.now = epoch

    def state_dict(self):
        if self.now == self.last:
            raise PowerCutError
        return {}


def test_the_best_weights_are_those_that_the_checkpoint_knows(tmp_path, monkeypatch):
    """On a device that is not exact, the epoch that was cut off may come out worse again."""
    monkeypatch.setattr(keeping, "_SECONDS", 0.0)
    two, cut = tmp_path / "two", tmp_path / "cut"
    fit(JointTraining(student(), Always(3)), *loaders(), settings(), folder=two, stop_after=2)
    with pytest.raises(PowerCutError):
        fit(CutIn(2), *loaders(), settings(), folder=cut)
    model = student(seed=8)
    result = fit(JointTraining(model, First(3)), *loaders(), settings(), folder=cut, resume=True)
    assert result.best_epoch == 1
    expected = load_file(two / "model.safetensors")
    assert all(torch.equal(value, expected[key]) for key, value in model.state_dict().items())
    assert {path.name for path in cut.iterdir()} == {path.name for path in two.iterdir()}


class Watching(JointTraining):
    """Keeps the order in which it saw the samples of every epoch."""

    def on_epoch_start(self, epoch):
        self.seen = {**getattr(self, "seen", {}), epoch: []}

    def objective(self, outputs, batch):
        self.seen[max(self.seen)] += batch.index.tolist()
        return super().objective(outputs, batch)


def test_every_epoch_has_an_order_of_its_own_and_a_resumed_one_the_same(tmp_path):
    whole = Watching(student(), TASK)
    fit(whole, *loaders(), settings(), folder=tmp_path / "whole")
    orders = list(whole.seen.values())
    assert all(sorted(order) == list(range(len(SPLITS.train))) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    fit(Watching(student(), TASK), *loaders(), settings(), folder=tmp_path / "cut", stop_after=2)
    rest = Watching(student(), TASK)
    fit(rest, *loaders(), settings(), folder=tmp_path / "cut", resume=True)
    assert rest.seen == {epoch: whole.seen[epoch] for epoch in (2, 3)}


class CutBefore(JointTraining):
    """The power fails before an epoch."""

    last = 3

    def on_epoch_start(self, epoch):
        if epoch == self.last:
            raise PowerCutError


@pytest.mark.parametrize("task", [TASK, Always(3), First(3)])
def test_epochs_that_no_checkpoint_knows_are_trained_again(tmp_path, monkeypatch, task):
    """Epochs that are shorter than the time between two checkpoints."""
    monkeypatch.setattr(keeping, "_SECONDS", 1e9)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    told: list[int] = []

    @contextmanager
    def telling(*names, **options):
        yield lambda record: told.append(record["epoch"])

    monkeypatch.setattr(loop, "open_loggers", telling)
    fit(JointTraining(student(), task), *loaders(), settings(), folder=whole)
    assert told == [0, 1, 2, 3]
    with pytest.raises(PowerCutError):
        fit(CutBefore(student(), task), *loaders(), settings(), folder=cut)
    assert torch.load(cut / "last.ckpt", weights_only=True)["progress"]["epoch"] == 1
    assert [record["epoch"] for record in Run(cut).epochs] == [0, 1, 2]
    told.clear()
    fit(JointTraining(student(8), task), *loaders(), settings(), folder=cut, resume=True)
    assert told == [1, 2, 3]  # of the first they knew
    assert {path.name for path in cut.iterdir()} == {path.name for path in whole.iterdir()}
    for name in ("last.ckpt", "model.safetensors"):
        read = load_file if name.endswith("tensors") else torch.load
        one, other = (read(folder / name) for folder in (whole, cut))
        one, other = (found.get("model", found) for found in (one, other))
        assert all(torch.equal(value, other[key]) for key, value in one.items())
    records = [Run(folder).epochs for folder in (whole, cut)]
    for one, other in zip(*records, strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}


class Until(Classification):
    """Takes the epochs before some number for better, and no later one."""

    def __init__(self, epoch):
        super().__init__(3)
        self.left = epoch

    def better(self, candidate, best):
        self.left -= 1
        return self.left >= 0


@pytest.mark.parametrize("best", range(10))
def test_the_best_weights_are_right_however_long_epochs_take(tmp_path, monkeypatch, best):
    """By a clock by which a checkpoint is due after some epochs and not after others."""
    folders = {}
    for name, ticks in {"often": [2.0], "at times": [0.3, 0.3, 2.0, 0.1], "never": [0.0]}.items():
        clock = accumulate(cycle(ticks))
        monkeypatch.setattr(keeping.time, "monotonic", lambda clock=clock: next(clock))
        folder = folders[name] = tmp_path / name
        training = settings(epochs=9, patience=3)
        method = JointTraining(student(), Until(best))
        fit(method, *loaders(), training, folder=folder, keep_start=best == 0)
    whole = folders.pop("often")
    for folder in folders.values():
        assert {path.name for path in folder.iterdir()} == {path.name for path in whole.iterdir()}
        for one, other in zip(*(Run(each).epochs for each in (whole, folder)), strict=True):
            assert {**one, "seconds": 0} == {**other, "seconds": 0}
        one, other = (load_file(each / "model.safetensors") for each in (whole, folder))
        assert all(torch.equal(value, other[key]) for key, value in one.items())
        one, other = (torch.load(each / "last.ckpt", weights_only=True) for each in (whole, folder))
        assert one["progress"]["epoch"] == other["progress"]["epoch"]
        assert all(torch.equal(value, other["model"][key]) for key, value in one["model"].items())


class NoNumberIn(JointTraining):
    """Its loss becomes no number in the last epoch."""

    def on_epoch_start(self, epoch):
        self.broken = epoch == 3

    def objective(self, outputs, batch):
        return super().objective(outputs, batch) * (torch.nan if self.broken else 1.0)


def test_loggers_are_told_of_the_epochs_before_training_broke_down(tmp_path, monkeypatch):
    monkeypatch.setattr(keeping, "_SECONDS", 1e9)
    told: list[int] = []

    @contextmanager
    def telling(*names, **options):
        yield lambda record: told.append(record["epoch"])

    monkeypatch.setattr(loop, "open_loggers", telling)
    with pytest.raises(DivergedError):
        fit(NoNumberIn(student(), TASK), *loaders(), settings(), folder=tmp_path)
    assert told == [0, 1, 2]


def test_a_first_epoch_that_was_cut_off_leaves_nothing_behind(tmp_path):
    with pytest.raises(PowerCutError):
        fit(CutIn(0), *loaders(), settings(), folder=tmp_path)
    model = student()
    result = fit(JointTraining(model, Always(3)), *loaders(), settings(), folder=tmp_path)
    assert result.best_epoch == 3
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["model"]
    assert all(torch.equal(value, last[key]) for key, value in model.state_dict().items())
    assert not list(tmp_path.glob("best-*"))


def test_best_weights_that_waited_for_their_checkpoint_are_taken_up(tmp_path):
    """The other moment: the checkpoint is written, its best weights have no name yet."""
    fit(JointTraining(student(), Always(3)), *loaders(), settings(), folder=tmp_path, stop_after=2)
    before = (tmp_path / "model.safetensors").read_bytes()
    fit(JointTraining(student(), Always(3)), *loaders(), settings(), folder=tmp_path, resume=True)
    (tmp_path / "model.safetensors").rename(tmp_path / "best-3.safetensors")
    (tmp_path / "model.safetensors").write_bytes(before)
    model = student(seed=8)
    fit(JointTraining(model, Always(3)), *loaders(), settings(), folder=tmp_path, resume=True)
    last = torch.load(tmp_path / "last.ckpt", weights_only=True)["model"]
    assert all(torch.equal(value, last[key]) for key, value in model.state_dict().items())
    assert not list(tmp_path.glob("best-*"))


def plain():
    """Without batch norm and dropout, the mean over parts is the mean over the whole."""
    torch.manual_seed(0)
    encoders = {name: torch.nn.Linear(6, 8) for name in SPLITS.spec.modalities}
    return MultimodalModel(encoders, LateFusion(dict.fromkeys(encoders, 8), 3))


def test_accumulated_batches_equal_one_large_batch():
    frozen = OnlineTeachers(
        {n: UnimodalModel(n, torch.nn.Linear(6, 8), 8, 3) for n in SPLITS.spec.modalities}, TASK
    )
    large, parts = plain(), plain()
    # 96 samples: 3 steps of 32, or of 16 + 16; ranked anew in each step from all its batches.
    fit(G2D(large, TASK, frozen, (2, 2)), *loaders(32), settings(batch_size=32))
    fit(G2D(parts, TASK, frozen, (2, 2)), *loaders(16), settings(accumulate=2))
    torch.testing.assert_close(weights(parts), weights(large), rtol=1e-5, atol=1e-6)


def test_an_uneven_last_part_counts_by_its_samples():
    large, parts = plain(), plain()
    fit(JointTraining(large, TASK), *loaders(96), settings(batch_size=96))
    fit(JointTraining(parts, TASK), *loaders(40), settings(batch_size=40, accumulate=3))
    torch.testing.assert_close(weights(parts), weights(large), rtol=1e-5, atol=1e-6)


def test_the_loss_of_an_epoch_weighs_every_sample_alike(tmp_path):
    """Batches of 40 over 96 samples end with one of 16; at this rate no weight moves."""
    model = plain()
    standing = settings(epochs=1, batch_size=40, learning_rate=1e-12, weight_decay=0.0)
    whole = SPLITS.train.__getitems__(list(range(96)))
    with torch.no_grad():
        expected = torch.nn.functional.cross_entropy(model(whole).logits, whole.target)
    fit(JointTraining(model, TASK), *loaders(40), standing, folder=tmp_path)
    (epoch,) = Run(tmp_path).epochs
    assert epoch["train"]["loss"] == pytest.approx(float(expected), rel=1e-6)


def test_the_best_weights_on_validation_are_left_in_the_model(tmp_path):
    model = student()
    result = fit(JointTraining(model, TASK), *loaders(), settings(), folder=tmp_path)
    seen = [record["val"]["accuracy"]["fused"] for record in Run(tmp_path).epochs]
    assert result.best == max(seen)
    assert result.best_epoch == seen.index(max(seen))
    again = evaluate(model, loaders()[1], TASK)
    assert again.metrics["accuracy"]["fused"] == result.best


@pytest.mark.parametrize("folder", [True, False])
def test_a_start_that_no_epoch_betters_is_kept(tmp_path, folder):
    model = student()
    fit(JointTraining(model, TASK), *loaders(), settings(learning_rate=0.1))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    score = evaluate(model, loaders()[1], TASK).metrics["accuracy"]["fused"]
    ruin = settings(learning_rate=30.0, weight_decay=0.03)
    place = tmp_path if folder else None
    result = fit(JointTraining(model, TASK), *loaders(), ruin, folder=place, keep_start=True)
    assert (result.best_epoch, result.best, result.epochs) == (-1, score, 4)
    assert all(torch.equal(value, start[name]) for name, value in model.state_dict().items())
    again = fit(JointTraining(model, TASK), *loaders(), ruin)
    assert again.best < score


def test_a_run_whose_start_is_kept_resumes(tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for folder, ends in ((whole, [None]), (halves, [2, None])):
        for end in ends:
            method = JointTraining(student(), Until(0))
            keep = {"keep_start": True, "resume": True, "stop_after": end}
            fit(method, *loaders(), settings(), folder=folder, **keep)
    one, other = (load_file(folder / "model.safetensors") for folder in (whole, halves))
    assert all(torch.equal(value, student().state_dict()[name]) for name, value in one.items())
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_no_folder_keeps_the_best_weights_too():
    model = student()
    result = fit(JointTraining(model, TASK), *loaders(), settings())
    assert evaluate(model, loaders()[1], TASK).metrics["accuracy"]["fused"] == result.best


def test_fit_has_no_way_in_for_a_test_split():
    assert "test" not in inspect.signature(fit).parameters


def test_clipping_bounds_the_step():
    """Plain SGD moves by the learning rate times the gradient, so by at most rate x norm."""
    model = student()
    before = weights(model)
    parameters = sum(p.numel() for p in model.parameters())
    chosen = settings(
        epochs=1, batch_size=96, clip_norm=1e-3, momentum=0.0, weight_decay=0.0, lr_steps=()
    )
    fit(JointTraining(model, TASK), *loaders(96), chosen)
    moved = torch.cat([p.detach().flatten().double() for p in model.parameters()])
    start = torch.cat([p.detach().flatten().double() for p in student().parameters()])
    assert len(before) > parameters  # buffers are in the state as well
    assert 0 < (moved - start).norm() <= 0.01 * 1e-3 * 1.01


def test_a_loss_that_explodes_is_one_clear_line():
    with pytest.raises(UserError, match=r"loss became (nan|inf).*learning_rate"):
        fit(JointTraining(student(), TASK), *loaders(), settings(learning_rate=1e12, epochs=10))


def test_a_checkpoint_with_foreign_code_is_refused(tmp_path):
    class Payload:
        def __reduce__(self):
            return (print, ("executed",))

    torch.save({"model": Payload()}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=r"cannot go on from .*last\.ckpt"):
        fit(JointTraining(student(), TASK), *loaders(), settings(), folder=tmp_path, resume=True)


def test_bf16_trains_and_measures_in_float32(tmp_path):
    chosen = settings(precision="bf16", epochs=12)
    fit(JointTraining(student(), TASK), *loaders(), chosen, folder=tmp_path)
    record = Run(tmp_path).epochs[-1]
    assert record["val"]["accuracy"]["fused"] > 0.5  # three classes
    assert set(record["val"]["accuracy"]) == {"fused", "near", "far"}


def test_records_are_json_and_name_the_stage(tmp_path):
    method = g2d({"near": 0.9, "far": 0.2})
    fit(method, *loaders(), settings(), folder=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines] == ["far alone"] * 3 + ["joint"]
    rates = [line["learning_rate"] for line in lines]
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.001])


def test_evaluation_weighs_every_sample_alike():
    """Batches of 5 over 96 samples end with a batch of one."""
    model = student().eval()
    parts = evaluate(model, make_loader(SPLITS.test, 5, shuffle=False), TASK)
    whole = evaluate(model, make_loader(SPLITS.test, 96, shuffle=False), TASK)
    for metric, values in whole.metrics.items():
        assert parts.metrics[metric] == pytest.approx(values, abs=1e-6)
    assert parts.index.tolist() == list(range(96))
    direct = model(SPLITS.test.__getitems__(list(range(96)))).logits.argmax(1)
    assert parts.metrics["accuracy"]["fused"] == (direct == SPLITS.test.target).float().mean()


def test_evaluation_leaves_the_model_in_the_mode_it_found_it():
    model = student().train()
    evaluate(model, loaders()[1], TASK)
    assert model.training


def test_a_record_torn_by_a_kill_does_not_keep_the_run_from_going_on(tmp_path):
    fit(JointTraining(student(), TASK), *loaders(), settings(), folder=tmp_path, stop_after=2)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 2, "stage": "jo')
    fit(JointTraining(student(), TASK), *loaders(), settings(), folder=tmp_path, resume=True)
    assert [record["epoch"] for record in Run(tmp_path).epochs] == [0, 1, 2, 3]


def test_a_single_epoch_starts_at_the_rate_that_was_asked_for(tmp_path):
    chosen = settings(epochs=1, lr_steps=(0.3,))
    fit(JointTraining(student(), TASK), *loaders(), chosen, folder=tmp_path)
    assert Run(tmp_path).epochs[0]["learning_rate"] == 0.01


def test_training_ends_once_validation_has_not_improved_and_stays_ended(tmp_path):
    still = settings(epochs=20, learning_rate=1e-12, weight_decay=0.0, patience=2)
    ends = []
    for _ in range(2):
        torch.manual_seed(1)
        method = JointTraining(student(), TASK)
        found = fit(method, *loaders(), still, folder=tmp_path, resume=True)
        ends.append((found.best_epoch, found.epochs))
    assert ends[0] == ends[1]
    assert ends[0][1] == ends[0][0] + 1 + 2 < 20
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == ends[0][1]
    with pytest.raises(UserError, match="patience must be 1 or more, or null, got 0"):
        settings(patience=0)


def test_patience_begins_to_count_where_all_modalities_learn():
    """However little a stage of one modality brings, the others have not had their turn."""
    still = settings(epochs=20, learning_rate=1e-12, weight_decay=0.0, patience=2)
    method = G2D(student(), TASK, bank(), (6, 1), confidence={"near": 0.9, "far": 0.2})
    found = fit(method, *loaders(), still)
    assert found.epochs == max(found.best_epoch + 1, 6) + 2 < 20
