"""Sound is what other programs hear, and spectrograms are librosa's."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import soundfile

from data.clips import cut_short, tone, write_video, write_wav
from g2d.data.preparation import UnusableError
from g2d.data.soundtrack import log_spectrogram, read_sound


@pytest.mark.parametrize(
    ("rate", "n_fft", "hop", "seconds"), [(22050, 512, 353, 3), (16000, 256, 128, 5)]
)
def test_spectrograms_are_those_of_librosa(rate, n_fft, hop, seconds):
    wave = tone(seconds, rate, seed=3)[:, 0]
    wave[: rate // 2] = 0
    found = log_spectrogram(wave, n_fft, hop)
    magnitude = np.abs(librosa.stft(wave, n_fft=n_fft, hop_length=hop, pad_mode="constant"))
    assert found.shape == magnitude.shape == {353: (257, 188), 128: (129, 626)}[hop]
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.exp(found), magnitude + 1e-7, rtol=1e-4, atol=3e-6)
    assert found.min() == pytest.approx(np.log(1e-7), abs=1e-4)


def test_a_wav_file_is_read_as_librosa_reads_it(tmp_path):
    write_wav(tmp_path / "a.wav", tone(1.3, 16000, seed=1, channels=2))
    expected, _ = librosa.load(tmp_path / "a.wav", sr=22050)
    np.testing.assert_allclose(read_sound(tmp_path / "a.wav", 22050), expected, atol=1e-5)


@pytest.mark.parametrize(("channels", "rate"), [(1, 16000), (2, 44100)])
def test_a_sound_track_is_what_was_recorded(tmp_path, channels, rate):
    wave = tone(2, rate, seed=4, channels=channels)
    write_video(tmp_path / "a.mp4", 50, codec="libx264", rate=25, sound=wave, sound_rate=rate)
    found = read_sound(tmp_path / "a.mp4", 16000)
    expected = librosa.resample(wave.mean(axis=1), orig_sr=rate, target_sr=16000)
    assert len(found) == pytest.approx(len(expected), abs=2048)
    middle = slice(4000, 28000)
    lags = range(-1500, 1501)
    fits = [np.corrcoef(found[middle], np.roll(expected, lag)[middle])[0, 1] for lag in lags]
    assert max(fits) > 0.98
    level = np.abs(found[middle]).mean() / np.abs(expected[middle]).mean()
    assert level == pytest.approx(1, abs=0.05)


def test_what_is_louder_than_full_scale_is_clamped(tmp_path):
    wave = 5 * tone(0.5, 16000, seed=2)[:, 0]
    assert np.abs(wave).max() > 1.4
    soundfile.write(tmp_path / "a.wav", wave, 16000, subtype="FLOAT")
    assert np.abs(read_sound(tmp_path / "a.wav", 16000)).max() == 1


def test_what_is_no_sound_is_refused_with_the_reason(tmp_path):
    write_wav(tmp_path / "none.wav", np.zeros((0, 1)))
    write_wav(tmp_path / "silent.wav", np.zeros((16000, 1)))
    write_wav(tmp_path / "half.wav", tone(1, 16000, seed=0))
    cut_short(tmp_path / "half.wav")
    (tmp_path / "words.wav").write_text("no sound at all")
    write_video(tmp_path / "mute.mp4", 10, codec="libx264")
    reasons = {}
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises((UnusableError, ValueError)) as raised:
            read_sound(path, 16000)
        reasons[path.stem] = str(raised.value)
    assert reasons["none"] == "none.wav holds no sound"
    assert reasons["silent"] == "silent.wav is silent"
    assert reasons["half"] == "half.wav is cut short: 16022 of 32044 bytes"
    assert "expected a WAV file" in reasons["words"]
    assert reasons["mute"] == "mute.mp4 has no sound track"
