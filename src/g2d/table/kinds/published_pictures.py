"""How published models want their pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from g2d.errors import UserError
from g2d.published import VISION_EXTRA, model_folder, read_settings


@dataclass(frozen=True)
class Wanted:
    """The size and the normalisation of the pictures that a model was trained on.

    Attributes:
        side: Height and width, in pixels.
        mean: Of each channel, pixels being numbers from 0 to 1.
        std: By which they are divided.
        library: `timm` or `transformers`.
    """

    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    library: str


def wanted_by(model: str) -> Wanted:
    """Reads a model's own files: `pretrained_cfg` of timm, the preprocessor of transformers.

    Args:
        model: Its folder, or its name in the local Hugging Face cache.

    Raises:
        UserError: There is no such model on this machine, or it does not declare them.
    """
    folder = model_folder(model, VISION_EXTRA)
    try:
        if (folder / "preprocessor_config.json").is_file():
            about = read_settings(folder, "preprocessor_config.json")
            crops = about.get("do_center_crop") and "crop_size" in about
            size = about["crop_size" if crops else "size"]
            mean, std = about["image_mean"], about["image_std"]
            library = "transformers"
        else:
            about = read_settings(folder)["pretrained_cfg"]
            size, mean, std = about["input_size"][-2:], about["mean"], about["std"]
            library = "timm"
        return Wanted(_side(size), _numbers(mean), _numbers(std), library)
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{folder} lacks the size, mean or std of its pictures; give side, mean and std"
        ) from None


def _side(size: Any) -> int:
    if isinstance(size, dict):
        height = size.get("height", size.get("shortest_edge"))
        width = size.get("width", size.get("shortest_edge"))
    elif isinstance(size, list):
        height, width = size
    else:
        height = width = size
    if height is None or height != width:
        raise UserError(f"the model wants pictures of {height} x {width}; give side, mean and std")
    return int(height)


def _numbers(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)
