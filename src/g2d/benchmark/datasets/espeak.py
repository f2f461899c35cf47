"""Speech made on the spot by eSpeak NG, running inside this process.

eSpeak keeps state between utterances that no call resets (where its flutter and its noise have
got to), so the same words come out differently the second time. Hence every call here runs on a
copy of the library of its own, with fresh state and a fixed seed: what comes out is a function of
the arguments alone.
"""

from __future__ import annotations

import _ctypes
import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError, require

SAMPLE_RATE = 22050

# From eSpeak NG's speak_lib.h.
_SYNCHRONOUS, _DONT_EXIT, _UTF8, _CHARACTER = 2, 0x8000, 1, 1
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_REINSTALL = "run: pip install --force-reinstall espeakng-loader"
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True)
class Utterance:
    """A text to be spoken, and how.

    Attributes:
        text: The words.
        voice: Language or accent, as `espeak-ng --voices` names it ("en-us", "en-gb-scotland").
        variant: Timbre, one of `variants()`; none if empty.
        speed: Words a minute, 80 to 450.
        pitch: Base pitch, 0 to 99.
        pitch_range: How much the pitch moves, 0 to 99 (0 is monotone).
        volume: 0 to 200; 100 is eSpeak's own.
    """

    text: str
    voice: str = "en-us"
    variant: str = ""
    speed: int = 175
    pitch: int = 50
    pitch_range: int = 50
    volume: int = 100


def speak_all(utterances: Sequence[Utterance]) -> list[NDArray[np.float32]]:
    """Speaks many utterances in one go, about ten times faster than one by one.

    The same list gives the same samples, whatever was spoken before. (Within the list, eSpeak's
    state runs on: a wave may depend, inaudibly, on what stands before it.)

    Returns:
        For every utterance its samples at `SAMPLE_RATE`, `(T,)`, full scale being 1.

    Raises:
        UserError: eSpeak NG cannot be loaded, or a voice, variant or number is unknown to it.
    """
    known = set(variants())
    for utterance in utterances:
        _check(utterance, known)
    with _engine() as engine:
        return [engine.say(utterance) for utterance in utterances]


def variants() -> list[str]:
    """Names of all timbres that can be put on a voice, sorted."""
    return sorted(file.name for file in (_data() / "voices" / "!v").iterdir())


def _check(utterance: Utterance, known: set[str]) -> None:
    # eSpeak itself takes an unknown variant, or a number out of range, without a word.
    if utterance.variant and utterance.variant not in known:
        raise UserError(
            f"got eSpeak variant {utterance.variant!r}, expected one of "
            "g2d.benchmark.datasets.espeak.variants(), e.g. 'f2'"
        )
    limits = {"speed": (80, 450), "pitch": (0, 99), "pitch_range": (0, 99), "volume": (0, 200)}
    for name, (low, high) in limits.items():
        value = getattr(utterance, name)
        if not low <= value <= high:
            raise UserError(f"got {name}={value}, expected {low} to {high}")
    if "\0" in utterance.text:
        raise UserError("got a text with a zero byte, which eSpeak would stop at; remove it")


def _data() -> Path:
    loader = require("espeakng_loader", "demo")
    folder: Path | None
    try:
        folder = Path(loader.get_data_path())
    except RuntimeError:  # its own word for a missing folder
        folder = None
    if folder is None or not (folder / "voices" / "!v").is_dir():
        raise UserError(f"eSpeak NG's data is missing; {_REINSTALL}")
    return folder


class _Engine:
    """One loaded copy of the library."""

    def __init__(self, library: ctypes.CDLL, data: Path) -> None:
        self._library = library
        self._pieces: list[NDArray[np.int16]] = []
        self._callback = _CALLBACK(self._collect)  # must live as long as the library
        path = str(data).encode()
        rate = library.espeak_Initialize(_SYNCHRONOUS, 0, path, _DONT_EXIT)
        if rate != SAMPLE_RATE:
            raise UserError(
                f"eSpeak NG would not start with {data} (got {rate}, expected {SAMPLE_RATE}); "
                f"{_REINSTALL}"
            )
        library.espeak_SetSynthCallback(self._callback)
        # eSpeak seeds its noise by the clock, and a few variants ask the C library for theirs.
        library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        if sys.platform != "win32":
            ctypes.CDLL(None).srand(1)

    def say(self, utterance: Utterance) -> NDArray[np.float32]:
        name = utterance.voice + ("+" + utterance.variant if utterance.variant else "")
        if not utterance.voice or self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise UserError(
                f"eSpeak NG has no voice {utterance.voice!r}; expected a language such as 'en-us'"
            )
        for parameter, value in (
            (_RATE, utterance.speed),
            (_VOLUME, utterance.volume),
            (_PITCH, utterance.pitch),
            (_RANGE, utterance.pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        self._pieces.clear()
        text = utterance.text.encode() + b"\0"
        status = self._library.espeak_Synth(
            text, ctypes.c_size_t(len(text)), 0, _CHARACTER, 0, _UTF8, None, None
        )
        if status != 0:
            raise UserError(f"eSpeak NG could not speak {utterance.text!r} (status {status})")
        samples = np.concatenate([np.zeros(0, np.int16), *self._pieces])
        return (samples / 32768).astype(np.float32)

    def _collect(self, wave: Any, count: int, _events: object) -> int:
        if wave and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wave, (count,)).copy())
        return 0  # go on


@contextmanager
def _engine() -> Iterator[_Engine]:
    """Loads a copy of the library under a name not seen before: only that has fresh state."""
    loader = require("espeakng_loader", "demo")
    original = Path(loader.get_library_path())
    with tempfile.TemporaryDirectory(prefix="g2d-espeak-", ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / original.name
        try:
            shutil.copyfile(original, copy)
            library = ctypes.CDLL(str(copy))
        except OSError as error:
            raise UserError(
                f"cannot load eSpeak NG from {original} ({error}); {_REINSTALL}"
            ) from None
        try:
            yield _Engine(library, _data())
        finally:
            library.espeak_Terminate()
            with suppress(OSError):
                _unload(library)


def _unload(library: ctypes.CDLL) -> None:
    handle = library._handle
    if os.name == "nt":
        _ctypes.FreeLibrary(handle)  # type: ignore[attr-defined,unused-ignore]
    else:
        _ctypes.dlclose(handle)
