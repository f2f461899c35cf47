"""Published weights: real files, with the names that torchvision gave them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders import MobileNetV2, ResNet18
from g2d.models.encoders.maps import MapEncoder
from g2d.models.encoders.pretrained import load_pretrained

BOTH = pytest.mark.parametrize("kind", [ResNet18, MobileNetV2])
Kind = type[ResNet18] | type[MobileNetV2]


def published(kind: Kind) -> dict[str, Tensor]:
    """A state dict as torchvision's classifier of 1000 classes has it, its numbers made up."""
    torch.manual_seed(7)
    state = {
        name: torch.rand(value.shape) if value.is_floating_point() else value + 3
        for name, value in kind(channels=3).state_dict().items()
    }
    width, last = (512, "fc") if kind is ResNet18 else (1280, "classifier.1")
    state[f"{last}.weight"], state[f"{last}.bias"] = torch.rand(1000, width), torch.rand(1000)
    return state


def written(folder: Path, state: object, suffix: str = ".pth") -> Path:
    path = folder / f"weights{suffix}"
    if suffix == ".safetensors":
        assert isinstance(state, dict)
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@BOTH
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
def test_holds_what_the_file_holds(kind: Kind, suffix: str, tmp_path: Path) -> None:
    state = published(kind)
    encoder = kind(channels=3, weights=written(tmp_path, state, suffix))
    own = encoder.state_dict()
    assert set(own) == {name for name in state if not name.startswith(("fc.", "classifier."))}
    assert all(torch.equal(value, state[name]) for name, value in own.items())
    convs = [part for part in encoder.modules() if isinstance(part, nn.Conv2d)]
    assert convs[-1].weight.is_contiguous(memory_format=torch.channels_last)


def test_takes_old_files_half_precision_and_a_path_in_words(tmp_path: Path) -> None:
    state = {n: v for n, v in published(ResNet18).items() if not n.endswith("batches_tracked")}
    path = written(tmp_path, {name: value.half() for name, value in state.items()})
    encoder = ResNet18(channels=3, weights=str(path))
    assert encoder.conv1.weight.dtype == torch.float32
    assert torch.equal(encoder.conv1.weight, state["conv1.weight"].half().float())


@pytest.mark.parametrize("name", ["features.4.conv.2.weight", "features.0.1.running_var"])
def test_names_what_is_missing(name: str, tmp_path: Path) -> None:
    state = published(MobileNetV2)
    del state[name]
    with pytest.raises(UserError, match=f"lacks {name}; expected the weights of a MobileNetV2"):
        MobileNetV2(weights=written(tmp_path, state))


def test_names_what_is_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, published(MobileNetV2) | {"features.19.0.weight": torch.zeros(2)})
    with pytest.raises(UserError, match=r"has an unknown features\.19\.0\.weight; expected"):
        MobileNetV2(weights=path)
    with pytest.raises(
        UserError, match=r"lacks bn1\.bias, .* and \d+ more; expected the weights of"
    ):
        ResNet18(channels=3, weights=path)


@BOTH
def test_says_which_channels_they_are_for(kind: type[MapEncoder], tmp_path: Path) -> None:
    path = written(tmp_path, published(kind))  # type: ignore[arg-type]
    with pytest.raises(UserError, match="is for inputs of 3 channels and this encoder has 1; give"):
        kind(channels=1, weights=path)  # type: ignore[call-arg]


def test_names_a_part_of_another_shape(tmp_path: Path) -> None:
    state = published(MobileNetV2) | {"features.1.conv.2.bias": torch.zeros(64)}
    line = r"has features\.1\.conv\.2\.bias of shape \(64,\), expected \(16,\): the weights of"
    with pytest.raises(UserError, match=line):
        MobileNetV2(weights=written(tmp_path, state))


def test_changes_nothing_where_the_file_does_not_fit(tmp_path: Path) -> None:
    state = published(MobileNetV2) | {"features.18.1.bias": torch.zeros(64)}
    encoder = MobileNetV2()
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    with pytest.raises(UserError):
        load_pretrained(encoder, written(tmp_path, state))
    assert all(torch.equal(value, before[n]) for n, value in encoder.state_dict().items())


class Anything:
    """What a state dict has no business with."""


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"model": {"conv1.weight": torch.zeros(1)}}, "holds something else than names and tens"),
        ([torch.zeros(1)], "holds something else than names and tensors; save model.state_dict()"),
        (Anything(), "cannot be read as weights"),
    ],
)
def test_refuses_other_contents(content: object, line: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=line) as error:
        MobileNetV2(weights=written(tmp_path, content))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_refuses_what_is_no_file_of_weights(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights{suffix}"
    with pytest.raises(UserError, match=r"there is no file .*; expected weights for the enc"):
        MobileNetV2(weights=path)
    path.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match="cannot be read as weights") as error:
        MobileNetV2(weights=path)
    assert "\n" not in str(error.value)


def test_refuses_other_kinds_of_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.h5"
    path.touch()
    with pytest.raises(UserError, match=r"expected a \.pt, \.pth or \.safetensors file"):
        MobileNetV2(weights=path)
