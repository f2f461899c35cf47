"""The sound, the motion and the words of one turn, against numbers found in other ways."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from sklearn.utils import murmurhash3_32

from benchmark.datasets.iemocap.miniature import marker_lines
from g2d.benchmark.datasets.iemocap.markers import motion_of
from g2d.benchmark.datasets.iemocap.speech import bands_of
from g2d.benchmark.datasets.iemocap.words import Hashed, read_vectors, words_in
from g2d.errors import UserError


def test_bands_are_those_of_librosa_averaged():
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal(16_000 + 1_000)).astype(np.float32)  # 1.0625 s
    power = librosa.feature.melspectrogram(
        y=wave, sr=16_000, n_fft=512, hop_length=160, n_mels=128, pad_mode="constant"
    )
    level = 10 * np.log10(np.maximum(power, 1e-8)).T[:106]
    got = bands_of(wave, 10)
    assert got.shape == (11, 128)
    np.testing.assert_allclose(got[0], level[:10].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(got[9], level[90:100].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(got[10], level[100:106].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(bands_of(wave, 100), level, atol=1e-3)
    assert bands_of(wave[:50], 10).shape == (1, 128)


def test_motion_by_hand(tmp_path):
    nan = np.nan
    # 13 frames of 1/120 s: twelve are a tenth of a second, although 6.39170 - 6.29171 is less
    times = np.round(6.29171 + np.arange(13) / 120 - 1e-5 * (np.arange(13) == 12), 5)
    values = np.full((13, 6), nan)
    values[:, 0] = np.arange(13)
    values[4, 1], values[9, 1] = 4.0, -1.0
    values[12, 3:] = [7.0, 8.0, 9.0]
    file = tmp_path / "turn.txt"
    file.write_text(marker_lines(["CH1", "CH2"], times, values))
    expected = [[5.5, 1.5, nan, nan, nan, nan], [12, nan, nan, 7, 8, 9]]
    np.testing.assert_array_equal(motion_of(file, ("CH1", "CH2"), 10), expected)
    whole = motion_of(file, ("CH1", "CH2"), 1)
    np.testing.assert_array_equal(whole, [[6, 1.5, nan, 7, 8, 9]])


@pytest.mark.parametrize("start", [0.0, 6.2901, 83.33333])
@pytest.mark.parametrize("digits", [4, 5])
def test_no_frame_slips_into_the_window_before(tmp_path, start, digits):
    count = 120 * 4
    times = np.round(start + np.arange(count) / 120, digits)
    values = np.repeat(np.arange(count)[:, None] // 12, 3, axis=1).astype(float)
    file = tmp_path / "turn.txt"
    file.write_text(marker_lines(["CH1"], times, values))
    np.testing.assert_array_equal(motion_of(file, ("CH1",), 10)[:, 0], np.arange(40))


def test_words():
    assert words_in("[LAUGHTER] Uh-huh, it\u2019s 'me'-- [BREATHING]") == [
        *("[laughter]", "uh-huh", "it's", "me", "[breathing]")
    ]
    assert words_in("-- ... _") == []


def test_a_word_is_hashed_as_its_groups_of_characters():
    expected = np.zeros((2, 300))
    for row, word in enumerate(("i", "yeah")):
        padded = f" {word} "
        for size in (3, 4, 5):
            groups = [padded[at : at + size] for at in range(len(padded) - size + 1)]
            for group in groups:
                number = murmurhash3_32(group, seed=0)
                expected[row, abs(number) % 300] += 1 if number >= 0 else -1
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(Hashed()(["i", "yeah"]), expected, atol=1e-6)


def test_vectors_of_a_file(tmp_path):
    file = tmp_path / "vectors.vec"
    file.write_text(
        "6 2\nthe 9 9\ndo 1 2\nn't 3 4\nuh 5 6\nlaughter 7 8\nat example.com 0.5 0.5\n"
        "do 0 0\nat 0.1 0.2\n"
    )
    words = ["don't", "uh-huh", "[laughter]", "xyzzy", "at"]
    found = read_vectors(file, words)
    assert found.width == 2
    expected = [[1, 2], [3, 4], [5, 6], [7, 8], [0, 0], [0.1, 0.2]]
    np.testing.assert_allclose(found(words), expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("the 1 2\nwell 1\n", r"line 2: expected a word and 2 numbers"),
        ("the 1 2\nwell 1 x\n", r"line 2: expected a word and 2 numbers"),
        ("the 1 2\nwell 1 nan\n", r"line 2: expected a word and 2 numbers"),
        ("the 1 2\n", "has none of the words of the transcriptions"),
        ("", "has none of the words of the transcriptions"),
    ],
)
def test_files_of_vectors_that_are_refused(tmp_path, text, said):
    file = tmp_path / "vectors.txt"
    file.write_text(text)
    with pytest.raises(UserError, match=said):
        read_vectors(file, ["well"])
