"""Writers of tiny original files."""

import gzip
import struct
from pathlib import Path

import numpy as np


def write_idx(path: Path, array: np.ndarray) -> Path:
    """Unsigned bytes as IDX, by the format's own description."""
    header = struct.pack(">BBBB", 0, 0, 0x08, array.ndim) + struct.pack(
        f">{array.ndim}I", *array.shape
    )
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_mnist(folder: Path, prefix: str, n: int, seed: int) -> None:
    """`n` pictures of noise around one pattern for each digit."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    patterns = np.random.default_rng(7).integers(0, 200, (10, 28, 28))
    pixels = patterns[labels] + rng.integers(0, 56, (n, 28, 28))
    write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", pixels)
    write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
