"""A tiny VGGSound: real MP4 files with sound tracks, and the table."""

from __future__ import annotations

from pathlib import Path

from data.clips import tone, write_video

LABELS = ("wind noise", "church bell ringing", 'dog "barking", outside')
DEEP = "scratch/shared/beegfs/hchen/train_data/VGGSound_final"


def table(count: int = 18) -> list[tuple[str, int, str, str]]:
    """Rows of the table: every third is test, labels by turns."""
    return [
        (f"-vid_{i:06d}", 3 * i, LABELS[i % 3], "test" if i // 3 % 3 == 2 else "train")
        for i in range(count)
    ]


def write_clip(folder: Path, name: str, seed: int, seconds: float = 4.2, rate: int = 5) -> None:
    """One clip of a few frames a second and stereo sound of another rate."""
    sound = tone(seconds, 22050, seed, channels=2)
    write_video(
        folder / f"{name}.mp4",
        round(seconds * rate),
        codec="libx264",
        rate=rate,
        seed=seed,
        sound=sound,
        sound_rate=22050,
    )


def write_table(path: Path, rows: list[tuple[str, int, str, str]], header: bool = False) -> None:
    """In the original's form: no header, quoted labels."""
    lines = ["youtube_id,time,label,split"] if header else []
    for video, start, label, part in rows:
        quoted = label.replace('"', '""')
        lines.append(f'{video},{start},"{quoted}",{part}')
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_miniature(folder: Path, count: int = 18, deep: bool = False) -> None:
    """The table and the videos, below the long path of the archives or not."""
    videos = folder / (DEEP if deep else "") / "video"
    videos.mkdir(parents=True)
    rows = table(count)
    write_table(folder / "vggsound.csv", rows)
    for seed, (video, start, _, _) in enumerate(rows):
        write_clip(videos, f"{video}_{start:06d}", seed)
