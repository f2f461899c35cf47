"""A tiny Kinetics-400: real MP4 files with sound tracks, and the tables, in either layout."""

from __future__ import annotations

from pathlib import Path

from benchmark.datasets.vggsound.miniature import write_clip
from g2d.benchmark.datasets.kinetics_sounds.rows import CLASSES

# Classes 26, 5 and 10 of the 31, and two of Kinetics that are not heard.
LABELS = ("stomping grapes", "laughing", "playing clarinet", "abseiling")
TARGETS = {"stomping grapes": 26, "laughing": 5, "playing clarinet": 10}
_OTHERS = ("abseiling", "strumming guitar")
# Every class is trained on, from the last to the first; val and test have three of them.
_TRAIN = ("abseiling", *reversed(CLASSES), "strumming guitar")
_SEEDS = {"train": 0, "val": 50, "test": 80}
PARTS = tuple(_SEEDS)


def table(part: str) -> list[tuple[str, str, int, int]]:
    """Label, video, start and end of every row."""
    labels = _TRAIN if part == "train" else LABELS * (1 if part == "val" else 2)
    return [
        (label, f"-vid_{_SEEDS[part] + i:06d}", 7 * i, 7 * i + 10) for i, label in enumerate(labels)
    ]


def heard(part: str) -> list[tuple[str, str]]:
    """Label, and name of the clip, of the rows that belong to Kinetics-Sounds."""
    return [
        (label, f"{video}_{start:06d}_{end:06d}")
        for label, video, start, end in table(part)
        if label not in _OTHERS
    ]


def write_table(
    path: Path, rows: list[tuple[str, str, int, int]], split: str, is_cc: bool = False
) -> None:
    """As DeepMind has it, or as CVDF, which quotes labels and adds a column."""
    lines = ["label,youtube_id,time_start,time_end,split" + ",is_cc" * is_cc]
    for label, video, start, end in rows:
        name = f'"{label}"' if is_cc else label
        lines.append(f"{name},{video},{start},{end},{split}" + ",0" * is_cc)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_flat(folder: Path) -> None:
    """CVDF's layout: `train`, `val` and `test`, without folders of classes."""
    for part in PARTS:
        write_table(folder / "annotations" / f"{part}.csv", table(part), part, is_cc=True)
        (folder / part).mkdir()
        for number, (_, clip) in enumerate(heard(part)):
            write_clip(folder / part, clip, _SEEDS[part] + number)


def by_class(flat: Path, folder: Path, blank: str = "_", stem: str = "videos_") -> None:
    """The same clips in folders of classes, and the tables as DeepMind names them, or OpenMMLab."""
    for part in PARTS:
        name, prefix = (part, "kinetics_") if blank == "_" else ("validate", "")
        place = folder / "annotations" if blank == "_" else folder
        name = name if part == "val" else part
        write_table(place / f"{prefix}{name}.csv", table(part), name)
        for label, clip in heard(part):
            home = folder / f"{stem}{part}" / label.replace(" ", blank)
            home.mkdir(parents=True, exist_ok=True)
            (home / f"{clip}.mp4").symlink_to(flat / part / f"{clip}.mp4")
