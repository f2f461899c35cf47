"""The files of MIS-ME: pictures, and label sheets that name them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from g2d.benchmark.datasets.parts import PARTS
from g2d.benchmark.datasets.tables import is_missing, number, read_sheet
from g2d.data.preparation import Sample
from g2d.errors import UserError

TARGET = "vwc"
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
_PICTURES = ("images", "Dataset_Conf_0.5/all_three_stations/images")
_LABELS = "labels/classification"
_DATES = ("timestamp", "datetime", "date_time", "date")
# OK001_20210306_130000_1.jpg: station, day, time, and the number of the patch of that picture.
_NAME = re.compile(r"(?P<station>[A-Za-z0-9]+)_(?P<taken>\d{8}_\d{6})(?:_\d+)?\.\w+")


@dataclass(frozen=True)
class Layout:
    """The content of the sheets.

    Attributes:
        pictures: Folder of the pictures.
        samples: One for every row of the three sheets, in order; `columns` hold the `part` of the
            published split, the `station`, when the picture was `taken` (ISO 8601), and the
            weather as text, empty where there is no number.
        refused: By the name of a sample, why it must not be used.
        odd: What in the sheets is not as it should be and does no harm, a sentence each: cells
            with neither a number nor a mark for a missing one, names of another station.
    """

    pictures: Path
    samples: list[Sample]
    refused: dict[str, str]
    odd: list[str]


def read_layout(root: str | Path) -> Layout:
    """Reads the sheets.

    A picture that two sheets list stays in the later of train, val and test and is refused in the
    earlier, so that nothing is trained on that is measured later.

    Args:
        root: Holds `images/` (or the longer path of the release) and `labels/classification/`.

    Raises:
        UserError: A folder or a sheet is missing, damaged, or lacks a column.
    """
    root = Path(root)
    pictures = _pictures(root)
    labels = root / _LABELS
    wanted = ("image", TARGET, *WEATHER)
    sheets = {part: read_sheet(_sheet(labels, part), wanted, _DATES) for part in PARTS}
    stations = dict(_stations(labels))
    last = {str(row["image"]): (part, row) for part in PARTS for row in reversed(sheets[part])}
    layout = Layout(pictures, [], {}, [])
    for part, rows in sheets.items():
        for row in rows:
            _add(layout, part, row, last, stations)
    return layout


def _add(
    layout: Layout,
    part: str,
    row: Mapping[str, Any],
    last: Mapping[str, tuple[str, Mapping[str, Any]]],
    stations: Mapping[str, str],
) -> None:
    image, place = str(row["image"]), f"{part}, row {row['row']}"
    name, refusal = image, ""
    if is_missing(row["image"]):
        name, refusal = f"({place})", "names no picture"
    elif last[image][1] is not row:
        name = f"{image} ({place})"
        other, kept = last[image]
        refusal = f"is listed {'twice' if other == part else f'in {other} too'}"
        if kept[TARGET] != row[TARGET]:
            refusal += f", with another {TARGET}"
    elif math.isnan(number(row[TARGET])):
        refusal = f"its {TARGET} is {row[TARGET]!r}, expected a number"
    if refusal:
        layout.refused[name] = refusal
    station, taken = _station_and_time(image, row, stations)
    if stations.get(image, station) != station:
        layout.odd.append(f"{place}: {image} is in the sheet of station {stations[image]}")
    for column in WEATHER:
        if math.isnan(number(row[column])) and not is_missing(row[column]):
            layout.odd.append(f"{place}: {column} is {row[column]!r}, read as missing")
    weather = {column: _text(number(row[column])) for column in WEATHER}
    columns = {"part": part, "station": station, "taken": taken, **weather}
    source = {"picture": layout.pictures / image}
    layout.samples.append(Sample(name, number(row[TARGET]), source, columns))


def _station_and_time(
    image: str, row: Mapping[str, Any], stations: Mapping[str, str]
) -> tuple[str, str]:
    """From the name of the picture; where it is silent, from the sheets."""
    match = _NAME.fullmatch(image)
    station = match["station"] if match else stations.get(image, "")
    if match:
        try:
            return station, datetime.strptime(match["taken"], "%Y%m%d_%H%M%S").isoformat()
        except ValueError:  # no such day
            pass
    for column in _DATES:
        cell = row.get(column)
        if isinstance(cell, datetime):
            return station, cell.isoformat()
        try:
            return station, datetime.fromisoformat(str(cell)).isoformat()
        except ValueError:
            continue
    return station, ""


def _stations(labels: Path) -> Iterator[tuple[str, str]]:
    """The station of every picture in a sheet of one station (`OK001_only_test_set.xlsx`)."""
    for path in sorted(labels.glob("*_only_*_set.xlsx")):
        station = path.name.partition("_only_")[0]
        if station != "combined":
            for row in read_sheet(path, ("image",)):
                yield str(row["image"]), station


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def _sheet(labels: Path, part: str) -> Path:
    return labels / f"combined_only_{part}_set.xlsx"


def _pictures(root: Path) -> Path:
    for place in _PICTURES:
        if (root / place).is_dir():
            return root / place
    raise UserError(
        f"{root} holds no {' and no '.join(_PICTURES)}; expected one of them with the pictures, "
        f"and {_LABELS}/combined_only_train_set.xlsx (val, test) beside it"
    )
