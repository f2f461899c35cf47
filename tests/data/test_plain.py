"""Training samples without augmentation are those that evaluation would read."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.datasets.cremad.conftest import cremad, cremad_store  # noqa: F401 (fixtures)
from g2d import Batch, UserError
from g2d.benchmark.datasets.cremad.dataset import CREMAD
from g2d.data.loader import Subset
from g2d.data.masked import Masked
from g2d.data.missing import Mask
from g2d.data.prepared import PreparedSplit
from g2d.data.readers.spectrograms import SpectrogramReader
from g2d.data.splits import Split


class Shaken:
    """A reader of a user's own that does not know what plain is."""

    augments = True

    def read(self, rows):
        return torch.rand(len(rows), 1)


class Noise(Split):
    """A split of a user's own."""

    augmented = True
    target = torch.zeros(2)

    def __len__(self):
        return 2

    def __getitems__(self, indices):
        index = torch.tensor(indices)
        return Batch({"a": torch.rand(len(indices), 1)}, self.target[index], index)


def same(one, other):
    return all(torch.equal(one.inputs[name], other.inputs[name]) for name in other.inputs)


@pytest.mark.parametrize("options", [{}, {"train_frames": "random", "frames": 2}])
def test_cremad_is_read_as_if_it_were_not_augmented(cremad_store, options):  # noqa: F811
    shaken = CREMAD(cremad_store, **options).splits().train
    frames = options.get("frames", 1)
    still = CREMAD(cremad_store, frames=frames, augment=False).splits().train
    rows = [3, 0, 1]
    plain = shaken.without_augmentation()
    assert shaken.augmented
    assert not plain.augmented
    assert same(plain.__getitems__(rows), still.__getitems__(rows))
    assert not same(shaken.__getitems__(rows), still.__getitems__(rows))
    assert torch.equal(plain.target, shaken.target)
    assert plain.__getitems__(rows).index.tolist() == rows


def test_what_lies_around_a_split_stays():
    data = np.random.default_rng(0).normal(size=(6, 2, 9)).astype(np.float32)
    present = {"a": np.array([True, False, True, True, True, True])}
    readers = {
        "a": SpectrogramReader(data, columns=3, augment=True),
        "b": SpectrogramReader(data),
    }
    whole = PreparedSplit(np.arange(6)[::-1], readers, np.arange(6), present)
    masked = Masked(whole, Mask.draw("train", 6, ("a", "b"), rate=0.4, seed=1))
    some = Subset(masked, [4, 2, 0])
    plain = some.without_augmentation()
    assert some.augmented
    assert not plain.augmented
    batch, shaken = plain.__getitems__([0, 1, 2]), some.__getitems__([0, 1, 2])
    for name in ("a", "b"):
        assert torch.equal(batch.present[name], shaken.present[name])
        middle = torch.from_numpy(data[[1, 3, 5]][:, None])
        middle = middle[..., 3:6] if name == "a" else middle
        there = batch.present[name].view(-1, 1, 1, 1)
        assert torch.equal(batch.inputs[name], torch.where(there, middle, 0))


def test_who_cannot_leave_it_off_is_told_so():
    with pytest.raises(UserError, match=r"split \(Noise\) is augmented at random and has no plain"):
        Noise().without_augmentation()
    split = PreparedSplit(np.arange(2), {"a": Shaken()}, np.arange(2))
    with pytest.raises(UserError, match=r"reader of 'a' \(Shaken\) augments at random"):
        split.without_augmentation()
