"""The prepared Kinetics-Sounds as splits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.audiovisual.dataset import TenSecondClips
from g2d.benchmark.datasets.kinetics_sounds.files import KIND
from g2d.benchmark.datasets.parts import PARTS
from g2d.data.policies import Division, select_on_test
from g2d.errors import UserError
from g2d.wording import listed


class KineticsSounds(TenSecondClips):
    """Kinetics-Sounds as `prepare` left it on disk, memory-mapped.

    Audio `(1, 129, 626)`, log magnitudes of 5 s: any in training, the middle ones in evaluation;
    video `(3, T, 224, 224)`, in training cropped and mirrored at random.

    Args:
        root: Folder that `prepare` wrote.
        protocol: `"clean"`: the official val selects the model, test is used once; `"ogm_ge"`:
            selected on test, as OGM-GE's code does.
        frames: Frames of a clip, T.
        train_frames: `"middle"` for those spread evenly, or `"random"` ones in training.
        augment: Crop sound and frames, and mirror frames, at random in training.

    Raises:
        UserError: The protocol is unknown.
    """

    kind = KIND
    protocols = ("clean", "ogm_ge")
    remark = " (the paper of G²D does not use Kinetics-Sounds)"

    def divide(self, part: NDArray[np.generic], target: NDArray[np.generic]) -> Division:
        """Divides the rows into the splits.

        Raises:
            UserError: No clip of a part could be used.
        """
        rows = Division(*(np.flatnonzero(part == name) for name in PARTS))
        wanted = PARTS if self.protocol == "clean" else ("train", "test")
        absent = [name for name in wanted if not len(getattr(rows, name))]
        if absent:
            raise UserError(
                f"{self.root} has no clips of {listed(absent)}, expected some of "
                f"{', '.join(wanted)}; obtain them and prepare it again"
            )
        return rows if self.protocol == "clean" else select_on_test(rows.train, rows.test)
