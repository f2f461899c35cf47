"""The files of CREMA-D as its repository holds them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from g2d.benchmark.datasets.cremad.lists import faults, own_parts, read_list
from g2d.benchmark.datasets.cremad.names import parse
from g2d.data.preparation import Sample
from g2d.errors import UserError

_FOLDERS = {"audio": ("AudioWAV", ".wav"), "video": ("VideoFlash", ".flv")}


class Layout(NamedTuple):
    """The original files that were found.

    Attributes:
        samples: Clips of the lists in their order, train first; without lists all clips, sorted.
        faults: What is wrong with the lists.
        strays: Files that belong to no sample, and why.
        split: `"listed"`, or `"own"` where it was drawn.
    """

    samples: list[Sample]
    faults: list[str]
    strays: list[str]
    split: str


def read_layout(
    root: str | Path,
    train_list: str | Path | None = None,
    test_list: str | Path | None = None,
) -> Layout:
    """Finds the clips, and which part of the split each belongs to.

    Raises:
        UserError: A folder or a list is missing, one list is given without the other, or there
            is no clip.
    """
    root = Path(root)
    if (train_list is None) != (test_list is None):
        raise UserError("got one list, expected train_list and test_list, or neither")
    for folder, _ in _FOLDERS.values():
        if not (root / folder).is_dir():
            raise UserError(f"{root} has no folder {folder}; expected a clone of CREMA-D")
    there = sorted(
        {path.stem for folder, end in _FOLDERS.values() for path in _of(root, folder, end)}
    )
    strays = [
        f"{stem} is no name of a clip such as 1001_DFA_ANG_XX" for stem in there if not parse(stem)
    ]
    clips = [clip for clip in there if parse(clip)]
    if train_list is None or test_list is None:
        if not clips:
            raise UserError(f"{root} holds no clip such as AudioWAV/1001_DFA_ANG_XX.wav")
        return Layout(_samples(root, own_parts(clips)), [], strays, "own")
    train, test = read_list(train_list), read_list(test_list)
    parts = {row.clip: part for part, rows in (("train", train), ("test", test)) for row in rows}
    unlisted = [clip for clip in clips if clip not in parts]
    strays += [f"{clip} is in neither list" for clip in unlisted]
    return Layout(_samples(root, parts), faults(train, test), strays, "listed")


def _of(root: Path, folder: str, end: str) -> list[Path]:
    return [path for path in (root / folder).iterdir() if path.suffix.lower() == end]


def _samples(root: Path, parts: dict[str, str]) -> list[Sample]:
    samples = []
    for clip, part in parts.items():
        name = parse(clip)
        if name is None:
            continue
        sources = {key: root / folder / f"{clip}{end}" for key, (folder, end) in _FOLDERS.items()}
        columns = {
            "part": part,
            "actor": name.actor,
            "sentence": name.sentence,
            "level": name.level,
        }
        samples.append(Sample(clip, name.label, sources, columns))
    return samples
