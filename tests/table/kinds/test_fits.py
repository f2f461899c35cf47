"""What is fitted, against scikit-learn, librosa and Pillow."""

from __future__ import annotations

import json
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from g2d.errors import UserError
from g2d.table.kinds import Audio, Features, Image, SequenceOfVectors, Tabular, Text, Video
from g2d.table.kinds.moments import Moments
from table.makers import write_clip, write_picture, write_sound

HERE = Path()
numbers = st.floats(-1e9, 1e9).map(lambda x: round(x, 3))


def fit(kind, rows):
    arrays = [kind.decode(row, HERE) for row in rows]
    there = [array for array in arrays if array is not None]
    kind.fit(lambda: iter(there))
    return np.stack([kind.finish(array) for array in there])


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=20))
def test_numbers_are_standardised_as_scikit_learn_does(rows):
    made = fit(Tabular(["a", "b"]), [{"a": repr(a), "b": repr(b)} for a, b in rows])
    expected = StandardScaler().fit_transform(np.array(rows))
    spread = np.std(rows, axis=0) > 1e-6 * (1 + np.abs(np.mean(rows, axis=0)))
    np.testing.assert_allclose(made[:, spread], expected.clip(-10, 10)[:, spread], atol=1e-4)


@given(st.lists(st.sampled_from(["x", "y, z", 'q"', "true", "ä"]), min_size=1, max_size=20))
def test_categories_are_bits_as_scikit_learn_has_them(cells):
    kind = Tabular(["a", "n"], types={"a": "category"})
    made = fit(kind, [{"a": cell, "n": "1"} for cell in cells])
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="ignore")
    expected = encoder.fit_transform(np.array(cells)[:, None])
    assert np.array_equal(made[:, :-1], expected)
    unseen = kind.finish(kind.decode({"a": "never", "n": None}, HERE))
    assert not unseen.any()
    assert kind.names[:-1] == [f"a is {value}" for value in encoder.categories_[0]]


def test_the_commonest_categories_are_kept():
    kind = Tabular(["a"], categories=2, types={"a": "category"})
    made = fit(kind, [{"a": cell} for cell in "ccbbda"])
    assert kind.names == ["a is b", "a is c"]
    assert made.tolist() == [[0, 1], [0, 1], [1, 0], [1, 0], [0, 0], [0, 0]]


def test_gaps_and_broken_numbers_are_the_mean_and_say_so():
    kind = Tabular(["a"], types={"a": "number"})
    rows = [{"a": cell} for cell in ["1", "3", "about 4", "inf"]]
    assert fit(kind, rows).tolist() == [[-1, 0], [1, 0], [0, 1], [0, 1]]
    remarks = [kind.remark(kind.decode(row, HERE)) for row in rows]
    assert remarks[:2] == ["", ""]
    assert remarks[2] == "a: 'about 4' is no number, taken as empty"
    far = kind.finish(kind.decode({"a": "1e99"}, HERE))
    assert far.tolist() == [10, 0]


def test_one_in_six_broken_does_not_make_numbers_categories():
    cells = [f"{n / 3}" if n % 6 else "?" for n in range(60)]
    kind = Tabular(["a"])
    assert fit(kind, [{"a": cell} for cell in cells]).shape == (60, 2)


def test_dates_are_years_and_places_on_circles():
    kind = Tabular(["d"])
    cells = ["2024-01-01T06:00", "2024-07-01T18:00+05:00", "2025-01-01T00:00:00Z"]
    made = fit(kind, [{"d": cell} for cell in cells])
    hours = np.array([6, 18, 0]) / 24
    np.testing.assert_allclose(made[:, 5], np.sin(2 * np.pi * hours), atol=1e-6)
    np.testing.assert_allclose(made[:, 6], np.cos(2 * np.pi * hours), atol=1e-6)
    weekdays = np.array([0, 0, 2]) / 7  # by the calendar: Monday, Monday, Wednesday
    np.testing.assert_allclose(made[:, 3], np.sin(2 * np.pi * weekdays), atol=1e-6)
    days = np.array([0.25, 182 + 13 / 24, 366])
    np.testing.assert_allclose(made[:, 0], (days - days.mean()) / 365.25, atol=1e-5)
    assert len(kind.names) == 7


