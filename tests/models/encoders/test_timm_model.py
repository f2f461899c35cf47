"""Models of timm as encoders, against timm; skipped where it cannot be imported.

It needs a torchvision that is built for the same torch; where the two differ, what is said of it
is tested in its place.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re

import pytest
import torch

from g2d.errors import UserError, install_command
from g2d.models.encoders.timm_model import TimmModel, timm_library

CONFIG = {"architecture": "test_resnet", "num_classes": 1000}


def timm_or_skip():
    try:
        return timm_library()
    except UserError as error:
        if os.environ.get("G2D_TIMM"):  # in the environment that is made for these tests
            raise
        pytest.skip(f"{error} (make test-timm runs this)")


@pytest.fixture
def resnet(tmp_path):
    """A tiny ResNet in the files that timm publishes."""
    timm = timm_or_skip()
    from timm.models import save_for_hf

    torch.manual_seed(0)
    model = timm.create_model("test_resnet", pretrained=False).eval()
    save_for_hf(model, str(tmp_path / "resnet"), safe_serialization=True)
    return model, tmp_path / "resnet"


def test_without_the_library_one_line_says_how_to_get_it():
    if importlib.util.find_spec("timm") is None:
        said = f"timm is not installed; run: {install_command('vision')}"
        with pytest.raises(UserError, match=re.escape(said)):
            TimmModel(config=CONFIG)
        return
    try:
        importlib.import_module("timm")
    except Exception:  # as torchvision raises it
        with pytest.raises(UserError, match=r"torch and torchvision are not of one build.*--index"):
            timm_library()


def test_the_feature_is_what_timm_gives_before_the_classifier(resnet):
    model, folder = resnet
    pictures = torch.randn(3, 3, 64, 64)
    encoder = TimmModel(str(folder), freeze=False).eval()
    with torch.no_grad():
        expected = model.forward_head(model.forward_features(pictures), pre_logits=True)
        torch.testing.assert_close(encoder(pictures), expected)
        assert encoder.feature_width == expected.shape[1]
        clip = torch.stack([pictures, pictures.flip(0)], dim=2)
        both = (encoder(pictures) + encoder(pictures.flip(0))) / 2
        torch.testing.assert_close(encoder(clip), both, atol=1e-5, rtol=1e-5)


def test_a_frozen_network_keeps_its_norms_and_weights(resnet):
    _, folder = resnet
    encoder = TimmModel(str(folder), width=5).train()
    before = {name: value.clone() for name, value in encoder.backbone.state_dict().items()}
    assert not any(part.training for part in encoder.backbone.modules())
    encoder(torch.randn(4, 3, 32, 32)).square().sum().backward()
    torch.optim.SGD(encoder.parameters(), lr=0.1, weight_decay=0.1).step()
    now = encoder.backbone.state_dict()
    assert all(torch.equal(now[name], value) for name, value in before.items())
    assert [p.shape[0] for p in encoder.parameters() if p.requires_grad] == [5, 5]


def test_the_configuration_and_the_weights_are_all_it_takes(resnet):
    _, folder = resnet
    first = TimmModel(str(folder), width=5).eval()
    config = json.loads(json.dumps(TimmModel.configuration(str(folder))))
    second = TimmModel(config=config, width=5).eval()
    second.load_state_dict(first.state_dict())
    pictures = torch.randn(2, 3, 32, 32)
    assert torch.equal(first(pictures), second(pictures))


def test_one_channel_where_the_weights_have_three(resnet):
    _, folder = resnet
    grey = TimmModel(str(folder), channels=1).eval()
    colour = TimmModel(str(folder)).eval()
    grey.project.load_state_dict(colour.project.state_dict())
    picture = torch.randn(2, 1, 32, 32)
    # timm adds the weights of the three channels up: a grey picture is one of three equal channels
    expected = colour(picture.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey(picture), expected, atol=1e-4, rtol=1e-4)


def test_what_cannot_be_used_is_refused_in_words(resnet):
    from safetensors.torch import load_file, save_file

    _, folder = resnet
    weights = load_file(folder / "model.safetensors")
    key = next(name for name in weights if name.startswith("layer2") and "weight" in name)
    save_file({n: v for n, v in weights.items() if n != key}, folder / "model.safetensors")
    with pytest.raises(UserError, match=r"lack 1 tensors \(layer2"):
        TimmModel(str(folder))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="a pickle, which can run code"):
        TimmModel(str(folder))
    with pytest.raises(UserError, match="cannot make no_such_network"):
        TimmModel(config={"architecture": "no_such_network"})
    with pytest.raises(UserError, match="config names no architecture of timm"):
        TimmModel(config={})


@pytest.mark.parametrize(
    "config",
    [
        {"architecture": "hf-hub:somebody/net"},
        {"architecture": "local-dir:strange"},
        {"architecture": "test_resnet", "model_args": {"checkpoint_path": "weights.pth"}},
        {"architecture": "test_resnet", "model_args": {"pretrained": True}},
        {"architecture": "test_resnet", "model_args": {"pretrained_cfg_overlay": {"url": "x"}}},
    ],
)
def test_a_configuration_names_no_other_source_of_weights(config):
    with pytest.raises(UserError, match=r"names another source of weights .* could be a pickle"):
        TimmModel(config=config)
