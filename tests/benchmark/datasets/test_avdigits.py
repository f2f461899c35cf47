"""AV-Digits: real, deterministic, no leaks, cached."""

import json
import logging

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from g2d.benchmark.datasets.avdigits import ACCENTS, TIMBRES, AVDigits
from g2d.benchmark.datasets.espeak import Utterance, speak_all, variants
from g2d.data.cache import cache_folder
from g2d.data.checks import check_splits
from g2d.errors import UserError

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    dataset = AVDigits(cache_dir=tmp_path_factory.mktemp("cache"))
    return dataset, dataset.splits()


@pytest.fixture(scope="module")
def sources(made):
    return json.loads((made[0].folder / "sources.json").read_text())


def test_shapes(made):
    _, splits = made
    check_splits(splits)
    assert splits.spec.modalities == ("image", "audio")
    assert splits.spec.shapes == {"image": (1, 8, 8), "audio": (1, 32, 40)}
    assert [len(split) for split in splits.named().values()] == [1078, 270, 449]
    for split in splits.named().values():
        for array in split.inputs.values():
            assert array.dtype == np.float32
            assert 0 <= array.min() < array.max() <= 1
        counts = np.bincount(split.target, minlength=10) / len(split)
        assert np.abs(counts - 0.1).max() < 0.01  # stratified


def test_every_digit_is_in_one_split_with_its_label(made, sources):
    _, splits = made
    rows = [entry["row"] for name in splits.named() for entry in sources[name]]
    assert sorted(rows) == list(range(1797))
    labels = load_digits().target
    for name, split in splits.named().items():
        own = [entry["row"] for entry in sources[name]]
        np.testing.assert_array_equal(split.target, labels[own])


def test_what_is_said_is_the_label(made, sources):
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    for name, split in made[1].named().items():
        assert [entry["text"] for entry in sources[name]] == [words[t] for t in split.target]


def test_nobody_speaks_in_two_splits(sources):
    voices = {name: {entry["variant"] for entry in part} for name, part in sources.items()}
    assert not voices["train"] & voices["val"]
    assert not (voices["train"] | voices["val"]) & voices["test"]
    assert min(len(who) for who in voices.values()) >= 8


def test_pictures_are_in_the_subspace_of_train(made):
    train = made[1].train.inputs["image"].reshape(1078, 64).astype(np.float64)
    inside = (train.min(axis=1) > 0) & (train.max(axis=1) < 1)  # not clipped
    if inside.sum() > 10:
        rank = np.linalg.matrix_rank(train[inside] - train[inside][0], tol=1e-3)
        assert rank <= made[1].spec.notes["pca_components"]
    # Blurred, but still pictures of the digits: nearer their own class mean than chance.
    assert made[1].spec.notes["pca_components"] == 2


def test_pictures_of_test_are_what_scikit_learns_pca_of_train_leaves_of_them(made, sources):
    """Fitted on the training rows alone: that of all rows leaves something else."""
    pixels = load_digits().data
    rows = {name: [entry["row"] for entry in part] for name, part in sources.items()}
    shown = made[1].test.inputs["image"].reshape(-1, 64)

    def left(fitted):
        pca = PCA(n_components=2).fit(pixels[fitted])
        return pca.inverse_transform(pca.transform(pixels[rows["test"]])).clip(0, 16) / 16

    np.testing.assert_allclose(shown, left(rows["train"]), atol=1e-5)
    assert np.abs(shown - left([row for part in rows.values() for row in part])).max() > 1e-2


def test_second_build_has_the_same_bytes(made, tmp_path):
    again = AVDigits(cache_dir=tmp_path)
    assert again.splits().spec.fingerprint == made[1].spec.fingerprint
    names = sorted(file.name for file in made[0].folder.iterdir())
    assert names == sorted(file.name for file in again.folder.iterdir())
    for name in names:
        assert (made[0].folder / name).read_bytes() == (again.folder / name).read_bytes()


def test_options_make_other_data(made):
    dataset, _ = made
    folders = {
        AVDigits(cache_dir=dataset.cache_dir, **options).folder
        for options in ({}, {"seed": 1}, {"snr_db": 0}, {"image_energy": 0.5}, {"noise": "white"})
    }
    assert len(folders) == 5
    assert AVDigits(cache_dir=dataset.cache_dir, snr_db=-7).folder == dataset.folder


def test_cache_is_used(made, monkeypatch):
    monkeypatch.setattr("g2d.benchmark.datasets.avdigits._make", None)  # would fail if called
    assert AVDigits(cache_dir=made[0].cache_dir).splits().spec.fingerprint


def test_damaged_cache_is_made_again(made, tmp_path, caplog, monkeypatch):
    import shutil

    dataset = AVDigits(cache_dir=tmp_path)
    shutil.copytree(made[0].folder, dataset.folder)
    file = dataset.folder / "val-audio.npy"
    file.write_bytes(file.read_bytes()[:-1])

    def copy(folder, options):
        shutil.copytree(made[0].folder, folder, dirs_exist_ok=True)

    monkeypatch.setattr("g2d.benchmark.datasets.avdigits._make", copy)
    with caplog.at_level(logging.WARNING):
        assert dataset.splits().spec.fingerprint == made[1].spec.fingerprint
    assert "val-audio.npy is damaged" in caplog.text


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path))
    assert AVDigits().folder.parent == tmp_path
    assert cache_folder(tmp_path / "own") == tmp_path / "own"
    monkeypatch.delenv("G2D_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / "g2d"


def test_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot make"):
        AVDigits(cache_dir=tmp_path / "file" / "below").splits()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_energy": 0}, "image_energy=0"),
        ({"snr_db": float("nan")}, "snr_db=nan"),
        ({"noise": "brown"}, "noise: expected white or pink, got 'brown'"),
    ],
)
def test_wrong_options(options, said):
    with pytest.raises(UserError, match=said):
        AVDigits(**options)


def test_espeak_knows_all_voices():
    assert set(TIMBRES) <= set(variants())
    assert len(set(TIMBRES)) == len(TIMBRES)
    said = speak_all([Utterance("one", voice=accent) for accent in ACCENTS])
    assert len({wave.tobytes() for wave in said}) == len(ACCENTS)
