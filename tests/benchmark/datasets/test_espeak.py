"""eSpeak NG: the same arguments give the same sound, whatever was said before."""

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from g2d.benchmark.datasets.espeak import SAMPLE_RATE, Utterance, speak_all, variants
from g2d.errors import UserError

# Plain, with echo, hoarse, whispered, and the four synthesisers eSpeak has.
KINDS = ["", "f2", "croak", "whisper", "klatt", "klatt4", "klatt6", "Alicia", "Demonic"]


def speak(text, **options):
    (wave,) = speak_all([Utterance(text, **options)])
    return wave


def test_sounds_like_speech():
    wave = speak("seven")
    assert wave.dtype == np.float32
    assert 0.2 < len(wave) / SAMPLE_RATE < 1.5
    assert 0.1 < np.abs(wave).max() <= 1


def test_does_not_depend_on_what_was_said_before():
    first = {kind: speak("seven", variant=kind) for kind in KINDS}
    speak_all([Utterance("a long sentence of many words", variant=kind) for kind in KINDS])
    for kind in reversed(KINDS):
        np.testing.assert_array_equal(speak("seven", variant=kind), first[kind])


def test_lists_are_deterministic():
    said = [Utterance(word, variant=kind) for word in ("one", "two") for kind in KINDS]
    once, again = speak_all(said), speak_all(said)
    for a, b in zip(once, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_options_do_something():
    plain = speak("nine")
    assert len(speak("nine", speed=300)) < 0.8 * len(plain)
    assert np.abs(speak("nine", volume=30)).max() < 0.5 * np.abs(plain).max()
    for other in (
        speak("five"),
        speak("nine", voice="en-gb-scotland"),
        speak("nine", variant="f2"),
        speak("nine", pitch=90),
        speak("nine", pitch_range=0),
    ):
        assert not np.array_equal(other, plain)


def test_higher_pitch_is_higher():
    def fundamental(wave):
        own = np.correlate(wave, wave, "full")[len(wave) - 1 :]
        shortest = SAMPLE_RATE // 300  # the plain voice spans about 60 to 200 Hz
        return SAMPLE_RATE / (own[shortest : SAMPLE_RATE // 50].argmax() + shortest)

    low, high = (fundamental(speak("ah", pitch=p, pitch_range=0)) for p in (10, 90))
    assert high > 1.3 * low


def test_nothing_to_say():
    assert not speak("").any()
    assert speak_all([]) == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"voice": "xx"}, "no voice 'xx'"),
        ({"voice": ""}, "no voice ''"),
        ({"variant": "nobody"}, "variant 'nobody'"),
        ({"speed": 10}, "speed=10"),
        ({"pitch": 100}, "pitch=100"),
        ({"pitch_range": -1}, "pitch_range=-1"),
        ({"volume": 999}, "volume=999"),
    ],
)
def test_what_espeak_does_not_know(options, said):
    with pytest.raises(UserError, match=said) as error:
        speak("one", **options)
    assert "\n" not in str(error.value)


def test_zero_byte():
    with pytest.raises(UserError, match="zero byte"):
        speak("one\0two")


def test_library_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: str(tmp_path / "no.so"))
    with pytest.raises(UserError, match="cannot load eSpeak NG"):
        speak("one")


def test_library_that_is_none(monkeypatch, tmp_path):
    (tmp_path / "no.so").write_text("this is no library")
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: str(tmp_path / "no.so"))
    with pytest.raises(UserError, match="cannot load eSpeak NG"):
        speak("one")


def test_data_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr("espeakng_loader.get_data_path", lambda: str(tmp_path))
    with pytest.raises(UserError, match="reinstall"):
        speak("one")


def test_variants():
    assert {"f2", "m1"} <= set(variants())
