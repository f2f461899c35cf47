"""The prepared VGGSound as splits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from g2d.benchmark.datasets.vggsound.prepare import KIND
from g2d.data.policies import clean, select_on_test
from g2d.data.prepared import PreparedDataset, Reader, divided_splits, fingerprint_of
from g2d.data.readers.frames import FrameReader
from g2d.data.readers.spectrograms import SpectrogramReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import StoredArray
from g2d.errors import UserError
from g2d.tasks import Classification

COLUMNS = 626  # 5 s of 10


class VGGSound(PreparedDataset):
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

    kind = KIND

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
        store = self.store()
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
        parts = divided_splits(rows, readers, target, train_readers)
        spec = DatasetSpec(
            name=KIND,
            task=Classification(store.manifest["classes"]),
            shapes={"audio": audio.shape, "video": video.shape},
            protocol=self.protocol,
            fingerprint=fingerprint_of(store, [self.frames, self.train_frames, self.augment]),
            notes={key: store.manifest[key] for key in ("options", "counts", "licence")},
            selects_on_test=rows.selects_on_test,
        )
        return Splits(spec, *parts)
