"""Sound against librosa, and against physics."""

import tracemalloc

import librosa
import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d.data import audio
from g2d.errors import UserError


def wave_of(n, seed=0):
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@pytest.mark.parametrize(("n", "n_fft", "hop"), [(4000, 256, 32), (1000, 512, 128), (333, 64, 50)])
def test_stft_is_librosas(n, n_fft, hop):
    wave = wave_of(n)
    ours = audio.stft_magnitude(torch.from_numpy(wave), n_fft, hop).numpy()
    theirs = np.abs(librosa.stft(wave, n_fft=n_fft, hop_length=hop))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels"), [(8000, 256, 20), (22050, 512, 32), (16000, 1024, 64)]
)
def test_mel_is_librosas(rate, n_fft, n_mels):
    ours = audio.mel_filters(rate, n_fft, n_mels).numpy()
    theirs = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels)
    np.testing.assert_allclose(ours, theirs, atol=1e-7)
    wave = wave_of(rate // 4)
    power = audio.mel_power(torch.from_numpy(wave), rate, n_fft, n_fft // 4, n_mels).numpy()
    reference = librosa.feature.melspectrogram(
        y=wave, sr=rate, n_fft=n_fft, hop_length=n_fft // 4, n_mels=n_mels, pad_mode="constant"
    )
    np.testing.assert_allclose(power, reference, rtol=1e-3, atol=1e-5)
    level = audio.log_mel(torch.from_numpy(wave), rate, n_fft, n_fft // 4, n_mels, 1.0, -60.0)
    expected = np.maximum(librosa.power_to_db(reference, ref=1.0, amin=1e-20, top_db=None), -60)
    np.testing.assert_allclose(level.numpy(), expected, atol=0.01)


def test_too_many_mels():
    with pytest.raises(UserError, match="n_mels=128"):
        audio.mel_filters(8000, 64, 128)


def test_batches_are_rows():
    waves = torch.from_numpy(np.stack([wave_of(800, seed) for seed in range(3)]))
    together = audio.stft_magnitude(waves, 128, 64)
    for row, wave in zip(together, waves, strict=True):
        torch.testing.assert_close(row, audio.stft_magnitude(wave, 128, 64))


@settings(max_examples=25)
@given(seed=st.integers(0, 99), power=st.integers(5, 8))
def test_parseval(seed, power):
    """With a Hann window at a quarter's hop the squares of the windows add up to 3/2."""
    n_fft = 2**power
    wave = wave_of(8 * n_fft, seed)
    wave[:n_fft] = wave[-n_fft:] = 0  # no energy where the frames end
    spectrum = audio.stft_magnitude(torch.from_numpy(wave), n_fft, n_fft // 4).square()
    both_sides = 2 * spectrum.sum() - spectrum[0].sum() - spectrum[-1].sum()
    np.testing.assert_allclose(both_sides / n_fft, 1.5 * np.square(wave).sum(), rtol=1e-3)


@settings(max_examples=25)
@given(gain=st.floats(0.01, 10), seed=st.integers(0, 9))
def test_decibels_keep_loudness(gain, seed):
    magnitude = torch.from_numpy(np.abs(wave_of(50, seed))) + 0.1
    difference = audio.decibels(magnitude * gain, 1.0) - audio.decibels(magnitude, 1.0)
    torch.testing.assert_close(
        difference, torch.full((50,), 20 * float(np.log10(gain))), atol=1e-3, rtol=0
    )


@settings(max_examples=40)
@given(snr=st.floats(-30, 30), loud=st.floats(0.001, 10), seed=st.integers(0, 9))
def test_snr_is_as_stated(snr, loud, seed):
    signal, hiss = wave_of(2000, seed), loud * wave_of(2000, seed + 100)
    added = audio.mix_at_snr(signal, hiss, snr).astype(np.float64) - signal
    measured = 10 * np.log10(np.square(signal.astype(np.float64)).sum() / np.square(added).sum())
    assert abs(measured - snr) < 0.05
    assert abs(np.corrcoef(added, hiss)[0, 1]) > 0.999


def test_no_noise_at_infinite_snr():
    np.testing.assert_array_equal(audio.mix_at_snr(wave_of(5), wave_of(5, 1), np.inf), wave_of(5))


@pytest.mark.parametrize(("signal", "hiss"), [(0.0, 1.0), (1.0, 0.0)])
def test_silence_has_no_snr(signal, hiss):
    with pytest.raises(UserError, match="silent"):
        audio.mix_at_snr(np.full(4, signal, np.float32), np.full(4, hiss, np.float32), 0.0)


def test_lengths_differ():
    with pytest.raises(UserError, match="samples of signal"):
        audio.mix_at_snr(wave_of(4), wave_of(5), 0.0)


@pytest.mark.parametrize(("kind", "slope"), [("white", 0.0), ("pink", -10.0)])
def test_colour_of_noise(kind, slope):
    """Power density falls by 10 dB a decade in pink noise, by nothing in white."""
    wave = audio.noise(kind, 2**16, np.random.default_rng(0))
    assert wave.dtype == np.float32
    np.testing.assert_allclose(np.square(wave).mean(), 1, atol=0.02)
    density = np.abs(np.fft.rfft(wave)) ** 2
    low, high = density[100:300].mean(), density[10_000:30_000].mean()
    assert abs(10 * np.log10(high / low) / 2 - slope) < 1  # two decades apart
    again = audio.noise(kind, 2**16, np.random.default_rng(0))
    np.testing.assert_array_equal(wave, again)


def test_unknown_noise():
    with pytest.raises(UserError, match="'brown'"):
        audio.noise("brown", 5, np.random.default_rng(0))


def test_reading(tmp_path):
    wave = np.clip(0.2 * wave_of(800), -1, 1)
    soundfile.write(tmp_path / "mono.wav", wave, 8000, subtype="FLOAT")
    np.testing.assert_array_equal(audio.read_wav(tmp_path / "mono.wav", 8000), wave)
    soundfile.write(tmp_path / "two.wav", np.stack([wave, 0 * wave], 1), 8000, subtype="FLOAT")
    np.testing.assert_allclose(audio.read_wav(tmp_path / "two.wav", 8000), wave / 2)


def test_resampling_keeps_pitch(tmp_path):
    tone = np.sin(2 * np.pi * 440 * np.arange(44100) / 44100)
    soundfile.write(tmp_path / "tone.wav", 0.5 * tone, 44100)
    wave = audio.read_wav(tmp_path / "tone.wav", 8000)
    assert wave.dtype == np.float32
    assert len(wave) == 8000
    assert np.abs(np.fft.rfft(wave)).argmax() == 440


@pytest.mark.parametrize("own_rate", [8000, 16000, 22050, 44100])
def test_a_stretch_is_what_the_whole_begins_with(tmp_path, own_rate):
    wave = np.clip(0.2 * wave_of(3 * own_rate), -1, 1)
    soundfile.write(tmp_path / "long.wav", wave, own_rate, subtype="FLOAT")
    whole = audio.read_wav(tmp_path / "long.wav", 16000)
    for seconds in (0.1, 0.77, 2.9, 5.0):
        part = audio.read_wav(tmp_path / "long.wav", 16000, seconds)
        assert len(part) == min(round(seconds * 16000), len(whole))
        np.testing.assert_allclose(part, whole[: len(part)], atol=1e-6)


def test_the_rest_of_a_long_recording_is_not_read(tmp_path):
    soundfile.write(tmp_path / "long.wav", np.zeros(600 * 8000, np.int16), 8000)
    tracemalloc.start()
    try:
        assert len(audio.read_wav(tmp_path / "long.wav", 8000, 1.0)) == 8000
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20  # of 19 MB
    assert audio.wave_bytes(tmp_path / "long.wav", 1.0) == 4 * 10_000
    assert audio.wave_bytes(tmp_path / "long.wav") == 4 * 600 * 8000


def test_not_sound(tmp_path):
    (tmp_path / "text.wav").write_text("this is no sound")
    for name in ("text.wav", "missing.wav"):
        with pytest.raises(UserError, match=r"cannot read .*\.wav as sound") as error:
            audio.read_wav(tmp_path / name, 8000)
        assert "\n" not in str(error.value)
