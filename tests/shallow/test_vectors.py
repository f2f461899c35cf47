"""Short vectors: against scikit-learn and NumPy, and fitted on training rows only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.models.encoders.summaries import bands, frames, over_time, thumbnails
from g2d.shallow.vectors import ShortVectors
from g2d.tasks import Classification

RNG = np.random.default_rng(0)
WORDS = [[2, 3, 3, 0], [4, 2, 0, 0], [5, 5, 5, 2], [3, 4, 0, 0]]


def data(n: int = 4, present: dict[str, np.ndarray] | None = None) -> ArraySplit:
    words = np.array(WORDS[:n], np.int64)
    numbers = RNG.normal(5, 3, (n, 2)).astype(np.float32)
    return ArraySplit({"words": words, "numbers": numbers}, np.arange(n) % 2, present)


def spec_of(**shapes: tuple[int, ...]) -> DatasetSpec:
    shapes = shapes or {"words": (4,), "numbers": (2,)}
    return DatasetSpec("own", Classification(2), shapes, "p", "f")


def test_words_become_the_tf_idf_of_scikit_learn() -> None:
    texts = [" ".join(f"w{word}" for word in row if word) for row in WORDS]
    expected = TfidfVectorizer(sublinear_tf=True).fit_transform(texts).toarray()
    found = ShortVectors(spec_of(), data()).train.vectors["words"].toarray()
    used = found[:, found.any(axis=0)]
    np.testing.assert_allclose(np.sort(used, axis=1), np.sort(expected, axis=1), rtol=1e-6)


def test_words_that_training_never_saw_are_left_out() -> None:
    vectors = ShortVectors(spec_of(), data())
    other = ArraySplit(
        {"words": np.array([[9, 3, 0, 0]]), "numbers": np.zeros((1, 2), np.float32)}, np.array([0])
    )
    row = vectors.read_all(other).vectors["words"].toarray()
    assert row.shape[1] == vectors.train.vectors["words"].shape[1]
    assert np.flatnonzero(row).tolist() == [3]


def test_numbers_are_standard_over_training_rows() -> None:
    vectors = ShortVectors(spec_of(), split := data())
    own = vectors.train.vectors["numbers"]
    np.testing.assert_allclose(own.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(own.std(axis=0), 1, atol=1e-5)
    raw = split.inputs["numbers"]
    other = ArraySplit({"words": split.inputs["words"], "numbers": raw + 1}, np.arange(4) % 2)
    moved = vectors.read_all(other).vectors["numbers"]
    np.testing.assert_allclose(moved - own, np.tile(1 / raw.std(axis=0), (4, 1)), rtol=1e-4)


def test_absent_modalities_are_zero_and_a_bit_says_so() -> None:
    there = {"numbers": np.array([True, False, True, True])}
    vectors = ShortVectors(spec_of(), data(present=there))
    assert vectors.missing == ["numbers"]
    assert not vectors.train.vectors["numbers"][1].any()
    joined = vectors.train.joined(["numbers"], vectors.missing)
    assert joined[:, -1].tolist() == [1, 0, 1, 1]
    assert vectors.train.having("numbers").tolist() == [0, 2, 3]


def test_summaries_of_the_data_are_used_and_every_block_counts_alike() -> None:
    pictures = RNG.random((6, 3, 32, 32)).astype(np.float32)
    split = ArraySplit({"picture": pictures}, np.arange(6) % 2)
    short = {"picture": {"name": "ShortVector", "shape": [3, 32, 32], "summary": "thumbnails"}}
    spec = replace(spec_of(picture=(3, 32, 32)), short_vectors=short)
    train = ShortVectors(spec, split).train
    expected = pictures.reshape(6, 3, 16, 2, 16, 2).mean(axis=(3, 5)).reshape(6, -1)
    expected = (expected - expected.mean(axis=0)) / expected.std(axis=0)
    np.testing.assert_allclose(train.vectors["picture"], expected, rtol=1e-3, atol=1e-5)
    joined = train.joined(["picture"])
    assert (joined**2).sum(axis=1).mean() == pytest.approx(1, rel=1e-5)


def test_thumbnails_are_means_of_blocks() -> None:
    pictures = RNG.random((2, 3, 64, 32)).astype(np.float32)
    blocks = pictures.reshape(2, 3, 16, 4, 16, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(
        thumbnails(torch.from_numpy(pictures)), blocks.reshape(2, -1), rtol=1e-5
    )


def test_statistics_over_time_leave_padding_out() -> None:
    steps = RNG.normal(size=(1, 20, 3))
    padded = np.concatenate([steps, np.zeros((1, 7, 3))], axis=1)
    low, high = np.percentile(steps[0], [10, 90], axis=0)
    expected = np.concatenate([steps[0].mean(axis=0), steps[0].std(axis=0), low, high])
    np.testing.assert_allclose(over_time(torch.from_numpy(padded))[0], expected)
    assert not over_time(torch.zeros(1, 4, 3)).any()
    heard = torch.from_numpy(padded).transpose(1, 2)[:, None]  # bands by time
    np.testing.assert_allclose(bands(heard)[0], expected)


def test_clips_are_the_mean_and_the_deviation_of_their_frames() -> None:
    clips = RNG.random((2, 3, 4, 32, 32)).astype(np.float32)
    small = clips.reshape(2, 3, 4, 16, 2, 16, 2).mean(axis=(4, 6))
    parts = [small.mean(axis=2).reshape(2, -1), small.std(axis=2).reshape(2, -1)]
    expected = np.concatenate(parts, axis=1)
    np.testing.assert_allclose(frames(torch.from_numpy(clips)), expected, rtol=1e-4, atol=1e-6)


def test_many_rows_are_drawn_from() -> None:
    split = ArraySplit({"numbers": np.arange(90, dtype=np.float32)[:, None]}, np.arange(90) % 2)
    vectors = ShortVectors(spec_of(numbers=(1,)), split, rows=30)
    assert len(vectors.train.target) == 30
    assert len(next(iter(vectors.read(split))).target) == 90
    assert Splits(spec_of(numbers=(1,)), split, split, split).spec.short_vectors is None
