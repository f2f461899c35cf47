"""The multimodal model: what it answers, what its parts own, what is refused."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.models import MultimodalModel
from g2d.models.encoders import MLP, ResNet18, SmallCNN, Transformer, feature_widths
from g2d.models.fusion import (
    BiGatedFusion,
    ConcatFusion,
    CrossAttentionFusion,
    FiLMFusion,
    Fusion,
    LateFusion,
    SumFusion,
)

FUSIONS = [LateFusion, SumFusion, ConcatFusion, FiLMFusion, BiGatedFusion, CrossAttentionFusion]


def encoders() -> dict[str, nn.Module]:
    return {"picture": SmallCNN(width=16), "clip": SmallCNN(3, width=24), "table": MLP(5, width=8)}


def build(fusion: type[Fusion] = LateFusion) -> MultimodalModel:
    torch.manual_seed(0)
    parts = encoders()
    return MultimodalModel(parts, fusion(feature_widths(parts), 4))


def a_batch(size: int = 3) -> Batch:
    generator = torch.Generator().manual_seed(1)
    return Batch(
        {
            "picture": torch.randn(size, 1, 12, 10, generator=generator),
            "clip": torch.randn(size, 3, 2, 9, 9, generator=generator),
            "table": torch.randn(size, 5, generator=generator),
        },
        target=torch.arange(size) % 4,
        index=torch.arange(size),
    )


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("size", [1, 3])
def test_trains_end_to_end(fusion: type[Fusion], size: int) -> None:
    model = build(fusion)
    outputs = model(a_batch(size))
    assert outputs.logits.shape == (size, 4)
    assert {name: tuple(f.shape) for name, f in outputs.features.items()} == {
        "picture": (size, 16),
        "clip": (size, 24),
        "table": (size, 8),
    }
    outputs.logits.square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_parameter_has_one_owner(fusion: type[Fusion]) -> None:
    model = build(fusion)
    owned = [id(p) for name in model.modalities for p in model.encoder_parameters(name)]
    owned += [id(p) for p in model.head_parameters()]
    assert sorted(owned) == sorted(id(parameter) for parameter in model.parameters())
    assert len(set(owned)) == len(owned)


def test_tokens_go_to_the_fusion_and_pooled_features_to_the_outside() -> None:
    torch.manual_seed(0)
    parts = {"picture": SmallCNN(width=16), "clip": SmallCNN(3, width=24)}
    fusion = CrossAttentionFusion(feature_widths(parts), 4, tokens="sequence", heads=4)
    model, batch = MultimodalModel(parts, fusion).eval(), a_batch()
    outputs = model(batch)
    tokens = {name: encoder.tokens(batch.inputs[name]) for name, encoder in parts.items()}
    assert tokens["clip"].shape == (3, 2 * 9, 24)
    torch.testing.assert_close(outputs.logits, fusion(tokens)[0])
    for name, encoder in parts.items():
        torch.testing.assert_close(outputs.features[name], encoder(batch.inputs[name]))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_absent_inputs_say_nothing(fusion: type[Fusion]) -> None:
    model, batch = build(fusion).eval(), a_batch()
    batch.present = {"clip": torch.tensor([True, False, True])}
    said = model(batch)
    batch.inputs["clip"] = batch.inputs["clip"].clone()
    batch.inputs["clip"][1] = 7.0
    again = model(batch)
    assert torch.equal(said.logits, again.logits)
    assert all(torch.equal(said.unimodal[name], again.unimodal[name]) for name in model.modalities)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_state_survives_a_round_trip(fusion: type[Fusion]) -> None:
    model, batch = build(fusion), a_batch()
    model(batch)  # moves the running statistics and means
    torch.manual_seed(5)
    parts = encoders()
    other = MultimodalModel(parts, fusion(feature_widths(parts), 4))
    other.load_state_dict(model.state_dict())
    said, again = model.eval()(batch), other.eval()(batch)
    assert torch.equal(said.logits, again.logits)
    assert list(said.unimodal) == list(again.unimodal) == ["picture", "clip", "table"]
    assert all(torch.equal(said.unimodal[name], again.unimodal[name]) for name in said.unimodal)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_bf16_stays_finite(fusion: type[Fusion]) -> None:
    model = build(fusion)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model(a_batch(4))
        assert outputs.logits.dtype == torch.bfloat16
    outputs.logits.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = model.eval()(a_batch(4))
    assert all(logits.isfinite().all() for logits in [outputs.logits, *outputs.unimodal.values()])


def test_refuses_other_modalities_than_the_fusion() -> None:
    with pytest.raises(UserError, match=r"encoders are for \['a', 'b'\] and the fusion for"):
        MultimodalModel({"a": MLP(2), "b": MLP(2)}, LateFusion({"b": 128, "a": 128}, 2))


def test_refuses_another_width_than_the_fusion() -> None:
    with pytest.raises(UserError, match="encoder of 'b' gives features of width 9 and the fusion"):
        MultimodalModel({"a": MLP(2), "b": MLP(2, width=9)}, LateFusion({"a": 128, "b": 128}, 2))
    silent = MultimodalModel({"a": MLP(2), "b": nn.Linear(2, 9)}, LateFusion({"a": 128, "b": 8}, 2))
    batch = Batch({"a": torch.zeros(1, 2), "b": torch.zeros(1, 2)}, torch.zeros(1), torch.zeros(1))
    with pytest.raises(UserError, match="encoder of 'b' gives features of width 9 and the fusion"):
        silent(batch)


def test_refuses_encoders_without_tokens() -> None:
    fusion = CrossAttentionFusion({"a": 16, "b": 16}, 2, tokens="sequence")
    with pytest.raises(UserError, match=r"the encoder of 'b' \(MLP\) has no tokens\(x\)"):
        MultimodalModel({"a": SmallCNN(width=16), "b": MLP(2, width=16)}, fusion)


def test_refuses_a_batch_without_an_input() -> None:
    batch = a_batch()
    del batch.inputs["clip"]
    with pytest.raises(UserError, match=r"batch holds \['picture', 'table'\] and the model reads"):
        build()(batch)


def test_the_papers_encoder_fits() -> None:
    parts = {"sight": ResNet18(3), "sound": ResNet18(1)}
    model = MultimodalModel(parts, LateFusion(feature_widths(parts), 6)).eval()
    batch = Batch(
        {"sight": torch.randn(2, 3, 2, 32, 32), "sound": torch.randn(2, 1, 33, 40)},
        target=torch.zeros(2, dtype=torch.long),
        index=torch.arange(2),
    )
    with torch.no_grad():
        assert model(batch).logits.shape == (2, 6)
    assert sum(p.numel() for p in model.parameters()) == 11_170_240 + 11_176_512 + 2 * (512 * 6 + 6)


def sequences(more: int = 0) -> Batch:
    """Words of 4, 2 and no steps beside a picture that is black in places."""
    batch = a_batch()
    generator = torch.Generator().manual_seed(2)
    words = torch.zeros(3, 4 + more, 5)
    for row, length in enumerate((4, 2)):
        words[row, :length] = torch.randn(length, 5, generator=generator)
    batch.inputs["picture"][:, :, :6] = 0
    return Batch(
        {"picture": batch.inputs["picture"], "words": words},
        batch.target,
        batch.index,
        {"words": torch.tensor([True, True, False])},
    )


def reader(fusion: type[Fusion], **options: object) -> MultimodalModel:
    torch.manual_seed(0)
    words = Transformer(5, width=16, heads=2, layers=2, feedforward=24, dropout=0.0)
    parts = {"picture": SmallCNN(width=24), "words": words}
    return MultimodalModel(parts, fusion(feature_widths(parts), 4, **options))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_length_of_the_batch_says_nothing(fusion: type[Fusion]) -> None:
    by_tokens = {"tokens": "sequence"} if fusion is CrossAttentionFusion else {}
    model = reader(fusion, **by_tokens)
    assert model.fusion.padded == {"words"}
    model(sequences())  # gives the means something to hold
    model.eval()
    expected, outputs = model(sequences()), model(sequences(more=3))
    torch.testing.assert_close(outputs.logits, expected.logits, rtol=1e-4, atol=1e-5)
    for name, value in expected.features.items():
        torch.testing.assert_close(outputs.features[name], value, rtol=1e-4, atol=1e-5)
        said = outputs.unimodal[name]
        torch.testing.assert_close(said, expected.unimodal[name], rtol=1e-4, atol=1e-5)
    assert (outputs.features["words"][2] == 0).all()


def test_sequences_of_padding_leave_finite_gradients() -> None:
    model = reader(CrossAttentionFusion, tokens="sequence")
    batch = sequences()
    batch.present = {}  # nobody says that the third sample has no words
    outputs = model(batch)
    outputs.logits.square().sum().backward()
    for parameter in model.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
