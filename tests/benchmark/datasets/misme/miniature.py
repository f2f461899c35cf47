"""A small MIS-ME in the layout of the release: pictures by Pillow, sheets by openpyxl."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
from PIL import Image

WEATHER = (
    "air_temperature",
    "relative_humidity",
    "precipitation",
    "solar_flux_density",
    "wind_speed",
    "barometric_pressure",
    "tilt_north_south",
    "tilt_west_east",
)
STATIONS = ("OK001", "OK002", "OK003")
COLUMNS = ("image", "vwc", *WEATHER)
Row = dict[str, Any]


def sheet_of(folder: Path, part: str, scope: str = "combined") -> Path:
    return folder / "labels" / "classification" / f"{scope}_only_{part}_set.xlsx"


def write_sheet(path: Path, rows: list[Row], columns: tuple[str, ...] = COLUMNS) -> None:
    """A header in bold and one row a dictionary; what a row lacks is an empty cell."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(columns)
    for cell in sheet[1]:
        cell.font = openpyxl.styles.Font(bold=True)
    for row in rows:
        sheet.append([row.get(name) for name in columns])
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def make_rows(captures: int = 10, patches: int = 2, shared: bool = False) -> dict[str, list[Row]]:
    """Rows of train, val and test; the weather tells half of the moisture.

    Args:
        captures: Field pictures of a station.
        patches: Pictures cut out of each.
        shared: Whether patches of one field picture are in different parts, as in the release.
    """
    rng = np.random.default_rng(0)
    rows: dict[str, list[Row]] = {"train": [], "val": [], "test": []}
    order = ("train", "train", "train", "val", "test")
    place = 0
    for station in STATIONS:
        for capture in range(captures):
            taken = datetime(2020, 11, 21, 9) + timedelta(hours=50 * capture)
            vwc = round(float(rng.uniform(0.08, 0.4)), 6)
            weather = {name: round(float(rng.normal(10, 3)), 3) for name in WEATHER}
            weather["relative_humidity"] = round(200 * vwc + float(rng.normal(0, 4)), 3)
            for patch in range(patches):
                name = f"{station}_{taken:%Y%m%d_%H%M%S}_{patch}.jpg"
                place += 1
                part = order[(place if shared else capture) % len(order)]
                rows[part].append({"image": name, "vwc": vwc, **weather})
    return rows


def picture(vwc: float, seed: int, side: int = 24) -> Image.Image:
    """Brown, and darker the wetter."""
    rng = np.random.default_rng(seed)
    grey = 230 - 400 * vwc + rng.normal(0, 20, (side, side + 4, 1))
    pixels = grey * np.array([1.0, 0.9, 0.6])
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def write_miniature(
    folder: Path,
    captures: int = 10,
    patches: int = 2,
    shared: bool = False,
    pictures: str = "images",
) -> dict[str, list[Row]]:
    """Writes it; returns the rows that are in its sheets."""
    rows = make_rows(captures, patches, shared)
    (folder / pictures).mkdir(parents=True)
    for part, own in rows.items():
        write_sheet(sheet_of(folder, part), own)
        for row in own:
            # of its name, so that the same row has the same picture wherever it stands
            image = picture(row["vwc"], seed=int.from_bytes(row["image"].encode()))
            image.save(folder / pictures / row["image"], quality=90)
    for station in STATIONS:
        own = [row for row in rows["test"] if row["image"].startswith(station)]
        write_sheet(sheet_of(folder, "test", station), own)
    return rows
