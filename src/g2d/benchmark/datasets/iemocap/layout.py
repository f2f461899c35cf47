"""The turns of IEMOCAP, as its annotation lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from g2d.errors import UserError

# By the class's name; two codes that share a name are one class.
CLASSES = {
    4: {"ang": "Angry", "hap": "Happy", "exc": "Happy", "neu": "Neutral", "sad": "Sad"},
    6: {
        "ang": "Angry",
        "exc": "Excited",
        "fru": "Frustrated",
        "hap": "Happy",
        "neu": "Neutral",
        "sad": "Sad",
    },
}
_LINE = re.compile(
    r"\[\s*(?P<start>[\d.]+)\s*-\s*(?P<end>[\d.]+)\s*\]\t(?P<turn>Ses0\d\w+)\t(?P<emotion>\w+)\t\["
)
_TRANSCRIBED = re.compile(r"(?P<turn>Ses0\d\w+)\s+\[[^\]]*\]:\s*(?P<words>.*)")


@dataclass(frozen=True)
class Turn:
    """An utterance of one actor.

    Attributes:
        id: `Ses01F_impro01_M003`: the dialogue, and who speaks.
        emotion: Code of what most listeners heard; `xxx` where they did not agree.
        start: In the dialogue, in seconds.
        end: In the dialogue, in seconds.
        session: 1 to 5.
        wav: Its sound.
    """

    id: str
    emotion: str
    start: float
    end: float
    session: int
    wav: Path

    @property
    def dialogue(self) -> str:
        """Name of the recording it is cut from."""
        return self.id.rpartition("_")[0]

    @property
    def speaker(self) -> str:
        """`1F` to `5M`: who speaks, which is not who wears the markers."""
        return f"{self.session}{self.id.rpartition('_')[2][0]}"

    @property
    def wearer(self) -> str:
        """`1F` to `5M`: who wears the markers in this dialogue."""
        return f"{self.session}{self.id[5]}"

    @property
    def markers(self) -> Path:
        """Its motion capture, which not every turn has."""
        return self.wav.parents[2] / "MOCAP_rotated" / self.dialogue / f"{self.id}.txt"

    @property
    def transcript(self) -> Path:
        """The file of its dialogue's words."""
        return self.wav.parents[3] / "dialog" / "transcriptions" / f"{self.dialogue}.txt"


@dataclass(frozen=True)
class Release:
    """The annotation of the whole release.

    Attributes:
        turns: Sorted by dialogue, and in order of time.
        problems: Lines that cannot be read, and turns that come twice.
    """

    turns: list[Turn]
    problems: tuple[str, ...]


def class_names(classes: int) -> tuple[str, ...]:
    """Names of the classes, in alphabetical order.

    Raises:
        UserError: There is no such task.

    Example:
        >>> class_names(4)
        ('Angry', 'Happy', 'Neutral', 'Sad')
    """
    if classes not in CLASSES:
        raise UserError(f"got classes={classes}, expected 4 or 6")
    return tuple(sorted(set(CLASSES[classes].values())))


def read_release(root: str | Path) -> Release:
    """Reads the lists of turns, `Session?/dialog/EmoEvaluation/*.txt`.

    Raises:
        UserError: There is none.
    """
    root = Path(root)
    files = sorted(root.glob("Session[1-5]/dialog/EmoEvaluation/Ses*.txt"))
    if not files:
        raise UserError(
            f"{root} holds no Session1/dialog/EmoEvaluation/Ses*.txt; expected the folder "
            "IEMOCAP_full_release"
        )
    turns: dict[str, Turn] = {}
    problems = []
    for file in files:
        folder = file.parents[2]
        for number, line in enumerate(_lines(file), 1):
            if not line.startswith("["):
                continue
            found = _LINE.match(line)
            if found is None or found["turn"].rpartition("_")[2][0] not in "FM":
                problems.append(f"{file.name}, line {number}: {line[:60]!r} is no turn")
                continue
            id = found["turn"]
            dialogue = id.rpartition("_")[0]
            if dialogue != file.stem or id[3:5] != f"0{folder.name[-1]}":
                problems.append(f"{file.name}, line {number}: {id} is of another dialogue")
            elif id in turns:
                problems.append(f"{file.name}, line {number}: {id} comes twice")
            else:
                turns[id] = Turn(
                    id,
                    found["emotion"],
                    float(found["start"]),
                    float(found["end"]),
                    int(folder.name[-1]),
                    folder / "sentences" / "wav" / dialogue / f"{id}.wav",
                )
    return Release(list(turns.values()), tuple(problems))


def read_words(root: str | Path) -> dict[str, str]:
    """The transcription of every turn, `Session?/dialog/transcriptions/*.txt`.

    Lines that name no turn, such as `M: [BREATHING]`, are passed over.
    """
    words = {}
    for file in sorted(Path(root).glob("Session[1-5]/dialog/transcriptions/Ses*.txt")):
        for line in _lines(file):
            found = _TRANSCRIBED.match(line)
            if found is not None:
                words[found["turn"]] = found["words"].strip()
    return words


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()
