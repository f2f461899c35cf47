"""The files of Kinetics-400, in the folders of those who give them out."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.audiovisual.layout import Layout, lay_out
from g2d.benchmark.datasets.kinetics_sounds.rows import CLASSES, Row, read_rows
from g2d.benchmark.datasets.parts import PARTS
from g2d.errors import UserError
from g2d.wording import listed

_NAMES = {"train": ("train",), "val": ("val", "validate"), "test": ("test",)}
_ID = 11  # characters of a name of YouTube


def read_layout(root: str | Path, tables: str | Path | None = None) -> Layout:
    """Finds the clips of the tables.

    Args:
        root: Holds `train`, `val` and `test`, with the clips in them or in folders of classes;
            or `videos/train` or `videos_train`, and so on.
        tables: Folder of the three tables; `root` or `root/annotations` when not given.

    Raises:
        UserError: A table, or the clips of a part, are missing.
    """
    root = Path(root)
    places = [root, root / "annotations"] if tables is None else [Path(tables)]
    rows = [row for part in PARTS for row in read_rows(_table(places, part), part)]
    folders = {part: _folder(root, part) for part in PARTS}
    replaced = {path.stem[:_ID]: path for path in sorted((root / "replacement").rglob("*.mp4"))}

    def sources(row: Row) -> dict[str, Path]:
        return {"video": replaced.get(row.video) or _clip(folders[row.part], row)}

    return lay_out(rows, CLASSES, sources)


def _table(places: list[Path], part: str) -> Path:
    names = [f"{stem}{name}.csv" for name in _NAMES[part] for stem in ("", "kinetics_")]
    found = [place / name for place in places for name in names if (place / name).is_file()]
    if not found:
        raise UserError(
            f"there is no table of {part}: looked for {', '.join(names)} in "
            f"{listed(map(str, places))}; obtain it, or name its folder by --tables"
        )
    return found[0]


def _folder(root: Path, part: str) -> Path:
    names = [f"{stem}{name}" for name in _NAMES[part] for stem in ("", "videos/", "videos_")]
    found = [root / name for name in names if (root / name).is_dir()]
    if not found:
        raise UserError(
            f"{root} has no clips of {part}: there is no folder {', '.join(names)}; expected "
            "Kinetics-400's train, val and test (train trains, val selects, test is for the end)"
        )
    return found[0]


def _clip(folder: Path, row: Row) -> Path:
    """Where the clip is, or would be in a folder without folders of classes."""
    name = f"{row.clip}.mp4"
    here = folder / name
    deeper = (folder / row.label / name, folder / row.label.replace(" ", "_") / name)
    return next((path for path in (here, *deeper) if path.is_file()), here)
