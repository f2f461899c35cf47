"""Models that others published, as they lie on this machine; nothing is downloaded here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from g2d.errors import UserError, require

WEIGHTS = "model.safetensors"
# The extras that bring what reads them.
TEXT_EXTRA, VISION_EXTRA = "text", "vision"
# Keys by which libraries load backbones of other libraries, and files that may be pickles.
_NAME_OTHER_FILES = (
    "auto_map",
    "backbone",
    "backbone_kwargs",
    "checkpoint_path",
    "pretrained",
    "use_pretrained_backbone",
    "use_timm_backbone",
)
# A name with a slash is that of a kernel on a hub.
_IMPLEMENTATION = "_implementation"
# What a configuration holds about its author: labels, code, and where the file was.
_NOT_KEPT = ("_name_or_path", "auto_map", "id2label", "label2id", "transformers_version")


def model_folder(model: str, extra: str) -> Path:
    """The folder of a published model: as it is given, or by its name in the Hugging Face cache.

    Args:
        model: A folder, or a name such as `prajjwal1/bert-tiny`.
        extra: The extra of g2d that brings what reads it.

    Raises:
        UserError: It is in neither place.

    Example:
        >>> model_folder(".", "text")
        PosixPath('.')
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    hub = require("huggingface_hub", extra)
    wanted = ["*.json", "*.safetensors", "*.txt", "*.model"]
    try:
        return Path(hub.snapshot_download(model, local_files_only=True, allow_patterns=wanted))
    except (OSError, ValueError):  # not there, only in part, or no name at all
        raise UserError(
            f"there is no model {model!r}: no folder of that name here, and none in the cache "
            f"({hub.constants.HF_HUB_CACHE}); nothing is downloaded, so give its folder, or run: "
            f"hf download {model}"
        ) from None


def read_settings(folder: Path, name: str = "config.json") -> Any:
    """A JSON file of a model's folder.

    Raises:
        UserError: There is none, or it cannot be read.
    """
    file = folder / name
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise UserError(f"{folder} has no {name}; expected the folder of a model") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{file} cannot be read as JSON ({error}); copy it anew") from None


def read_config(folder: Path) -> dict[str, Any]:
    """`config.json` without labels and places: what builds the model anew, and no more.

    Raises:
        UserError: There is none, or it cannot be read.
    """
    content = read_settings(folder)
    if not isinstance(content, dict):
        raise UserError(f"{folder / 'config.json'} holds no settings; copy it anew")
    return {key: value for key, value in content.items() if key not in _NOT_KEPT}


def check_config(config: Mapping[str, Any], name: str = "config") -> None:
    """Refuses a configuration that would have a library fetch or run more than its own classes.

    Libraries follow such keys wherever they stand: to backbones of other libraries, to pickles, and
    to kernels that are fetched from a hub.

    Args:
        config: As a recipe or a model's folder has it.
        name: What it is called in the error.

    Raises:
        UserError: It holds such a key.

    Example:
        >>> check_config({"hidden_size": 8, "vision_config": {"backbone": None}})
        >>> check_config({"vision_config": {"backbone": "hub:a/net"}})  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: config.vision_config.backbone: 'hub:a/net' is not followed, ...
    """
    for key, value in config.items():
        where = f"{name}.{key}"
        outward = key in _NAME_OTHER_FILES or (key.endswith(_IMPLEMENTATION) and "/" in str(value))
        if outward and value:
            raise UserError(
                f"{where}: {value!r} is not followed, because it could run code; leave it out, or "
                "choose another model"
            )
        if isinstance(value, Mapping):
            check_config(value, where)


def check_weights(folder: Path) -> None:
    """Refuses a folder whose weights are not there, or only in a format that can run code.

    Raises:
        UserError: It has no safetensors.
    """
    if any((folder / name).is_file() for name in (WEIGHTS, f"{WEIGHTS}.index.json")):
        return
    pickled = next((file.name for file in sorted(folder.glob("*.bin"))), None)
    if pickled is not None:
        raise UserError(
            f"{folder} has {pickled}, a pickle, which can run code when it is read, and no "
            f"{WEIGHTS}; write it anew with model.save_pretrained(folder)"
        )
    raise UserError(f"{folder} has no {WEIGHTS}; copy the weights there")
