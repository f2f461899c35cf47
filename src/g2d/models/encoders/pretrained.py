"""Published weights for an encoder, from a file on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from g2d.errors import UserError, require
from g2d.wording import listed

# The last layer of published classifiers, which an encoder does without.
_CLASSIFIER = ("fc.", "classifier.")


def load_pretrained(encoder: nn.Module, path: str | Path) -> None:
    """Puts the weights of a file into an encoder; nothing is changed where they do not fit.

    Args:
        encoder: Its parts carry the names of the file.
        path: A state dict: `.pt` or `.pth` as `torch.save` writes it (only tensors are read), or
            `.safetensors`. The classifier's layers are left out.

    Raises:
        UserError: There is no such file, it cannot be read, or it holds other names or shapes.
    """
    path = Path(path)
    given = {name: value for name, value in _read(path).items() if not name.startswith(_CLASSIFIER)}
    own = encoder.state_dict()
    # files from before PyTorch counted the batches of a batch norm lack the number
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    for what, names in (("lacks", needed - set(given)), ("has an unknown", set(given) - set(own))):
        if names:
            raise UserError(
                f"{path} {what} {_some(names)}; expected the weights of a {_name(encoder)}"
            )
    for name, value in given.items():
        if value.shape != own[name].shape:
            raise UserError(_other_shape(encoder, path, name, value.shape, own[name].shape))
    encoder.load_state_dict({**own, **given})


def _read(path: Path) -> Mapping[str, Tensor]:
    if not path.is_file():
        raise UserError(f"there is no file {path}; expected weights for the encoder")
    if path.suffix not in {".pt", ".pth", ".safetensors"}:
        raise UserError(f"got {path}, expected a .pt, .pth or .safetensors file")
    try:
        if path.suffix == ".safetensors":
            state = require("safetensors.torch", "train").load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:  # every reader has errors of its own
        first = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{path} cannot be read as weights ({first}); copy it anew") from error
    if not isinstance(state, Mapping) or not all(isinstance(v, Tensor) for v in state.values()):
        raise UserError(
            f"{path} holds something else than names and tensors; save model.state_dict() alone"
        )
    return state


def _other_shape(
    encoder: nn.Module, path: Path, name: str, got: torch.Size, expected: torch.Size
) -> str:
    is_first = name == next(iter(encoder.state_dict()))
    if is_first and len(got) == 4 and got[2:] == expected[2:] and got[1] != expected[1]:
        return (
            f"{path} is for inputs of {got[1]} channels and this encoder has {expected[1]}; give "
            f"inputs of {got[1]} channels, or leave the weights out"
        )
    return (
        f"{path} has {name} of shape {tuple(got)}, expected {tuple(expected)}: the weights of a "
        f"{_name(encoder)}"
    )


def _name(encoder: nn.Module) -> str:
    return type(encoder).__name__


def _some(names: set[str]) -> str:
    return listed(sorted(names), 3)
