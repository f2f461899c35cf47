"""The store holds what librosa and PIL make of the same files."""

from __future__ import annotations

import csv

import av
import librosa
import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.cremad.miniature import write_clip
from data.clips import cut_short, write_video, write_wav
from g2d.benchmark.datasets.cremad.dataset import CREMAD
from g2d.benchmark.datasets.cremad.names import EMOTIONS
from g2d.benchmark.datasets.cremad.prepare import prepare
from g2d.data.soundtrack import read_sound
from g2d.data.store import Store
from g2d.errors import UserError


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def lists(root):
    return {"train_list": root / "train.csv", "test_list": root / "test.csv"}


def spectrogram(path):
    wave, _ = librosa.load(path, sr=22050)
    # the resampler's last sample, which librosa rounds up to, decides where the repetition begins
    length = len(read_sound(path, 22050))
    assert abs(length - len(wave)) <= 1
    wave = librosa.util.fix_length(wave, size=length)
    wave = np.clip(np.tile(wave, 3)[:66150], -1, 1)
    stft = librosa.stft(wave, n_fft=512, hop_length=353, pad_mode="constant")
    return np.log(np.abs(stft) + 1e-7)


def test_rows_are_the_lists_in_their_order(cremad, cremad_store):
    with (cremad / "train.csv").open() as train, (cremad / "test.csv").open() as test:
        rows = [*csv.reader(train), *csv.reader(test)]
    store = Store(cremad_store, "cremad", "")
    assert store.column("id").tolist() == [clip for clip, _ in rows]
    assert [EMOTIONS[label] for label in store.column("target")] == [emotion for _, emotion in rows]
    assert store.column("part").tolist() == ["train"] * 27 + ["test"] * 9
    assert store.column("actor").tolist() == [clip[:4] for clip, _ in rows]
    assert store.manifest["split"] == "listed"


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_sound_is_what_librosa_makes_of_it(cremad, tmp_path, dtype):
    made = prepare(cremad, tmp_path / "out", **lists(cremad), dtype=dtype, workers=0)
    store = Store(made, "cremad", "")
    array, ids = store.array("audio"), store.column("id")
    assert array.shape == (36, 257, 188)
    assert array.dtype == dtype
    for row in (0, 7, 35):
        expected = spectrogram(cremad / "AudioWAV" / f"{ids[row]}.wav")
        # relative to what is audible: where there is nothing, logarithms are those of rounding
        found, expected = np.exp(array[row].astype(np.float64)), np.exp(expected)
        rounding = 0.0041 if dtype == "float16" else 1e-3
        np.testing.assert_allclose(found, expected, rtol=rounding, atol=1e-5)


@pytest.mark.parametrize(("fps", "expected"), [(1, [0, 29, 58]), (2, [0, 14, 29, 43, 58])])
def test_frames_are_those_of_the_clip(cremad, tmp_path, fps, expected):
    made = prepare(cremad, tmp_path / "out", fps=fps, side=36, workers=0)
    store = Store(made, "cremad", "")
    clips, ids = store.ragged("video"), store.column("id").tolist()
    for row in (2, 11, 30):
        with av.open(str(cremad / "VideoFlash" / f"{ids[row]}.flv")) as container:
            whole = [frame.to_image() for frame in container.decode(video=0)]
        numbers = [number for number in expected if number < len(whole)]
        small = [whole[n].resize((48, 36), Image.Resampling.BILINEAR) for n in numbers]
        assert clips[row].shape == (len(numbers), 36, 48, 3)
        assert (clips[row] == np.stack([np.asarray(frame) for frame in small])).all()


def test_stopped_and_run_again_the_bytes_are_the_same(cremad, cremad_store, tmp_path):
    class StoppedError(Exception):
        pass

    def stop(done, total):
        assert total == 36
        if done == 32:
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(cremad, tmp_path / "out", **lists(cremad), workers=0, progress=stop)
    assert not (tmp_path / "out").exists()
    heard = []
    made = prepare(
        cremad,
        tmp_path / "out",
        **lists(cremad),
        workers=0,
        progress=lambda done, total: heard.append(done),
    )
    assert heard == [32, 36]
    assert content(made) == content(cremad_store)


@pytest.mark.slow
def test_workers_make_the_same_bytes(cremad, cremad_store, tmp_path):
    made = prepare(cremad, tmp_path / "out", **lists(cremad), workers=2)
    assert content(made) == content(cremad_store)


def test_the_bad_clips_of_the_release_are_skipped_with_reasons(broken, tmp_path):
    video, audio = broken / "VideoFlash", broken / "AudioWAV"
    write_wav(audio / "1001_IEO_SAD_HI.wav", np.zeros((40000, 1)))
    write_video(video / "1002_IEO_NEU_HI.flv", 2)
    write_video(video / "1003_IEO_SAD_HI.flv", 60)
    cut_short(video / "1003_IEO_SAD_HI.flv", 0.005)
    write_video(video / "1004_IEO_DIS_HI.flv", 1800)
    (audio / "1005_IEO_DIS_HI.wav").unlink()
    with pytest.raises(UserError, match="5 of 36 samples cannot be used"):
        prepare(broken, tmp_path / "out", workers=0)
    made = prepare(broken, tmp_path / "out", tolerance=0.2, workers=0)
    with (made / "skipped.csv").open() as stream:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(stream)}
    apart = "the picture lasts {} s and the sound {} s: they are not of one clip"
    damaged = reasons.pop("1003_IEO_SAD_HI")
    assert damaged.startswith("1003_IEO_SAD_HI.flv is damaged (")
    seconds = {
        clip: len(librosa.load(audio / f"{clip}.wav", sr=16000)[0]) / 16000
        for clip in ("1002_IEO_NEU_HI", "1004_IEO_DIS_HI")
    }
    assert reasons == {
        "1001_IEO_SAD_HI": "1001_IEO_SAD_HI.wav is silent",
        "1002_IEO_NEU_HI": apart.format("0.1", f"{seconds['1002_IEO_NEU_HI']:.1f}"),
        "1004_IEO_DIS_HI": apart.format("60.1", f"{seconds['1004_IEO_DIS_HI']:.1f}"),
        "1005_IEO_DIS_HI": "1005_IEO_DIS_HI.wav is missing",
    }
    splits = CREMAD(made, "paper").splits()
    assert len(splits.train) + len(splits.test) == 31


def test_wrong_lists_are_refused(broken, tmp_path):
    train = broken / "train.csv"
    rows = train.read_text()
    train.write_text(rows.replace("HI,NEU", "HI,SAD", 1))
    with pytest.raises(UserError, match=r"train list, line \d+: \w+_NEU_HI is said to be SAD; obt"):
        prepare(broken, tmp_path / "out", **lists(broken))
    train.write_text(rows + (broken / "test.csv").read_text())
    with pytest.raises(UserError, match=r"test list, line 1: .* is in the train list too \(and 8"):
        prepare(broken, tmp_path / "out", **lists(broken))
    with pytest.raises(UserError, match="got one list"):
        prepare(broken, tmp_path / "out", train)
    with pytest.raises(UserError, match="has no folder AudioWAV; expected a clone of CREMA-D"):
        prepare(broken / "AudioWAV", tmp_path / "out")


def test_a_clip_of_an_actor_with_an_odd_name_is_taken(broken, tmp_path):
    """The release has 1040_ITH_SAD_X, with one X."""
    write_clip(broken, "1040_ITH_SAD_X", seed=99)
    made = prepare(broken, tmp_path / "out", workers=0)
    assert "1040_ITH_SAD_X" in Store(made, "cremad", "").column("id")
