"""The ids by which W&B and MLflow know a run, kept in its folder."""

from __future__ import annotations

from pathlib import Path

from g2d.files import write_whole


def known_id(folder: Path, logger: str) -> str | None:
    """The id that an earlier session kept, if there was one."""
    path = folder / f"{logger}.id"
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def keep_id(folder: Path, logger: str, run: str) -> None:
    """Keeps the id for the sessions that resume this run."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"{logger}.id", f"{run}\n")
