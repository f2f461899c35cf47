"""The prepared CREMA-D as splits."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from g2d.benchmark.datasets.cremad.names import EMOTIONS
from g2d.benchmark.datasets.cremad.policies import POLICIES, divide
from g2d.benchmark.datasets.cremad.prepare import KIND
from g2d.data.prepared import PreparedDataset, Reader, divided_splits, fingerprint_of
from g2d.data.readers.frames import FrameReader
from g2d.data.readers.spectrograms import SpectrogramReader
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import StoredArray
from g2d.errors import UserError
from g2d.tasks import Classification


class CREMAD(PreparedDataset):
    """CREMA-D as `prepare` left it on disk, memory-mapped.

    Audio `(1, 257, 188)`, log magnitudes of 3 s; video `(3, T, 224, 224)`, in training cropped and
    mirrored at random.

    Args:
        root: Folder that `prepare` wrote.
        protocol: `"clean"`: a tenth of train selects the model, test is used once; `"paper"`: all
            of train, selected on test; `"agm"`: AGM's subsets; `"actor"`: no actor in two splits.
        frames: Frames of a clip, T.
        train_frames: `"middle"`, or `"random"` ones in training.
        augment: Crop and mirror the training frames at random.

    Raises:
        UserError: The protocol is unknown.
    """

    kind = KIND
    made_with = "--root CREMA-D"

    def __init__(
        self,
        root: str | Path,
        protocol: str = "clean",
        frames: int = 1,
        train_frames: Literal["middle", "random"] = "middle",
        augment: bool = True,
    ) -> None:
        if protocol not in POLICIES:
            known = ", ".join(POLICIES)
            raise UserError(f"got protocol {protocol!r}, expected one of {known}")
        self.root, self.protocol, self.frames = Path(root), protocol, frames
        self.train_frames, self.augment = train_frames, augment

    def splits(self) -> Splits:
        """Opens the store.

        Raises:
            UserError: It is missing, damaged or of another kind.
        """
        store = self.store()
        target, part = store.column("target"), store.column("part")
        rows = divide(self.protocol, part, target, store.column("actor"))
        audio = SpectrogramReader(StoredArray(store, "audio"))
        clips = store.ragged("video")
        video = FrameReader(clips, self.frames)
        train_video = FrameReader(
            clips, self.frames, augment=self.augment, choose=self.train_frames
        )
        readers: dict[str, Reader] = {"audio": audio, "video": video}
        drawn = store.manifest["split"] == "own" and self.protocol != "actor"
        spec = DatasetSpec(
            name=KIND,
            task=Classification(list(EMOTIONS)),
            shapes={"audio": audio.shape, "video": video.shape},
            protocol=f"{self.protocol}, split=own" if drawn else self.protocol,
            fingerprint=fingerprint_of(store, [self.frames, self.train_frames, self.augment]),
            notes={key: store.manifest[key] for key in ("options", "counts", "split", "licence")},
            selects_on_test=rows.selects_on_test,
        )
        return Splits(
            spec, *divided_splits(rows, readers, target, {**readers, "video": train_video})
        )
