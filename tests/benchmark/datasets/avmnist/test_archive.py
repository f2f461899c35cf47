"""The distributed archive, in miniature, sound and with planted faults."""

import pickle

import numpy as np
import pytest
import torch

from g2d.benchmark.datasets.avmnist import archive
from g2d.benchmark.datasets.avmnist.archive import AVMNISTArchive
from g2d.benchmark.datasets.avmnist.findings import check, purity
from g2d.data.checks import check_splits
from g2d.data.loader import make_loader
from g2d.errors import UserError

TRAIN, TEST = 200, 50


def blurred(n, components, seed):
    """Images of a known rank, centred as the archive's are."""
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(np.random.default_rng(0).standard_normal((784, components)))[0]
    images = rng.standard_normal((n, components)) * 200 @ basis.T
    return (images - images.mean(0)).astype(np.float32)


def spoken(labels, seed):
    """For each digit four recordings, each used over and over."""
    rng = np.random.default_rng(seed)
    recordings = rng.integers(0, 256, (40, 112, 112)).astype(np.uint8)
    return recordings[labels * 4 + np.arange(len(labels)) // 10 % 4]


@pytest.fixture
def root(tmp_path):
    for folder in ("image", "audio"):
        (tmp_path / folder).mkdir()
    for seed, (name, n) in enumerate({"train": TRAIN, "test": TEST}.items()):
        labels = np.arange(n) % 10
        np.save(tmp_path / "image" / f"{name}_data.npy", blurred(n, 4, seed))
        np.save(tmp_path / "audio" / f"{name}_data.npy", spoken(labels, seed))
        np.save(tmp_path / f"{name}_labels.npy", labels)
    return tmp_path


@pytest.fixture(autouse=True)
def small_validation(monkeypatch):
    monkeypatch.setattr(archive, "VALIDATION", 40)


def change(file, function):
    array = np.load(file)
    np.save(file, function(array))


def test_clean(root):
    splits = AVMNISTArchive(root).splits()
    check_splits(splits)
    assert splits.spec.protocol == "clean"
    assert [len(split) for split in splits.named().values()] == [160, 40, 50]
    image, audio = np.load(root / "image/train_data.npy"), np.load(root / "audio/train_data.npy")
    batch = splits.val.__getitems__([5, 0])
    assert batch.index.tolist() == [5, 0]
    assert batch.target.tolist() == [165 % 10, 160 % 10]
    for row, source in enumerate((165, 160)):
        np.testing.assert_allclose(batch.inputs["image"][row, 0].reshape(-1), image[source] / 255)
        np.testing.assert_allclose(batch.inputs["audio"][row, 0], audio[source] / 255.0, rtol=1e-6)
    assert batch.inputs["image"].dtype == batch.inputs["audio"].dtype == torch.float32


def test_paper_protocol_says_what_it_does(root):
    splits = AVMNISTArchive(root, "paper").splits()
    assert splits.spec.protocol == "paper-selects-on-test"
    assert [len(split) for split in splits.named().values()] == [200, 50, 50]
    clean = AVMNISTArchive(root).splits()
    assert (clean.spec.selects_on_test, splits.spec.selects_on_test) == (False, True)
    assert splits.spec.fingerprint == clean.spec.fingerprint


def test_memory_stays_mapped(root):
    train = AVMNISTArchive(root).splits().train
    for rows in (train, pickle.loads(pickle.dumps(train))):
        assert isinstance(rows.part.audio, np.memmap)
        assert rows.part.audio.dtype == np.uint8
    assert len(pickle.dumps(train)) < 20_000


def test_loader_with_workers(root):
    seen = [
        batch.index
        for batch in make_loader(AVMNISTArchive(root).splits().train, 64, shuffle=True, workers=1)
    ]
    assert sorted(torch.cat(seen).tolist()) == list(range(160))


def test_fingerprint_follows_data(root):
    before = AVMNISTArchive(root).splits().spec.fingerprint
    change(root / "train_labels.npy", lambda labels: np.roll(labels, 1))
    assert AVMNISTArchive(root).splits().spec.fingerprint != before


def test_sound_archive(root):
    found = check(root)
    assert (found.train.rows, found.test.rows) == (TRAIN, TEST)
    assert found.train.audio_distinct == found.test.audio_distinct == 40
    assert found.train.audio_purity == found.test.audio_purity == 1
    assert found.train.image_rank == found.test.image_rank == 4
    assert found.audio_shared == found.image_shared == 0
    assert found.train.dtypes == {"image": "float32", "audio": "uint8"}
    low, high = found.train.ranges["image"]
    assert low < 0 < high
    # A miniature, and centred as the real one: nothing else is wrong.
    assert [problem.split(",")[0].split(":")[0] for problem in found.problems] == [
        "train has 200 rows",
        "train",
        "test has 50 rows",
        "test",
    ]
    assert all("\n" not in line for line in found.lines())


def test_misaligned_rows(root):
    rng = np.random.default_rng(0)
    change(root / "audio/train_data.npy", lambda audio: audio[rng.permutation(TRAIN)])
    found = check(root)
    assert 0.2 < found.train.audio_purity < 0.8
    assert found.test.audio_purity == 1
    assert any("sound and label agree" in problem for problem in found.problems)


def test_rows_in_both_splits(root):
    train_audio = np.load(root / "audio/train_data.npy")
    train_image = np.load(root / "image/train_data.npy")

    def plant(array, source, count):
        array[:count] = source[:count]
        return array

    change(root / "audio/test_data.npy", lambda audio: plant(audio, train_audio, 7))
    change(root / "image/test_data.npy", lambda image: plant(image, train_image, 3))
    found = check(root)
    assert (found.audio_shared, found.image_shared) == (7, 3)
    assert "7 of 50 test rows have a sound that is also in train" in found.problems
    assert "3 of 50 test rows have an image that is also in train" in found.problems


def test_another_rank(root):
    np.save(root / "image/test_data.npy", blurred(TEST, 3, 5))
    assert "images have rank 4 in train and 3 in test" in check(root).problems


def test_strange_range(root):
    change(root / "audio/test_data.npy", lambda audio: audio.astype(np.int16) - 20)
    assert "test: sounds are not grey levels from 0 to 255" in check(root).problems


def test_purity_by_hand():
    groups = [b"a"] * 4 + [b"b"] * 2
    assert purity(groups, np.array([1, 1, 1, 0, 5, 6])) == pytest.approx(4 / 6)


def lfs(file):
    file.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def cut(file):
    file.write_bytes(file.read_bytes()[:-5])


@pytest.mark.parametrize(
    ("name", "fault", "said"),
    [
        ("audio/train_data.npy", lfs, "is a git-LFS pointer"),
        ("audio/train_data.npy", cut, "is damaged or cut short"),
        ("audio/train_data.npy", lambda file: file.unlink(), "is missing"),
        ("train_labels.npy", lambda file: file.write_bytes(b""), "is damaged or cut short"),
        (
            "image/test_data.npy",
            lambda file: change(file, lambda a: a.reshape(-1, 28, 28)),
            r"shape \(50, 28, 28\), expected numbers of shape \(N, 784\)",
        ),
        ("audio/test_data.npy", lambda file: change(file, lambda a: a[:49]), "49 sounds"),
        ("test_labels.npy", lambda file: change(file, lambda a: a + 1), "digits from 0 to 9"),
        ("test_labels.npy", lambda file: change(file, lambda a: a.astype(str)), "expected numbers"),
    ],
)
def test_faulty_files(root, name, fault, said):
    fault(root / name)
    for action in (lambda: AVMNISTArchive(root).splits(), lambda: check(root)):
        with pytest.raises(UserError, match=said) as error:
            action()
        assert "\n" not in str(error.value)


def test_too_small_for_validation(root, monkeypatch):
    monkeypatch.setattr(archive, "VALIDATION", 200)
    with pytest.raises(UserError, match="200 training rows, expected over 200"):
        AVMNISTArchive(root).splits()
    AVMNISTArchive(root, "paper").splits()


def test_unknown_protocol(root):
    with pytest.raises(UserError, match="protocol 'agm'"):
        AVMNISTArchive(root, "agm")
