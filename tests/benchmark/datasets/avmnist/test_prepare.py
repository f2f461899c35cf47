"""Preparing AV-MNIST from a miniature of the original files, end to end."""

import csv
import json
import shutil
import time

import numpy as np
import pytest
import soundfile
import torch

from g2d.benchmark.datasets.avmnist.dataset import AVMNIST
from g2d.benchmark.datasets.avmnist.noises import Noises
from g2d.benchmark.datasets.avmnist.prepare import picture_of_sound, prepare
from g2d.data.checks import check_splits
from g2d.errors import UserError

SIZES = {"train_pairs": 60, "val_pairs": 20, "test_pairs": 30}
SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def store(originals, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "avmnist"
    return prepare(originals / "mnist", originals / "fsdd", out, **SIZES)


def sources(folder):
    def read(name):
        with (folder / f"{name}-sources.csv").open(newline="") as stream:
            return list(csv.DictReader(stream))

    return {name: read(name) for name in SPLITS}


@pytest.fixture
def copies(originals, tmp_path):
    """The originals, to break."""
    shutil.copytree(originals / "mnist", tmp_path / "mnist")
    shutil.copytree(originals / "fsdd", tmp_path / "fsdd")
    return tmp_path


def test_store(store):
    dataset = AVMNIST(store)
    dataset.verify()
    splits = dataset.splits()
    check_splits(splits)
    assert splits.spec.shapes == {"image": (1, 28, 28), "audio": (1, 112, 112)}
    assert splits.spec.protocol == "clean"
    assert [len(split) for split in splits.named().values()] == [60, 20, 30]
    for split in splits.named().values():
        assert isinstance(split.inputs["audio"], np.memmap)
        for array in split.inputs.values():
            assert array.dtype == np.float32
            assert 0 <= array.min() < array.max() <= 1


def test_no_recording_and_no_picture_in_two_splits(store):
    for column in ("recording", "image_row"):
        seen = [{row[column] for row in part} for part in sources(store).values()]
        assert len(set.union(*seen)) == sum(map(len, seen))


def test_pictures_are_used_once(store):
    rows = [row["image_row"] for part in sources(store).values() for row in part]
    assert len(set(rows)) == len(rows)


def test_sound_and_picture_are_of_the_same_digit(store, originals):
    for name, part in sources(store).items():
        target = np.load(store / f"{name}-target.npy")
        assert [int(row["digit"]) for row in part] == target.tolist()
        assert [int(row["recording"][0]) for row in part] == target.tolist()
        # The miniature's labels are its row numbers modulo 10.
        assert [int(row["image_row"]) % 10 for row in part] == target.tolist()


def test_official_indices(store):
    allowed = {"test": range(5), "val": range(5, 10), "train": range(10, 1000)}
    for name, part in sources(store).items():
        indices = {int(row["recording"].removesuffix(".wav").split("_")[2]) for row in part}
        assert indices <= set(allowed[name])


def test_recordings_go_round(store):
    """60 rows of train are 6 a digit, and there are 6 recordings for each: all are used."""
    used = [row["recording"] for row in sources(store)["train"]]
    assert len(set(used)) == 60


def test_noise_is_independent(originals, tmp_path):
    """With one recording for a digit, no two rows hold the same sound."""
    sizes = {"train_pairs": 60, "val_pairs": 20, "test_pairs": 100}
    out = prepare(originals / "mnist", originals / "fsdd", tmp_path / "out", **sizes)
    used = [row["recording"] for row in sources(out)["test"]]
    audio = np.load(out / "test-audio.npy")
    assert len(np.unique(audio.reshape(len(audio), -1), axis=0)) == len(used) == 100


def test_same_bytes_again(store, originals, tmp_path):
    again = prepare(originals / "mnist", originals / "fsdd", tmp_path / "again", **SIZES)
    names = sorted(file.name for file in store.iterdir())
    assert names == sorted(file.name for file in again.iterdir())
    for name in names:
        assert (store / name).read_bytes() == (again / name).read_bytes(), name


def test_snr_changes_the_sound_only(store, originals, tmp_path):
    seen = []
    louder = prepare(
        originals / "mnist",
        originals / "fsdd",
        tmp_path / "out",
        snr_db=20.0,
        progress=lambda done, total: seen.append((done, total)),
        **SIZES,
    )
    for name in ("train-image.npy", "test-image.npy", "train-target.npy"):
        assert (store / name).read_bytes() == (louder / name).read_bytes()
    assert sources(store) == sources(louder)
    assert (store / "val-audio.npy").read_bytes() != (louder / "val-audio.npy").read_bytes()
    prints = [AVMNIST(folder).splits().spec.fingerprint for folder in (store, louder)]
    assert prints[0] != prints[1]
    assert seen == [(i + 1, 110) for i in range(110)]


def test_blur_is_fitted_on_train_alone(store, originals, tmp_path):
    """Another test picture must not change what training sees."""
    manifest = json.loads((store / "manifest.json").read_text())
    k = manifest["pca"]["components"]
    train = np.load(store / "train-image.npy").reshape(60, -1).astype(np.float64) * 255
    pixels = _pixels(originals)[_rows(store, "train")].reshape(60, -1).astype(np.float64)
    mean = pixels.mean(0)
    _, _, basis = np.linalg.svd(pixels - mean, full_matrices=False)
    expected = ((pixels - mean) @ basis[:k].T @ basis[:k] + mean).clip(0, 255)
    np.testing.assert_allclose(train, expected, atol=1e-2)
    test = np.load(store / "test-image.npy").reshape(30, -1).astype(np.float64) * 255
    others = _pixels(originals)[_rows(store, "test")].reshape(30, -1).astype(np.float64)
    expected = ((others - mean) @ basis[:k].T @ basis[:k] + mean).clip(0, 255)
    np.testing.assert_allclose(test, expected, atol=1e-2)


def _pixels(originals):
    import gzip

    data = gzip.decompress((originals / "mnist" / "t10k-images-idx3-ubyte.gz").read_bytes())
    return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)