def test_huge_and_tiny_numbers_keep_their_digits():
    stamps = [1_700_000_000_000 + n for n in range(9)]
    block = fit(Features(["a", "b"]), [{"a": str(s), "b": f"{s}e-30"} for s in stamps])
    expected = StandardScaler().fit_transform(np.arange(9.0)[:, None])
    np.testing.assert_allclose(block[:, 0], expected[:, 0], rtol=1e-6)
    np.testing.assert_allclose(block[:, 1], expected[:, 0], atol=1e-3)
    whole = "1" + "0" * 200
    assert np.isfinite(fit(Features(["a", "b"]), [{"a": whole, "b": "1"}] * 2)).all()
    assert np.isfinite(fit(Tabular(["a", "b"]), [{"a": whole, "b": "1"}] * 2)).all()


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=3, max_size=3), min_size=1)
)
def test_moments_are_those_of_numpy(rows):
    moments, array = Moments(3), np.array(rows)
    for row in rows:
        moments.add(np.array([row]))
    for d in range(3):
        known = array[np.isfinite(array[:, d]), d]
        if len(known):
            np.testing.assert_allclose(moments.mean[d], known.mean(), rtol=1e-9, atol=1e-6)
            if known.std() > 1e-3:
                np.testing.assert_allclose(moments.scale[d], known.std(), rtol=1e-6)
            elif np.ptp(known) == 0:
                assert moments.scale[d] == 1
        else:
            assert (moments.mean[d], moments.scale[d]) == (0, 1)


def test_words_are_counted_as_scikit_learn_does():
    texts = ["the cat the hat", "a hat, the end", "The END of a cat"]
    kind = Text(["t"])
    made = fit(kind, [{"t": text} for text in texts])
    vectorizer = CountVectorizer(token_pattern=r"\w+", min_df=1)
    counts = np.asarray(vectorizer.fit_transform(texts).sum(axis=0))[0]
    common = {w for w, i in vectorizer.vocabulary_.items() if counts[i] >= 2}
    words = kind.state()["words"]
    assert set(words) == common
    assert words[0] == "the"
    for text, row in zip(texts, made.tolist(), strict=True):
        said = text.lower().replace(",", " ,").split()
        expected = [words.index(w) + 2 if w in words else 1 for w in said]
        length = kind.shape[0]
        assert row == (expected + [0] * length)[:length]
    assert kind.suggested == {"name": "words", "vocabulary": len(words) + 2}


def test_long_texts_are_cut_and_broken_ones_refused():
    kind = Text(["t"], length=2, vocabulary=1, least=1)
    assert fit(kind, [{"t": "a a b c"}, {"t": "b"}]).tolist() == [[2, 2], [1, 0]]
    with pytest.raises(UserError, match="no text; save it as UTF-8"):
        kind.decode({"t": "M\ufffdller"}, HERE)


def test_lists_in_cells_are_vectors_and_sequences():
    kind = Features(["v"])
    made = fit(kind, [{"v": "[1, 2]"}, {"v": "[3, 2]"}, {"v": "[]"}])
    assert made.tolist() == [[-1, 0], [1, 0]]
    assert kind.refuses(kind.decode({"v": "[1, 2, 3]"}, HERE)).startswith("got a vector of 3")
    steps = SequenceOfVectors(["s"], length=3)
    made = fit(steps, [{"s": "[[1], [3]]"}, {"s": "[[1], [3], [null], [5]]"}, {"s": "[]"}])
    values = np.array([1, 3, 1, 3, 5])
    low, high = (np.array([1, 3]) - values.mean()) / values.std()
    np.testing.assert_allclose(made[:, :, 0], [[low, high, 0], [low, high, 0]], rtol=1e-5)
    for cell in ("[[1], [2, 3]]", "[1, 2]", '["a"]', "[[1]", "[" * 5000, '[["x"]]'):
        with pytest.raises(UserError, match=r"no list of lists|expected numbers with 2"):
            steps.decode({"s": cell}, HERE)
    assert np.isfinite(steps.finish(steps.decode({"s": "[[1e400]]"}, HERE))).all()
    with pytest.raises(UserError, match="b: 'x' is no number"):
        Features(["a", "b"]).decode({"a": "1", "b": "x"}, HERE)


@pytest.mark.parametrize("content", [np.array(["a"]), np.zeros((0, 2)), np.zeros((2, 2, 2))])
def test_arrays_of_something_else_are_refused(tmp_path, content):
    np.save(tmp_path / "a.npy", content)
    for kind in (Features(["c"]), SequenceOfVectors(["c"])):
        with pytest.raises(UserError, match=r"a\.npy"):
            kind.decode({"c": "a.npy"}, tmp_path)
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(UserError, match=r"no \.npy file of numbers"):
        Features(["c"]).decode({"c": "o.npy"}, tmp_path)


