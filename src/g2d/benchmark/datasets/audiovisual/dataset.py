"""A prepared store of clips as splits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division
from g2d.data.prepared import PreparedDataset, Reader, divided_splits, fingerprint_of
from g2d.data.readers.frames import FrameReader
from g2d.data.readers.spectrograms import SpectrogramReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import StoredArray
from g2d.errors import UserError
from g2d.tasks import Classification

COLUMNS = 626  # 5 s of 10


class TenSecondClips(PreparedDataset, ABC):
    """Clips as `prepare_clips` left them on disk, memory-mapped.

    Audio `(1, 129, 626)`, log magnitudes of 5 s: any in training, the middle ones in evaluation;
    video `(3, T, 224, 224)`, in training cropped and mirrored at random.

    Args:
        root: Folder that `prepare` wrote.
        protocol: How the clips are divided, one of `protocols`.
        frames: Frames of a clip, T.
        train_frames: `"middle"` for those spread evenly, or `"random"` ones in training.
        augment: Crop sound and frames, and mirror frames, at random in training.

    Attributes:
        protocols: The names of the protocols.
        remark: A sentence for the refusal of another name.

    Raises:
        UserError: The protocol is unknown.
    """

    protocols: ClassVar[tuple[str, ...]]
    remark: ClassVar[str] = ""

    def __init__(
        self,
        root: str | Path,
        protocol: str = "clean",
        frames: int = 3,
        train_frames: Literal["middle", "random"] = "middle",
        augment: bool = True,
    ) -> None:
        if protocol not in self.protocols:
            known = " or ".join(self.protocols)
            raise UserError(f"got protocol {protocol!r}, expected {known}{self.remark}")
        self.root, self.protocol, self.frames = Path(root), protocol, frames
        self.train_frames, self.augment = train_frames, augment

    @abstractmethod
    def divide(self, part: NDArray[np.generic], target: NDArray[np.generic]) -> Division:
        """Divides the rows into the splits.

        Args:
            part: Of the official split, of every row of the store.
            target: Class of every row.
        """

    def splits(self) -> Splits:
        """Opens the store.

        Raises:
            UserError: It is missing, damaged or of another kind.
        """
        store = self.store()
        target = store.column("target")
        rows = self.divide(store.column("part"), target)
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
            name=self.kind,
            task=Classification(store.manifest["classes"]),
            shapes={"audio": audio.shape, "video": video.shape},
            protocol=self.protocol,
            fingerprint=fingerprint_of(store, [self.frames, self.train_frames, self.augment]),
            notes={key: store.manifest[key] for key in ("options", "counts", "licence")},
            selects_on_test=rows.selects_on_test,
        )
        return Splits(spec, *parts)
