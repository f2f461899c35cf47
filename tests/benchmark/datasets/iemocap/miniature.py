"""IEMOCAP's layout with a few turns in each of ten dialogues, and features of them."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import soundfile

EMOTIONS = ("ang", "hap", "exc", "neu", "sad", "fru", "xxx", "ang", "neu", "sad")
MMIN = {"A/comparE.h5": 130, "V/denseface.h5": 342, "L/bert_large.h5": 1024}
RATE = 16_000
# The markers on a face, as the release names them: 55, and 165 coordinates.
MARKERS = [
    *(f"CH{n}" for n in range(1, 4)),
    *(f"FH{n}" for n in range(1, 4)),
    *(f"LC{n}" for n in range(1, 9)),
    *(f"RC{n}" for n in range(1, 9)),
    *("LLID", "RLID", "MH", "MNOSE", "LNSTRL", "TNOSE", "RNSTRL"),
    *(f"{side}BM{n}" for side in "LR" for n in range(4)),
    *(f"{side}BRO{n}" for side in "LR" for n in range(1, 5)),
    *(f"MOU{n}" for n in range(1, 9)),
    *("LHD", "RHD"),
]
FRAMES_PER_SECOND = 120


def turns() -> dict[str, str]:
    """Emotion of every turn: two dialogues a session, ten turns each, both actors in both."""
    found = {}
    for session in range(1, 6):
        for wearer, scene in (("F", "impro01"), ("M", "script01_1b")):
            for number, emotion in enumerate(EMOTIONS):
                speaker = "FM"[number % 2]
                found[f"Ses0{session}{wearer}_{scene}_{speaker}{number // 2:03}"] = emotion
    return found


def seconds_of(place: int) -> tuple[float, float]:
    return round(0.5 * place, 4), round(0.5 * place + 0.1 + 0.01 * (place % 7), 4)


def write_release(folder: Path) -> Path:
    """Annotation, transcriptions and the sound of every turn."""
    rng = np.random.default_rng(5)
    by_dialogue: dict[str, list[str]] = {}
    for id in turns():
        by_dialogue.setdefault(id.rpartition("_")[0], []).append(id)
    for dialogue, ids in by_dialogue.items():
        session = folder / f"Session{dialogue[4]}"
        wavs = session / "sentences" / "wav" / dialogue
        for needed in (
            wavs,
            session / "dialog" / "EmoEvaluation" / "Categorical",
            session / "dialog" / "transcriptions",
        ):
            needed.mkdir(parents=True, exist_ok=True)
        lines = ["% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]", ""]
        said = []
        for place, id in enumerate(ids):
            start, end = seconds_of(place)
            times = f"{start:.4f} - {end:.4f}"
            lines += [f"[{times}]\t{id}\t{turns()[id]}\t[2.5000, 2.5000, 2.0000]"]
            lines += ["C-E2:\tNeutral;\t()", "A-E3:\tval 3; act 2; dom  2;\t()", ""]
            said.append(f"{id} [{start:08.4f}-{end:08.4f}]: Well, number {place}.")
            wave = 0.1 * rng.standard_normal(round((end - start) * RATE))
            soundfile.write(wavs / f"{id}.wav", wave, RATE)
        evaluation = session / "dialog" / "EmoEvaluation"
        (evaluation / f"{dialogue}.txt").write_text("\n".join(lines))
        (evaluation / f"._{dialogue}.txt").write_bytes(b"\x00\x05\x16\x07")  # macOS leaves these
        (evaluation / "Categorical" / f"{dialogue}_e1_cat.txt").write_text("else")
        (session / "dialog" / "transcriptions" / f"{dialogue}.txt").write_text("\n".join(said))
    return folder


def features_of(place: int, width: int) -> np.ndarray:
    """Features of one turn; their mean tells the emotion."""
    rng = np.random.default_rng([place, width])
    emotion = EMOTIONS.index(EMOTIONS[place % 10])
    steps = 2 + place % 5
    return (3 + emotion + rng.normal(size=(steps, width))).astype(np.float32)


def write_mmin(folder: Path) -> Path:
    """The feature files of MMIN."""
    for file, width in MMIN.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(folder / file, "w") as content:
            for place, id in enumerate(turns()):
                content[id] = features_of(place, width)
    with h5py.File(folder / "A" / "comparE_mean_std.h5", "w") as content:
        for fold in range(1, 11):
            content[f"{fold}/mean"], content[f"{fold}/std"] = np.zeros(130), np.ones(130)
    return folder


def write_npz(folder: Path) -> Path:
    """A file for every turn: words as one vector, sound in steps, and something of one's own."""
    folder.mkdir(exist_ok=True)
    for place, id in enumerate(turns()):
        vector = features_of(place, 7)[0].astype(np.float64)
        np.savez(folder / f"{id}.npz", text=vector, pulse=vector[:2], audio=features_of(place, 5))
    return folder


def frames_of(place: int) -> tuple[np.ndarray, np.ndarray]:
    """Times and coordinates in mm of a turn, `(T,)` and `(T, 165)`, with gaps."""
    rng = np.random.default_rng([place, 165])
    start, end = seconds_of(place % len(EMOTIONS))
    count = round((end - start) * FRAMES_PER_SECOND)
    face = np.random.default_rng(165).normal(0, 60, 3 * len(MARKERS))
    values = face + rng.normal(place % 10, 1, (count, len(face)))
    hidden = rng.random((count, len(MARKERS))) < 0.05
    hidden[:, place % len(MARKERS)] = True  # one that the camera never saw
    values[np.repeat(hidden, 3, axis=1)] = np.nan
    return start + np.arange(count) / FRAMES_PER_SECOND, values


def marker_lines(names: list[str], times: np.ndarray, values: np.ndarray) -> str:
    """A file of motion capture: two lines of names, then the frames."""
    axes = " ".join(f"{axis}{n + 1:02}" for n in range(len(names)) for axis in "XYZ")
    lines = [f"Frame# Time {' '.join(names)}", f"  {axes}"]
    for number, (time, row) in enumerate(zip(times, values, strict=True), 1):
        numbers = " ".join("NaN" if np.isnan(value) else f"{value:.5f}" for value in row)
        lines.append(f"{number} {time:.5f} {numbers}")
    return "\n".join(lines) + "\n"


def write_markers(root: Path) -> Path:
    """The motion capture of every turn, and the lines of a transcription that are no turns."""
    for place, id in enumerate(turns()):
        session, dialogue = root / f"Session{id[4]}", id.rpartition("_")[0]
        folder = session / "sentences" / "MOCAP_rotated" / dialogue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{id}.txt").write_text(marker_lines(MARKERS, *frames_of(place)))
        said = session / "dialog" / "transcriptions" / f"{dialogue}.txt"
        if "[BREATHING]" not in said.read_text():
            odd = [
                "M: [BREATHING]",
                "F: [LAUGHTER] I-",
                f"{dialogue}_FXX0 [004.9000-004.9500]: Hm--",
            ]
            said.write_text("\n".join([odd[0], said.read_text(), *odd[1:]]) + "\n")
    return root