def test_pictures_are_pillows(tmp_path):
    write_picture(tmp_path / "a.png", 0)
    with Pillow.open(tmp_path / "a.png") as file:
        expected = np.asarray(file.resize((8, 8), Pillow.Resampling.BILINEAR), np.float32)
    kind = Image(["c"], side=8)
    made = kind.finish(kind.decode({"c": "a.png"}, tmp_path))
    np.testing.assert_allclose(made, expected.transpose(2, 0, 1) / 127.5 - 1, atol=1e-6)
    grey = Image(["c"], side=8, grey=True)
    array = grey.decode({"c": "a.png"}, tmp_path)
    luma = np.asarray(Pillow.fromarray(expected.astype(np.uint8)).convert("L"), int)
    assert np.abs(array[:, :, 0].astype(int) - luma).max() <= 1
    assert grey.finish(array).shape == grey.shape == (1, 8, 8)


def test_sounds_are_librosas(tmp_path):
    write_sound(tmp_path / "a.wav", 3, seconds=0.5, rate=16000)
    wave, rate = soundfile.read(tmp_path / "a.wav")
    kind = Audio(["c"], seconds=0.8)
    decoded = kind.decode({"c": "a.wav"}, tmp_path)
    padded = np.zeros(12800)
    padded[: len(wave)] = wave
    power = librosa.feature.melspectrogram(
        y=padded, sr=rate, n_fft=512, hop_length=160, n_mels=40, pad_mode="constant"
    )
    expected = librosa.power_to_db(power, ref=1.0, amin=1e-8, top_db=None)
    assert decoded.shape == kind.shape[1:] == expected.shape
    np.testing.assert_allclose(decoded, expected, atol=0.1)
    kind.fit(lambda: iter([decoded, decoded + 5]))
    both = np.stack([decoded.astype(np.float64), decoded.astype(np.float64) + 5])
    standard = (both[0] - both.mean()) / both.std()
    np.testing.assert_allclose(kind.finish(decoded)[0], standard, atol=0.01)


@pytest.mark.parametrize(("ending", "codec"), [("mp4", "h264"), ("mp4", "mpeg4"), ("avi", "mpeg4")])
@pytest.mark.parametrize(
    ("count", "taken"), [(8, [0, 2, 4, 6]), (30, [3, 11, 18, 26]), (1, [0] * 4)]
)
def test_frames_are_spread_evenly(tmp_path, ending, codec, count, taken):
    write_clip(tmp_path / f"a.{ending}", count, codec)
    kind = Video(["c"], side=8)
    array = kind.decode({"c": f"a.{ending}"}, tmp_path)
    grey = array.reshape(4, -1).astype(float).mean(axis=1)
    np.testing.assert_allclose(grey, 8 * np.array(taken), atol=3)
    made = kind.finish(array)
    assert made.shape == kind.shape == (3, 4, 8, 8)
    np.testing.assert_allclose(made[0, 1, 2, 3], array[1, 2, 3, 0] / 127.5 - 1, atol=1e-6)


def test_a_clip_of_more_frames_than_are_held(tmp_path):
    write_clip(tmp_path / "b.avi", 300, step=255 / 300)
    array = Video(["c"], frames=3, side=8).decode({"c": "b.avi"}, tmp_path)
    grey = array.reshape(3, -1).astype(float).mean(axis=1)
    np.testing.assert_allclose(grey / 255, [1 / 6, 1 / 2, 5 / 6], atol=0.03)


def test_clips_without_pictures(tmp_path):
    write_sound(tmp_path / "a.wav", 0)
    (tmp_path / "a.wav").rename(tmp_path / "sound.mp4")
    with pytest.raises(UserError, match="has no picture, only audio"):
        Video(["c"]).decode({"c": "sound.mp4"}, tmp_path)
    write_clip(tmp_path / "none.mp4", 0)
    with pytest.raises(UserError, match=r"none\.mp4"):
        Video(["c"]).decode({"c": "none.mp4"}, tmp_path)


def test_states_are_numbers_that_json_knows():
    kind = Tabular(["a"])
    fit(kind, [{"a": "1e99"}, {"a": "nan"}, {"a": "-inf"}, {"a": "3"}])
    state = kind.state()
    assert json.loads(json.dumps(state, allow_nan=False)) == state


@pytest.mark.parametrize("gaps", [False, True])
def test_many_vectors_at_once_are_fitted_and_finished_as_one_by_one(gaps: bool) -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(300, 4)) * 1e7 + 1e9
    if gaps:
        rows[draw.random(rows.shape) < 0.05] = np.nan
    one = Moments(4)
    for row in rows:
        one.add(row[None])
    kind = Features([f"x{i}" for i in range(4)])
    kind.fit(lambda: iter(rows))
    assert kind.state() == {"mean": one.mean.tolist(), "scale": one.scale.tolist()}
    finished = kind.finish_all(list(rows))
    assert finished.tobytes() == np.stack([kind.finish(row) for row in rows]).tobytes()
