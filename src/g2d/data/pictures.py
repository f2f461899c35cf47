"""Pictures out of files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation import UnusableError, readable
from g2d.errors import require


def picture_bytes(path: Path) -> int:
    """What the pixels of a picture take in memory, read off its header.

    Returns:
        Bytes as RGB; 0 where this is no picture, or one so large that Pillow refuses it.
    """
    pillow = require("PIL.Image", "datasets")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large ones, which is what is asked here
            with pillow.open(path) as file:
                width, height = file.size
    except Exception:  # on broken files Pillow raises nearly anything
        return 0
    return 3 * int(width) * int(height)


def read_picture(path: Path, side: int | None = None) -> NDArray[np.uint8]:
    """Decodes a picture, upright and in colour.

    Turned as its EXIF orientation says; grey, palette and CMYK pictures become RGB, what is
    transparent lies on white.

    Args:
        path: JPEG, PNG or whatever else Pillow reads.
        side: Height and width to resize it to (bilinear with antialiasing, the aspect ratio is not
            kept), in pixels; as it is when not given.

    Returns:
        `(H, W, 3)`.

    Raises:
        UnusableError: The file is missing, empty, no picture, cut short or broken, or has more
            than 8 bits a channel.
    """
    pillow = require("PIL.Image", "datasets")
    operations = require("PIL.ImageOps", "datasets")
    readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata, which is not looked at
            with pillow.open(path) as file:
                deep = file.mode[0] in "IF"
                picture = _opaque(operations.exif_transpose(file), pillow)
            if side is not None:
                picture = picture.resize((side, side), pillow.Resampling.BILINEAR)
    except pillow.UnidentifiedImageError:
        raise UnusableError(f"{path.name} is no picture that Pillow can read") from None
    except Exception as error:  # on broken files Pillow's decoders raise nearly anything
        said = " ".join(str(error).split()) or type(error).__name__
        raise UnusableError(f"{path.name} is broken or cut short ({said})") from None
    if deep:
        raise UnusableError(f"{path.name} has more than 8 bits a channel; save it with 8")
    return np.asarray(picture, dtype=np.uint8)


def _opaque(picture: Any, pillow: Any) -> Any:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    white = pillow.new("RGBA", seen.size, "white")
    return pillow.alpha_composite(white, seen).convert("RGB")