def _rows(store, name):
    return [int(row["image_row"]) for row in sources(store)[name]]


def test_train_and_t10k_files(copies, originals):
    from benchmark.datasets.miniature import write_mnist

    write_mnist(copies / "mnist", "train", 100, seed=2)
    out = prepare(copies / "mnist", copies / "fsdd", copies / "out", **SIZES)
    files = {name: {row["image_file"] for row in part} for name, part in sources(out).items()}
    train, t10k = {"train-images-idx3-ubyte.gz"}, {"t10k-images-idx3-ubyte.gz"}
    assert files == {"train": train, "val": train, "test": t10k}
    assert max(_rows(out, "test")) < 200


def test_speakers_apart(originals, tmp_path):
    out = prepare(
        originals / "mnist", originals / "fsdd", tmp_path / "out", speaker_disjoint=True, **SIZES
    )
    who = [{row["recording"].split("_")[1] for row in part} for part in sources(out).values()]
    assert len(set.union(*who)) == sum(map(len, who)) == 3


def test_noise_files(originals, tmp_path):
    (tmp_path / "noise").mkdir()
    rng = np.random.default_rng(0)
    for take in ("1-100-A-1", "1-100-B-1", "1-200-A-2", "2-300-A-3", "2-400-A-4", "3-500-A-5"):
        wave = 0.1 * rng.standard_normal(4410)
        soundfile.write(tmp_path / "noise" / f"{take}.wav", wave, 44100)
    out = prepare(
        originals / "mnist", originals / "fsdd", tmp_path / "out", tmp_path / "noise", **SIZES
    )
    # Takes A and B of one recording count as one.
    heard = [{row["noise"][:5] for row in part} for part in sources(out).values()]
    assert len(set.union(*heard)) == sum(map(len, heard)) == 5
    assert "noise" in json.loads((out / "manifest.json").read_text())["licences"]


def test_silent_and_short_noise(tmp_path):
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", np.r_[np.zeros(500), 0.5 * np.ones(20)], 8000)
    noises = Noises(tmp_path, 8000, np.random.default_rng(0))
    for row in range(30):
        wave, _ = noises.draw("train", 200, np.random.default_rng(row))
        assert len(wave) == 200
        assert wave.any()
    assert len(noises.draw("val", 2000, np.random.default_rng(0))[0]) == 2000
    for name in "abc":
        soundfile.write(tmp_path / f"{name}.wav", np.zeros(500), 8000)
    silent = Noises(tmp_path, 8000, np.random.default_rng(0))
    with pytest.raises(UserError, match="were silent"):
        silent.draw("train", 200, np.random.default_rng(0))
    (tmp_path / "a.wav").unlink()
    with pytest.raises(UserError, match="holds 2 noise recordings, expected 3"):
        Noises(tmp_path, 8000, np.random.default_rng(0))


