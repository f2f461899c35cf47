"""Models of the library timm as encoders of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from g2d.errors import UserError, require
from g2d.models.encoders.published import (
    Config,
    PublishedEncoder,
    frames_of,
    given,
    reason,
)
from g2d.published import VISION_EXTRA, WEIGHTS, check_weights, model_folder, read_config
from g2d.quiet import quiet

# Where else timm would look for weights: keys of `pretrained_cfg`, and arguments of its models.
_SOURCES = ("url", "hf_hub_id", "hf_hub_filename", "source", "state_dict")
_NOT_ARGUMENTS = (
    "pretrained",
    "pretrained_cfg",
    "pretrained_cfg_overlay",
    "checkpoint_path",
    "cache_dir",
)


class TimmModel(PublishedEncoder):
    """A model of the library timm without its classifier: its pooled feature.

    Clips `(B, C, T, H, W)` are encoded frame by frame, and the feature is the mean over frames.

    Args:
        model: A folder with `config.json` and `model.safetensors` as timm writes them, or a name
            in the local Hugging Face cache (`timm/resnet18.a1_in1k`). Nothing is downloaded.
        freeze: Whether the model is left as it is; a linear projection learns.
        width: Of the feature; the model's own when not given.
        channels: Of the input; timm fits weights for three channels to others.
        config: What builds the model; read from its folder when not given. Without `model`, the
            weights are drawn at random.

    Raises:
        UserError: There is no such model on this machine, or timm does not know it.

    Attributes:
        feature_width: `width`.
    """

    extra = VISION_EXTRA

    def __init__(
        self,
        model: str | None = None,
        freeze: bool = True,
        width: int | None = None,
        channels: int = 3,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        given(model, config)
        folder = None if model is None else model_folder(model, self.extra)
        if config is None:
            assert folder is not None
            config = read_config(folder)
        backbone = _backbone(config, channels, folder)
        inner = int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)
        super().__init__(backbone, inner, width, freeze)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features `(B, width)` of pictures or clips."""
        feature: Tensor = self.project(self.embeddings(inputs))
        return feature

    def embed(self, inputs: Tensor) -> Tensor:
        """What the network pools, `(B, inner)`; of clips the mean over frames."""
        pooled: Tensor = self.backbone(frames_of(inputs))
        if inputs.ndim == 5:
            pooled = pooled.unflatten(0, (inputs.shape[0], inputs.shape[2])).mean(dim=1)
        return pooled


def timm_library() -> Any:
    """Imports the library timm.

    Raises:
        UserError: It is not installed, or torchvision, which it needs, is of another build.
    """
    try:
        return require("timm", VISION_EXTRA)
    except UserError:
        raise
    except Exception as error:  # torchvision looks for its operators while it is imported
        raise UserError(
            f"timm is installed and cannot be imported ({reason(error)}); torch and torchvision "
            "are not of one build: install both from the same index, such as "
            "--index-url https://download.pytorch.org/whl/cpu"
        ) from error


def _backbone(config: Config, channels: int, folder: Path | None) -> Any:
    name, arguments = config.get("architecture"), config.get("model_args") or {}
    if not isinstance(name, str):
        raise UserError(
            f"{folder or 'config'} names no architecture of timm; expected a config.json as timm "
            "writes it"
        )
    sources = [key for key in _NOT_ARGUMENTS if key in arguments]
    if ":" in name or sources:
        raise UserError(
            f"{folder or 'config'} names another source of weights ({', '.join(sources) or name}), "
            "which could be a pickle and run code; leave it out, or choose another model"
        )
    timm = timm_library()
    options = {**arguments, "num_classes": 0, "in_chans": channels}
    if folder is not None:
        check_weights(folder)
        # nothing but the file is a source: an address in the configuration is not followed
        about = {k: v for k, v in config.get("pretrained_cfg", {}).items() if k not in _SOURCES}
        about |= {"num_classes": config.get("num_classes", 1000), "file": str(folder / WEIGHTS)}
        options |= {"pretrained": True, "pretrained_cfg": about}
    try:
        with quiet():
            backbone = timm.create_model(name, **options)
    except Exception as error:  # every architecture has errors of its own
        raise UserError(
            f"timm {timm.__version__} cannot make {name} ({reason(error)}); copy the model's "
            "config.json and model.safetensors anew, or choose another"
        ) from error
    if folder is not None:
        _check_whole(backbone, folder)
    return backbone


def _check_whole(backbone: nn.Module, folder: Path) -> None:
    """Refuses weights of which some are not there: timm begins those at random."""
    with require("safetensors", "train").safe_open(folder / WEIGHTS, "pt") as file:
        there = set(file.keys())
    lacking = [key for key in backbone.state_dict() if key not in there]
    lacking = [key for key in lacking if not key.endswith("num_batches_tracked")]
    if lacking:
        raise UserError(
            f"the weights in {folder} lack {len(lacking)} tensors ({lacking[0]}, ...); expected "
            f"those of a {type(backbone).__name__}"
        )
