"""A tiny CREMA-D: real WAV and Flash files under names of the real ones."""

from __future__ import annotations

from pathlib import Path

from data.clips import tone, write_video, write_wav
from g2d.benchmark.datasets.cremad.names import EMOTIONS

# Frames of the clips by turns: 1.3, 1.6 and 2.2 s.
_FRAMES = (39, 48, 66)


def clip_names(actors: int = 6) -> list[str]:
    """Every actor says one sentence with every emotion."""
    return [f"{1001 + actor}_IEO_{e}_HI" for actor in range(actors) for e in EMOTIONS]


def write_clip(folder: Path, clip: str, seed: int, frames: int = 48) -> None:
    """Sound and picture of one clip."""
    write_video(folder / "VideoFlash" / f"{clip}.flv", frames, seed=seed)
    write_wav(folder / "AudioWAV" / f"{clip}.wav", tone(frames / 29.97, 16000, seed))


def write_miniature(folder: Path, actors: int = 6) -> list[str]:
    """The folders of the original; returns the names of the clips, sorted."""
    for name in ("AudioWAV", "VideoFlash"):
        (folder / name).mkdir(parents=True)
    clips = clip_names(actors)
    for seed, clip in enumerate(clips):
        write_clip(folder, clip, seed, _FRAMES[seed % len(_FRAMES)])
    return sorted(clips)


def write_lists(folder: Path, clips: list[str], every: int = 4) -> tuple[Path, Path]:
    """Lists in the published form: no header, CRLF, not sorted; every fourth clip is test."""
    paths = folder / "train.csv", folder / "test.csv"
    parts = [c for i, c in enumerate(clips) if i % every], clips[::every]
    for path, part in zip(paths, parts, strict=True):
        rows = "".join(f"{clip},{clip.split('_')[2]}\r\n" for clip in reversed(part))
        path.write_bytes(rows.encode())
    return paths