def test_stopped_half_way_nothing_is_there(originals, tmp_path):
    def stop(done, total):
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(originals / "mnist", originals / "fsdd", tmp_path / "out", **SIZES, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_picture_of_sound():
    """A tone at a quarter of the rate stands in the middle row, at its level in dB."""
    time = np.arange(4000) / 8000
    picture = picture_of_sound(np.sin(2 * np.pi * 2000 * time).astype(np.float32))
    column = picture[:, 56]
    assert abs(int(column.argmax()) - 56) <= 1
    assert column.max() > 0.95
    quiet = picture_of_sound(0.01 * np.sin(2 * np.pi * 2000 * time).astype(np.float32))
    assert abs((picture.max() - quiet.max()).item() - 40 / 80) < 0.01
    assert torch.equal(picture_of_sound(np.zeros(10, np.float32)), torch.zeros(112, 112))


def break_idx(root):
    file = root / "mnist" / "t10k-images-idx3-ubyte.gz"
    file.write_bytes(file.read_bytes()[:-200])


def break_labels(root):
    file = root / "mnist" / "t10k-labels-idx1-ubyte.gz"
    file.write_bytes(b"<html>not found</html>")


def drop_labels(root):
    (root / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()


def drop_mnist(root):
    shutil.rmtree(root / "mnist")


def drop_digit(root):
    for file in (root / "fsdd").glob("3_*_[0-4].wav"):
        file.unlink()


def bad_name(root):
    (root / "fsdd" / "7_ann_0.wav").rename(root / "fsdd" / "seven.wav")


def bad_wav(root):
    for file in (root / "fsdd").glob("3_*"):
        file.write_bytes(b"RIFF")


def silent_wav(root):
    for file in (root / "fsdd").glob("3_*"):
        soundfile.write(file, np.zeros(100), 8000)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (break_idx, "damaged gzip"),
        (break_labels, "is not an IDX file"),
        (drop_labels, "holds t10k-images-idx3-ubyte.gz but no t10k labels"),
        (drop_mnist, "holds no MNIST files"),
        (drop_digit, "no recording of digit 3 is left for test"),
        (bad_name, "e.g. seven.wav"),
        (bad_wav, "cannot read .*3_"),
        (silent_wav, "is silent"),
    ],
)
def test_faulty_sources(copies, fault, said):
    fault(copies)
    with pytest.raises(UserError, match=said) as error:
        prepare(copies / "mnist", copies / "fsdd", copies / "out", **SIZES)
    assert "\n" not in str(error.value)
    assert sorted(file.name for file in copies.iterdir() if file.name != "mnist") == ["fsdd"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"test_pairs": 500}, "holds 200 pictures"),
        ({"val_pairs": 0}, "expected 1 or more in each split"),
        ({"snr_db": float("nan")}, "snr_db=nan"),
        ({"image_energy": 2.0}, "energy=2"),
        ({"noise": "nowhere"}, "holds 0 noise recordings"),
    ],
)
def test_wrong_options(originals, tmp_path, options, said):
    with pytest.raises(UserError, match=said):
        prepare(originals / "mnist", originals / "fsdd", tmp_path / "out", **{**SIZES, **options})


def test_existing_out(originals, tmp_path):
    with pytest.raises(UserError, match="exists already"):
        prepare(originals / "mnist", originals / "fsdd", tmp_path, **SIZES)


def test_missing_store(tmp_path):
    with pytest.raises(UserError, match="run: g2d data prepare avmnist --images DIR"):
        AVMNIST(tmp_path / "nowhere").splits()


def test_truncated_store(store, tmp_path):
    shutil.copytree(store, tmp_path / "copy")
    file = tmp_path / "copy" / "val-audio.npy"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(UserError, match=r"val-audio.npy is damaged: got \d+ bytes, expected \d+"):
        AVMNIST(tmp_path / "copy").splits()


def test_unknown_protocol(store):
    with pytest.raises(UserError, match="protocol 'paper'"):
        AVMNIST(store, protocol="paper")


def test_real(real_data, tmp_path):
    start = time.perf_counter()
    out = prepare(
        real_data / "mnist",
        real_data / "fsdd",
        tmp_path / "out",
        train_pairs=3000,
        val_pairs=60,
        test_pairs=60,
        progress=None,
    )
    assert time.perf_counter() - start < 90
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["pca"]["components"] == 4
    assert manifest["recordings"]["train"] == 2400
