"""The IDX format, in which MNIST is distributed."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError

# Third byte of the file: type of the numbers, which are stored most significant byte first.
_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | Path) -> NDArray[np.generic]:
    """Reads an IDX file, gzipped or plain (recognised by content, not by name).

    Args:
        path: The file.

    Returns:
        The array, in the machine's own byte order.

    Raises:
        UserError: The file is missing, is not IDX, or is cut short.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "labels-idx1-ubyte"
        ...     _ = file.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]))
        ...     read_idx(file)
        array([7, 2, 1], dtype=uint8)
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; expected an IDX file") from None
    if data[:2] == b"\x1f\x8b":
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error):
            raise UserError(f"{path} is a damaged gzip file; download it again") from None
    return _parse(data, path)


def _parse(data: bytes, path: Path) -> NDArray[np.generic]:
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES:
        raise UserError(
            f"{path} is not an IDX file: it begins with {data[:4].hex() or 'nothing'}, expected "
            "0000, a type and a rank; give the MNIST files as distributed"
        )
    dtype, rank = np.dtype(_TYPES[data[2]]), data[3]
    body = 4 + 4 * rank
    if len(data) < body:
        raise UserError(f"{path} ends inside its header; download it again")
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank))
    expected = math.prod(shape) * dtype.itemsize
    if len(data) - body != expected:
        raise UserError(
            f"{path} holds {len(data) - body} bytes of data, expected {expected} for shape "
            f"{shape}; download it again"
        )
    return np.frombuffer(data, dtype, offset=body).reshape(shape).astype(dtype.newbyteorder("="))
