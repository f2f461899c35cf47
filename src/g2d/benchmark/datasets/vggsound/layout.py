"""The files of VGGSound as the mirror's archives unpack, or a folder of one's own."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.audiovisual.layout import Layout, lay_out
from g2d.benchmark.datasets.vggsound.rows import PARTS, Row, class_names, read_rows
from g2d.errors import UserError

CLASSES = 309
TABLE = "vggsound.csv"
# Where the archives of the mirror unpack to.
_DEEP = "scratch/shared/beegfs/hchen/train_data/VGGSound_final"


def read_layout(root: str | Path, table: str | Path | None = None) -> Layout:
    """Finds the clips of the table.

    Args:
        root: Holds `video/<id>_<start>.mp4`, itself or below the long path of the archives.
        table: The rows; `vggsound.csv` in `root` when not given.

    Raises:
        UserError: The table or the videos are missing.
    """
    root = Path(root)
    rows = read_rows(root / TABLE if table is None else table)
    bases = [base for base in (root, root / _DEEP, root / "VGGSound_final") if base.is_dir()]
    videos = next((base / "video" for base in bases if (base / "video").is_dir()), None)
    if videos is None:
        raise UserError(f"{root} has no folder video (nor {_DEEP}/video); expected VGGSound's")
    sounds: dict[tuple[str, str], Path] = {}
    for base in (*bases, videos.parent):
        for part in PARTS:
            for path in sorted((base / "audio" / part).glob("*.wav")):
                sounds.setdefault((part, path.stem), path)

    def sources(row: Row) -> dict[str, Path]:
        files = {"video": videos / f"{row.clip}.mp4"}
        if (row.part, row.clip) in sounds:
            files["audio"] = sounds[row.part, row.clip]
        return files

    return lay_out(rows, class_names(rows), sources)
