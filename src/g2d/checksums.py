"""Checksums, by which damaged files are found when they are read.

CRC-32, as in zip files. It finds damage by accident (a flipped bit, a file cut short) at the price
of reading the file once; it is no signature, and does not protect against deliberate changes.
Files that hold no checksum, such as those of older versions, are read as they are.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from g2d.errors import UserError

# The key of a JSON file, of a line of one, and of the metadata of safetensors.
KEY = "checksum"
_BLOCK = 1 << 22


def crc32(parts: Iterable[Any], before: str = "00000000") -> str:
    """Checksum of bytes that follow each other, as eight hexadecimal digits.

    Args:
        parts: Bytes, or contiguous arrays.
        before: Checksum of what comes before them.

    Example:
        >>> crc32([b"1234", b"56789"])
        'cbf43926'
        >>> crc32([b"56789"], before=crc32([b"1234"]))
        'cbf43926'
    """
    value = int(before, 16)
    for part in parts:
        value = zlib.crc32(part, value)
    return f"{value:08x}"


def of_file(path: Path) -> str:
    """The checksum of a file's bytes."""
    return crc32(_blocks(path))


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_tensors(state: Mapping[str, Tensor]) -> str:
    """Checksum of the names, types, shapes and values of tensors."""
    return crc32(part for name in sorted(state) for part in _parts(name, state[name]))


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """A dictionary to be written as JSON, with its checksum under the last key.

    Example:
        >>> sealed({"epochs": 3})
        {'epochs': 3, 'checksum': '5fdda110'}
    """
    bare = {name: value for name, value in content.items() if name != KEY}
    return {**bare, KEY: _of_json(json.loads(json.dumps(bare)))}


def unsealed(content: dict[str, Any], where: object) -> dict[str, Any]:
    """The dictionary that `sealed` was given, from what was read.

    Args:
        content: As it was read; without a checksum it is returned as it is.
        where: The file, for the message.

    Raises:
        UserError: It is not as it was written.
    """
    if KEY not in content:
        return content
    known = content.pop(KEY)
    found = _of_json(content)
    if found != known:
        raise UserError(
            f"{where} is not as it was written (its checksum is {found}, expected {known}); copy "
            "the folder anew, or make it again, or delete its checksum if you changed it yourself"
        )
    return content


def _of_json(content: Any) -> str:
    return crc32([json.dumps(content, sort_keys=True).encode()])


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _parts(name: str, tensor: Tensor) -> Iterator[Any]:
    yield f"{name} {tensor.dtype} {list(tensor.shape)}".encode()
    if tensor.numel():
        values = tensor.detach().cpu().contiguous().reshape(-1)
        yield values.view(torch.uint8).numpy().data
