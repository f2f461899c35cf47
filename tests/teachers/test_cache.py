"""A cache says what the teachers say, and only of what it was computed from."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import g2d
from g2d import Batch
from g2d.errors import UserError
from g2d.teachers.cache import cache_key, write_cache
from g2d.teachers.confidence import batch_confidence
from methods.small import NAMES, TASKS, bank, batch, sgd, student, teacher_models, train

ROWS, SIZE = 23, 5
MODALITIES = NAMES[:3]


def rows(kind: str, which: torch.Tensor, size: int = ROWS, missing: bool = False) -> Batch:
    """Some rows of the split."""
    whole = batch(MODALITIES, TASKS[kind], size=size, missing=missing)
    return Batch(
        {name: x[which] for name, x in whole.inputs.items()},
        whole.target[which],
        which,
        {name: mask[which] for name, mask in whole.present.items()},
    )


class Killed(Exception):  # noqa: N818
    pass


class Reader:
    """Batches in order from a row on; dies after some of them."""

    def __init__(
        self,
        kind: str = "classification",
        size: int = ROWS,
        dies_after: int = 99,
        missing: bool = False,
    ) -> None:
        self.kind, self.size, self.dies_after, self.missing = kind, size, dies_after, missing
        self.started_at: list[int] = []

    def __call__(self, start: int) -> Iterator[Batch]:
        self.started_at.append(start)
        for count, which in enumerate(torch.arange(start, self.size).split(SIZE)):
            if count == self.dies_after:
                raise Killed
            yield rows(self.kind, which, self.size, self.missing)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.*")}


def cached(folder: Path, kind: str = "classification", key: str = "k") -> g2d.CachedTeachers:
    write_cache(folder, bank(MODALITIES, TASKS[kind]), key, Reader(kind), ROWS)
    return g2d.CachedTeachers(folder, key, TASKS[kind])


@pytest.mark.parametrize("kind", TASKS)
def test_any_rows_in_any_order_are_what_the_teachers_say(kind: str, tmp_path: Path) -> None:
    cache, online = cached(tmp_path, kind), bank(MODALITIES, TASKS[kind])
    assert cache.modalities == MODALITIES
    for which in (torch.arange(ROWS), torch.tensor([22, 0, 7, 7, 3]), torch.tensor([11])):
        data = rows(kind, which)
        said, confidence = cache.outputs(data), cache.confidence(data)
        expected = online.confidence(data)
        for name, live in online.outputs(data).items():
            torch.testing.assert_close(said[name].features, live.features)
            torch.testing.assert_close(said[name].logits, live.logits)
            torch.testing.assert_close(confidence[name], expected[name])
            assert confidence[name].device.type == "cpu"


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", TASKS)
def test_training_on_the_cache_is_training_with_the_teachers(
    kind: str, missing: bool, tmp_path: Path
) -> None:
    task, results = TASKS[kind], []
    shuffled = torch.randperm(ROWS, generator=torch.Generator().manual_seed(3))
    epochs = [[rows(kind, w, missing=missing) for w in shuffled.split(8)] for _ in range(3)]
    for teachers in (cached(tmp_path, kind), bank(MODALITIES, task)):
        model = student(MODALITIES, task.outputs)
        method = g2d.G2D(model, task, teachers, (1, 1, 1), scope="encoder")
        results.append((train(method, sgd(model), epochs), model.state_dict()))
    (losses, left), (expected, right) = results
    assert losses == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("missing", [False, True])
def test_its_mean_confidence_is_the_teachers(missing: bool, tmp_path: Path) -> None:
    task = TASKS["classification"]
    teachers, reader = bank(MODALITIES, task), Reader(missing=missing)
    write_cache(tmp_path, teachers, "k", reader, ROWS)
    expected = g2d.mean_confidence(teachers, reader(0))
    found = g2d.CachedTeachers(tmp_path, "k", task).mean_confidence()
    assert found == pytest.approx(expected, rel=1e-5)


def test_a_modality_that_no_row_has_is_never_the_weakest(tmp_path: Path) -> None:
    task = TASKS["classification"]
    data = rows("classification", torch.arange(ROWS))
    data.present = {"image": torch.zeros(ROWS, dtype=torch.bool)}
    write_cache(tmp_path, bank(MODALITIES, task), "k", lambda start: [data], ROWS)
    found = g2d.CachedTeachers(tmp_path, "k", task).mean_confidence()
    assert g2d.rank(found)[-1] == "image"
    again = batch_confidence(g2d.CachedTeachers(tmp_path, "k", task), [data])
    assert found == pytest.approx({name: v.item() for name, v in again.items()}, rel=1e-5)


def test_it_does_not_pass_its_own_split_off_as_any_other(tmp_path: Path) -> None:
    """Asked for the confidence on held-out batches it would answer with the training rows."""
    teachers, task = bank(MODALITIES, TASKS["classification"]), TASKS["classification"]
    write_cache(tmp_path, teachers, "k", Reader(), ROWS)
    heldout = rows("classification", torch.arange(4))
    with pytest.raises(UserError, match="their own split only"):
        g2d.mean_confidence(g2d.CachedTeachers(tmp_path, "k", task), [heldout])


@pytest.mark.parametrize("dies_after", [0, 1, 3])
def test_killed_and_resumed_it_is_the_same_to_the_byte(dies_after: int, tmp_path: Path) -> None:
    teachers = bank(MODALITIES, TASKS["classification"])
    write_cache(tmp_path / "whole", teachers, "k", Reader(), ROWS)
    with pytest.raises(Killed):
        write_cache(tmp_path / "killed", teachers, "k", Reader(dies_after=dies_after), ROWS)
    with pytest.raises(UserError, match="unfinished" if dies_after else "holds no teacher cache"):
        g2d.CachedTeachers(tmp_path / "killed", "k", TASKS["classification"])
    again = Reader()
    write_cache(tmp_path / "killed", teachers, "k", again, ROWS)
    assert again.started_at == [dies_after * SIZE]
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def test_a_finished_cache_is_not_computed_again(tmp_path: Path) -> None:
    cached(tmp_path)
    before, again = contents(tmp_path), Reader()
    write_cache(tmp_path, bank(MODALITIES, TASKS["classification"]), "k", again, ROWS)
    assert again.started_at == []
    assert contents(tmp_path) == before


def test_what_a_kill_in_the_first_batch_left_behind_is_no_part_of_the_next_cache(
    tmp_path: Path,
) -> None:
    """The arrays are there and nothing says whose they are: other data has other shapes."""
    cached(tmp_path)
    (tmp_path / "cache.json").unlink()
    teachers = bank(MODALITIES, TASKS["classification"])
    write_cache(tmp_path, teachers, "other", Reader(size=9), 9)
    write_cache(tmp_path / "fresh", teachers, "other", Reader(size=9), 9)
    assert contents(tmp_path) == contents(tmp_path / "fresh")


@pytest.mark.parametrize("kind", ["features", "logits", "confidence"])
def test_a_flipped_bit_of_a_cache_is_named(kind: str, tmp_path: Path) -> None:
    cached(tmp_path)
    path = next(tmp_path.glob(f"*-{kind}.npy"))
    content = bytearray(path.read_bytes())
    content[-3] ^= 1 << 5
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"{path} is damaged .*; delete .* computes it again"):
        g2d.CachedTeachers(tmp_path, "k", TASKS["classification"])


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 999}', "[]"])
def test_a_foreign_file_is_refused(text: str, tmp_path: Path) -> None:
    cached(tmp_path)
    (tmp_path / "cache.json").write_text(text)
    with pytest.raises(UserError, match=r"cache\.json .*; or delete .* computes it again"):
        g2d.CachedTeachers(tmp_path, "k", TASKS["classification"])


def test_a_cache_of_something_else_is_refused(tmp_path: Path) -> None:
    task = TASKS["classification"]
    cached(tmp_path / "c", key="one")
    with pytest.raises(UserError, match="other teachers or other data"):
        g2d.CachedTeachers(tmp_path / "c", "two", task)
    with pytest.raises(UserError, match="other teachers or other data"):
        write_cache(tmp_path / "c", bank(MODALITIES, task), "two", Reader(), ROWS)
    with pytest.raises(UserError, match="holds no teacher cache"):
        g2d.CachedTeachers(tmp_path / "nothing", "one", task)


def test_the_key_follows_weights_buffers_data_and_order() -> None:
    models = teacher_models(NAMES[:2], TASKS["classification"])
    key = cache_key(models, "data")
    assert key == cache_key(copy.deepcopy(models), "data")
    assert key == cache_key({n: m.train() for n, m in models.items()}, "data")

    others = {"other data": cache_key(models, "data 2")}
    others["one modality less"] = cache_key({"sound": models["sound"]}, "data")
    others["another order"] = cache_key(dict(reversed(models.items())), "data")
    for what in ("encoder.0.weight", "encoder.1.running_mean", "head.bias"):
        changed = copy.deepcopy(models)
        state = changed["image"].state_dict()
        state[what].view(-1)[0] += 1e-3
        others[what] = cache_key(changed, "data")
    assert key not in others.values()
    assert len(set(others.values())) == len(others)
