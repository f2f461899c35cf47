"""The prepared MIS-ME as splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.misme.blocks import by_time
from g2d.benchmark.datasets.misme.prepare import KIND
from g2d.data.policies import Division, Rows, by_group, select_on_test
from g2d.data.prepared import PreparedDataset, Reader, divided_splits
from g2d.data.readers.pictures import PictureReader
from g2d.data.readers.table import TableReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import Store, StoredArray
from g2d.errors import UserError
from g2d.tasks import Regression

PROTOCOLS = ("clean", "paper", "time", "station")
# Of the pictures of MIS-ME, by its authors.
MEAN, STD = (0.507, 0.468, 0.307), (0.194, 0.201, 0.170)


_ONE_MOMENT = (
    "the published split is random over patches, and all patches of a moment have its weather and "
    "target; protocol time keeps moments apart"
)


class MISME(PreparedDataset):
    """Image `(3, 224, 224)` and tabular `(8,)`; the target is the volumetric water content.

    Pictures are normalised by MIS-ME's mean and standard deviation, columns of the table by those
    of the training rows; a missing value is the training mean. Nothing is augmented.

    Args:
        root: Folder that `prepare` wrote.
        protocol: "clean" has the published train, val and test, in which pictures of one station
            and hour are on both sides. "paper" trains on train, selects on test and leaves val
            out. "time" cuts the series of each station into blocks of 60, 20 and 20 %, "station"
            keeps each station in one split.

    Raises:
        UserError: The folder is missing, damaged or of another format, or the protocol unknown.
    """

    kind = KIND

    def __init__(self, root: str | Path, protocol: str = "clean") -> None:
        if protocol not in PROTOCOLS:
            raise UserError(f"got protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
        self.root, self.protocol = Path(root), protocol

    @property
    def shared_inputs(self) -> dict[str, str]:
        """What the published split has on several sides, and why."""
        return {"tabular": _ONE_MOMENT} if self.protocol in ("clean", "paper") else {}

    def splits(self) -> Splits:
        """Opens the store.

        Raises:
            UserError: The protocol asks for stations or times that the data does not name, or a
                column of the table is empty in training.
        """
        store = self.store()
        rows = _divide(store, self.protocol)
        image, table = StoredArray(store, "image"), np.array(store.array("tabular"))
        readers: dict[str, Reader] = {
            "image": PictureReader(image, MEAN, STD),
            "tabular": TableReader(table, rows.train),
        }
        target = store.column("target").astype(np.float32)
        parts = divided_splits(rows, readers, target)
        height, width, channels = image.shape[1:]
        spec = DatasetSpec(
            name=KIND,
            task=Regression.fit(parts[0].target),
            shapes={"image": (channels, height, width), "tabular": table.shape[1:]},
            protocol=self.protocol,
            fingerprint=store.fingerprint,
            notes={key: store.manifest.get(key) for key in ("options", "counts", "columns")},
            selects_on_test=rows.selects_on_test,
        )
        return Splits(spec, *parts)


def _divide(store: Store, protocol: str) -> Division:
    if protocol in ("clean", "paper"):
        part = store.column("part")
        train, val, test = (np.flatnonzero(part == name) for name in ("train", "val", "test"))
        return select_on_test(train, test) if protocol == "paper" else Division(train, val, test)
    station = _known(store, "station")
    return by_group(station) if protocol == "station" else by_time(station, _known(store, "taken"))


def _known(store: Store, column: str) -> NDArray[np.generic]:
    """A column that every row has to have."""
    values = store.column(column)
    silent: Rows = np.flatnonzero(values == "")
    if len(silent):
        what = "station" if column == "station" else "time"
        first = store.column("id")[silent[0]]
        raise UserError(
            f"{len(silent)} of {len(values)} pictures have no {what} (first: {first}); expected "
            "names such as OK001_20210306_130000_1.jpg, or sheets of each station and a column "
            "'timestamp'; use protocol clean"
        )
    return values
