"""Describes columns of files that no kind reads as they are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence

_ENDING = re.compile(r"[^\s/\\][^\n]*\.([A-Za-z][A-Za-z0-9]{0,4})(?:\.(?:gz|bz2|xz|zip))?")
_CONTENTS = {
    "addresses of the web; download the files and give their paths": re.compile(r"[a-z0-9]+://"),
    "files in base64; write them as files and give their paths": re.compile(
        r"data:[\w/+.-]+;base64,|[A-Za-z0-9+/\r\n]{200,}={0,2}\Z"
    ),
}
_ENOUGH = 0.8
_ADVICE = {
    "heic": "HEIC pictures; save them as JPEG or PNG",
    "heif": "HEIF pictures; save them as JPEG or PNG",
    "dcm": "DICOM pictures; save them as PNG, one a picture",
    "dicom": "DICOM pictures; save them as PNG, one a picture",
    "nii": "NIfTI volumes; save slices as PNG, or arrays as .npy",
    "wma": "recordings; save them as WAV or FLAC",
    "amr": "recordings; save them as WAV or FLAC",
    "pdf": "PDF files; put their text into the cells, or save pages as PNG",
    "docx": "documents; put their text into the cells",
    "txt": "text files; put their text into the cells",
    "json": "JSON files; put what matters into columns, or save arrays as .npy",
    "h5": "HDF5 files; save arrays as .npy",
    "mat": "MATLAB files; save arrays as .npy",
    "parquet": "Parquet files; save arrays as .npy",
    "xlsx": "spreadsheets; save them as CSV",
    "svg": "drawings; save them as PNG",
    "raw": "raw pictures; save them as JPEG or PNG",
}


def several_files(cells: Sequence[str], endings: Collection[str]) -> str:
    """Describes a column whose cells name several files each; empty for any other.

    Example:
        >>> several_files(["a.png;b.png", "c.png"], (".png", ".jpg"))
        'up to 2 files in a cell; make a column of each'
        >>> several_files(["a.png", "b.png"], (".png", ".jpg"))
        ''
    """
    counts = [len(parts) for cell in cells if (parts := _parts(cell, tuple(endings)))]
    if len(counts) < _ENOUGH * len(cells) or max(counts, default=0) < 2:
        return ""
    if sum(count > 1 for count in counts) < 0.05 * len(cells):
        return ""
    return f"up to {max(counts)} files in a cell; make a column of each"


def unread_files(cells: Sequence[str]) -> str:
    """Describes a column of files that no kind reads, and what to do; empty for any other.

    Example:
        >>> unread_files(["scans/1.dcm", "scans/2.dcm"])
        'DICOM pictures; save them as PNG, one a picture'
        >>> unread_files(["a.xyz", "b.xyz"]), unread_files(["3.5", "Dr. Who"])
        ('.xyz files, which g2d does not read', '')
    """
    for what, form in _CONTENTS.items():
        if sum(form.match(cell) is not None for cell in cells) >= _ENOUGH * len(cells):
            return what
    found = Counter(seen[1].lower() for cell in cells if (seen := _ENDING.fullmatch(cell)))
    ending, count = found.most_common(1)[0] if found else ("", 0)
    if count < _ENOUGH * len(cells):
        return ""
    return _ADVICE.get(ending, f".{ending} files, which g2d does not read")


def _parts(cell: str, endings: tuple[str, ...]) -> list[str]:
    """The files that a cell names, if all that is in it are such."""
    if cell.startswith("["):
        try:
            parts = [str(part).strip() for part in json.loads(cell)]
        except (ValueError, RecursionError):
            return []
    else:
        parts = [part.strip() for part in re.split(r"[|;,]", cell)]
    return parts if all(part.lower().endswith(endings) for part in parts) else []
