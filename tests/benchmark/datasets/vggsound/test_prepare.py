"""The store holds what librosa makes of the same sound, and labels that no missing file changes."""

from __future__ import annotations

import csv
import shutil

import av
import librosa
import numpy as np
import pytest
from PIL import Image

from benchmark.datasets.vggsound.miniature import DEEP, LABELS, table, write_clip, write_table
from data.clips import tone, write_video, write_wav
from g2d.benchmark.datasets.vggsound.files import prepare
from g2d.data.soundtrack import log_spectrogram, read_sound
from g2d.data.store import Store
from g2d.errors import UserError


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def spectrogram(wave):
    while len(wave) < 160000:
        wave = np.concatenate([wave, wave])
    stft = librosa.stft(wave[:160000], n_fft=256, hop_length=128, pad_mode="constant")
    return np.log(np.abs(stft) + 1e-7)


def test_rows_are_those_of_the_table(vggsound_store):
    store, rows = Store(vggsound_store, "vggsound", ""), table()
    assert store.column("id").tolist() == [f"{video}_{start:06d}" for video, start, *_ in rows]
    assert store.column("part").tolist() == [part for *_, part in rows]
    assert store.manifest["classes"] == sorted(LABELS)
    named = [store.manifest["classes"][label] for label in store.column("target")]
    assert named == [label for _, _, label, _ in rows]


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_sound_is_what_librosa_makes_of_it(broken, tmp_path, dtype):
    """From WAV files where there are some; else from the clips' own tracks."""
    (broken / "audio" / "train").mkdir(parents=True)
    wav = broken / "audio" / "train" / "-vid_000001_000003.wav"
    write_wav(wav, tone(4.2, 16000, seed=40, channels=2))
    store = Store(prepare(broken, tmp_path / "out", dtype=dtype, workers=0), "vggsound", "")
    array = store.array("audio")
    assert array.shape == (18, 129, 1251)
    assert array.dtype == dtype
    waves = {1: librosa.load(wav, sr=16000)[0]}
    waves[2] = read_sound(broken / "video" / "-vid_000002_000006.mp4", 16000)
    for row, wave in waves.items():
        expected = np.exp(spectrogram(wave))
        rounding = 0.0041 if dtype == "float16" else 1e-3
        found = np.exp(array[row].astype(np.float64))
        np.testing.assert_allclose(found, expected, rtol=rounding, atol=1e-5)


def test_frames_are_those_of_the_clip(vggsound, tmp_path):
    made = prepare(vggsound, tmp_path / "out", side=24, workers=0)
    few = prepare(vggsound, tmp_path / "few", side=24, most_frames=3, workers=0)
    clips, thinned = (Store(folder, "vggsound", "").ragged("video") for folder in (made, few))
    for row in (0, 17):
        path = sorted((vggsound / "video").iterdir())[row]
        with av.open(str(path)) as container:
            whole = [frame.to_image() for frame in container.decode(video=0)]
        small = [whole[n].resize((32, 24), Image.Resampling.BILINEAR) for n in range(0, 21, 5)]
        assert (clips[row] == np.stack([np.asarray(frame) for frame in small])).all()
        assert (thinned[row] == clips[row][[0, 2, 4]]).all()


def test_a_stretch_of_a_spectrogram_differs_at_its_ends_alone():
    """From the spectrogram of that stretch of sound, as the page on the dataset says."""
    wave = tone(10, 16000, seed=5)[:, 0]
    whole = log_spectrogram(wave, 256, 128)
    for start in (0, 312, 625):
        stretch = log_spectrogram(wave[start * 128 : start * 128 + 80000].copy(), 256, 128)
        cut = whole[:, start : start + 626]
        assert stretch.shape == cut.shape == (129, 626)
        np.testing.assert_allclose(np.exp(cut[:, 1:-1]), np.exp(stretch[:, 1:-1]), atol=1e-4)
        assert start == 0 or not np.allclose(cut[:, 0], stretch[:, 0], atol=0.1)
        assert start == 625 or not np.allclose(cut[:, -1], stretch[:, -1], atol=0.1)


@pytest.mark.parametrize("header", [False, True])
def test_archives_and_tables_of_either_form(vggsound, vggsound_store, tmp_path, header):
    root = tmp_path / "unpacked"
    (root / DEEP).mkdir(parents=True)
    shutil.copytree(vggsound / "video", root / DEEP / "video")
    write_table(tmp_path / "table.csv", table(), header)
    made = prepare(root, tmp_path / "out", tmp_path / "table.csv", workers=0)
    assert content(made) == content(vggsound_store)


def test_stopped_and_run_again_the_bytes_are_the_same(vggsound, tmp_path):
    class StoppedError(Exception):
        pass

    for i in range(18, 36):
        write_clip(tmp_path, f"-vid_{i:06d}_{3 * i:06d}", i)
    root = shutil.copytree(vggsound, tmp_path / "original")
    for path in tmp_path.glob("*.mp4"):
        path.rename(root / "video" / path.name)
    write_table(root / "vggsound.csv", table(36))

    def stop(done, total):
        if done == 32:
            raise StoppedError

    with pytest.raises(StoppedError):
        prepare(root, tmp_path / "out", workers=0, progress=stop)
    assert not (tmp_path / "out").exists()
    heard = []
    made = prepare(root, tmp_path / "out", workers=0, progress=lambda done, _: heard.append(done))
    assert heard == [32, 36]
    assert content(made) == content(prepare(root, tmp_path / "whole", workers=0))


def test_what_is_missing_changes_no_label(broken, tmp_path):
    videos = broken / "video"
    gone = [videos / f"-vid_{i:06d}_{3 * i:06d}.mp4" for i in range(18) if i % 3 == 1][:4]
    for path in gone:
        path.unlink()
    write_clip(videos, "-vid_000000_000000", seed=0, seconds=3)
    write_video(videos / "-vid_000003_000009.mp4", 30, codec="libx264", rate=5)
    with pytest.raises(UserError, match="6 of 18 samples cannot be used"):
        prepare(broken, tmp_path / "out", workers=0)
    made = prepare(broken, tmp_path / "out", tolerance=0.5, workers=0)
    store = Store(made, "vggsound", "")
    names = dict(zip(store.column("id").tolist(), store.column("target").tolist(), strict=True))
    labels = sorted(LABELS)
    for video, start, label, _ in table():
        assert names.get(f"{video}_{start:06d}", labels.index(label)) == labels.index(label)
    with (made / "skipped.csv").open() as stream:
        reasons = {row["id"]: row["reason"] for row in csv.DictReader(stream)}
    few = "-vid_000000_000000.mp4 has 3 frames at one a second, expected 4 or more"
    mute = "-vid_000003_000009.mp4 has no sound track"
    assert reasons.pop("-vid_000000_000000") == few
    assert reasons.pop("-vid_000003_000009") == mute
    assert reasons == {path.stem: f"{path.name} is missing" for path in gone}


def test_wrong_folders_and_tables_are_refused(broken, tmp_path):
    with pytest.raises(UserError, match=r"vggsound.csv: No such file or directory; give it by"):
        prepare(broken / "video", tmp_path / "out")
    with pytest.raises(UserError, match="has no folder video"):
        prepare(broken / "video", tmp_path / "out", broken / "vggsound.csv")
    with pytest.raises(UserError, match="most_frames=0"):
        prepare(broken, tmp_path / "out", most_frames=0)
    write_table(broken / "vggsound.csv", [*table(), table()[0]])
    with pytest.raises(UserError, match="-vid_000000_000000 comes twice, as wind noise"):
        prepare(broken, tmp_path / "out")
