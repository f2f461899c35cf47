"""Pictures out of files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation import UnusableError, readable
from g2d.errors import require

# Bytes of a pixel as Pillow holds it; those of other modes take 4.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2}
# What decoders hold beside the picture, in bytes of a pixel: of formats, and of a JPEG that comes
# in several scans.
_DECODER = {"WEBP": 12, "AVIF": 4, "JPEG2000": 16}
_PROGRESSIVE = 6
_TURNED = range(2, 9)  # values of the EXIF orientation


def picture_bytes(path: Path) -> int:
    """The most memory that `read_picture` takes for a picture, read off its header.

    Returns:
        Bytes; 0 where this is no picture, or one so large that Pillow refuses it.
    """
    pillow = require("PIL.Image", "datasets")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large ones, which is what is asked here
            with pillow.open(path) as file:
                width, height = file.size
                stored = _STORED.get(file.mode, 4)
                turned = stored if file.getexif().get(0x0112) in _TURNED else 0
                converted = {"RGB": 0, "L": 0, "1": 1}.get(file.mode, 4)
                if file.has_transparency_data:  # as RGBA, white, and both together
                    converted = 8 if file.mode == "RGBA" else 12
                decoder = _PROGRESSIVE if "progressive" in file.info else 0
                decoder = _DECODER.get(file.format or "", decoder)
                held = stored + max(turned, converted, decoder)
    except Exception:  # on broken files Pillow raises nearly anything
        return 0
    return held * int(width) * int(height)


def read_picture(path: Path, side: int | None = None) -> NDArray[np.uint8]:
    """Decodes a picture, upright and in colour.

    Turned by its EXIF orientation; grey, palette and CMYK pictures become RGB, what is
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
            warnings.simplefilter("ignore")  # of metadata, which is not read
            with pillow.open(path) as file:
                deep = file.mode[0] in "IF"
                # Every copy of a large picture counts: it is turned in place, and grey is resized
                # as grey.
                operations.exif_transpose(file, in_place=True)
                picture = _opaque(file, pillow)
                if side is not None:
                    picture = picture.resize((side, side), pillow.Resampling.BILINEAR)
                picture = picture.convert("RGB")
    except pillow.UnidentifiedImageError:
        raise UnusableError(f"{path.name} is no picture that Pillow can read") from None
    except Exception as error:  # on broken files Pillow's decoders raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UnusableError(f"{path.name} is broken or cut short ({reason})") from None
    if deep:
        raise UnusableError(f"{path.name} has more than 8 bits a channel; save it with 8")
    return np.asarray(picture, dtype=np.uint8)


def _opaque(picture: Any, pillow: Any) -> Any:
    """Grey or in colour, what is transparent on white."""
    if not picture.has_transparency_data:
        mode = {"1": "L", "L": "L"}.get(picture.mode, "RGB")
        return picture if picture.mode == mode else picture.convert(mode)
    seen = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    return pillow.alpha_composite(pillow.new("RGBA", seen.size, "white"), seen).convert("RGB")
