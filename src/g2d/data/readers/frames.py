"""Some frames of every clip, cropped and flipped at random in training, normalised."""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.readers.crops import random_crops
from g2d.errors import UserError

# Of ImageNet's training pictures, the convention of the paper and of most pretrained weights.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Choice = Literal["middle", "random"]


class Clips(Protocol):
    """Frames `(n, h, w, 3)` uint8 for every row of a store, n, h and w their own."""

    def __getitem__(self, row: int) -> NDArray[np.generic]: ...


class FrameReader:
    """A few frames of every clip as pictures of one size.

    Evaluated, a frame is scaled to a square whatever its aspect. In training, each frame is a
    random crop of its own (`random_crops`), scaled, and mirrored half of the time. Scaling is
    bilinear and antialiased, in bytes, as PIL does it.

    Args:
        clips: The frames that were kept of each row.
        frames: How many are read of a clip, T.
        size: Side of the square.
        augment: Whether frames are cropped and mirrored at random.
        choose: `"middle"` reads frame ⌊(i + 0.5) n / T⌋ of n for i = 0 .. T - 1; `"random"` any T
            in their order, where the clip has as many.

    Example:
        >>> grey = np.full((3, 8, 10, 3), 128, np.uint8)
        >>> FrameReader([grey], frames=1, size=4).read(np.array([0])).shape
        torch.Size([1, 3, 1, 4, 4])
    """

    reads_files = True

    def __init__(
        self,
        clips: Clips,
        frames: int = 1,
        size: int = 224,
        augment: bool = False,
        choose: Choice = "middle",
    ) -> None:
        if frames < 1:
            raise UserError(f"got frames={frames}, expected 1 or more")
        self._clips, self._frames, self._size = clips, frames, size
        self._augment, self._random = augment, choose == "random"
        self.augments = augment or self._random
        # for a row of pixels: along a dimension of 3, torch would compute three numbers at a time
        self._scale = (1 / (255 * torch.tensor(STD))).repeat(size)
        self._shift = (-torch.tensor(MEAN) / torch.tensor(STD)).repeat(size)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The shape of one clip as it is read."""
        return 3, self._frames, self._size, self._size

    def plain(self) -> FrameReader:
        """The middle frames of the same clips, whole."""
        return FrameReader(self._clips, self._frames, self._size)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Reads clips, `(B, 3, T, size, size)` float32.

        In memory the channels come last, which is how convolutional encoders want them.
        """
        pixels = torch.empty(len(rows), self._frames, self._size, self._size, 3, dtype=torch.uint8)
        for place, row in enumerate(rows.tolist()):
            clip = self._clips[row]
            self._read(clip, pixels[place])
        values = pixels.flatten(-2).float().mul_(self._scale).add_(self._shift)
        return values.view(pixels.shape).permute(0, 4, 1, 2, 3)

    def _read(self, clip: NDArray[np.generic], out: Tensor) -> None:
        numbers = self._numbers(len(clip))
        height, width = clip.shape[1:3]
        if not self._augment:
            for place, number in enumerate(numbers):
                self._fit(clip[number], out[place])
            return
        crops = random_crops(len(numbers), height, width)
        mirrored = (torch.rand(len(numbers)) < 0.5).tolist()
        for place, (number, crop, mirror) in enumerate(zip(numbers, crops, mirrored, strict=True)):
            top, left, tall, wide = crop
            part = clip[number, top : top + tall, left : left + wide]
            self._fit(part, out[place], mirror)

    def _numbers(self, count: int) -> list[int]:
        if self._random and count >= self._frames:
            return sorted(torch.randperm(count)[: self._frames].tolist())
        return [(2 * i + 1) * count // (2 * self._frames) for i in range(self._frames)]

    def _fit(self, picture: NDArray[np.generic], out: Tensor, mirror: bool = False) -> None:
        """Scales `(h, w, 3)` bytes into `(size, size, 3)`."""
        # A batch of one, channels last in memory, is what torch scales fastest. It tells by the
        # stride of the batch, which `view` sets and indexing by `None` does not.
        pixels = torch.from_numpy(np.array(picture, order="C"))
        batch = pixels.view(1, *pixels.shape).permute(0, 3, 1, 2)
        size = (self._size, self._size)
        fitted = F.interpolate(batch, size, mode="bilinear", antialias=True)[0].permute(1, 2, 0)
        out.copy_(fitted.flip(1) if mirror else fitted)
