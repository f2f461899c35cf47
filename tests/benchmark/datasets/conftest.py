"""Miniatures of the original files, and the real ones where they are at hand."""

import numpy as np
import pytest
import soundfile

from benchmark.datasets.miniature import write_mnist

SPEAKERS = ("ann", "bob", "cy")
PER_DIGIT = 12


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    """Folders `mnist/` (t10k only) and `fsdd/` in the layout of the original files.

    Treat them as read-only; copy before breaking something.
    """
    root = tmp_path_factory.mktemp("originals")
    (root / "mnist").mkdir()
    (root / "fsdd").mkdir()
    write_mnist(root / "mnist", "t10k", 200, seed=1)
    rng = np.random.default_rng(0)
    for digit in range(10):
        for speaker in SPEAKERS:
            for index in range(PER_DIGIT):
                time = np.arange(1200 + 37 * index) / 8000
                wave = 0.3 * np.sin(2 * np.pi * (200 + 150 * digit) * time)
                wave = wave + 0.001 * rng.standard_normal(len(time))
                soundfile.write(root / "fsdd" / f"{digit}_{speaker}_{index}.wav", wave, 8000)
    return root
