"""The prepared VGGSound as splits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.audiovisual.dataset import TenSecondClips
from g2d.benchmark.datasets.vggsound.files import KIND
from g2d.data.policies import Division, clean, select_on_test


class VGGSound(TenSecondClips):
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
    protocols = ("clean", "paper")

    def divide(self, part: NDArray[np.generic], target: NDArray[np.generic]) -> Division:
        """Divides the rows into the splits."""
        train, test = (np.flatnonzero(part == name) for name in ("train", "test"))
        if self.protocol == "clean":
            return clean(train, test, target)
        return select_on_test(train, test)
