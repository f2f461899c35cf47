"""The prepared VGGSound as splits."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Literal

import numpy as np

from g2d.benchmark.datasets.vggsound.prepare import KIND
from g2d.data.policies import clean, select_on_test
from g2d.data.prepared import PreparedSplit, Reader
from g2d.data.readers.frames import FrameReader
from g2d.data.readers.spectrograms import SpectrogramReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import Store, StoredArray
from g2d.errors import UserError
from g2d.tasks import Classification

COLUMNS = 626  # 5 s of 10
_MEND = "run: g2d data prepare vggsound --root DIR --out DIR"


class VGGSound:
    """VGGSound as `prepare` left it on disk, memory-mapped.

    Audio `(1, 129, 626)`, log magnitudes of 5 s: any in training, the middle ones in evaluation;
    video `(3, T, 224, 224)`, in training cropped and mirrored at random.

    Args:
        root: Folder that `prepare` wrote.
        protocol: `"clean"`: a tenth of train selects the model, test is used once; `"paper"`: all
            of train, selected on test.
        frames: Frames of a clip, T.
        train_frames: `"middle"` for those spread evenly, or `"random"` ones in training.
        augment: Crop sound and frames, and mirror frames, at random in training.

    Raises:
        UserError: The protocol is unknown.
    """

    def __init__(
        self,
        root: str | Path,
        protocol: str = "clean",
        frames: int = 3,
        train_frames: Literal["middle", "random"] = "middle",
        augment: bool = True,
    ) -> None:
        if protocol not in ("clean", "paper"):
            raise UserError(f"got protocol {protocol!r}, expected clean or paper")
        self.root, self.protocol, self.frames = Path(root), protocol, frames
        self.train_frames, self.augment = train_frames, augment

    def splits(self) -> Splits:
        """Opens the store.

        Raises:
            UserError: It is missing, damaged or of another kind.
        """
        store = Store(self.root, KIND, _MEND)
        target, part = store.column("target"), store.column("part")
        train_rows, test_rows = (np.flatnonzero(part == name) for name in ("train", "test"))
        if self.protocol == "clean":
            rows = clean(train_rows, test_rows, target)
        else:
            rows = select_on_test(train_rows, test_rows)
        sound, clips = StoredArray(store, "audio"), store.ragged("video")
        audio, video = SpectrogramReader(sound, COLUMNS), FrameReader(clips, self.frames)
        readers: dict[str, Reader] = {"audio": audio, "video": video}
        train_readers: dict[str, Reader] = {
            "audio": SpectrogramReader(sound, COLUMNS, augment=self.augment),
            "video": FrameReader(
                clips, self.frames, augment=self.augment, choose=self.train_frames
            ),
        }
        test = PreparedSplit(rows.test, readers, target)
        val = test if rows.val is rows.test else PreparedSplit(rows.val, readers, target)
        spec = DatasetSpec(
            name=KIND,
            task=Classification(store.manifest["classes"]),
            shapes={"audio": audio.shape, "video": video.shape},
            protocol=self.protocol,
            fingerprint=self._fingerprint(store),
            notes={key: store.manifest[key] for key in ("options", "counts", "licence")},
            selects_on_test=rows.selects_on_test,
        )
        return Splits(spec, PreparedSplit(rows.train, train_readers, target), val, test)

    def verify(self) -> None:
        """Reads all of the store and compares hashes.

        Raises:
            UserError: An array is not what was written.
        """
        Store(self.root, KIND, _MEND).verify()

    def _fingerprint(self, store: Store) -> str:
        options = [self.frames, self.train_frames, self.augment]
        return hashlib.sha256(json.dumps([store.fingerprint, options]).encode()).hexdigest()
